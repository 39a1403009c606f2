"""Loops of users' C code on tcore's own threads."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Apply, Op
from tcore_cpu.user_code import modules
from tcore_cpu.user_code.modules import objection

pytestmark = [
    pytest.mark.skipif(objection() is not None, reason=str(objection())),
    pytest.mark.usefixtures("backend"),
    pytest.mark.backends("cpu"),
]


class Threads(Op):
    """Which thread makes each of n numbers; each part waits until ``meets`` threads have begun one, at most ten seconds."""

    __props__ = ("meets", "grain")

    def __init__(self, meets, grain=1):
        self.meets, self.grain = meets, grain

    def make_node(self, n):
        return Apply(self, [tcore.scalar.as_scalar(n)], [T.lvector()])

    def c_headers(self):
        return ["<atomic>", "<chrono>", "<pthread.h>", "<thread>"]

    def c_support_code(self):
        return """
        struct threads_job { std::atomic<int> begun{0}; int meets; npy_int64* thread; };

        static void threads_task(void* context, npy_int64 begin, npy_int64 end)
        {
            threads_job* job = (threads_job*) context;
            job->begun++;
            for (int tries = 0; job->begun < job->meets && tries < 10000; tries++)
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
            for (npy_int64 i = begin; i < end; i++)
                job->thread[i] = (npy_int64) pthread_self();
        }
        """

    def c_code(self, node, name, inputs, outputs, sub):
        (n,), (z,) = inputs, outputs
        return f"""
        npy_intp length = {n};
        Py_XDECREF({z});
        {z} = (PyArrayObject*) PyArray_ZEROS(1, &length, NPY_INT64, 0);
        if (!{z}) {{ {sub["fail"]} }}
        {{
            threads_job job;
            job.meets = {self.meets};
            job.thread = (npy_int64*) PyArray_DATA({z});
            tcore_parallel_for(length, {self.grain}, threads_task, &job);
        }}
        """

    def c_code_cache_version(self):
        return (1,)


def compiled(*args, linker="cvm"):
    n = tcore.scalar.int64("n")
    return tcore.function([n], Threads(*args)(n), mode=tcore.Mode(linker, None))


@pytest.mark.parametrize("linker", ["c", "cvm", "c|py"])
def test_two_threads_share_a_loop(threads, linker):
    """They meet in it; nothing is left out, nor is anything done for nothing."""
    threads(2)
    f = compiled(2, linker=linker)
    for n in (2, 3, 100):
        made = np.unique(f(n))
        assert len(made) == 2
        assert made.all()
    assert f(0).shape == (0,)


def test_one_thread(threads):
    """Where there is one, and where the loop is short."""
    threads(1)
    assert len(np.unique(compiled(1)(50))) == 1
    threads(2)
    assert len(np.unique(compiled(1, 50)(50))) == 1
    assert len(np.unique(compiled(2, 50)(51))) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_after_a_fork(threads):
    """The child has threads of its own."""
    threads(2)
    f = compiled(2)
    f(10)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if len(np.unique(f(10))) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_code_from_the_store(threads, monkeypatch):
    """A module that another process compiled has the threads of this one."""
    threads(2)
    kept = pickle.dumps(compiled(2))
    monkeypatch.setattr(modules, "_loaded", {})
    assert len(np.unique(pickle.loads(kept)(10))) == 2
