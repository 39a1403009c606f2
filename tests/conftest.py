"""Settings of the whole test run; the option `--backend` and the fixture `backend` come from tcore.testing."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tcore.configuration import config

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["tcore.testing.plugin"]

#: `--hypothesis-profile=thorough`: for a night, or for who changed rewrites
settings.register_profile("thorough", max_examples=4000)

RUNTIME_BUILD = Path(__file__).parents[1] / "tcore_cpu" / "native" / "build.py"


@pytest.fixture(scope="session", autouse=True)
def failing_rewrites_raise() -> Iterator[None]:
    """A rewrite that fails, or is never done, fails the test; users get a report, and a graph without it."""
    with config.change_flags(on_opt_error="raise"):
        yield


@pytest.fixture
def numpy_backend() -> Iterator[None]:
    """NumPy runs what the test compiles: for tests of what no backend changes."""
    with config.change_flags(backend="numpy"):
        yield


def pytest_sessionstart(session: pytest.Session) -> None:
    """Stop when the compiled runtime was built from other sources than those of this checkout."""
    if not RUNTIME_BUILD.exists() or importlib.util.find_spec("tcore_cpu") is None:
        return  # a run away from the checkout, or of the core alone
    try:
        from tcore_cpu import _runtime
    except ImportError:
        return  # built without Python's headers: the runtime works through cffi
    spec = importlib.util.spec_from_file_location("runtime_build", RUNTIME_BUILD)
    build = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)
    wanted = build.source_hash()
    if wanted != _runtime.SOURCE_HASH:
        pytest.exit(
            f"{_runtime.__file__} was built from other sources ({_runtime.SOURCE_HASH}) than {RUNTIME_BUILD.parents[1]} has ({wanted}); "
            "install again: pip install --no-build-isolation -e ./tcore_cpu",
            returncode=3,
        )
