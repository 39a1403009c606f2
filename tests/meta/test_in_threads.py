"""What goes wrong in a thread fails the test."""

from __future__ import annotations

import threading

import pytest
from in_threads import finish, in_thread, meanwhile, together


def fail(*_):
    raise ValueError("in a thread")


def test_errors_are_raised() -> None:
    with pytest.raises(ValueError, match="in a thread"):
        finish(in_thread(lambda: None), in_thread(fail, 1))
    with pytest.raises(ValueError, match="in a thread"):
        together(lambda k: k == 1 and fail(), 2)
    with pytest.raises(ValueError, match="in a thread"), meanwhile(fail):
        pass


def test_a_thread_that_does_not_end_is_a_failure() -> None:
    leave = threading.Event()
    worker = in_thread(leave.wait)
    with pytest.raises(AssertionError, match=r"1 of 2 threads have not ended after 0.01 s"):
        finish(in_thread(lambda: None), worker, limit=0.01)
    leave.set()
    finish(worker)


def test_threads_that_begin_at_once() -> None:
    """All are there at the same time, each with its number."""
    met, seen = threading.Barrier(4, timeout=60), []

    def work(k: int) -> None:
        met.wait()
        seen.append(k)

    together(work, 4)
    assert sorted(seen) == [0, 1, 2, 3]


def test_turns_end_with_the_block() -> None:
    turned = threading.Event()
    with meanwhile(turned.set, 2):
        assert turned.wait(60)
    turned.clear()
    assert not turned.wait(0.05)
