"""C code as a step of a native program, and the C++ text of a whole graph."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest

import tcore.tensor as tt
from tcore import gof, scalar
from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore.graph import Apply, Op, Type
from tcore_cpu.linkers.c import CLinker
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.runtime.loading import runtime_kind
from tcore_cpu.user_code.modules import objection

pytestmark = pytest.mark.skipif(objection() is not None, reason=str(objection()))


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
