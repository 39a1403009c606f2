"""Linkers: fast calls, errors with their node, shared values, threads, laziness."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from in_threads import together

import tcore.tensor as tt
from tcore.compile.function import function
from tcore.compile.io import In, Out
from tcore.compile.mode import Mode
from tcore.graph import Apply, Op
from tcore.tensor.manipulation import CpuContiguous
from tcore.tensor.sharedvar import tensor_constructor
from tcore_cpu.linkers.c import CLinker
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.linkers.nodes import CPyLinker, NoNativeCode


class PythonOnly(Op):
    """x + 1, in Python."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        if inputs[0].shape[0] == 13:
            raise RuntimeError("thirteen")
        output_storage[0][0] = inputs[0] + 1


def test_fused_into_one_kernel(native) -> None:
    """An elementwise chain is one kernel, and nothing of it runs in Python."""
    a, b, c, d = tt.dvectors("a", "b", "c", "d")
    f = native([a, b, c, d], 2 * a + 3 * b - tt.sqrt(c) * tt.exp(-d))
    assert f.maker.linker.kernels == 1
    assert not f.maker.linker.reasons


def test_scalar_arguments(native) -> None:
    """Python and NumPy numbers are taken as they are; results are 0-d arrays."""
    x, y, n = tt.dscalar("x"), tt.dscalar("y"), tt.lscalar("n")
    f = native([x, y, n], [x * y + 1, n * 2])
    for args in ((2.0, 3.0, 4), (2, 3, 4), (np.float64(2), np.array(3.0), np.int64(4))):
        product, double = f(*args)
        assert isinstance(product, np.ndarray)
        assert (product, double) == (7.0, 8)
        assert product.shape == ()


def test_unaligned_and_swapped_arguments(native) -> None:
    """Layouts that native code does not take are copied, not refused."""
    x = tt.dvector("x")
    f = native([x], x + 1)
    raw = np.zeros(81, "u1")
    unaligned = raw[1:].view("f8")
    unaligned[:] = np.arange(10)
    np.testing.assert_array_equal(f(unaligned), np.arange(1, 11))
    np.testing.assert_array_equal(f([1, 2]), [2, 3])


@pytest.mark.parametrize("linker", [CvmLinker, CPyLinker])
def test_lengths_that_differ(linker) -> None:
    """A mismatch is NumPy's ValueError with the node, and leaves the function usable."""
    x, y = tt.dvector("x"), tt.dvector("y")
    f = function([x, y], tt.exp(x) + y, mode=Mode(linker=linker(), optimizer=None))
    with pytest.raises(ValueError, match=r"Apply node that caused the error: Elemwise\{add"):
        f(np.ones(3), np.ones(4))
    with pytest.raises(ValueError, match="Apply node"):
        f(np.ones(1), np.ones(4))
    np.testing.assert_allclose(f(np.zeros(3), np.ones(3)), [2, 2, 2])


def test_bad_indices_and_empty_extremes(native) -> None:
    """Out-of-range indices are IndexErrors, extremes of nothing ValueErrors, before anything is returned."""
    x, i, k = tt.dvector("x"), tt.lvector("i"), tt.lscalar("k")
    gather = native([x, i], x[i] * 2)
    with pytest.raises(IndexError, match="Apply node"):
        gather(np.ones(3), np.array([0, 3]))
    with pytest.raises(IndexError):
        gather(np.ones(3), np.array([-4]))
    point = native([x, k], x[k])
    assert point(np.arange(3.0), -1) == 2
    with pytest.raises(IndexError):
        point(np.ones(3), 3)
    highest = native([x], x.max())
    with pytest.raises(ValueError, match="empty axis|zero-size|no identity"):
        highest(np.ones(0))
    product = native([x, i], tt.dot(x, tt.cast(i, "float64")))
    with pytest.raises(ValueError, match="Apply node"):
        product(np.ones(3), np.ones(4, int))
    scatter = native([x, i], tt.set_subtensor(x[i], 9.0))
    value = np.ones(3)
    with pytest.raises(IndexError):
        scatter(value, np.array([0, 5]))
    np.testing.assert_array_equal(value, 1)


def test_memory_in_order(native) -> None:
    """What lies in row-major order is handed on, anything else is copied."""
    x = tt.dmatrix("x")
    f = native([In(x, borrow=True)], Out(CpuContiguous()(x), borrow=True))
    assert "Python" not in {report.runs_on for report in f.explain().nodes}
    wide = np.arange(24.0).reshape(4, 6)
    for value in (wide, wide.T, wide[::2], wide[:, ::-1], wide[:, 1:3], wide[:0]):
        result = f(value)
        assert result.flags.c_contiguous
        np.testing.assert_array_equal(result, value)
    assert np.shares_memory(f(wide), wide)


