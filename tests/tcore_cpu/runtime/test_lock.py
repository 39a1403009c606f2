"""Python's lock: given up by calls that take long, kept by short ones."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
from in_threads import meanwhile

import tcore
import tcore.tensor as T
from tcore_cpu.runtime.loading import runtime_kind

pytestmark = pytest.mark.skipif(runtime_kind() != "extension", reason="every call through cffi gives the lock up")


@pytest.fixture
def others():
    """Counts the turns of another thread, which has one only when this thread gives the lock up by itself."""
    turns, interval = [0], sys.getswitchinterval()

    def turn():
        turns[0] += 1
        time.sleep(0)

    with meanwhile(turn):
        sys.setswitchinterval(1000)
        try:
            yield turns
        finally:
            sys.setswitchinterval(interval)


def had_turns(others, calls, *, most=2000) -> bool:
    """Whether the other thread had a turn during one of ``calls``, each a function and its argument."""
    for f, value in calls:
        f(value)
    before = others[0]
    for _ in range(most):
        for f, value in calls:
            f(value)
        if others[0] != before:
            return True
    return False


def test_short_calls(native, others) -> None:
    """A kernel, and a loop of many rounds, of less than 50 µs together."""
    x, n = T.dvector("x"), T.lscalar("n")
    states, _ = tcore.scan(lambda p: p + 1.5, outputs_info=[T.constant(np.float64(0))], n_steps=n)
    loop = tcore.function([n], states[-1], mode=tcore.Mode("cvm", "fast_run"))
    assert loop(100) == 150
    assert not had_turns(others, [(native([x], T.exp(x)), np.zeros(100)), (loop, np.int64(100))], most=200)


def test_many_short_kernels(native, others) -> None:
    """Each takes less than 50 µs, all together more."""
    x = T.dvector("x")
    y = x
    for _ in range(400):
        y = T.exp(-T.sqr(y))
    f = native([x], y)
    assert len(f.explain().kernels) > 10
    assert had_turns(others, [(f, np.zeros(300))])


@pytest.mark.parametrize("what", ["kernel", "copy", "product"])
def test_long_steps(native, others, what) -> None:
    """Of every kind."""
    x = T.dmatrix("x")
    f = native([x], {"kernel": T.exp(x), "copy": x.T.flatten(), "product": T.dot(x, x)}[what])
    assert had_turns(others, [(f, np.zeros((700, 700)))])
