"""The documented lock on the compile directory."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest
from in_threads import finish, in_thread

import tcore
from tcore.gof import compilelock

pytest.importorskip("fcntl", reason="processes share the lock where there is fcntl")


@pytest.fixture
def folder(tmp_path):
    with tcore.config.change_flags(**{"compile.wait": 1}):
        yield tmp_path
    compilelock.set_lock_status(True)
    compilelock.force_unlock(tmp_path)


def other_process_gets_it(folder):
    """Whether a lock file is free for somebody else."""
    from tcore.compile.compilelock import _try

    file = _try(folder / "lock")
    if file is not None:
        os.close(file)
    return file is not None


def test_lock_and_release(folder):
    """Taken twice, given back twice; then free. The file stays."""
    compilelock.get_lock(folder)
    compilelock.get_lock(folder)
    assert not other_process_gets_it(folder)
    compilelock.release_lock()
    assert not other_process_gets_it(folder)
    compilelock.release_lock()
    assert other_process_gets_it(folder)
    compilelock.release_lock()  # one too many does no harm
    with compilelock.lock_ctx(folder):
        assert not other_process_gets_it(folder)
    assert other_process_gets_it(folder)


def test_threads_wait_for_each_other(folder):
    """The thread that has the lock goes on; the other gets it afterwards."""
    order = []
    compilelock.get_lock(folder)

    def second():
        with compilelock.lock_ctx(folder):
            order.append("second")

    other = in_thread(second)
    order.append("first")
    compilelock.release_lock()
    finish(other)
    assert order == ["first", "second"]


def test_status_L7872(folder):
    """Switched off, nothing is locked; what was locked before can still be given back."""
    compilelock.get_lock(folder)
    compilelock.set_lock_status(False)
    compilelock.get_lock(folder)
    compilelock.release_lock()
    assert other_process_gets_it(folder)
    with compilelock.lock_ctx(folder):
        assert other_process_gets_it(folder)


def test_a_process_that_dies_lets_go(folder):
    """Whatever way it ends."""
    program = (
        "import os, sys\nfrom tcore.gof import compilelock\ncompilelock.get_lock(sys.argv[1])\nprint('locked', flush=True)\n"
        "sys.stdin.read()\nos._exit(1)"
    )
    with subprocess.Popen([sys.executable, "-P", "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"locked\n"
        assert not other_process_gets_it(folder)
        process.stdin.close()
        process.wait()
    compilelock.get_lock(folder, min_wait=0.01, max_wait=0.02)
    compilelock.release_lock()


@pytest.mark.parametrize(("age", "timeout", "free"), [(100, 50, True), (100, 0, False), (10, 50, False)])
def test_an_old_lock_is_broken_L13876(folder, age, timeout, free):
    """Not refreshed for ``compile.timeout`` seconds; 0 waits for ever."""
    from tcore.compile.compilelock import _try

    holder = _try(folder / "lock")
    then = time.time() - age
    os.utime(folder / "lock", (then, then))
    with tcore.config.change_flags(**{"compile.timeout": timeout}):
        assert not other_process_gets_it(folder)  # finds it old, and takes it away
        assert other_process_gets_it(folder) == free
    os.close(holder)


def test_a_long_holder_refreshes(folder):
    """Half the timeout after the start, and so on."""
    with tcore.config.change_flags(**{"compile.timeout": 1}), compilelock.lock_ctx(folder):
        os.utime(folder / "lock", (0, 0))
        deadline = time.time() + 20
        while (folder / "lock").stat().st_mtime == 0 and time.time() < deadline:
            time.sleep(0.02)
        assert (folder / "lock").stat().st_mtime > 0


def test_force_unlock(folder):
    """Ours and others'."""
    from tcore.compile.compilelock import _try

    holder = _try(folder / "lock")
    compilelock.force_unlock(folder)
    assert other_process_gets_it(folder)
    os.close(holder)
    compilelock.get_lock(folder)
    compilelock.force_unlock(folder)
    assert other_process_gets_it(folder)
