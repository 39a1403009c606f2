"""Loops inside native programs: the same results as ``Scan.perform``, errors included, without any Python in a step."""

from __future__ import annotations

import gc
import math
import pickle
import signal
import threading
import time

import numpy as np
import pytest
from in_threads import finish, in_thread, meanwhile, together

import tcore
import tcore.tensor as T
from tcore import scan
from tcore.compile.mode import Mode
from tcore.configuration import config
from tcore.scan_module import until
from tcore.scan_module.op import Scan
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.runtime.loading import runtime_kind

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

REFERENCE = Mode("py", "fast_run")
NATIVE = Mode("cvm", "fast_run")
LENGTHS = (0, 1, 2, 5, 17)
zero, one = T.constant(np.float64(0)), T.constant(np.float64(1))


def rnn(a, h, w):
    return T.tanh(a + T.dot(h, w))


def inputs():
    return T.dmatrix("x"), T.dvector("h"), T.dmatrix("h2"), T.dmatrix("w")


def values(rng, n, width=4):
    return rng.normal(size=(n, width)), rng.normal(size=width), rng.normal(size=(2, width)), rng.normal(size=(width, width)) / 3


def two(initial):
    return {"initial": initial, "taps": [-2, -1]}


#: name -> loops of (x, h, h2, w), as a list of results
LOOPS = {
    "rnn": lambda x, h, h2, w: [scan(rnn, x, h, w)[0]],
    "last row": lambda x, h, h2, w: [scan(rnn, x, h, w)[0][-1]],
    "last rows": lambda x, h, h2, w: [scan(rnn, x, h, w)[0][-3:]],
    "two taps": lambda x, h, h2, w: [scan(lambda a, p, q: a * 0.1 + p - q * 0.5, x, [two(h2)])[0]],
    "two taps, last row": lambda x, h, h2, w: [scan(lambda a, p, q: a * 0.1 + p - q * 0.5, x, [two(h2)])[0][-1]],
    "several results": lambda x, h, h2, w: scan(lambda a, s: [s + a, (s * a).sum(), T.outer(a, s)], x, [h, None, None])[0],
    "rows before and after": lambda x, h, h2, w: [scan(lambda a, b, c, s: s + a * b - c, [{"input": x, "taps": [-1, 0, 1]}], h)[0]],
    "backwards": lambda x, h, h2, w: [scan(lambda a, s: s * 0.5 + a, x, h, go_backwards=True)[0]],
    "strided rows": lambda x, h, h2, w: [scan(lambda a, s: s + a, x[::-2, ::-1], h)[0]],
    "states that change places": lambda x, h, h2, w: scan(lambda a, b: [b, a], None, [h, h * 2], n_steps=5)[0],
    "the same, last rows": lambda x, h, h2, w: [v[-1] for v in scan(lambda a, b: [b, a], None, [h, h * 2], n_steps=5)[0]],
    "until": lambda x, h, h2, w: [scan(lambda a, s: (s + a, until(s.sum() > 2)), x, h)[0]],
    "until, last row": lambda x, h, h2, w: [scan(lambda a, s: (s + a, until(s.sum() > 2)), x, h)[0][-1]],
    "inputs as results": lambda x, h, h2, w: scan(lambda a, s: [s, a], x, [h, None])[0],
    "a constant": lambda x, h, h2, w: scan(lambda a, s: [s + a, T.constant(2.5)], x, [h, None])[0],
    "a loop in a loop": lambda x, h, h2, w: [scan(lambda a, s: scan(lambda b, t: t + b * s.sum(), a, zero)[0][-1] + s, x, h)[0]],
    "rows of a loop": lambda x, h, h2, w: [scan(lambda a: scan(lambda b, t: t * b + 1, a, one)[0], x)[0]],
    "indices": lambda x, h, h2, w: [scan(lambda i, s, x: s + x[i % x.shape[0]], T.arange(x.shape[0] + 2), h, x)[0]],
    "growing slices": lambda x, h, h2, w: [scan(lambda i, x: x[:i].sum(), T.arange(x.shape[0]), None, x)[0]],
    "part of a state": lambda x, h, h2, w: [scan(lambda a, s: T.inc_subtensor(s[1:], a[1:]), x, h)[0]],
    "products": lambda x, h, h2, w: [scan(lambda a, m, w: T.dot(m, w) + T.outer(a, a), x, w, w)[0]],
}

