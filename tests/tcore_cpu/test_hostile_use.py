"""What a careless user does: the errors name the real cause."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from in_threads import finish, in_thread, meanwhile, together

import tcore
import tcore.tensor as T
from tcore.graph import Apply, Op


def test_error_replay_takes_inputs_in_the_order_of_the_graph() -> None:
    """A single node whose operands stand in another order than the function's inputs."""
    with tcore.config.change_flags(backend="cpu"):
        x, y, index = T.dvector("x"), T.dvector("y"), T.lvector("index")
        f = tcore.function([x, index, y], T.inc_subtensor(x[index], y))
    assert f(np.zeros(3), np.array([1, 1, 1]), np.ones(3)).tolist() == [0.0, 3.0, 0.0]
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        f(np.zeros(3), np.array([1, 9, 1]), np.ones(3))


def test_lengths_are_not_read_from_recycled_memory() -> None:
    """The length of a split is computed before the join, whose result may take its memory over."""
    with tcore.config.change_flags(backend="cpu"):
        x = T.dmatrix("x")
        a, b = T.split(T.join(0, x, x * x), T.stack([x.shape[0]] * 2), 2, 0)
        f = tcore.function([x], [a, b])
    for rows in (3, 5, 2, 3, 7):
        value = np.random.default_rng(rows).normal(size=(rows, 4))
        first, second = f(value)
        np.testing.assert_array_equal(first, value)
        np.testing.assert_array_equal(second, value * value)


def test_reshape_does_not_read_recycled_lengths() -> None:
    """The entries of a shape vector may be gone when it is used."""
    with tcore.config.change_flags(backend="cpu"):
        x = T.dmatrix("x")
        shape = T.stack([x.shape[1] + 1 - 1, x.shape[0] * 1])
        later = T.dot(T.dot(x, x.T), x)
        f = tcore.function([x], T.dot(later.reshape(shape, ndim=2), later) + shape.sum())
    for rows, columns in ((3, 3), (5, 5), (2, 2), (3, 3)):
        value = np.random.default_rng(rows).normal(size=(rows, columns))
        whole = value @ value.T @ value
        np.testing.assert_allclose(f(value), whole.reshape(columns, rows) @ whole + rows + columns)


@pytest.mark.parametrize("optimizer", [None, "fast_run"])
def test_a_number_is_not_read_from_recycled_memory(optimizer) -> None:
    """The end of a slice is computed first; what is made until the slice is taken must not lie in its memory."""
    with tcore.config.change_flags(backend="cpu"):
        x, n = T.dmatrix("x"), T.lscalar("n")
        shown = T.alloc(x[0, 0], x.shape[0]) * 2
        f = tcore.function([x, n], [shown[n - 2 :], T.dot(T.dot(x, x), x)[n - 2 :]], mode=tcore.Mode(optimizer=optimizer))
    for rows in (4, 6, 3, 4):
        value = np.random.default_rng(rows).normal(size=(rows, rows))
        for start in (3, 1, 2):
            first, second = f(value, start)
            np.testing.assert_array_equal(first, np.full(rows, value[0, 0] * 2)[start - 2 :])
            np.testing.assert_allclose(second, (value @ value @ value)[start - 2 :])


@pytest.fixture
def interrupted():
    """Runs ``work()`` and interrupts it after 0.03 s: how long it took until KeyboardInterrupt came, or None if none did."""

    def run(work):
        def interrupt(number, frame):
            raise KeyboardInterrupt

        old = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.03)
        start = time.monotonic()
        try:
            work()
        except KeyboardInterrupt:
            return time.monotonic() - start
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
        return None

    return run


def _long_function(n, depth=150, **options):
    """Kernels that work for long on one pass over ``n`` elements, and update a shared value."""
    x = T.dvector("x")
    y = x
    for _ in range(depth):
        y = T.sin(T.exp(-T.sqr(y)))
    w = tcore.shared(np.zeros(n), name="w")
    with tcore.config.change_flags(backend="cpu"):
        return tcore.function([x], [], updates=[(w, w + y)], mode=tcore.Mode("cvm", "fast_run"), **options), w


