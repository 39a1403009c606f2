"""Locks on shared values: who waits for whom, circles, interruptions, forks."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import sys
import threading
import time

import pytest
from in_threads import finish, in_thread

from tcore.link import ValueLock
from tcore.link.locks import hold, release


def until(condition):
    """Wait until ``condition()`` holds."""
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.001)


def waiting(count):
    from tcore.link import locks

    return lambda: len(locks._waiting) >= count


def test_read_modify_write_loses_nothing():
    """Only one thread writes at a time; without the lock the pause in between would lose increments."""
    lock, counter = ValueLock(), [0]

    def work():
        for _ in range(20):
            with lock:
                value = counter[0]
                time.sleep(0)
                counter[0] = value + 1

    finish(*[in_thread(work) for _ in range(16)])
    assert counter == [320]


def test_readers_share():
    """Two readers are inside at the same time."""
    lock, both = ValueLock(), threading.Barrier(2, timeout=20)

    def work():
        lock.acquire_read()
        both.wait()
        lock.release()

    finish(in_thread(work), in_thread(work))
    assert not both.broken


def test_opposite_orders_do_not_deadlock():
    """All locks of a call come at once, so the order in which a plan names them does not matter."""
    a, b = ValueLock(), ValueLock()

    def work(plan):
        for _ in range(200):
            held = hold(plan)
            time.sleep(0)
            release(held)

    plans = [((a, True), (b, True)), ((b, True), (a, True)), ((a, False), (b, True)), ((b, False), (a, True))]
    finish(*[in_thread(work, plan) for plan in plans * 2])


def test_a_call_that_waits_holds_nothing():
    """While a call waits for one lock, others get the second lock of its plan if they came before it."""
    a, b = ValueLock(), ValueLock()
    mine = hold(((a, True),))
    order = []

    def wants_both():
        held = hold(((a, True), (b, True)))
        order.append("both")
        release(held)

    thread = in_thread(wants_both)
    until(waiting(1))
    assert b.writer is None
    release(mine)
    finish(thread)
    assert order == ["both"]


def test_readers_do_not_starve_a_writer():
    """Readers that come after a waiting writer wait behind it."""
    lock = ValueLock()
    lock.acquire_read()
    order = []

    def write():
        with lock:
            order.append("write")

    def read():
        lock.acquire_read()
        order.append("read")
        lock.release()

    threads = [in_thread(write)]
    until(waiting(1))
    threads.append(in_thread(read))
    until(waiting(2))
    lock.release()
    finish(*threads)
    assert order == ["write", "read"]


def test_a_thread_may_take_a_lock_again():
    """For reading and for writing, and a reader may become a writer once the others are gone."""
    lock = ValueLock()
    lock.acquire_read()
    lock.acquire_write()
    lock.acquire_read()
    lock.acquire_write()
    assert lock.depth == 3
    for _ in range(3):
        lock.release()
    assert lock.writer is None
    lock.release()
    assert not lock.readers
    with pytest.raises(RuntimeError, match="does not hold it"):
        lock.release()


def test_a_circle_of_nested_calls_is_an_error():
    """Two threads that hold one lock each and ask for the other's: one gets an error, the other goes on."""
    a, b = ValueLock(), ValueLock()
    both, errors, done = threading.Barrier(2, timeout=20), [], []

    def work(first, second):
        outer = hold(((first, True),))
        try:
            both.wait()
            try:
                release(hold(((second, True),)))
                done.append(first)
            except RuntimeError as error:
                errors.append(str(error))
        finally:
            release(outer)

    finish(in_thread(work, a, b), in_thread(work, b, a))
    assert len(errors) == len(done) == 1
    assert "calls wait for each other" in errors[0]


def test_two_readers_that_both_want_to_write():
    """The same circle on one lock."""
    lock = ValueLock()
    both, errors, done = threading.Barrier(2, timeout=20), [], []

    def work():
        lock.acquire_read()
        try:
            both.wait()
            with lock:
                done.append(1)
        except RuntimeError as error:
            errors.append(error)
        finally:
            lock.release()

    finish(in_thread(work), in_thread(work))
    assert len(errors) == len(done) == 1


def test_copies_are_new_locks():
    lock = ValueLock()
    with lock:
        for twin in (copy.deepcopy(lock), pickle.loads(pickle.dumps(lock))):
            assert twin.writer is None
            assert twin.number != lock.number


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_an_interrupted_wait_leaves_no_trace():
    """Ctrl-C while waiting: the error comes at once, and those who waited behind are let in."""
    lock, leave = ValueLock(), threading.Event()
    entered = threading.Event()

    def read():
        lock.acquire_read()
        entered.set()
        leave.wait(20)
        lock.release()

    reader = in_thread(read)
    assert entered.wait(20)
    behind = []

    def interrupt(number, frame):
        behind.append(in_thread(lambda: (lock.acquire_read(), lock.release())))
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            lock.acquire_write()
    finally:
        signal.signal(signal.SIGALRM, old)
    finish(*behind, limit=10)  # they do not wait for a writer that gave up, nor for the reader to leave
    leave.set()
    finish(reader)
    with lock:
        pass


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
@pytest.mark.parametrize("calls", [False, True], ids=["raises", "calls"])
def test_signals_at_any_moment(calls):
    """A signal handler that raises, or takes locks itself, somewhere in each round: nothing stays locked, nobody hangs."""
    a, b = ValueLock(), ValueLock()
    plan = ((a, True), (b, False))
    stop = threading.Event()

    # CPython 3.11 never leaves the entry of a function that a traced thread enters while a signal waits for the main thread
    tracer = sys.gettrace()

    def others():
        sys.settrace(None)
        while not stop.is_set():
            release(hold(plan))
            time.sleep(1e-5)  # else the others wait for the interpreter at each turn

    class Tick(Exception):
        pass

    armed = [True]
    ticks, refusals = [], []

    def tick(number, frame):
        if not armed[0] or frame.f_code.co_filename != hold.__code__.co_filename:  # never in this test's own code
            return
        ticks.append(number)
        if not calls or len(ticks) % 3 == 0:
            raise Tick
        try:
            release(hold(((b, False),) if len(ticks) % 2 else ((b, True), (a, True))))
        except RuntimeError as error:
            refusals.append(str(error))

    sys.settrace(None)
    threads = [in_thread(others) for _ in range(2)]
    old = signal.signal(signal.SIGALRM, tick)
    try:
        for round_ in range(1000):
            signal.setitimer(signal.ITIMER_REAL, 1e-6 * (1 + round_ % 60))
            held = {}
            try:
                held = hold(plan)
                release(held)
            except Tick:
                armed[0] = False
                release(held)  # it may have been interrupted before it began
                armed[0] = True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
        stop.set()
        sys.settrace(tracer)
    finish(*threads)
    assert ticks
    assert all("a signal handler or a finalizer" in refusal for refusal in refusals)
    assert a.writer is None
    assert not b.readers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_fork_while_others_hold_and_wait():
    """In the child only the forking thread is left: its own locks stay, those of the others are free."""
    mine, theirs = ValueLock(), ValueLock()
    leave, entered = threading.Event(), threading.Event()

    def write():
        with theirs:
            entered.set()
            leave.wait(20)

    threads = [in_thread(write)]
    assert entered.wait(20)
    threads.append(in_thread(lambda: (theirs.acquire_read(), theirs.release())))
    until(waiting(1))
    with mine:
        pid = os.fork()
        if pid == 0:
            signal.alarm(20)
            with theirs:
                os._exit(0 if mine.writer == threading.get_ident() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    leave.set()
    finish(*threads)
