"""Mistakes in users' C code and in the values that it is given: what the errors say."""

from __future__ import annotations

import re

import numpy as np
import pytest
from c_vectors import VectorTimesScalar, VectorTimesVector

import tcore.tensor as tt
from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore.graph import Apply, MethodNotDefined, Op, Type
from tcore_cpu.compiling.compiler import CompileError
from tcore_cpu.linkers.c import CLinker
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(objection() is not None, reason=str(objection()))


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
    assert re.fullmatch(r"of Broken.*created: .*test_mistakes\.py, line \d+, in .*: product = .*# the line that is named", told[0])


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
    with pytest.raises((TypeError, ValueError), match=rf"the_bad_one of type TensorType\(float64, vector\) was given {given}\. .*test_mistakes.py, line"):
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
    with pytest.raises(TypeError, match="expected a float\nInput y of type .* was given int. It was made at .*test_mistakes.py, line"):
        f(1.0, 2)
    assert f(1.0, 2.0) == 3.0


class Refuses(Op):
    """C code that fails at once."""

    __props__ = ()

    def make_node(self, *inputs):
        return Apply(self, [*inputs], [inputs[0].type()])

    def c_code(self, node, name, inputs, outputs, sub):
        return f'PyErr_SetString(PyExc_ValueError, "refused"); {sub["fail"]}'

    def c_code_cache_version(self):
        return (1,)


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
