"""Ops with the documented C methods, run through the C-API step."""

from __future__ import annotations

import gc
import re
import sys
import threading
import warnings
from typing import Any

import numpy as np
import pytest

import tcore.tensor as tt
from tcore import gof, scalar
from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore.configuration import config
from tcore.graph import Apply, MethodNotDefined, Op, Type
from tcore.link import PerformLinker
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.sharedvar import tensor_constructor
from tcore_cpu.compiling.compiler import CompileError
from tcore_cpu.linkers.c import CLinker
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.linkers.nodes import CPyLinker
from tcore_cpu.runtime.loading import runtime_kind
from tcore_cpu.user_code.methods import module_text
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(objection() is not None, reason=str(objection()))


class VectorTimesScalar(Op):
    """The documentation's first op in C, with strides."""

    __props__ = ()

    def make_node(self, x, y):
        if x.type.ndim != 1:
            raise TypeError("x must be a 1-d vector")
        if y.type.ndim != 0:
            raise TypeError("y must be a scalar")
        return Apply(self, [x, y], [x.type()])

    def c_code_cache_version(self):
        return (1, 0)

    def c_code(self, node, name, inp, out, sub):
        x, y = inp
        (z,) = out
        dtype_x, dtype_y, dtype_z = (v.dtype for v in (*node.inputs, *node.outputs))
        itemsize_x, itemsize_z = np.dtype(dtype_x).itemsize, np.dtype(dtype_z).itemsize
        fail = sub["fail"]
        return """
        if (NULL == %(z)s || PyArray_DIMS(%(x)s)[0] != PyArray_DIMS(%(z)s)[0]) {
            Py_XDECREF(%(z)s);
            %(z)s = (PyArrayObject*)PyArray_EMPTY(1, PyArray_DIMS(%(x)s), PyArray_TYPE(%(x)s), 0);
            if (!%(z)s) { %(fail)s; }
        }
        {
            npy_%(dtype_x)s* x_data_ptr = (npy_%(dtype_x)s*)PyArray_DATA(%(x)s);
            npy_%(dtype_z)s* z_data_ptr = (npy_%(dtype_z)s*)PyArray_DATA(%(z)s);
            npy_%(dtype_y)s y_value = ((npy_%(dtype_y)s*)PyArray_DATA(%(y)s))[0];
            int x_stride = PyArray_STRIDES(%(x)s)[0] / %(itemsize_x)s;
            int z_stride = PyArray_STRIDES(%(z)s)[0] / %(itemsize_z)s;
            int x_dim = PyArray_DIMS(%(x)s)[0];
            for (int i = 0; i < x_dim; i++) {
                z_data_ptr[i * z_stride] = (x_data_ptr[i * x_stride] * y_value);
            }
        }
        """ % locals()


