"""What the documentation says of the methods of C ops and of the C side of Types, one by one; its lines in the names."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import gof, scalar
from tcore.codegen.facts import node_facts
from tcore.codegen.tables import lowering_table
from tcore.gof import Apply, Op
from tcore.gof.type import CDataType, Generic
from tcore.graph.c_interface import ask
from tcore_cpu.compiling.compiler import CompileError

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("cpu")]

C = tcore.Mode("c", None)


class Told(Op):
    """Notes what its methods are told; the result counts the struct's runs."""

    __props__ = ("tag",)
    params_type = scalar.Scalar("int64")
    log: list[tuple[str, object]] = []

    def __init__(self, tag, number=None):
        self.tag, self.number = tag, number

    def get_params(self, node):
        return self.number

    def make_node(self, x, y):
        return Apply(self, [x, y], [x.type()])

    def c_headers(self, c_compiler=None):
        self.log.append(("c_headers", c_compiler))
        return ["<math.h>"]

    def c_init_code_struct(self, node, name, sub):
        self.log.append(("struct", dict(sub)))
        return f"made_{name} = {sub['params']};" if self.number is not None else f"made_{name} = 0;"

    def c_support_code_struct(self, node, name):
        return f"npy_int64 made_{name};"

    def c_code(self, node, name, inputs, outputs, sub):
        self.log.append(("c_code", (node, name, list(inputs), list(outputs), dict(sub))))
        (x, y), (z,) = inputs, outputs
        number = sub.get("params", "0")
        return f"""
            if (PyArray_NDIM({y}) != {node.inputs[1].type.ndim}) {{ PyErr_SetString(PyExc_ValueError, "axes"); {sub["fail"]} }}
            {{ /* what is declared behind a fail, in braces */
            npy_{node.outputs[0].dtype} tc_first = *(npy_{node.inputs[0].dtype}*) PyArray_DATA({x});
            if (tc_first < 0) {{ PyErr_Format(PyExc_ValueError, "%d is negative", (int) tc_first); {sub["fail"]} }}
            npy_intp tc_other = PyArray_DIMS({y})[0];
            Py_XDECREF({z});
            {z} = (PyArrayObject*) PyArray_NewCopy({x}, NPY_CORDER);
            *(npy_{node.outputs[0].dtype}*) PyArray_DATA({z}) = tc_first + tc_other + {number} + 100 * made_{name};
            }}
        """

    def c_code_cache_version(self):
        return (3, self.tag, self.number is None)


@pytest.fixture(autouse=True)
def log():
    Told.log.clear()
    return Told.log


def test_four_methods_L7168():
    """The most used methods are there on every Op, and what is not defined says so."""
    op = Op()
    for name, arguments in (("c_code", (None, "n", [], [], {})), ("c_support_code", ()), ("c_support_code_apply", (None, "n"))):
        with pytest.raises(gof.utils.MethodNotDefined, match=name):
            getattr(op, name)(*arguments)
    assert op.c_code_cache_version() == ()


def test_what_c_code_is_told_L7176_L7258_L7278_L9395_L9397(log):
    """The node with dtypes and ranks; names of variables as their Types' c_declare got them, one for each, in order."""
    x, y = T.fvector("x"), T.dmatrix("y")
    f = tcore.function([x, y], Told("names")(x, y), mode=C)
    np.testing.assert_array_equal(f(np.float32([1, 2]), np.zeros((3, 4))), [4, 2])
    node, name, inputs, outputs, _ = next(told for kind, told in log if kind == "c_code")
    assert name.isidentifier()
    assert [v.dtype for v in (*node.inputs, *node.outputs)] == ["float32", "float64", "float32"]
    assert [v.type.ndim for v in node.inputs] == [1, 2]
    assert (len(inputs), len(outputs)) == (2, 1)
    assert len({*inputs, *outputs}) == 3
    text = gof.CLinker().accept(f.maker.fgraph).code_gen()
    for name in (*inputs, *outputs):
        assert f"PyArrayObject* {name};" in text


