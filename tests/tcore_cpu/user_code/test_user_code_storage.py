"""Modules of users' C code where the disk is full, or the kernel store goes away."""

from __future__ import annotations

import errno
import os
import sysconfig
import tempfile
from contextlib import nullcontext

import numpy as np
import pytest

import tcore
from tcore import scalar
from tcore.configuration import config
from tcore.graph import Apply, Op
from tcore_cpu.compiling import store as store_module
from tcore_cpu.compiling.compiler import CompileError
from tcore_cpu.compiling.store import StoreWarning
from tcore_cpu.user_code import modules as user_modules
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(objection() is not None, reason=str(objection()))


class Plus(Op):
    """x plus a number that stands in the text."""

    __props__ = ("number", "version")

    def __init__(self, number, version=(1,)):
        self.number, self.version = number, version

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]} + {self.number};"

    def c_code_cache_version(self):
        return self.version


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_opened", {})
    with config.change_flags(**{"cpu.store": str(tmp_path / "store")}):
        yield tmp_path / "store"


def failing_compiler(tmp_path, where, deed):
    """A g++ that does something else for what it should leave in a folder."""
    script = tmp_path / "g++"
    script.write_text(f'#!/bin/sh\ncase "$TMPDIR" in {where}*) {deed} >&2; exit 1;; esac\nexec {config.cxx} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(("when", "number"), [("full", 1), ("gone", 2)])
def test_store_that_fails_while_code_is_compiled(folder, tmp_path, when, number):
    """One warning, and the module is made elsewhere."""
    deed = f"echo fatal: {os.strerror(errno.ENOSPC)}" if when == "full" else f"rm -rf {folder}; echo no input"
    x = scalar.float64("x")
    with config.change_flags(cxx=failing_compiler(tmp_path, folder, deed)), pytest.warns(StoreWarning, match="cannot be written any more"):
        f = tcore.function([x], Plus(number)(x), mode=tcore.Mode(linker="c|py", optimizer=None))
    assert f(1.0) == 1 + number


@pytest.mark.parametrize(("version", "says"), [((1,), r"neither to .*store nor to .*No space"), ((), r"compiled nowhere: .*No space.*TMPDIR")])
def test_no_room_anywhere(folder, tmp_path, version, says):
    """The error tells what is full, and what to set."""
    x = scalar.float64("x")
    compiler = failing_compiler(tmp_path, tempfile.gettempdir(), f"echo fatal: {os.strerror(errno.ENOSPC)}")
    with config.change_flags(cxx=compiler), pytest.warns(StoreWarning) if version else nullcontext(), pytest.raises(CompileError, match=says):
        tcore.function([x], Plus(3, version)(x), mode=tcore.Mode(linker="c|py", optimizer=None))


@pytest.mark.parametrize("other", ["Python", "NumPy"])
def test_module_for_another_host(folder, monkeypatch, other):
    """What was compiled with the headers of another Python or NumPy is not loaded, neither by its text nor by the key in a pickle."""
    number = 4 + (other == "NumPy")
    x = scalar.float64("x")

    def compiled():
        f = tcore.function([x], Plus(number)(x), mode=tcore.Mode(linker="c|py", optimizer=None))
        assert f(1.0) == 1 + number
        return len(list(folder.glob("node_*.so")))

    assert compiled() == 1
    (path,) = folder.glob("node_*.so")
    key = path.name.partition(".")[0]
    assert user_modules.stored_module(key) is not None
    with monkeypatch.context() as patch:
        if other == "NumPy":
            patch.setattr(np, "__version__", "1.26.4")
        else:
            patch.setattr(sysconfig, "get_config_var", lambda name: "cpython-399")
        assert user_modules.stored_module(key) is None
        assert compiled() == 2
    assert compiled() == 2
