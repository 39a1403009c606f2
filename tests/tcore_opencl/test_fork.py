"""Devices and forked processes: an error that says what to do, never a call that does not return.

Each program runs in a process of its own, which kills a child that hangs.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("pyopencl", reason="pyopencl is not installed")

from tcore.gpuarray.runtime import DeviceError
from tcore_opencl import runtime

if not hasattr(os, "fork"):
    pytest.skip("this system has no fork", allow_module_level=True)

PRELUDE = """
import os, signal, sys, time
import numpy as np
import tcore, tcore.tensor as T

def in_child(work, seconds=30):
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            print("child:", work())
        except Exception as error:
            print("child:", type(error).__name__, str(error).splitlines()[0])
        finally:
            sys.stdout.flush()
            os._exit(0)
    end = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG)[0] == 0:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            print("child: hangs")
            return
        time.sleep(0.02)

def compiled():
    x = T.dvector("x")
    return tcore.function([x], (x + 1).sum())

value = np.ones(10)
"""
USED_BEFORE = """
f = compiled()
print("parent:", float(f(value)))
s = tcore.shared(np.ones(3))
in_child(lambda: float(f(value)))
in_child(lambda: float(compiled()(value)))
in_child(lambda: s.transfer("opencl0:0").eval())
print("parent:", float(f(value)))
"""
USED_AFTER = """
in_child(lambda: float(compiled()(value)))
print("parent:", float(compiled()(value)))
"""


@pytest.fixture
def device():
    try:
        runtime.open("opencl")
    except DeviceError as error:
        pytest.skip(f"no OpenCL device: {error}")


def run(program):
    flags = ",".join(filter(None, (os.environ.get("TCORE_FLAGS"), "backend=opencl")))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + program], capture_output=True, text=True, timeout=180, check=False,
        env={**os.environ, "TCORE_FLAGS": flags},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.usefixtures("device")
def test_device_used_before_the_fork():
    """Calls, new functions and transfers in the child are refused, with the remedy; the parent goes on."""
    lines = run(USED_BEFORE)
    assert lines[0] == lines[-1] == "parent: 20.0"
    assert len(lines) == 5
    assert lines[1].startswith("child: ForkedProcessError")
    for line in lines[1:-1]:
        assert "OpenCL was started in process" in line, line
        assert "multiprocessing.get_context('spawn')" in line


@pytest.mark.usefixtures("device")
def test_device_used_after_the_fork():
    """Both processes may use the device where neither did before."""
    assert run(USED_AFTER) == ["child: 20.0", "parent: 20.0"]
