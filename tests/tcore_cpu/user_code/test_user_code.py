"""Ops with the documented C methods, run through the C-API step."""

from __future__ import annotations

import numpy as np
import pytest
from c_vectors import VectorTimesScalar, VectorTimesVector
from in_threads import together

import tcore.tensor as tt
from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore.configuration import config
from tcore.graph import Apply, Op
from tcore.link import PerformLinker
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.sharedvar import tensor_constructor
from tcore_cpu.linkers.c import CLinker
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.linkers.nodes import CPyLinker
from tcore_cpu.user_code.methods import module_text
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(objection() is not None, reason=str(objection()))


class Counting(Op):
    """State per thunk: a struct member that construction sets and every call counts up."""

    __props__ = ()

    def make_node(self, x):
        x = as_tensor_variable(x)
        return Apply(self, [x], [tt.TensorType("int64", ())()])

    def c_code_cache_version(self):
        return (2,)

    def c_support_code_struct(self, node, name):
        return f"long calls_{name};"

    def c_init_code_struct(self, node, name, sub):
        return f"calls_{name} = 40;"

    def c_code(self, node, name, inp, out, sub):
        (z,) = out
        return f"""
        Py_XDECREF({z});
        {z} = (PyArrayObject*)PyArray_EMPTY(0, NULL, NPY_INT64, 0);
        if (!{z}) {{ {sub["fail"]}; }}
        *(npy_int64*)PyArray_DATA({z}) = ++calls_{name};
        """


@pytest.mark.parametrize("linker", [CvmLinker, CPyLinker, CLinker])
def test_vector_times_scalar_L7268(linker) -> None:
    """The documentation's op gives x times y, contiguous or strided: what it reads has strides in bytes (L7103).

    Of the listing, ``if (!(%(z)s)`` is closed (L7304, L7444), and the type number is that of x, as the output's type is (L7264, L7299).
    """
    x, y = tt.dvector("x"), tt.dscalar("y")
    f = function([x, y], VectorTimesScalar()(x, y), mode=Mode(linker=linker(), optimizer=None))
    np.testing.assert_array_equal(f([1, 2, 3], 2), [2, 4, 6])
    np.testing.assert_array_equal(f(np.arange(10.0)[::-3], 2.0), [18, 12, 6, 0])


def test_twice_with_different_dtypes_L7344_L7439() -> None:
    """Two nodes of one op have support functions of their own; dtypes mix as stated."""
    x, y, i = tt.dvector("x"), tt.dvector("y"), tt.ivector("i")
    op = VectorTimesVector()
    f = function([x, y, i], [op(x, y), op(i, x)], mode=Mode(linker=CvmLinker(), optimizer=None))
    first, second = f([1.0, 2.0], [3.0, 4.0], np.array([5, 6], "int32"))
    np.testing.assert_array_equal(first, [3, 8])
    np.testing.assert_array_equal(second, [5, 12])
    assert second.dtype == np.float64