#: those that make no step where x has no rows
NO_STEP = [
    "rnn", "last rows", "two taps", "several results", "backwards", "strided rows", "until", "inputs as results", "a constant",
    "a loop in a loop", "rows of a loop", "growing slices", "part of a state", "products",
]  # fmt: skip


def compiled(given, outputs, mode):
    return tcore.function(list(given), outputs, mode=mode, on_unused_input="ignore")


def is_native(f):
    """Whether no step of the program runs a loop in Python."""
    return not any(isinstance(node.op, Scan) for node in f.maker.linker.reasons) and any(isinstance(node.op, Scan) for node in f.maker.fgraph.apply_nodes)


def outcome(f, arguments):
    """The values, or the first line of the error."""
    try:
        return f(*arguments)
    except (ValueError, IndexError) as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"


@pytest.mark.parametrize("name", LOOPS)
def test_values(name, rng):
    given = inputs()
    f, reference = (compiled(given, LOOPS[name](*given), mode) for mode in (NATIVE, REFERENCE))
    assert is_native(f)
    for n in LENGTHS:
        arguments = values(rng, n)
        expected = outcome(reference, arguments)
        for _ in range(2):  # memory of the first call serves the second
            found = outcome(f, arguments)
            if isinstance(expected, str):
                assert found == expected
                continue
            for got, wanted in zip(found, expected, strict=True):
                np.testing.assert_allclose(got, wanted, rtol=1e-12)
                assert got.dtype == wanted.dtype


@pytest.mark.parametrize("name", NO_STEP)
def test_no_step(name, rng, monkeypatch):
    """A loop of no steps is no reason for Python: the lengths of its rows follow from those of what a step would read."""
    given, arguments = inputs(), values(rng, 0)
    f = compiled(given, LOOPS[name](*given), NATIVE)
    expected = compiled(given, LOOPS[name](*given), REFERENCE)(*arguments)
    monkeypatch.setattr("tcore.scan_module.loop._Loop", None)
    for want, got in zip(expected, f(*arguments), strict=True):
        np.testing.assert_array_equal(got, want)
        assert got.shape == want.shape


@pytest.mark.parametrize("name", LOOPS)
def test_gradients(name, rng):
    """Loops that go back, with rows that are read and written."""
    given = inputs()
    cost = sum((value**2).sum() for value in LOOPS[name](*given))
    slopes = T.grad(cost, list(given), disconnected_inputs="ignore")
    f, reference = (compiled(given, slopes, mode) for mode in (NATIVE, REFERENCE))
    for n in (3, 5):
        arguments = values(rng, n)
        for got, wanted in zip(f(*arguments), reference(*arguments), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("step", "wrong"),
    [
        (lambda i, s, x: [s + 1, x[:i]], "changes its shape"),
        (lambda i, s, x: [s + 1, x[i + 3]], "out of bounds"),
        (lambda i, s, x: [s + (x + T.ones((i + 4,)) * s).sum(), x[i]], "mis-match|broadcast"),
    ],
    ids=["shape", "index", "lengths"],
)
def test_a_step_that_fails(step, wrong, rng):
    x = T.dvector("x")
    f, reference = (compiled([x], scan(step, T.arange(x.shape[0]), [one, None], x)[0], mode) for mode in (NATIVE, REFERENCE))
    assert is_native(f)
    messages = []
    for each in (f, reference):
        with pytest.raises((ValueError, IndexError), match=wrong) as caught:
            each(rng.normal(size=4))
        messages.append(str(caught.value).splitlines()[0])
    assert messages[0] == messages[1]
    assert "test_loops.py" in str(caught.value)


def test_too_few_rows(rng):
    x, n = T.dmatrix("x"), T.lscalar("n")
    f = compiled([x, n], scan(lambda a, s: a * s, x, T.ones((2,)), n_steps=n)[0], NATIVE)
    assert is_native(f)
    np.testing.assert_array_equal(f(np.ones((3, 2)), 2), np.ones((2, 2)))
    with pytest.raises(ValueError, match="too few for 4 steps"):
        f(np.ones((3, 2)), 4)
    with pytest.raises(ValueError, match="negative"):
        f(np.ones((3, 2)), -1)