def test_python_steps(native) -> None:
    """Ops without native code run between kernels; their errors name them."""
    x = tt.dvector("x")
    f = native([x], tt.exp(PythonOnly()(x * 2)))
    np.testing.assert_allclose(f(np.array([0.0, 1.0])), np.exp([1, 3]))
    assert [type(node.op) for node in f.maker.linker.reasons] == [PythonOnly]
    with pytest.raises(RuntimeError, match="thirteen(.|\n)*PythonOnly"):
        f(np.ones(13))


def test_linker_c_refuses_python(native) -> None:
    """``c`` runs native code only; ``c|py`` takes the rest to Python."""
    x = tt.dvector("x")
    with pytest.raises(NoNativeCode, match="PythonOnly"):
        function([x], PythonOnly()(x), mode=Mode(linker=CLinker(), optimizer=None))
    f = function([x], PythonOnly()(x) * 2, mode=Mode(linker=CPyLinker(), optimizer=None))
    np.testing.assert_array_equal(f(np.ones(2)), [4, 4])


def test_node_by_node(native) -> None:
    """Granularity ``node`` has a thunk and a cell for each Apply."""
    x = tt.dvector("x")
    linker = CvmLinker(allow_gc=False, granularity="node")
    f = function([x], tt.exp(x) * 2, mode=Mode(linker=linker, optimizer=None))
    np.testing.assert_allclose(f(np.zeros(2)), [2, 2])
    nodes = f.maker.fgraph.toposort()
    assert len(f.fn.thunks) == len(nodes)
    exp = next(node for node in nodes if "exp" in str(node.op))
    np.testing.assert_allclose(f.fn.storage_map[exp.outputs[0]][0], [1, 1])


def test_updates_of_shared_values(native) -> None:
    """Updates see old values and are stored together; a failing call stores none."""
    w = tensor_constructor(np.ones(3), name="w")
    n = tensor_constructor(np.asarray(0.0), name="n")
    x = tt.dvector("x")
    f = native([x], w.sum() + n, updates=[(w, w + x), (n, n + w.sum())])
    assert f._entry is not None
    assert f(np.ones(3)) == 3
    np.testing.assert_array_equal(w.get_value(), [2, 2, 2])
    assert n.get_value() == 3
    with pytest.raises(ValueError, match="Apply node"):
        f(np.ones(4))
    np.testing.assert_array_equal(w.get_value(), [2, 2, 2])
    assert n.get_value() == 3


def test_updates_alone(native) -> None:
    """A function that returns nothing takes the fast way in as well."""
    w = tensor_constructor(np.ones(3), name="w")
    x = tt.dvector("x")
    f = native([x], None, updates=[(w, w + x)])
    assert f._entry is not None
    assert f(np.ones(3)) == []
    np.testing.assert_array_equal(w.get_value(), [2, 2, 2])


def test_results_are_the_callers(native) -> None:
    """Writing into a result changes neither arguments nor later results."""
    x = tt.dmatrix("x")
    f = native([x], [x * 1, x.T, x])
    value = np.arange(6.0).reshape(2, 3)
    for result in f(value):
        result[...] = -1
    np.testing.assert_array_equal(value, np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(f(value)[0], value)


def test_thirty_two_threads(native, rng) -> None:
    """Many threads in one function get their own results, long calls and short ones, with Python steps inside."""
    x, y = tt.dmatrix("x"), tt.dscalar("y")
    f = native([x, y], tt.exp(PythonOnly()(x) * y).sum(axis=1) + tt.dot(x, x).sum())
    values = [rng.standard_normal((k % 5 * 30 + 2,) * 2) for k in range(32)]
    expected = [f(value, 0.5) for value in values]

    def work(k: int) -> None:
        for _ in range(20):
            np.testing.assert_array_equal(f(values[k], 0.5), expected[k])

    together(work, 32)


def test_updates_from_many_threads(native) -> None:
    """Concurrent calls of an updating function lose no update."""
    n = tensor_constructor(np.asarray(0.0), name="n")
    f = native([], n, updates=[(n, n + 1)])
    together(lambda k: [f() for _ in range(200)], 8)
    assert n.get_value() == 1600


def test_a_function_calls_itself(native) -> None:
    """A call from within a call takes another frame."""
    x = tt.dvector("x")
    calls = []

    class Recursive(PythonOnly):
        def perform(self, node, inputs, output_storage, params=None):
            (value,) = inputs
            calls.append(len(value))
            output_storage[0][0] = np.append(f(value[1:]), 0.0) if len(value) > 1 else value

    f = native([x], Recursive()(x) * 2)
    np.testing.assert_array_equal(f(np.ones(3)), [8, 0, 0])
    assert calls == [3, 2, 1]


def test_pickled_function() -> None:
    """A function comes back from a pickle and computes the same."""
    x = tt.dvector("x")
    f = function([x], tt.exp(x) * 2, mode="FAST_RUN")
    again = pickle.loads(pickle.dumps(f))
    np.testing.assert_array_equal(again(np.ones(3)), f(np.ones(3)))