class VectorTimesVector(Op):
    """The documentation's second op: support code, per op and per node."""

    __props__ = ()

    def make_node(self, x, y):
        return Apply(self, [x, y], [tt.TensorType(np.promote_types(x.dtype, y.dtype).name, [False])()])

    def c_code_cache_version(self):
        return (1, 0, 2)

    def c_support_code(self):
        return """
        bool vector_same_shape(PyArrayObject* arr1, PyArrayObject* arr2) {
            return (PyArray_DIMS(arr1)[0] == PyArray_DIMS(arr2)[0]);
        }
        """

    def c_support_code_apply(self, node, name):
        dtype_x, dtype_y, dtype_z = (v.dtype for v in (*node.inputs, *node.outputs))
        return """
        void vector_elemwise_mult_%(name)s(npy_%(dtype_x)s* x_ptr, int x_str, npy_%(dtype_y)s* y_ptr, int y_str,
                                           npy_%(dtype_z)s* z_ptr, int z_str, int nbElements) {
            for (int i = 0; i < nbElements; i++)
                z_ptr[i * z_str] = x_ptr[i * x_str] * y_ptr[i * y_str];
        }
        """ % locals()

    def c_code(self, node, name, inp, out, sub):
        x, y = inp
        (z,) = out
        dtype_x, dtype_y, dtype_z = (v.dtype for v in (*node.inputs, *node.outputs))
        itemsize_x, itemsize_y, itemsize_z = (np.dtype(d).itemsize for d in (dtype_x, dtype_y, dtype_z))
        typenum_z = np.dtype(dtype_z).num
        fail = sub["fail"]
        return """
        if (!vector_same_shape(%(x)s, %(y)s)) {
            PyErr_Format(PyExc_ValueError, "Shape mismatch : x.shape[0] and y.shape[0] should match but "
                         "x.shape[0] == %%i and y.shape[0] == %%i",
                         (int) PyArray_DIMS(%(x)s)[0], (int) PyArray_DIMS(%(y)s)[0]);
            %(fail)s;
        }
        if (NULL == %(z)s || !vector_same_shape(%(x)s, %(z)s)) {
            Py_XDECREF(%(z)s);
            %(z)s = (PyArrayObject*)PyArray_EMPTY(1, PyArray_DIMS(%(x)s), %(typenum_z)s, 0);
            if (!%(z)s) { %(fail)s; }
        }
        vector_elemwise_mult_%(name)s((npy_%(dtype_x)s*)PyArray_DATA(%(x)s),
            PyArray_STRIDES(%(x)s)[0] / %(itemsize_x)s, (npy_%(dtype_y)s*)PyArray_DATA(%(y)s),
            PyArray_STRIDES(%(y)s)[0] / %(itemsize_y)s, (npy_%(dtype_z)s*)PyArray_DATA(%(z)s),
            PyArray_STRIDES(%(z)s)[0] / %(itemsize_z)s, PyArray_DIMS(%(x)s)[0]);
        """ % locals()


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
    bad = []

    def work(k: int) -> None:
        for _ in range(50):
            if not np.array_equal(f(np.full(50, float(k)), 2.0), np.full(50, 2.0 * k)):
                bad.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not bad


class Versioned(Type):
    """A C double whose text has the version that a test wants, and support code in two pieces."""

    __props__ = ("version",)

    def __init__(self, version):
        self.version = version

    def filter(self, value, strict=False, allow_downcast=None):
        return float(value)

    def c_support_code(self):
        return ["static double twice(double x) { return 2 * x; }", "/* shared */"]

    def c_code_cache_version(self):
        return self.version

    def c_declare(self, name, sub):
        return f"double {name};"

    def c_init(self, name, sub):
        return f"{name} = 0;"

    def c_extract(self, name, sub):
        return f"{name} = PyFloat_AsDouble(py_{name});"

    def c_sync(self, name, sub):
        return f"Py_XDECREF(py_{name}); py_{name} = PyFloat_FromDouble({name});"

    def c_cleanup(self, name, sub):
        return ""


