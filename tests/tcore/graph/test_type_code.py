"""C code of the compiler's ops by Type: what is registered is what the ops give, and what runs."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.compile.ops as ops
from tcore.graph import MethodNotDefined, Type


class Items(Type):
    """Lists, for the ops and for C; ``Shape.perform`` and the like know nothing of them."""

    ndim = 1

    def __init__(self, broadcastable=(False,)):
        self.broadcastable = tuple(broadcastable)

    def clone(self, dtype=None, broadcastable=None):
        return type(self)(self.broadcastable if broadcastable is None else broadcastable)

    def __eq__(self, other):
        return type(self) is type(other) and self.broadcastable == other.broadcastable

    def __hash__(self):
        return hash((type(self), self.broadcastable))

    def filter(self, value, strict=False, allow_downcast=None):
        return value if isinstance(value, list) else list(value)

    def c_declare(self, name, sub, check_input=True):
        return f"PyObject* {name};"

    def c_init(self, name, sub):
        return f"{name} = NULL;"

    def c_extract(self, name, sub, check_input=True):
        return f"{name} = py_{name}; Py_XINCREF({name});"

    def c_sync(self, name, sub):
        return f"Py_XDECREF(py_{name}); py_{name} = {name}; Py_XINCREF(py_{name});"

    def c_cleanup(self, name, sub):
        return f"Py_XDECREF({name});"

    def c_code_cache_version(self):
        return (1,)


class MoreItems(Items):
    """What is registered for Items serves it as well."""


SAME = "Py_XDECREF(%(oname)s); %(oname)s = %(iname)s; Py_XINCREF(%(oname)s);"
MAKE = """
Py_XDECREF(%%(oname)s);
{ npy_intp length[1] = {1};
  %%(oname)s = (PyArrayObject*)PyArray_EMPTY(%d, length, NPY_INT64, 0); }
if (!%%(oname)s) %%(fail)s
*(npy_int64*)PyArray_DATA(%%(oname)s) = PyList_GET_SIZE(%%(iname)s);
"""
SPECIFY = """
if (PyArray_DIM(%(shape)s, 0) != 1 || !tc_items_fit(%(iname)s, *(npy_int64*)PyArray_DATA(%(shape)s))) {
    PyErr_SetString(PyExc_AssertionError, "another length");
    %(fail)s
}
""" + SAME
ONE = """
if (%(axis)s != 0 || PyList_GET_SIZE(%(iname)s) != 1) { PyErr_SetString(PyExc_ValueError, "not one"); %(fail)s }
"""
SUPPORT = "static int tc_items_fit(PyObject* items, npy_int64 n) { return PyList_GET_SIZE(items) == n; }"


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for op in (ops.DeepCopyOp, ops.ViewOp, ops.Shape, ops.Shape_i, ops.SpecifyShape, ops.Rebroadcast):
        monkeypatch.setattr(op, "c_code_and_version", dict(op.c_code_and_version))
    ops.register_deep_copy_op_c_code(
        Items, "Py_XDECREF(%(oname)s); %(oname)s = PyList_GetSlice(%(iname)s, 0, PY_SSIZE_T_MAX);", version=3
    )
    ops.register_view_op_c_code(Items, SAME, version=(2, 1))
    ops.register_shape_c_code(Items, MAKE % 1, version=1)
    ops.register_shape_i_c_code(
        Items, MAKE % 0,
        'if (%(i)s > 0) { PyErr_SetString(PyExc_TypeError, "too many"); %(fail)s }', version=1,
    )  # fmt: skip
    ops.register_specify_shape_c_code(Items, SPECIFY, version=1, c_support_code_apply=SUPPORT)
    ops.register_rebroadcast_c_code(Items, ONE, version=1)


def code(op, *inputs):
    """(C text, version) of a node of ``op``."""
    node = op.make_node(*inputs)
    names = ["in", "second"][: len(node.inputs)]
    return (
        node.op.c_code(node, "node_1", names, ["out"], {"fail": "goto fail;"}),
        node.op.c_code_cache_version_apply(node),
    )


def test_texts_L12914_L12932_L12944_L12956_L12970_L9217_L9213_L9226():
    """Placeholders are filled in; the version belongs to the code. A ViewOp without code for its Type runs in Python (L9215)."""
    with pytest.raises(tcore.gof.utils.MethodNotDefined):
        code(ops.ViewOp(), tcore.graph.generic())
    x = Items()("x")
    assert code(ops.ViewOp(), x) == ("Py_XDECREF(out); out = in; Py_XINCREF(out);", (2, 1))
    assert code(ops.DeepCopyOp(), x)[1] == (3,)
    assert "PyArray_EMPTY(1, length, NPY_INT64, 0)" in code(ops.Shape(), x)[0]
    text, version = code(ops.Shape_i(0), x)
    assert text.index("if (0 > 0)") < text.index("PyArray_EMPTY(0,")
    assert "goto fail;" in text
    assert version == (1,)
    text, _ = code(ops.SpecifyShape(), x, [4])
    assert "PyArray_DATA(second)" in text
    node = ops.SpecifyShape().make_node(x, [4])
    assert node.op.c_support_code_apply(node, "node_1") == SUPPORT
    assert ops.ViewOp().c_code_cache_version() == ((f"{__name__}.Items", (2, 1)),)


def test_rebroadcast_checks_each_marked_axis_L12920():
    x = Items()("x")
    text, _ = code(ops.Rebroadcast((0, True)), x)
    assert text.count("if (0 != 0 ||") == 1
    assert "out = in;" in text
    text, _ = code(ops.Rebroadcast((0, False)), x)
    assert "not one" not in text
    assert "out = in;" in text


def test_classes_L12916():
    """The class is registered, for its subclasses too; an instance is refused, an unknown class has no code."""
    assert code(ops.ViewOp(), MoreItems()("x"))[1] == (2, 1)
    with pytest.raises(TypeError, match="for the class of a Type, got the object"):
        ops.register_shape_c_code(Items(), "")

    class Unknown(Type):
        ndim = 1

    for op in (ops.ViewOp(), ops.DeepCopyOp(), ops.Shape(), ops.Shape_i(0)):
        with pytest.raises((MethodNotDefined, NotImplementedError)):
            code(op, Unknown()("x"))


def test_unversioned_code_is_not_kept():
    """A version of ``()``, the default, anywhere makes the op's version ``()``."""
    ops.register_view_op_c_code(MoreItems, SAME)
    assert code(ops.ViewOp(), MoreItems()("x"))[1] == ()
    assert ops.ViewOp().c_code_cache_version() == ()


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
def test_registered_code_runs_L9198_L9202_L9230_L9233():
    """The linker ``c`` runs the code that was registered."""
    x = Items()("x")
    outputs = [ops.Shape()(x), ops.Shape_i(0)(x), ops.SpecifyShape()(x, [2]), x]
    f = tcore.function([x], outputs, mode=tcore.Mode("c", None))
    given = ["a", 7]
    shape, length, specified, copied = f(given)
    np.testing.assert_array_equal(shape, [2])
    assert length == 2
    assert specified == copied == given
    assert copied is not given
    assert specified is not given
    with pytest.raises(AssertionError, match="another length"):
        f(["a"])