def test_fail_jumps_over_declarations_L7241_L7421():
    """Declarations behind a fail stand in braces of their own; integers of NumPy are cast for PyErr_Format."""
    x, y = T.dvector("x"), T.dvector("y")
    f = tcore.function([x, y], Told("braces")(x, y), mode=C)
    with pytest.raises(ValueError, match="-3 is negative"):
        f([-3.0], [1.0])
    assert f([1.0], [1.0]) == [2.0]


def test_params_L9267_L9381(log):
    """``sub["params"]`` is there for a node whose get_params gives something, in struct code, too; for None it is not."""
    x, y = T.dvector("x"), T.dvector("y")
    assert tcore.function([x, y], Told("with", 7)(x, y), mode=C)([1.0], [1.0]) == [1 + 1 + 7 + 700]
    assert all("params" in (told[-1] if kind == "c_code" else told) for kind, told in log if kind != "c_headers")
    log.clear()
    assert tcore.function([x, y], Told("without")(x, y), mode=C)([1.0], [1.0]) == [2]
    assert not any("params" in (told[-1] if kind == "c_code" else told) for kind, told in log if kind != "c_headers")

    class NoType(Told):
        params_type = None

    with pytest.raises(TypeError, match="NoType.get_params gives 7, but the op has no params_type"):
        tcore.function([x, y], NoType("no type", 7)(x, y), mode=C)


def test_surroundings_are_the_ops_L9281_L9315(log):
    """Headers and the like are asked of the op with the compiler, as often as needed, and not of the node."""
    x, y = T.dvector("x"), T.dvector("y")
    op = Told("twice")
    np.testing.assert_array_equal(tcore.function([x, y], op(op(x, y), y), mode=C)([1.0], [1.0, 2.0]), [5])
    asked = [told for kind, told in log if kind == "c_headers"]
    assert asked
    assert all(isinstance(told, str) for told in asked)


class Plain(Op):
    """An op of the texts that a test needs: of its code, of its struct's constructor, and at global scope."""

    __props__ = ("code", "init", "support", "apply", "struct")

    def __init__(self, code, init="", support="", apply="", struct="", outputs=1):
        self.code, self.init, self.support, self.apply, self.struct, self.outputs = code, init, support, apply, struct, outputs

    def make_node(self, x):
        return Apply(self, [scalar.as_scalar(x)], [scalar.float64() for _ in range(self.outputs)])

    def c_support_code(self):
        return self.support

    def c_support_code_apply(self, node, name):
        return self.apply % {"name": name}

    def c_support_code_struct(self, node, name):
        return self.struct % {"name": name}

    def c_init_code_struct(self, node, name, sub):
        return self.init % {"name": name, "fail": sub["fail"]}

    def c_code(self, node, name, inputs, outputs, sub):
        return self.code % {"x": inputs[0], "z": outputs[0], "last": outputs[-1], "fail": sub["fail"], "name": name}

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("linker", ["c", "cvm"])
def test_errors_by_name_L7182_L7190_L7189(linker):
    """PyErr_Format with a text, and with arguments, whose percent signs are doubled in text that Python formats."""
    x = scalar.float64("x")
    plain = Plain('if (%(x)s < 0) { PyErr_Format(PyExc_ValueError, "X does not have the right value"); %(fail)s; } %(z)s = %(x)s;')
    tailored = Plain('if (%(x)s <= 0) { PyErr_Format(PyExc_ValueError, "X==%%i but it should be greater than %%s", (int) %(x)s, "0"); %(fail)s; } %(z)s = %(x)s;')
    f = tcore.function([x], tailored(plain(x)), mode=tcore.Mode(linker, None))
    assert f(2.0) == 2.0
    with pytest.raises(ValueError, match="X does not have the right value"):
        f(-1.0)
    with pytest.raises(ValueError, match="X==0 but it should be greater than 0"):
        f(0.0)