class Twice(Op):
    """2 x, with the function of the type."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = -1.0

    def c_code_cache_version(self):
        return (1,)

    def c_code(self, node, name, inp, out, sub):
        if node.inputs[0].type.version == "never":
            raise MethodNotDefined("c_code")
        return f"{out[0]} = twice({inp[0]});"


def test_warning_without_version_L14046() -> None:
    """``cmodule.warn_no_version`` names the op or Type for which code is compiled in every process."""
    for version, asked in (((), False), ((3,), True)):
        with config.change_flags(**{"cmodule.warn_no_version": asked}), warnings.catch_warnings():
            warnings.simplefilter("error")
            module_text(Twice()(Versioned(version)()).owner)
    with config.change_flags(**{"cmodule.warn_no_version": True}), pytest.warns(UserWarning, match=r"in every process: Versioned.* no c_code_cache_version"):
        module_text(Twice()(Versioned(())()).owner)


def test_unversioned_types_are_not_kept_L15189() -> None:
    """A module is kept if its op and all its types have versions; pieces of support code are put in once."""
    kept, other, unkept = (module_text(Twice()(Versioned(version)()).owner) for version in ((1,), (2,), ()))
    assert kept.cached
    assert not unkept.cached
    assert len({kept.name, other.name, unkept.name}) == 3
    assert kept.source.count("/* shared */") == 1


def test_code_that_is_not_for_this_node() -> None:
    """c_code that raises MethodNotDefined leaves the node to perform."""
    mode = Mode(linker=CvmLinker(), optimizer=None)
    for version, expected in [((), 6.0), ("never", -1.0)]:
        x = Versioned(version)("x")
        assert function([x], Twice()(x), mode=mode)(3) == expected


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
    bad = []

    def work(k: int) -> None:
        for _ in range(10):
            if not np.array_equal(f(np.full(3, float(k)), 2.0), np.full(3, 2.0 * k)):
                bad.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not bad
    np.testing.assert_array_equal(total.get_value(), 10 * 2 * sum(range(32)))


def test_refused_code_shows_the_compilers_words() -> None:
    """An error in the C text is a CompileError with what the compiler said, the op among others of its module, and the line that built it."""

    class Broken(VectorTimesScalar):
        def c_code(self, node, name, inp, out, sub):
            return "this is no C;"

    x, y = tt.dvector("x"), tt.dscalar("y")
    with pytest.raises(CompileError, match="refused an op's C code(.|\n)*error"):
        function([x, y], Broken()(x, y), mode=Mode(linker=CvmLinker(), optimizer=None))
    product = VectorTimesScalar()(Broken()(x, y), y)  # the line that is named
    with pytest.raises(CompileError) as caught:
        function([x, y], product, mode=Mode(linker="c", optimizer=None))
    told = [line for line in str(caught.value).splitlines() if line.startswith("of ")]
    assert len(told) == 1
    assert re.fullmatch(r"of Broken.*created: .*test_user_code\.py, line \d+, in .*: product = .*# the line that is named", told[0])


class Throws(Op):
    """Code that leaves by a C++ exception, where Python's lock may not be held; ``cleanup``: with c_code_cleanup."""

    __props__ = ("thrown", "cleanup", "unlocked", "where")

    def __init__(self, thrown: str, *, cleanup: bool = False, unlocked: bool = False, where: str = "code") -> None:
        self.thrown, self.cleanup, self.unlocked, self.where = thrown, cleanup, unlocked, where

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_headers(self):
        return ["<stdexcept>"]

    def _throw(self, place: str) -> str:
        return f"throw {self.thrown};" if self.where == place else ""

    def c_init_code_struct(self, node, name, sub):
        return self._throw("struct")

    def c_code(self, node, name, inputs, outputs, sub):
        begin, end = ("Py_BEGIN_ALLOW_THREADS", "Py_END_ALLOW_THREADS") if self.unlocked else ("", "")
        return f"{begin} {self._throw('code')} {end} Py_XDECREF({outputs[0]}); {outputs[0]} = {inputs[0]}; Py_INCREF({inputs[0]});"

    def c_code_cleanup(self, node, name, inputs, outputs, sub):
        return "(void) 0;" if self.cleanup else ""


@pytest.mark.parametrize(
    ("op", "error", "says"),
    [
        (Throws('std::runtime_error("too wide")'), RuntimeError, "C\\+\\+: too wide"),
        (Throws("5", cleanup=True), RuntimeError, "no std::exception"),
        (Throws("std::bad_alloc()", unlocked=True), MemoryError, None),
        (Throws('std::runtime_error("not built")', where="struct"), RuntimeError, "not built"),
    ],
    ids=["std", "cleanup", "without the GIL", "struct"],
)
def test_exceptions_of_cpp_are_raised(op, error, says) -> None:
    """An exception that leaves an op's code is one of Python; it ended the process."""
    x = tt.dvector("x")
    with pytest.raises(error, match=says) as caught:
        function([x], op(x))(np.zeros(2))
    if op.where == "code":
        assert "Apply node that caused the error: Throws" in str(caught.value)


