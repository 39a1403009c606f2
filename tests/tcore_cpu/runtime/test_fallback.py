"""The cffi form of the runtime, in this process: it gives what the extension module gives, errors included.

``nox -s fallback`` runs the whole suite on it.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Apply, Op
from tcore.tensor.shared_randomstreams import RandomStreams
from tcore.testing.conformance import check_backend
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.runtime import fallback
from tcore_cpu.runtime import loading as runtime_module

sys.path.insert(0, str(Path(__file__).parents[2] / "conformance"))
from conformance_cases import CASES

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")


@pytest.fixture(scope="module")
def module():
    """The runtime."""
    with pytest.warns(fallback.FallbackWarning, match="without its extension module"):
        return fallback.load()


@pytest.fixture(autouse=True)
def cffi(module, monkeypatch):
    """Functions that a test compiles run on it."""
    monkeypatch.setattr(runtime_module, "_loaded", module)
    monkeypatch.setattr(runtime_module, "_blas_done", False)
    monkeypatch.setattr(runtime_module, "_lapack", None)
    with tcore.config.change_flags(backend="cpu"):
        yield
    assert runtime_module.runtime_kind() == "cffi"


@pytest.mark.parametrize("case", CASES[::4], ids=str)
def test_case(case) -> None:
    """Cases of the conformance table."""
    check_backend(case)


class Wrong(Op):
    """Gives something else than it promised, or fails."""

    __props__ = ("what",)

    def __init__(self, what):
        self.what = what

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, outputs):
        if self.what == "error":
            raise KeyError("the user's own")
        outputs[0][0] = {"dtype": inputs[0].astype("float32"), "dimensions": inputs[0][None], "nothing": None, "object": "text"}[self.what]


@pytest.mark.parametrize("what", ["error", "dtype", "dimensions", "nothing", "object"])
def test_errors_of_steps(what, monkeypatch) -> None:
    """Both forms raise the same, with the node; and the function works afterwards."""
    x = T.dvector("x")
    raised = []
    for loaded in (runtime_module._loaded, None):
        with monkeypatch.context() as forms:
            forms.setattr(runtime_module, "_loaded", loaded)
            f = tcore.function([x], Wrong(what)(x + 1) * 2, mode=tcore.Mode("cvm", None))
            for _ in range(2):
                with pytest.raises((KeyError, TypeError)) as info:
                    f(np.ones(3))
        text = "\n".join([str(info.value), *getattr(info.value, "__notes__", ())])
        assert "Apply node that caused the error: Wrong" in text
        raised.append((info.type, text.split("Backtrace")[0]))
    assert raised[0] == raised[1]


def test_errors_of_native_code() -> None:
    """Shapes, indices and memory: the reports name the nodes."""
    x, y, i, n = T.dvector("x"), T.dvector("y"), T.lvector("i"), T.lscalar("n")
    mode = tcore.Mode("cvm", None)
    with pytest.raises(ValueError, match="(?s)Apply node that caused the error: Elemwise"):
        tcore.function([x, y], x + y, mode=mode)(np.ones(3), np.ones(4))
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        tcore.function([x, i], x[i], mode=mode)(np.ones(3), np.array([0, 9]))
    with pytest.raises(MemoryError, match=r"shape \(10000000, 10000000\) and dtype float64"):
        tcore.function([x, n], T.alloc(x.sum(), n, n), mode=mode)(np.ones(3), 10_000_000)


def test_updates_in_place() -> None:
    """They happen in the value's own memory where that may be written, else in a copy that is counted."""
    w = tcore.shared(start := np.arange(4.0), name="w", borrow=True)
    f = tcore.function([], w.sum(), updates=[(w, w * 2)])
    assert f() == 6
    assert np.shares_memory(w.get_value(borrow=True), start)
    fixed = np.arange(4.0)
    fixed.flags.writeable = False
    w.set_value(fixed, borrow=True)
    assert f() == 6
    np.testing.assert_array_equal(w.get_value(), np.arange(4.0) * 2)
    np.testing.assert_array_equal(fixed, np.arange(4.0))
    assert [(report.name, report.count) for report in f.explain().copies] == [("w", 1)]


def test_objects_are_overwritten() -> None:
    """The state of random numbers is no array: it is changed where it is, and nothing counts as copied."""
    drawn = RandomStreams(seed=234).uniform((2, 2))
    state = drawn.rng.get_value()
    f = tcore.function([], drawn)
    for _ in range(2):
        np.testing.assert_array_equal(f(), state.uniform(size=(2, 2)))
    assert f.explain().copied_arguments == 0


def test_updates_in_place_keep_nothing() -> None:
    """The thousandth value is a view of the first one, not of all between them."""
    x, total = T.dvector("x"), tcore.shared(np.zeros(3))
    f = tcore.function([x], updates=[(total, total + x)])
    value = np.ones(3)
    f(value)
    gc.collect()
    objects = sys.getallocatedblocks()
    for _ in range(1000):
        f(value)
    gc.collect()
    assert sys.getallocatedblocks() - objects < 100
    np.testing.assert_array_equal(total.get_value(), [1001] * 3)


def test_linear_algebra() -> None:
    """LAPACK is called from this form as well."""
    x, b = T.dmatrix("x"), T.dvector("b")
    f = tcore.function([x, b], [T.slinalg.solve(x, b), T.slinalg.cholesky(x)])
    assert [report.runs_on for report in f.explain().nodes].count("LAPACK") == 2
    solution, factor = f(np.diag([4.0, 9.0]), np.array([8.0, 9.0]))
    np.testing.assert_allclose(solution, [2, 1])
    np.testing.assert_allclose(factor, np.diag([2, 3]))
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        f(-np.eye(2), np.ones(2))


def test_signals_at_once() -> None:
    """Two handlers raise at one look at the signals: the call ends with the second error, and the first is its context."""
    n = T.lscalar("n")
    f = tcore.function([n], tcore.scan(lambda s: T.sin(s) + 1, None, T.constant(1.0), n_steps=n)[0][-1], mode=tcore.Mode("cvm", "fast_run"))
    expected = f(10)

    def handler(number, frame):
        raise InterruptedError(number)

    def send():
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGUSR2)

    old = {number: signal.signal(number, handler) for number in (signal.SIGUSR1, signal.SIGUSR2)}
    gc.collect()  # an error that meets a finalizer is lost
    threading.Timer(0.3, send).start()
    try:
        with pytest.raises(InterruptedError) as info:
            f(200_000_000)
        time.sleep(0.05)  # whatever comes late, comes here
    finally:
        for number, handled in old.items():
            signal.signal(number, handled)
    assert {info.value.args[0], *((info.value.__context__.args[0],) if info.value.__context__ else ())} == set(old)
    assert f(10) == expected