def test_fail_raises_with_the_node_L7180_L7418() -> None:
    """An exception set before fail reaches Python, with the node in its message."""
    x, y = tt.dvector("x"), tt.dvector("y")
    f = function([x, y], VectorTimesVector()(x, y), mode=Mode(linker=CvmLinker(), optimizer=None))
    with pytest.raises(ValueError, match=r"x.shape\[0\] == 2 and y.shape\[0\] == 3(.|\n)*VectorTimesVector"):
        f([1.0, 2.0], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(f([1.0, 2.0], [3.0, 4.0]), [3, 8])


def test_mixes_with_kernels() -> None:
    """C ops sit between native kernels."""
    x, y = tt.dvector("x"), tt.dvector("y")
    f = function([x, y], tt.exp(VectorTimesVector()(x + 1, y * 2)).sum(), mode=Mode(linker=CvmLinker(), optimizer=None))
    np.testing.assert_allclose(f([1.0, 2.0], [0.3, 0.4]), np.exp([1.2, 2.4]).sum())


def test_struct_state_lives_as_long_as_the_thunk_L9327_L9349() -> None:
    """c_init_code_struct runs once per thunk."""
    x = tt.dvector("x")
    f = function([x], Counting()(x), mode=Mode(linker=CvmLinker(), optimizer=None), on_unused_input="ignore")
    assert [int(f([1.0])) for _ in range(3)] == [41, 42, 43]


def test_threads_have_structs_of_their_own() -> None:
    """Calls at once do not disturb each other."""
    x, y = tt.dvector("x"), tt.dscalar("y")
    f = function([x, y], VectorTimesScalar()(x, y), mode=Mode(linker=CvmLinker(), optimizer=None))

    def work(k: int) -> None:
        for _ in range(50):
            np.testing.assert_array_equal(f(np.full(50, float(k)), 2.0), np.full(50, 2.0 * k))

    together(work, 8)


def test_check_input_L6542_L8957() -> None:
    """What an op does not say, the flag says: TensorType then declares and checks dtypes, or leaves it out."""
    x, y = tt.dvector("x"), tt.dscalar("y")
    node = VectorTimesScalar()(x, y).owner
    checked = module_text(node).source
    assert "typedef npy_float64 dtype_V1;" in checked
    with config.change_flags(check_input=False):
        assert "dtype_V1" not in module_text(node).source

    class Unchecked(VectorTimesScalar):
        check_input = False

    assert "dtype_V1" not in module_text(Unchecked()(x, y).owner).source


class Fibby(Op):
    """y starts as a copy of x; y[i] = y[i - 1] y[i - 2] + x[i]."""

    __props__ = ()

    def make_node(self, x):
        x_ = tt.as_tensor_variable(x)
        assert x_.ndim == 1
        return Apply(self, inputs=[x_], outputs=[x_.type()])

    def perform(self, node, inputs, output_storage):
        (x,) = inputs
        y = output_storage[0][0] = x.copy()
        for i in range(2, len(x)):
            y[i] = y[i - 1] * y[i - 2] + x[i]

    def c_code(self, node, name, inames, onames, sub):
        (x,), (y,), fail = inames, onames, sub["fail"]
        return """
        Py_XDECREF(%(y)s);
        %(y)s = (PyArrayObject*)PyArray_FromArray(%(x)s, 0, NPY_ARRAY_ENSURECOPY);
        if (!%(y)s)
            %(fail)s;
        {
            dtype_%(y)s* y = (dtype_%(y)s*)PyArray_DATA(%(y)s);
            dtype_%(x)s* x = (dtype_%(x)s*)PyArray_DATA(%(x)s);
            npy_intp stride = PyArray_STRIDES(%(x)s)[0] / (npy_intp) sizeof(*x);
            for (int i = 2; i < PyArray_DIMS(%(x)s)[0]; ++i)
                y[i] = y[i-1]*y[i-2] + x[i * stride];
        }
        """ % locals()

    def c_code_cache_version(self):
        return (1,)


def test_fibby_L7697() -> None:
    """Python and C agree, contiguous or strided; dtype_name names the elements (L7728), and the old output goes first (L7755); also where memory has gaps (L7691)."""
    x = tt.dvector("x")
    values = np.arange(1.0, 6.0)
    for linker in (CvmLinker(), PerformLinker()):
        f = function([x], Fibby()(x), mode=Mode(linker=linker, optimizer=None))
        np.testing.assert_array_equal(f(values), [1, 2, 5, 14, 75])
        np.testing.assert_array_equal(f(np.repeat(values, 3)[::3]), [1, 2, 5, 14, 75])


def test_thirty_two_threads_that_update() -> None:
    """C code between the reading and the storing of a shared value: no update is lost, every thread has its own results."""
    x, y = tt.dvector("x"), tt.dscalar("y")
    total = tensor_constructor(np.zeros(3), name="total")
    f = function([x, y], VectorTimesScalar()(x, y), updates=[(total, total + VectorTimesScalar()(x, y))], mode=Mode(CvmLinker(), None))

    def work(k: int) -> None:
        for _ in range(10):
            np.testing.assert_array_equal(f(np.full(3, float(k)), 2.0), np.full(3, 2.0 * k))

    together(work, 32)
    np.testing.assert_array_equal(total.get_value(), 10 * 2 * sum(range(32)))
