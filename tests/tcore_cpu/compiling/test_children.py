"""Compilers end with the call that waits for them, and leave nothing behind."""

from __future__ import annotations

import shlex
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.configuration import config
from tcore.graph import Apply, Op
from tcore_cpu.compiling import core_object
from tcore_cpu.compiling.children import run
from tcore_cpu.compiling.compiler import CompileError, find_compiler
from tcore_cpu.compiling.store import open_store
from tcore_cpu.export import writing
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


class Copy(Op):
    """One in C."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inputs, outputs, sub):
        x, z = inputs[0], outputs[0]
        return f"Py_XDECREF({z}); {z} = (PyArrayObject *)PyArray_NewCopy({x}, NPY_ANYORDER); if (!{z}) {{ {sub['fail']} }}"


def alive(pid: int) -> bool:
    """Whether a process runs (and is no zombie)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _kernel(folder):
    x = T.dvector("x")
    f = tcore.function([x], T.exp(x) * 3, mode=tcore.Mode("cvm", None))
    np.testing.assert_allclose(f([0.0]), 3)


def _user_code(folder):
    x = T.dvector("x")
    f = tcore.function([x], Copy()(x), mode=tcore.Mode("cvm", None))
    np.testing.assert_allclose(f([2.0]), 2)


def _export(folder):
    x = T.dvector("x")
    paths = tcore.function([x], T.exp(x) * 3, mode=tcore.Mode("cvm", None)).export(folder / "model")
    assert all(path.exists() for path in paths)


def _runtime(folder):
    core_object.core_library()


@pytest.mark.parametrize("work", [_kernel, _user_code, _export, _runtime])
def test_interrupt_while_compiling(tmp_path, monkeypatch, work) -> None:
    """The compiler and what it started are ended, nothing is left in the store, and the next compilation is right."""
    if work is _user_code and objection() is not None:
        pytest.skip(objection())
    real = {"CC": shlex.join(find_compiler().command), "cxx": config.cxx}
    monkeypatch.setattr(core_object.runtime_build, "shipped_object", lambda: None)
    # the true runtime takes long to compile
    short = ["-xc", "-c", "/dev/null"]
    monkeypatch.setattr(core_object.runtime_build, "object_command", lambda command, target: [*command, *short, "-o", str(target)])
    monkeypatch.setattr(writing, "libraries_of", lambda compiler: ("-lm", "-Wl,--unresolved-symbols=ignore-all"))
    fake = tmp_path / "slow"
    fake.write_text(f'#!/bin/sh\nif [ "$1" = --version ]; then exec {real["CC"]} --version; fi\nsleep 100 & echo $! > {tmp_path}/pid.new\nmv {tmp_path}/pid.new {tmp_path}/pid\nwait\n')
    fake.chmod(0o755)

    def interrupt(number, frame):
        if (tmp_path / "pid").exists():
            raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    with config.change_flags(cpu__store=str(tmp_path / "kernels"), backend="cpu"):
        try:
            monkeypatch.setenv("CC", str(fake))
            signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
            with config.change_flags(cxx=str(fake)), pytest.raises(KeyboardInterrupt):
                work(tmp_path)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        pid = int((tmp_path / "pid").read_text())
        until = time.monotonic() + 20
        while alive(pid) and time.monotonic() < until:
            time.sleep(0.01)
        assert not alive(pid)
        assert not [path for path in (tmp_path / "kernels").iterdir() if path.name.startswith(".") or path.suffix == ".so"]
        monkeypatch.setenv("CC", real["CC"])
        work(tmp_path)
        assert open_store(tmp_path / "kernels").entries() > 0


def test_compiler_that_cannot_be_started(tmp_path) -> None:
    """No file, or none that runs: the reason and the command."""
    (tmp_path / "text").write_text("no program", encoding="ascii")
    for name in ("nothing", "text"):
        with pytest.raises(CompileError, match=rf"(?s)cannot be started: .*command: .*{name} -c"):
            run([str(tmp_path / name), "-c"], tmp_path)


def test_output_that_is_no_text(tmp_path) -> None:
    """A compiler may print whatever stands in the source."""
    assert run(["printf", r"a\377b"], tmp_path) == (0, "a\ufffdb")