@pytest.mark.parametrize("count", [1, 2])
def test_interrupt_in_a_long_kernel(threads, interrupted, count) -> None:
    """Ctrl-C ends a kernel between its chunks; nothing is stored, the locks are free, the next call is right."""
    f, w = _long_function(2_000_000, updates_transactional=True)
    threads(count)
    value = np.linspace(0, 1, 2_000_000)
    took = interrupted(lambda: f(value))
    assert took is not None, "the kernel went on to its end"
    np.testing.assert_array_equal(w.get_value(borrow=True), 0)
    finish(in_thread(w.set_value, np.zeros(3)))  # no lock is kept
    f(np.ones(3))
    y = 1.0
    for _ in range(150):
        y = np.sin(np.exp(-(y**2)))
    np.testing.assert_allclose(w.get_value(), y, rtol=1e-12)


def _deep(y):
    """A long formula."""
    for _ in range(12):
        y = T.sin(T.exp(-T.sqr(y)))
    return y


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("kind", ["sum of all", "long rows", "columns", "positions"])
def test_interrupt_within_one_result(threads, interrupted, kind, count) -> None:
    """Reductions that would take minutes, without a border between results: the call ends in the middle of them."""
    x, y = T.dvector("x"), T.dvector("y")
    table = _deep(x.dimshuffle(0, "x") + y.dimshuffle("x", 0))
    reduced = {"sum of all": table.sum(), "long rows": table.sum(axis=1), "columns": table.sum(axis=0), "positions": table.argmax(axis=1)}[kind]
    with tcore.config.change_flags(backend="cpu"):
        f = tcore.function([x, y], reduced, mode=tcore.Mode("cvm", "fast_run"))
    threads(count)
    long, short = np.linspace(0, 1, 20_000_000), np.linspace(0, 1, 60)
    took = interrupted(lambda: f(long, short) if kind == "columns" else f(short, long))
    assert took is not None, "the kernel went on to its end"
    assert took < 15, "the kernel went on for long"
    few = np.linspace(0, 1, 5)
    expected = few[:, None] + few
    for _ in range(12):
        expected = np.sin(np.exp(-(expected**2)))
    want = {"sum of all": expected.sum(), "long rows": expected.sum(axis=1), "columns": expected.sum(axis=0), "positions": expected.argmax(axis=1)}
    np.testing.assert_allclose(f(few, few), want[kind], rtol=1e-12)


@pytest.mark.parametrize("count", [1, 2])
def test_interrupt_in_a_product(threads, interrupted, count) -> None:
    """A product of matrices stops between its blocks: one that is added in place has not come to its last element."""
    n = 4000
    x, w = T.dmatrix("x"), tcore.shared(np.zeros((n, n)), name="w")
    with tcore.config.change_flags(backend="cpu"):
        f = tcore.function([x], [], updates=[(w, w + T.dot(x, x))], mode=tcore.Mode("cvm", "fast_run"))
    assert f._plan.destroyed
    threads(count)
    assert interrupted(lambda: f(np.ones((n, n)))) is not None
    assert w.get_value(borrow=True).sum() < n**3
    w.set_value(np.ones((2, 2)))
    f(np.ones((2, 2)))
    np.testing.assert_array_equal(w.get_value(), 3)


def test_signal_handler_that_calls_a_function(threads, native) -> None:
    """In the middle of a kernel, in its thread: both have scratch memory of their own."""
    x, y = T.dvector("x"), T.dvector("y")
    table = _deep(x.dimshuffle(0, "x") + y.dimshuffle("x", 0))
    f, g = native([x, y], T.nnet.softmax(table).max(axis=1)), native([x, y], T.nnet.softmax(table).sum(axis=1))
    threads(1)
    values, other = (np.linspace(0, 1, 4), np.linspace(0, 1, 300_000)), (np.linspace(0, 1, 3), np.linspace(0, 1, 40_000))
    expected, within = f(*values), []

    def handler(number, frame):
        within.append(g(*other))
        signal.setitimer(signal.ITIMER_REAL, 0.1)

    old = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        np.testing.assert_array_equal(f(*values), expected)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert within
    np.testing.assert_allclose(within, 1)


