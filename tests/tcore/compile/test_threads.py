"""Many threads, recursion and shared values: right answers, no lost update, no deadlock."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from in_threads import finish, in_thread, together

import tcore.tensor as T
from tcore import In, function, shared
from tcore.compile import DebugMode, MonitorMode, NanGuardMode
from tcore.configuration import change_flags
from tcore.graph import Apply, Op

THREADS = 32


class Pause(Op):
    """A copy of its input, made while other threads run: what is not protected meanwhile goes wrong."""

    __props__ = ("seconds",)

    def __init__(self, seconds=0.0):
        self.seconds = seconds

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        value = np.array(inputs[0])
        time.sleep(self.seconds)
        output_storage[0][0] = value


class OneAtATime(Pause):
    """Notes how many threads are inside at once."""

    thread_safe = False

    def __init__(self):
        super().__init__(0.0005)
        self.inside, self.most = 0, 0

    def perform(self, node, inputs, output_storage, params=None):
        self.inside += 1
        self.most = max(self.most, self.inside)
        super().perform(node, inputs, output_storage, params)
        self.inside -= 1


def test_one_function_without_shared_values(host):
    """Every thread gets the results of its own arguments, with and without steps in Python."""
    x, y = T.dvector("x"), T.dscalar("y")
    f = function([x, In(y, value=2.0)], [T.exp(x) * y, Pause()(x + y).sum()])

    def work(k):
        value = np.full(k + 1, float(k) / THREADS)
        for factor in (2.0, 3.0):
            first, second = f(value) if factor == 2.0 else f(value, factor)
            np.testing.assert_allclose(first, np.exp(value) * factor, rtol=1e-14)
            np.testing.assert_allclose(second, (value + factor).sum(), rtol=1e-14)

    together(work, THREADS)


@pytest.mark.parametrize("kind", ["nan", "debug", "monitor"])
def test_modes_that_look_at_every_node(kind):
    """Linkers that wrap others have one set of cells: calls come one after another, each with its own values."""
    seen = []
    mode = {
        "nan": NanGuardMode(nan_is_error=True, inf_is_error=True, big_is_error=True),
        "debug": DebugMode(stability_patience=1),
        "monitor": MonitorMode(post_func=lambda _i, node, thunk: seen.append((node, thunk.outputs[0][0]))),
    }[kind]
    x = T.dvector("x")
    calls = shared(0)
    with change_flags(backend="numpy"):
        f = function([x], [T.exp(x) * 2, Pause()(x + 1).sum()], updates=[(calls, calls + 1)], mode=mode)

    def work(k):
        value = np.full(k + 1, k / THREADS)
        for _ in range(3):
            first, second = f(value)
            np.testing.assert_allclose(first, np.exp(value) * 2)
            np.testing.assert_allclose(second, (value + 1).sum())

    together(work, THREADS)
    assert calls.get_value() == 3 * THREADS
    if kind == "monitor":
        assert len(seen) == 3 * THREADS * len(f.maker.fgraph.apply_nodes)


def test_counter(host):
    """A read-modify-write update, with a pause in between: no call works on a value that another is replacing."""
    n = shared(0.0, name="n")
    f = function([], n, updates=[(n, Pause(0.0001)(n) + 1)])
    seen = []
    together(lambda k: seen.extend(float(f()) for _ in range(4)), THREADS)
    assert n.get_value() == 4 * THREADS
    assert sorted(seen) == list(range(4 * THREADS))


def test_update_in_place(host):
    """The same with updates that overwrite the old value: readers never see half of one."""
    w = shared(np.zeros(20_000), name="w")
    step = function([], [], updates=[(w, w + 1)])
    look = function([], [w.min(), w.max()])

    def work(k):
        for _ in range(4):
            if k % 2:
                step()
            else:
                low, high = look()
                assert low == high

    together(work, THREADS)
    np.testing.assert_array_equal(w.get_value(), 4 * THREADS // 2)


def test_two_functions_swap_two_values(host):
    """One names them in one order, the other in the other: no deadlock, and the pair stays a pair."""
    a, b = shared(1.0, name="a"), shared(2.0, name="b")
    swap = function([], [a, b], updates=[(a, Pause()(b)), (b, Pause()(a))])
    back = function([], [b, a], updates=[(b, Pause()(a)), (a, Pause()(b))])

    def work(k):
        for _ in range(4):
            assert sorted(map(float, (swap, back)[k % 2]())) == [1.0, 2.0]
            assert {float(a.get_value()), float(b.get_value())} <= {1.0, 2.0}

    together(work, THREADS)
    assert sorted([float(a.get_value()), float(b.get_value())]) == [1.0, 2.0]


def test_several_functions_and_set_value(host):
    """Functions and set_value take turns: a value that is set is never lost to a call that began before."""
    total, other = shared(0.0, name="total"), shared(0.0, name="other")
    add = function([], [], updates=[(total, Pause(0.0001)(total) + 1), (other, other + 1)])
    move = function([], [], updates=[(other, Pause(0.0001)(other) + 1)])
    together(lambda k: [(add, move)[k % 2]() for _ in range(3)], THREADS)
    assert total.get_value() == 3 * THREADS // 2
    assert other.get_value() == 3 * THREADS


def test_others_run_while_one_waits(host):
    """Waiting for a shared value keeps neither the interpreter nor other functions from running."""
    w = shared(0.0, name="w")
    x = T.dscalar("x")
    slow = function([], [], updates=[(w, w + 1)])
    free = function([x], x + 1)
    w.container.lock.acquire_write()
    try:
        waiter = in_thread(slow)
        for k in range(50):
            assert free(float(k)) == k + 1
        assert w.container.value == 0
    finally:
        w.container.lock.release()
    finish(waiter)
    assert w.get_value() == 1


def test_ops_that_are_not_thread_safe(host):
    """``thread_safe = False``: one thread at a time runs the node."""
    op = OneAtATime()
    x = T.dvector("x")
    f = function([x], op(x) * 2)
    together(lambda k: np.testing.assert_array_equal(f([float(k)]), [2.0 * k]), 8)
    assert op.most == 1


class Call(Op):
    """Calls a function that is made later."""

    __props__ = ()

    def __init__(self):
        self.function = None

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        (value,) = inputs
        output_storage[0][0] = np.asarray(self.function(value - 1) if value > 0 else 0.0)


def test_recursion(host):
    """x + f(x - 1): each level has storage of its own, in many threads at once."""
    op, x = Call(), T.dscalar("x")
    op.function = f = function([x], op(x) + x)
    assert f(10.0) == 55.0
    together(lambda k: [f(float(k % 6)) == sum(range(k % 6 + 1)) or pytest.fail("wrong sum") for _ in range(3)], THREADS)


class OwnThunk(Call):
    """Makes its own thunk, with state between reading and writing its cells."""

    __props__ = ()

    def make_thunk(self, node, storage_map, compute_map, no_recycling, impl=None):
        (source,), (target,) = [storage_map[v] for v in node.inputs], [storage_map[v] for v in node.outputs]

        def thunk():
            deeper = self.function(source[0] - 1) if source[0] > 0 else 0.0
            target[0] = np.asarray(source[0] + deeper)
            compute_map[node.outputs[0]][0] = True

        thunk.inputs, thunk.outputs, thunk.lazy = [source], [target], False
        return thunk


def test_ops_with_thunks_of_their_own(host):
    """Each call in progress has a thunk with cells of its own, in recursion as well."""
    op, x = OwnThunk(), T.dscalar("x")
    op.function = f = function([x], op(x) * 1.0)
    assert f(4.0) == 10.0
    together(lambda k: [f(float(k % 6)) == sum(range(k % 6 + 1)) or pytest.fail("wrong sum") for _ in range(3)], THREADS)


def test_recursion_that_updates(host):
    """A function that holds a shared value calls itself: the thread has the lock already, and gives it back at the end."""
    n, op, x = shared(0.0, name="n"), Call(), T.dscalar("x")
    op.function = f = function([x], op(x), updates=[(n, n + 1)])
    f(3.0)
    # whether the outer levels work on the value from before or after the inner ones is theirs
    assert n.get_value() in (1, 4)
    together(lambda k: n.set_value(0.0), 2)


def test_nested_calls_that_would_wait_for_ever(host):
    """f holds a and calls one that updates b; g holds b and calls one that updates a: an error instead of a hang."""
    a, b = shared(0.0, name="a"), shared(0.0, name="b")
    x = T.dscalar("x")
    met = threading.Barrier(2, timeout=20)

    class Meet(Call):
        def perform(self, node, inputs, output_storage, params=None):
            met.wait()
            output_storage[0][0] = np.asarray(self.function())

    first, second = Meet(), Meet()
    first.function = function([], b, updates=[(b, b + 1)])
    second.function = function([], a, updates=[(a, a + 1)])
    f = function([x], first(x), updates=[(a, a + 10)])
    g = function([x], second(x), updates=[(b, b + 10)])
    errors = []

    def work(k):
        try:
            (f, g)[k](1.0)
        except RuntimeError as error:
            errors.append(str(error))

    together(work, 2)
    assert len(errors) == 1
    assert "calls wait for each other" in errors[0]
    assert sorted([float(a.get_value()), float(b.get_value())]) in ([1.0, 10.0], [10.0, 11.0], [0.0, 11.0])


RECURSION_WITHOUT_END = """
import numpy as np, tcore, tcore.tensor as T

class Again(tcore.Op):
    __props__ = ()

    def make_node(self, x):
        return tcore.Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = f(inputs[0] + 1)

x, calls = T.dvector("x"), tcore.shared(0.0)
f = tcore.function([x], Again()(x), updates=[(calls, calls + 1)])

def from_below(levels):
    return f([0.0]) if not levels else from_below(levels - 1)

for levels in range(8):
    try:
        from_below(levels)
    except RecursionError:
        print("ended", end=" ")
print(calls.get_value())
"""


def test_recursion_without_end():
    """The locks of the innermost calls are given back wherever the stack ends."""
    done = subprocess.run([sys.executable, "-P", "-c", RECURSION_WITHOUT_END], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.split() == ["ended"] * 8 + ["0.0"], done.stderr[-2000:]
