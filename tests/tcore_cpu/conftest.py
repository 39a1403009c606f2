"""What the tests of tcore_cpu share."""

from __future__ import annotations

import numpy as np
import pytest

from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.runtime.loading import runtime


@pytest.fixture
def native():
    """Compile a graph as it stands, without optimizations, into one native program."""

    def compile_(inputs, outputs, **options):
        mode = Mode(linker=CvmLinker(), optimizer=None)
        return function(inputs, outputs, mode=mode, on_unused_input="ignore", **options)

    return compile_


@pytest.fixture
def reference():
    """Compile a graph as it stands on ``perform``."""

    def compile_(inputs, outputs, **options):
        return function(inputs, outputs, mode=Mode(linker="py", optimizer=None), on_unused_input="ignore", **options)

    return compile_


@pytest.fixture
def threads():
    """A function that sets the number of threads and makes every kernel use them; undone at the end."""
    module = runtime()

    def use(count: int) -> None:
        module.set_threads(count)
        module.set_grain(1)

    yield use
    module.set_threads(0)
    module.set_grain(40000)


@pytest.fixture
def streams():
    """A function that sets the size from which results go around the caches; undone at the end."""
    module = runtime()
    yield module.set_stream
    module.set_stream(0)


@pytest.fixture
def rng():
    """A generator with a fixed seed."""
    return np.random.default_rng(7)