NESTED = """
import signal
import numpy as np
import tcore
import tcore.tensor as T
from tcore.graph import Apply, Op
from tcore_cpu.runtime.loading import runtime

runtime().set_threads(1)
x, y = T.dvector("x"), T.dvector("y")
table = x.dimshuffle(0, "x") + y.dimshuffle("x", 0)
for _ in range(12):
    table = T.sin(T.exp(-T.sqr(table)))
f = tcore.function([x, y], table.sum(), mode=tcore.Mode("cvm", None))
values, levels = (np.linspace(0, 1, 8), np.linspace(0, 1, 100_000)), [0]
expected = f(*values)

def handler(number, frame):
    levels[0] += 1
    if levels[0] == 14:
        signal.setitimer(signal.ITIMER_REAL, 0)
    elif levels[0] < 14:
        f(*values)

signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.06)
while levels[0] < 14:
    assert f(*values) == expected
print("done")
"""


def test_signal_handlers_that_interrupt_each_other() -> None:
    """Handlers that are slower than their signals come: kernels within kernels do not use up a small stack."""
    command = ["sh", "-c", 'ulimit -s 512; exec "$@"', "sh", sys.executable, "-P", "-c", NESTED]
    found = subprocess.run(command, env={**os.environ, "TCORE_FLAGS": "backend=cpu"}, capture_output=True, text=True, timeout=120, check=False)
    assert (found.returncode, found.stdout) == (0, "done\n"), found.stderr


def test_interrupt_in_an_update_in_place(threads, interrupted) -> None:
    """The value that was being overwritten is named."""
    threads(1)
    f, _ = _long_function(8_000_000, 10)
    assert f._plan.destroyed
    assert len(f.explain().kernels) == 1
    caught, value = [], np.ones(8_000_000)

    def call():
        try:
            f(value)
        except KeyboardInterrupt as error:
            caught.append(error)
            raise

    assert interrupted(call) is not None
    assert "overwrites w in place" in caught[0].__notes__[0]


@pytest.mark.parametrize("where", ["result", "intermediate"])
def test_no_memory_in_the_middle(where) -> None:
    """An array that no machine can hold: MemoryError with the node and the bytes; shared values and the function are as before."""
    n = T.lscalar("n")
    x = T.dvector("x")
    count = tcore.shared(np.zeros(2), name="count")
    with tcore.config.change_flags(backend="cpu"):
        big = T.alloc(x.sum(), n, n)
        f = tcore.function(
            [x, n], big if where == "result" else T.dot(big, big).sum(), updates=[(count, count + x)],
            mode=tcore.Mode("cvm", None),
        )  # fmt: skip
    value = np.ones(2)
    f(value, 2)
    for _ in range(3):
        with pytest.raises(MemoryError, match=r"no memory for an array of shape \(10000000, 10000000\) and dtype float64: \d{15} bytes") as info:
            f(value, 10_000_000)
        assert "Apply node that caused the error: Alloc" in "".join([str(info.value), *getattr(info.value, "__notes__", ())])
    np.testing.assert_array_equal(count.get_value(), 1)
    np.testing.assert_allclose(f(value, 3), np.full((3, 3), 2.0) if where == "result" else 108.0)
    np.testing.assert_array_equal(count.get_value(), 2)