def test_outputs_are_set_directly_L9421_L7199():
    """Each variable of several outputs; a return statement, which would leave the results and cleanups out, is refused with the remedy."""
    x = scalar.float64("x")
    assert tcore.function([x], Plain("%(z)s = 2 * %(x)s; %(last)s = -%(x)s;", outputs=2)(x, return_list=True), mode=C)(3.0) == [6, -3]
    alone, among_others, at_birth = Plain("%(z)s = %(x)s; return;"), Plain("%(z)s = %(x)s; return 0;"), Plain("%(z)s = 1;", init="return 0;")
    following = Plain("%(z)s = %(x)s + 1;")
    for expression in (alone(x), following(alone(x)), following(among_others(x)), at_birth(x)):
        with pytest.raises(CompileError, match=r"(?s)refused an op's C code:.*\nof Plain.*test_c_interface.*HINT: .*leaves by sub\['fail'\], never by return"):
            tcore.function([x], expression, mode=C)
    inner = Plain("%(z)s = [](double v) { return v + 1; }(%(x)s);")  # functions in the code may
    assert tcore.function([x], inner(x), mode=C)(3.0) == 4


def test_what_may_not_stand_in_a_struct_L9353():
    """Code that belongs to global scope, as kernels of CUDA do, stands in the support code of op or node and is called from that of the struct."""
    x = scalar.float64("x")
    general = "template <int K> static double times(double v) { return K * v; }\n"
    special = "template <> double times<%(number)d>(double v) { return 100 + v; }\n"  # C++ takes it outside of structs alone
    struct = "double called_%(name)s(double v) { return times<3>(v) + times<5>(v); }"
    op = Plain("%(z)s = called_%(name)s(%(x)s);", support=general + special % {"number": 3}, apply=special % {"number": 5}, struct=struct)
    assert tcore.function([x], op(x), mode=C)(1.0) == 202
    misplaced = Plain("%(z)s = %(x)s;", struct=f"{general}template <> void nowhere<3>();")
    with pytest.raises(CompileError, match="of Plain"):
        tcore.function([x], misplaced(x), mode=C)