# -------------------------------------------------------------------------------------------------------- around the program


@pytest.mark.parametrize("linker", ["c", "c|py", "cvm_nogc", "vm"])
def test_linkers(linker, rng):
    given = inputs()
    arguments = values(rng, 6)
    f, reference = (compiled(given, scan(rnn, given[0], given[1], given[3])[0], mode) for mode in (Mode(linker, "fast_run"), REFERENCE))
    for _ in range(2):
        np.testing.assert_allclose(f(*arguments), reference(*arguments), rtol=1e-12)


def test_step_with_a_mode_of_its_own(rng):
    """Each step is then a call of the inner function."""
    given = inputs()
    f = compiled(given, scan(rnn, given[0], given[1], given[3], mode="FAST_COMPILE")[0], NATIVE)
    assert not is_native(f)
    assert np.shape(f(*values(rng, 3))) == (3, 4)


def test_step_that_needs_python(rng):
    x = T.dmatrix("x")

    @tcore.compile.as_op(itypes=[T.dvector], otypes=[T.dvector])
    def twice(a):
        return 2 * a

    f = compiled([x], scan(twice, x)[0], NATIVE)
    assert not is_native(f)
    assert "twice" in " ".join(f.maker.linker.reasons.values())
    value = rng.normal(size=(3, 2))
    np.testing.assert_array_equal(f(value), 2 * value)


def test_pickled(rng):
    given = inputs()
    f = compiled(given, LOOPS["a loop in a loop"](*given), NATIVE)
    arguments = values(rng, 3)
    twin = pickle.loads(pickle.dumps(f))
    assert is_native(twin)
    for n in (3, 0):
        arguments = values(rng, n)
        np.testing.assert_array_equal(f(*arguments)[0], twin(*arguments)[0])


def test_updates_in_place(rng):
    """A state that a function updates is not overwritten before the loop has read it."""
    state = tcore.shared(np.zeros(4), "state")
    x = T.dmatrix("x")
    last = scan(lambda a, s: s * 0.5 + a, x, state)[0][-1]
    f = tcore.function([x], last.sum(), updates=[(state, last)], mode=NATIVE)
    expected, data = np.zeros(4), rng.normal(size=(5, 4))
    for _ in range(3):
        for row in data:
            expected = expected * 0.5 + row
        assert f(data) == pytest.approx(expected.sum())
        np.testing.assert_allclose(state.get_value(), expected)


def test_threads(rng):
    given = inputs()
    f = compiled(given, scan(rnn, given[0], given[1], given[3])[0], NATIVE)
    tasks = [values(rng, n) for n in (3, 50, 200, 7)]
    expected = [f(*arguments) for arguments in tasks]

    def work(k):
        for _ in range(30):
            np.testing.assert_array_equal(f(*tasks[k % 4]), expected[k % 4])

    together(work, 8)


@pytest.mark.skipif(threading.current_thread() is not threading.main_thread(), reason="signals need the main thread")
def test_interrupt():
    """Ctrl-C ends a long loop of short steps, and the function can be called again."""
    n = T.lscalar("n")
    f = tcore.function([n], scan(lambda s: T.sin(s) + 1, None, one, n_steps=n)[0][-1], mode=NATIVE)
    expected = f(10)
    gc.collect()  # a KeyboardInterrupt that meets a finalizer is lost
    # what a shell starts in the background ignores the signal, and Python leaves it so
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            f(2_000_000_000)
    finally:
        signal.signal(signal.SIGINT, old)
    assert time.monotonic() - start < 30
    assert f(10) == expected


@pytest.mark.skipif(runtime_kind() != "extension", reason="the cffi form keeps the lock")
def test_other_threads_run_meanwhile():
    n = T.lscalar("n")
    f = tcore.function([n], scan(lambda s: T.sin(s) + 1, None, one, n_steps=n)[0][-1], mode=NATIVE)
    f(10)
    ticks = []

    def tick():
        time.sleep(0.001)
        ticks.append(None)

    with meanwhile(tick):
        while len(ticks) < 3:
            time.sleep(0.01)
        before = len(ticks)
        f(1_000_000)
        during = len(ticks) - before
    assert during > 3