class Returns(Op):
    """An op that makes something else than it promised: by C code, or by perform."""

    __props__ = ("made",)

    def __init__(self, made: str) -> None:
        self.made = made

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code(self, node, name, inputs, outputs, sub):
        if self.made == "perform":
            raise MethodNotDefined("c_code", type(self), type(self).__name__)
        wrong = {"nothing": "NULL", "float32": f"(PyArrayObject*) PyArray_ZEROS(1, PyArray_DIMS({inputs[0]}), NPY_FLOAT32, 0)"}
        return f"Py_XDECREF({outputs[0]}); {outputs[0]} = {wrong[self.made]};"

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = np.zeros((2, 2))


@pytest.mark.parametrize(
    ("made", "says"),
    [("nothing", "made None where"), ("float32", "1 dimensions and dtype.'float32'. where one of 1"), ("perform", "array of 2 dimensions .* where one of 1")],
)
def test_results_of_another_type_name_the_node(made, says) -> None:
    """An output that is not of its Type is an error with the node and the user's line."""
    x = tt.dvector("x")
    with pytest.raises(TypeError, match=says) as caught:
        function([x], tt.exp(Returns(made)(x)), mode=Mode(CvmLinker()))(np.zeros(2))
    assert "Apply node that caused the error: Returns" in str(caught.value)


@pytest.mark.parametrize("linker", ["c", "cvm", "c|py", "fallback"])
@pytest.mark.parametrize("value", [np.zeros((2, 2)), None, "text"], ids=["matrix", "None", "text"])
def test_inputs_that_cannot_be_read_are_named(linker, value, monkeypatch) -> None:
    """The error of a value that is none of its Type names the variable, its type, what came, and the user's line."""
    if linker == "fallback":
        monkeypatch.setattr("tcore_cpu.user_code.steps.runtime", lambda: None)
    x, y = tt.dvector("x"), tt.dvector("the_bad_one")
    f = function([x, y], VectorTimesVector()(x, VectorTimesScalar()(y, tt.constant(2.0)) + 1), mode=Mode({"fallback": "cvm"}.get(linker, linker)))
    f.trust_input = True
    given = r"ndarray of dtype float64 and shape \(2, 2\)" if isinstance(value, np.ndarray) else type(value).__name__
    with pytest.raises((TypeError, ValueError), match=rf"the_bad_one of type TensorType\(float64, vector\) was given {given}\. .*test_user_code.py, line"):
        f(np.zeros(2), value)
    assert f(np.ones(2), np.ones(2)).tolist() == [3.0, 3.0]


class Picky(Type):
    """Any object for Python; in C only numbers."""

    def filter(self, value, strict=False, allow_downcast=None):
        return value

    def c_declare(self, name, sub, check_input=True):
        return f"double {name};"

    def c_init(self, name, sub):
        return f"{name} = 0;"

    def c_extract(self, name, sub, check_input=True):
        return f'if (!PyFloat_Check(py_{name})) {{ PyErr_SetString(PyExc_TypeError, "expected a float"); {sub["fail"]} }} {name} = PyFloat_AsDouble(py_{name});'

    def c_sync(self, name, sub):
        return f"Py_XDECREF(py_{name}); py_{name} = PyFloat_FromDouble({name});"

    def c_cleanup(self, name, sub):
        return ""

    def c_code_cache_version(self):
        return (1,)


class Added(Op):
    """The sum of two picky values, in C."""

    __props__ = ()

    def make_node(self, x, y):
        return Apply(self, [x, y], [Picky()()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]} + {inputs[1]};"

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("linker", ["c", "cvm", "c|py"])
def test_values_that_c_extract_refuses_are_named(linker) -> None:
    """Also those of Types with a C side of their own, whose filter lets them pass."""
    x, y = Picky()("x"), Picky()("y")
    f = function([x, y], Added()(x, y), mode=Mode(linker))
    with pytest.raises(TypeError, match="expected a float\nInput y of type .* was given int. It was made at .*test_user_code.py, line"):
        f(1.0, 2)
    assert f(1.0, 2.0) == 3.0