class Layout(Op):
    """Flags and strides of a matrix, and the sum of its elements in the order of rows, by strides that are constant along an axis."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [T.lvector(), T.dvector()])

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (seen, rows) = inputs, outputs
        return f"""
        npy_intp four = 4, size = PyArray_SIZE({x});
        Py_XDECREF({seen}); Py_XDECREF({rows});
        {seen} = (PyArrayObject*) PyArray_EMPTY(1, &four, NPY_INT64, 0);
        {rows} = (PyArrayObject*) PyArray_EMPTY(1, &size, NPY_FLOAT64, 0);
        if (!{seen} || !{rows}) {{ {sub["fail"]} }}
        {{
            npy_int64* told = (npy_int64*) PyArray_DATA({seen});
            told[0] = PyArray_CHKFLAGS({x}, NPY_ARRAY_C_CONTIGUOUS); told[1] = PyArray_CHKFLAGS({x}, NPY_ARRAY_F_CONTIGUOUS);
            told[2] = PyArray_STRIDES({x})[0]; told[3] = PyArray_STRIDES({x})[1];
            double* out = (double*) PyArray_DATA({rows});
            for (npy_intp i = 0; i < PyArray_DIMS({x})[0]; i++) for (npy_intp j = 0; j < PyArray_DIMS({x})[1]; j++)
                *out++ = *(double*) ((char*) PyArray_DATA({x}) + i * told[2] + j * told[3]);
        }}
        """

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("linker", ["c", "cvm"])
def test_layouts_L7074_L7083(linker):
    """Op code is given arrays as they lie, in order of rows, of columns, or with gaps; and built-in ops take all of them, from users and from ops."""
    x = T.dmatrix("x")
    turned = x[::-1, ::2].T
    built_in = [x + 1, x.sum(0), T.dot(x, x.T), T.exp(turned), turned.max(1), x.reshape((6,)), T.concatenate([x, x], 1), T.cumsum(x, 0), x[:, [0, -1]], T.sort(x, 0)]
    f = tcore.function([x], [*Layout()(x), *Layout()(turned), *built_in], mode=tcore.Mode(linker, None))
    value = np.array([[1.0, 2, 3], [4, 5, 6]])
    for given in (value, np.asfortranarray(value), np.repeat(value, 2, axis=1)[:, ::2], value[::-1, ::-1].copy()[::-1, ::-1]):
        seen, rows, seen_turned, rows_turned, *results = f(given)
        view = given[::-1, ::2].T
        for array, told, elements in ((given, seen, rows), (view, seen_turned, rows_turned)):
            assert tuple(told) == (array.flags.c_contiguous, array.flags.f_contiguous, *array.strides)
            np.testing.assert_array_equal(elements, array.ravel())
        wanted = [given + 1, given.sum(0), given @ given.T, np.exp(view), view.max(1), given.reshape(6), np.hstack([given] * 2), given.cumsum(0), given[:, [0, -1]], np.sort(given, 0)]
        for got, expected in zip(results, wanted, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-15)


class Marked(gof.Type):
    """A number that is extracted with the help of everything that may surround a Type's code."""

    def filter(self, value, strict=False, allow_downcast=None):
        return float(value)

    def c_support_code(self):
        return ["static double tc_marks[1];", "#ifndef TC_MARK\n#error the flag is missing\n#endif"]

    def c_init_code(self):
        return ["tc_marks[0] = 10;"]

    def c_compile_args(self, c_compiler):
        assert isinstance(c_compiler, str)
        return ["-DTC_MARK=5", "-DTC_UNWANTED"]

    def c_no_compile_args(self):
        return ["-DTC_UNWANTED"]

    def c_declare(self, name, sub, check_input=True):
        return "double %(name)s;" % dict(sub, name=name)

    def c_init(self, name, sub):
        return "%(name)s = 0;" % dict(sub, name=name)

    def c_extract(self, name, sub, check_input=True):
        return """
        if (!PyFloat_Check(py_%(name)s)) { PyErr_SetString(PyExc_TypeError, "expected a float"); %(fail)s }
        %(name)s = PyFloat_AsDouble(py_%(name)s) + tc_marks[0] + TC_MARK;
        #ifdef TC_UNWANTED
        %(name)s = -1;
        #endif
        """ % dict(sub, name=name)

    def c_sync(self, name, sub):
        return "Py_XDECREF(py_%(name)s); py_%(name)s = PyFloat_FromDouble(%(name)s); if (!py_%(name)s) %(fail)s" % dict(sub, name=name)

    def c_cleanup(self, name, sub):
        return ""

    def c_code_cache_version(self):
        return (1, 2)


