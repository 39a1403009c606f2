"""Which values a typed list takes, how they compare, and what they are in C."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Apply, Op, generic
from tcore.tensor.type import TensorType
from tcore.typed_list import TypedListType, append, length

VECTORS = TypedListType(T.dvector)


def test_values_that_fit_stay_themselves():
    value = [np.zeros(2), np.ones(3)]
    assert VECTORS.filter(value) is value
    assert VECTORS.filter(value, strict=True) is value
    assert VECTORS.filter([]) == []
    made = VECTORS.filter(([1, 2], np.ones(1, "float32")))
    assert [(element.dtype.name, element.tolist()) for element in made] == [("float64", [1, 2]), ("float64", [1])]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "takes lists of values, got 3 of int"),
        (np.ones((2, 2)), "(?s)got .* of ndarray"),
        ([[1.0], ["a"]], r"element 1 of a list for TypedList <TensorType\(float64, vector\)>: .*takes numbers"),
        ([[1.0], [[1.0]]], "element 1 of a list.*wrong number of dimensions"),
        ([np.ones(1, "complex128")], "element 0 of a list"),
    ],
)
def test_values_that_do_not_fit(value, text):
    with pytest.raises(TypeError, match=text):
        VECTORS.filter(value)


def test_strictly_lists_of_exact_values():
    for value in ((np.ones(1),), [[1.0]], [np.ones(1, "float32")]):
        assert not VECTORS.is_valid_value(value)
        with pytest.raises(TypeError):
            VECTORS.filter(value, strict=True)


def test_equality_of_types_and_of_values():
    assert TypedListType(T.dvector) == VECTORS
    assert hash(VECTORS) == hash(TypedListType(T.dvector))
    assert TypedListType(T.fvector) != VECTORS
    assert T.dvector != VECTORS
    assert str(VECTORS) == "TypedList <TensorType(float64, vector)>"
    one, other = [np.array([1.0, np.nan])], [np.array([1.0 + 1e-12, np.nan])]
    assert VECTORS.values_eq(one, [np.array([1.0, np.nan])])
    assert not VECTORS.values_eq(one, other)
    assert VECTORS.values_eq_approx(one, other)
    assert not VECTORS.values_eq(one, one * 2)
    assert not VECTORS.values_eq_approx(one, [])


def test_memory():
    array = np.zeros(4)
    assert VECTORS.may_share_memory([np.ones(2), array[1:]], [array[:2]])
    assert VECTORS.may_share_memory([[array]], array[2:])
    assert not VECTORS.may_share_memory([array[:2]], [array[2:], np.ones(1)])
    assert VECTORS.get_size(VECTORS.get_shape_info([np.zeros(3), np.zeros(2)])) == 40


def test_a_type_of_elements_is_needed():
    with pytest.raises(TypeError, match=r"takes the Type of the elements, such as tensor\.dvector, got 'dvector'"):
        TypedListType("dvector")


@pytest.mark.usefixtures("numpy_backend")
@pytest.mark.parametrize(
    ("element", "value", "wanted"),
    [
        (TypedListType(T.lscalar), [[1, 2], [3]], [[3], [1, 2], [3]]),
        (generic, ["a", 3], [3, "a", 3]),
        (tcore.scalar.float64, [1.5, 2.0], [2.0, 1.5, 2.0]),
    ],
    ids=["lists", "any", "numbers"],
)
def test_elements_of_other_types(element, value, wanted):
    x = TypedListType(element)("x")
    f = tcore.function([x], x.insert(0, x[-1]), mode="FAST_COMPILE")
    assert f(value) == wanted


@pytest.mark.usefixtures("numpy_backend")
def test_shared_lists_grow():
    """An update keeps what it appends apart from the caller's array."""
    memory = SharedVariable(type=VECTORS, value=[], name="memory", strict=False, allow_downcast=None)
    v = T.dvector("v")
    push = tcore.function([v], length(memory), updates=[(memory, append(memory, v))], mode="FAST_COMPILE")
    value = np.zeros(2)
    for k in range(3):
        value[:] = k
        assert push(value) == k
    assert [element.tolist() for element in memory.get_value()] == [[0, 0], [1, 1], [2, 2]]


def test_pickles():
    x = VECTORS("x")
    again = pickle.loads(pickle.dumps(x.append([1.0])))
    assert again.type == VECTORS
    assert type(again) is type(x)


class Counted(Op):
    """The length of a list, the references to it, and its items from the last to the first: in C alone."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [T.lscalar(), x.type()])

    def c_code(self, node, name, inputs, outputs, sub):
        (x,), (n, reversed_) = inputs, outputs
        return f"""
            Py_XDECREF({n});
            {n} = (PyArrayObject*) PyArray_SimpleNew(0, NULL, NPY_INT64);
            Py_XDECREF((PyObject*) {reversed_});
            {reversed_} = (PyListObject*) PyList_GetSlice((PyObject*) {x}, 0, Py_SIZE({x}));
            if (!{n} || !{reversed_} || PyList_Reverse((PyObject*) {reversed_})) {{ {sub["fail"]} }}
            *(npy_int64*) PyArray_DATA({n}) = Py_SIZE({x});
        """

    def c_code_cache_version(self):
        return (1,)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("cpu")
@pytest.mark.parametrize("linker", ["c", "cvm"])
def test_lists_in_C_L8865(linker):
    """A ``PyListObject``, whose count of references is what it was when the call is over."""
    assert "PyListObject* v;" in VECTORS.c_declare("v", {"fail": ""})
    x = VECTORS("x")
    f = tcore.function([x], [*Counted()(x), length(x)], mode=tcore.Mode(linker, None))
    value = [np.zeros(1), np.ones(2)]
    before = [sys.getrefcount(value), sys.getrefcount(value[0])]
    for _ in range(20):
        number, turned, again = f(value)
    assert (number, again) == (2, 2)
    assert [element.tolist() for element in turned] == [[1, 1], [0]]
    del turned
    assert [sys.getrefcount(value), sys.getrefcount(value[0])] == before
    assert isinstance(VECTORS.ttype, TensorType)