def test_more_bytes_than_addresses() -> None:
    """Lengths whose product does not fit into 64 bits."""
    n = T.lscalar("n")
    with tcore.config.change_flags(backend="cpu"):
        f = tcore.function([n], T.alloc(1.0, n, n))
    with pytest.raises(MemoryError, match=r"shape \(1099511627776, 1099511627776\) and dtype float32: more bytes than there are addresses"):
        f(2**40)
    assert f(2).tolist() == [[1, 1], [1, 1]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("host", ["numpy", "cpu"])
def test_fork_while_other_threads_call(host, threads) -> None:
    """The child has the functions, the shared values and the memory to itself: right answers, no waiting for the parent's threads."""
    threads(2)
    x = T.dvector("x")
    n = tcore.shared(0.0, name="n")
    with tcore.config.change_flags(backend=host):
        f = tcore.function([x], T.exp(x), updates=[(n, n + 1)])
    value = np.linspace(0, 1, 100_000)
    expected = f(value)
    with meanwhile(lambda: f(value), 3):
        for _ in range(8):
            pid = os.fork()
            if pid == 0:
                signal.alarm(20)
                before = float(n.get_value())
                right = np.array_equal(f(value), expected) and float(n.get_value()) == before + 1
                os._exit(0 if right else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("lengths", [(2**62 + 1, 4), (2**32, 2**32), (-2, -2), (-4, -1)])
def test_reshape_to_lengths_that_wrap(lengths) -> None:
    """A product of lengths that is right only modulo 2**64, or with two signs, is refused as NumPy refuses it."""
    x, n, k = T.dvector("x"), T.lscalar("n"), T.lscalar("k")
    with tcore.config.change_flags(backend="cpu"):
        f = tcore.function([x, n, k], x.reshape((n, k)), mode=tcore.Mode("cvm", None))
    for size in (4, 0):
        with pytest.raises(ValueError, match="cannot reshape"):
            f(np.ones(size), *lengths)
    assert f(np.ones(4), 2, -1).shape == (2, 2)


@pytest.mark.parametrize("rank", [32, 33, 64])
def test_many_dimensions(native, rank) -> None:
    """Kernels have up to 32 axes; beyond them NumPy computes."""
    x = T.TensorType("float64", [False] * rank)("x")
    f = native([x], [(x * 2).sum(), x + 1, x.sum(axis=-1), x.dimshuffle(*reversed(range(rank)))])
    value = np.arange(3.0).reshape([1] * (rank - 1) + [3])
    total, more, summed, turned = f(value)
    assert total == 6
    np.testing.assert_array_equal(more, value + 1)
    np.testing.assert_array_equal(summed, value.sum(axis=-1))
    np.testing.assert_array_equal(turned, value.T)


def test_threads_beside_a_busy_blas(threads) -> None:
    """32 threads call one function with products and kernels, while NumPy multiplies in others: all results are right."""
    threads(2)
    x, w = T.dmatrix("x"), tcore.shared(np.zeros(()), name="w")
    with tcore.config.change_flags(backend="cpu"):
        f = tcore.function([x], T.exp(-T.sqr(T.dot(x, x.T))).sum(axis=0), updates=[(w, w + 1)])
        g = tcore.function([x], T.exp(-T.sqr(T.dot(x, x.T))).sum(axis=0))
    a = np.random.default_rng(0).normal(size=(150, 150))
    product = a @ a

    def multiply():
        np.testing.assert_allclose(a @ a, product, rtol=1e-10, atol=1e-10)

    def call(number):
        value = np.random.default_rng(number).normal(size=(60, 40)) / 10
        expected = np.exp(-((value @ value.T) ** 2)).sum(axis=0)
        for function in (f, g) * 4:
            np.testing.assert_allclose(function(value), expected, rtol=1e-12, atol=1e-8)

    with meanwhile(multiply, 2):
        together(call, 32)
    assert w.get_value() == 32 * 4


class CallsItself(Op):
    """Calls the function that it is part of."""

    __props__ = ()

    def make_node(self, n):
        return Apply(self, [n], [n.type()])

    def perform(self, node, inputs, outputs):
        (n,) = inputs
        outputs[0][0] = np.asarray(n if n <= 0 else self.function[0](n - 1) + 1)


def test_function_that_calls_itself() -> None:
    """Recursion from within an op has frames of its own; too much of it is a RecursionError, and the function works afterwards."""
    op, n, count = CallsItself(), T.dscalar("n"), tcore.shared(0, name="count")
    with tcore.config.change_flags(backend="cpu"):
        f = tcore.function([n], op(n) * 1.0, updates=[(count, count + 1)])
    op.__dict__["function"] = [f]
    assert f(20.0) == 20
    with pytest.raises(RecursionError):
        f(1e6)
    assert f(3.0) == 3