class Sum(Op):
    """Of two marked numbers."""

    __props__ = ()

    def make_node(self, x, y):
        return Apply(self, [x, y], [Marked()()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f"{outputs[0]} = {inputs[0]} + {inputs[1]};"

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.parametrize("linker", ["c", "cvm", "c|py"])
def test_surroundings_of_types_L8877_L8923_L8933_L8937_L8945_L8955(linker):
    """A Type's flags, those that it takes away, support and init code; ``sub`` is a dict, to be merged and formatted with."""
    x, y = Marked()("x"), Marked()("y")
    f = tcore.function([x, y], Sum()(x, y), mode=tcore.Mode(linker, None))
    assert f(1.0, 2.0) == 1 + 2 + 2 * 15
    value = 1234.5
    before = sys.getrefcount(value)
    for _ in range(20):
        f(value, value)
    assert sys.getrefcount(value) == before


def test_types_and_their_c_types_L8864_L8868_L8869():
    """Of tensors, of Python objects, and of what stands for a C type."""
    sub = {"fail": ""}
    assert "PyArrayObject* v;" in T.dvector.c_declare("v", sub)
    assert "PyObject* v;" in Generic().c_declare("v", sub)
    assert "FILE* v;" in CDataType("FILE*").c_declare("v", sub)
    assert ask(T.TensorType("int8", ()), "c_headers") == ["<numpy/arrayobject.h>"]


def test_upcast_and_types_L7361_L7360():
    """Names of dtypes in, the name of the common one out; a TensorType from a list makes variables without a name."""
    assert tcore.scalar.upcast("int32", "float64") == "float64"
    assert tcore.scalar.upcast("int8", "uint8") == "int16"
    assert tcore.scalar.upcast("float32", "float32") == "float32"
    variable = T.TensorType(dtype="float32", broadcastable=[False])()
    assert variable.name is None
    assert variable.type == T.fvector


def test_blas_wherever_possible_L6309():
    """Products of vectors and matrices are calls of BLAS, so that one with threads makes them parallel."""
    m, n, v, w, s = T.dmatrix("m"), T.dmatrix("n"), T.dvector("v"), T.dvector("w"), T.dscalar("s")
    for product in (T.dot(m, n), T.dot(m, v), T.dot(v, m), m + s * T.outer(v, w), T.dot(v, w), m * 0.5 + s * T.dot(m, n)):
        f = tcore.function([m, n, v, w, s], product, on_unused_input="ignore", mode="FAST_RUN")
        assert "BLAS" in str(f.explain())


def test_costly_functions_gain_at_smaller_sizes_L6330():
    """What a kernel costs decides whether threads are worth it: an exponential counts for more than an addition."""
    x = T.dvector("x")
    costs = []
    for expression in (T.exp(x), x + x):
        (node,) = tcore.function([x], expression, mode="FAST_RUN").maker.fgraph.apply_nodes
        costs.append(node_facts(node, lowering_table([node])).operations)
    assert costs[0] > 3 * costs[1]


class Counted(Op):
    """The references of a Python object, those of a second look at it, and whether it is of the type of another."""

    __props__ = ()

    def make_node(self, x, y):
        x, y = (v if isinstance(v, gof.Variable) else gof.Constant(gof.generic, v) for v in (x, y))
        return Apply(self, [x, y], [T.lvector()])

    def c_code(self, node, name, inputs, outputs, sub):
        (x, y), (z,) = inputs, outputs
        return f"""
            npy_intp length = 3;
            Py_XDECREF({z});
            {z} = (PyArrayObject*) PyArray_EMPTY(1, &length, NPY_INT64, 0);
            if (!{z}) {{ {sub["fail"]} }}
            {{
            npy_int64* seen = (npy_int64*) PyArray_DATA({z});
            seen[0] = Py_REFCNT({x});
            Py_XINCREF({x});
            seen[1] = Py_REFCNT({x});
            Py_XDECREF({x});
            Py_XDECREF((PyObject*) NULL);
            seen[2] = Py_TYPE({x}) == Py_TYPE({y});
            }}
        """

    def c_code_cache_version(self):
        return (1,)


def test_python_objects_in_c_L7030_L7044():
    """They are Python's own, with its type and its count of references, which is what it was when the call is over."""
    x, y = gof.generic("x"), gof.generic("y")
    f = tcore.function([x, y], Counted()(x, y), mode=C)
    value, other = ["a"], ["b"]
    before = sys.getrefcount(value)
    first, second, same = f(value, other)
    assert (second - first, same) == (1, 1)
    assert first >= before - 1
    assert f(value, {})[2] == 0
    assert sys.getrefcount(value) == before


def test_scipy_is_imported_when_it_is_needed_L8748_L8760():
    """Ops on SciPy exist, and graphs are built of them, without it being imported."""
    program = """
import sys
sys.modules["scipy"] = None
import tcore, tcore.tensor as T
from tcore.tensor import slinalg
m = T.dmatrix("m")
for op in (slinalg.Cholesky(), slinalg.Solve()):
    print(op.make_node(*[m] * (1 + (type(op).__name__ == "Solve"))).outputs[0].type)
"""
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["TensorType(float64, matrix)"] * 2