@pytest.mark.parametrize("fails", ["own code", "a kernel"])
def test_errors_in_a_block_show_what_the_node_read(fails) -> None:
    """Shapes, strides and scalar values of values that exist in C only, as all linkers show them."""
    x, y, s = tt.dvector("x"), tt.fvector("y"), tt.dscalar("s")
    product = VectorTimesVector()(VectorTimesScalar()(x, s), tt.exp(y))
    out = product if fails == "own code" else VectorTimesScalar()(tt.exp(x) + VectorTimesScalar()(tt.exp(y), s), s)
    f = function([x, y, s], out, mode=Mode(linker=CLinker(), optimizer=None))
    with pytest.raises(ValueError, match="(?i)mis-?match") as caught:
        f(np.arange(2.0), np.zeros(3, "float32"), 2.5)
    text = str(caught.value)
    assert text.count("Apply node that caused the error") == 1
    assert "Inputs shapes: [(2,), (3,)]" in text
    assert "Inputs strides: [(8,), (4,)]" in text
    with pytest.raises(ValueError, match="Inputs scalar values: .*2.5"):
        function([x, s], [Refuses()(x, s * 2.5), Refuses()(x, s)], mode=Mode(linker=CLinker(), optimizer=None))(np.zeros(1), 1.0)


class Refuses(Op):
    """C code that fails at once."""

    __props__ = ()

    def make_node(self, *inputs):
        return Apply(self, [*inputs], [inputs[0].type()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f'PyErr_SetString(PyExc_ValueError, "refused"); {sub["fail"]}'

    def c_code_cache_version(self):
        return (1,)


class Accumulates(Op):
    """The sum of two inputs, a vector and a number, and how often this struct was run; counts the structs that are there."""

    __props__ = ()

    def make_node(self, x, y):
        return Apply(self, [x, y], [x.type(), tt.lscalar()])

    def c_support_code(self):
        return "static long structs_now = 0;"

    def c_support_code_struct(self, node, name):
        return f"long runs_{name};"

    def c_init_code_struct(self, node, name, sub):
        return f"runs_{name} = 0; structs_now++;"

    def c_cleanup_code_struct(self, node, name):
        return "structs_now--;"

    def c_code(self, node, name, inputs, outputs, sub):
        (x, y), (z, count) = inputs, outputs
        return f"""
        if ({y} < 0) {{ PyErr_SetString(PyExc_ValueError, "negative"); {sub["fail"]} }}
        {z} = (PyArrayObject*) PyNumber_Add((PyObject*) {x}, (PyObject*) {x});
        if ({z}) *(double*) PyArray_DATA({z}) += {y};
        if ({count} == NULL) {count} = (PyArrayObject*) PyArray_ZEROS(0, NULL, NPY_INT64, 0);
        *(npy_int64*) PyArray_DATA({count}) = 100 * structs_now + ++runs_{name};
        """

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.skipif(runtime_kind() != "extension", reason="the cffi form calls steps from Python")
def test_steps_of_the_program_are_native() -> None:
    """Between kernels, C code is called without Python: with numbers, errors, and a struct for each call in progress."""
    x, y = tt.dvector("x"), scalar.float64("y")
    total, count = Accumulates()(x, y)
    f = function([x, y], [tt.exp(total), count], mode=Mode(linker=CvmLinker(), optimizer=None))
    (step,) = f.maker.linker._linked.draft.steps
    np.testing.assert_allclose(f(np.zeros(2), 1.0)[0], [np.e, 1.0])
    calls: list[str] = []

    def watch(frame: Any, event: str, arg: Any) -> None:
        calls.append(frame.f_code.co_filename)

    sys.setprofile(watch)
    try:
        f(np.zeros(2), 1.0)
    finally:
        sys.setprofile(None)
    assert not [name for name in calls if name.endswith(("user_code/steps.py", "user_code/modules.py", "python_steps.py"))]
    with pytest.raises(ValueError, match="negative\nApply node that caused the error: Accumulates.*\n.*\n.*\nInputs shapes: .*\\(2,\\)"):
        f(np.zeros(2), -1.0)
    assert f(np.zeros(2), 1.0)[1] == 103
    g = function([x, y], count, mode=Mode(linker=CvmLinker(), optimizer=None))
    assert g(np.zeros(2), 1.0) == 201
    del f, step
    gc.collect()
    assert g(np.zeros(2), 1.0) == 102


def test_code_gen_shows_the_block() -> None:
    """The text of a graph: formulas of built-in ops, a loop for Elemwise, a call for what is a kernel alone."""
    x, y, v = scalar.float64("x"), scalar.float64("y"), tt.dvector("v")
    text = gof.CLinker().accept(gof.FunctionGraph([x, y], [x * y + x])).code_gen()
    assert "V5 = V1 * V3;" in text
    assert "V7 = V5 + V1;" in text
    text = gof.CLinker().accept(gof.FunctionGraph([v], [tt.cumsum(tt.exp(v))])).code_gen()
    assert "= exp(" in text
    assert text.count("PyObject_Vectorcall(") == 1


class Measured(Type):
    """A float with its square beside it: two C variables, one of them a struct."""

    def filter(self, value, strict=False, allow_downcast=None):
        return float(value)

    def c_declare(self, name, sub, check_input=True):
        return f"struct {{ double value; int steps; }} {name};\ndouble {name}_square;"

    def c_init(self, name, sub):
        return f"{name}.value = {name}.steps = 0; {name}_square = 0;"

    def c_extract(self, name, sub, check_input=True):
        return f"{name}.value = PyFloat_AsDouble(py_{name}); {name}.steps = 0; {name}_square = {name}.value * {name}.value;"

    def c_sync(self, name, sub):
        return f"Py_XDECREF(py_{name}); py_{name} = PyFloat_FromDouble(1000 * {name}.steps + {name}_square);"

    def c_cleanup(self, name, sub):
        return ""

    def c_code_cache_version(self):
        return (1,)


class Step(Op):
    """One more; ``limit``: raises from there on, or throws where it is negative."""

    __props__ = ("limit",)

    def __init__(self, limit):
        self.limit = limit

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (z,) = inputs, outputs
        return f"""
            {z}.value = {x}.value + 1;
            {z}.steps = {x}.steps + 1;
            {z}_square = {z}.value * {z}.value;
            if ({self.limit} < 0 && {z}.value > {-self.limit}) throw std::runtime_error("thrown");
            if ({self.limit} > 0 && {z}.value > {self.limit}) {{ PyErr_SetString(PyExc_ValueError, "too far"); {sub["fail"]} }}
        """

    def c_headers(self):
        return ["<stdexcept>"]

    def c_code_cache_version(self):
        return (1,)


def test_each_node_of_a_block_is_a_function() -> None:
    """The compiler's time grows with the number of nodes, not with its square; whatever a Type declares goes along."""
    x = Measured()("x")
    z = Step(-20)(Step(10)(Step(0)(x)))
    assert gof.CLinker().accept(gof.FunctionGraph([x], [z])).code_gen().count("[&]() __attribute__((noinline))") > 3
    f = function([x], z, mode=Mode(linker=CLinker(), optimizer=None))
    assert f(1.0) == 3016
    with pytest.raises(ValueError, match=r"too far\nApply node that caused the error: Step"):
        f(9.0)
    thrown = function([x], Step(0)(Step(-5)(Step(0)(x))), mode=Mode(linker=CLinker(), optimizer=None))
    with pytest.raises(RuntimeError, match="thrown\nApply node that caused the error: Step"):
        thrown(4.0)
    assert thrown(1.0) == 3016