def test_memory_of_steps_is_reused():
    """A loop takes as much memory for many steps as for few, where only the last row is wanted."""
    n = T.lscalar("n")
    f = tcore.function([n], scan(lambda s: T.tanh(s) * 2, None, T.ones((1000,)), n_steps=n)[0][-1].sum(), mode=NATIVE)
    import tracemalloc

    f(5)
    tracemalloc.start()
    try:
        f(20_000)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000  # 160 MB if all rows were kept
    finally:
        tracemalloc.stop()


def test_checks_of_a_loop_that_makes_no_step():
    """What only a step would refuse does not matter where there is none."""
    x, y = T.dmatrix("x"), T.dvector("y")
    f = compiled([x, y], scan(lambda a, s, y: [s + 1, a * s + y], x, [one, None], y)[0][1], NATIVE)
    assert is_native(f)
    assert f(np.ones((0, 2)), np.ones(3)).shape[0] == 0
    with pytest.raises(ValueError, match=r"mis-match|broadcast"):
        f(np.ones((1, 2)), np.ones(3))


def test_recalled_by_another_process(tmp_path, monkeypatch):
    """A kept program has its loops."""
    from tcore.compile.maker import FunctionMaker

    monkeypatch.setattr("tcore.compile.compilation_cache.LOADED", math.inf)  # sources may be edited while tests run
    monkeypatch.setattr("tcore.optimizer.database._changed", False)  # and other tests register rewrites
    names = []
    optimize = FunctionMaker._optimize
    monkeypatch.setattr(FunctionMaker, "_optimize", lambda maker, fgraph: (names.append(maker.name), optimize(maker, fgraph)))
    found = []
    with config.change_flags(cpu__store=str(tmp_path / "kernels"), compilation_cache=True):
        for _ in range(2):
            x, h, w = T.dmatrix("x"), T.dvector("h"), T.dmatrix("w")
            f = tcore.function([x, h, w], scan(rnn, x, h, w)[0])
            found.append((len(names), f(np.ones((3, 2)), np.zeros(2), np.ones((2, 2))).tolist()))
    assert found[0] == found[1]
    assert is_native(f)


def test_arrays_of_other_makes():
    """Rows in another byte order, out of place in memory, or backwards."""
    x = T.dmatrix("x")
    f = compiled([x], scan(lambda a, s: s + a, x, T.zeros((x.shape[1],)))[0], NATIVE)
    assert is_native(f)
    value = np.arange(12.0).reshape(4, 3)
    odd = np.frombuffer(b"\0" + value.tobytes(), np.uint8)[1:].view(np.float64).reshape(4, 3)
    for given in (value, value.astype(">f8"), odd, value[::-1, ::-1], np.asfortranarray(value), np.broadcast_to(value[:1], (4, 3))):
        np.testing.assert_allclose(f(given), np.cumsum(given, axis=0))


def test_step_with_a_plain_mode_of_its_own(rng):
    """What asks for native code alone gets it in the program around."""
    given = inputs()
    f, reference = (compiled(given, scan(rnn, given[0], given[1], given[3], mode=own)[0], mode) for own, mode in (("FAST_RUN", NATIVE), (None, REFERENCE)))
    assert is_native(f)
    arguments = values(rng, 5)
    np.testing.assert_allclose(f(*arguments), reference(*arguments), rtol=1e-12)


def test_first_kernel_of_a_process():
    """A kernel that needs no scratch runs where nothing has asked for any yet: in a thread without any other work."""
    u, start = T.dvector("u"), T.dscalar("start")
    f = tcore.function([u, start], scan(lambda u, y: 0.9 * T.sin(y) + u, u, start)[0], mode=NATIVE)
    value, expected = np.linspace(-1, 1, 7), [0.5]
    for each in value:
        expected.append(0.9 * np.sin(expected[-1]) + each)
    found = []
    finish(in_thread(lambda: found.append(f(value, 0.5))))
    np.testing.assert_allclose(found[0], expected[1:])
