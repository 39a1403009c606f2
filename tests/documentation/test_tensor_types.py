"""What the documentation promises of tensor types, of their constructors, and of Python values in expressions; its lines in the names."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import function, shared
from tcore.tensor import TensorConstant, TensorType, TensorVariable
from tcore.tensor.operators import _tensor_py_operators

FAST = "FAST_COMPILE"

# --------------------------------------------------------------------------------------------------------------- types


def test_types_make_variables_L20456():
    """Called with a name or without; values are arrays, memory maps too."""
    t = TensorType("float32", (False, True))
    assert t().name is None
    assert t("named").name == "named"
    assert t().type is t or t().type == t
    for wrong in ([[1.0]], np.ones((2, 2), "float32"), np.ones((2, 1))):
        with pytest.raises(TypeError):
            t.filter(wrong, strict=True)
    assert t.filter(np.ones((2, 1), "float32"), strict=True).shape == (2, 1)


def test_memory_maps_are_values_L20456(tmp_path):
    """A mapped file is an array."""
    np.save(tmp_path / "a.npy", np.arange(3.0))
    x = T.dvector()
    assert function([x], x.sum(), mode=FAST)(np.load(tmp_path / "a.npy", mmap_mode="r")) == 3


def test_third_argument_of_a_type_is_its_name_L20488():
    """False means none; a list of flags is as good as a tuple."""
    t = TensorType("complex64", [False, True, False], False)
    assert t == TensorType("complex64", (False, True, False))
    assert t.broadcastable == (False, True, False)


def test_types_are_equal_by_structure_L20397():
    """And then what is made with one fits into a place of the other."""
    mine = TensorType("float64", (False,) * 2)
    assert mine == T.dmatrix
    assert hash(mine) == hash(T.dmatrix)
    assert mine != T.fmatrix
    assert mine != T.drow
    x = mine("x")
    assert T.dmatrix.filter_variable(x) is x


def test_eight_dimensions_L20389():
    """The documentation's own type."""
    dtensor8 = TensorType("float64", (False,) * 8)
    z = dtensor8("z")
    assert z.ndim == 8
    assert z.name == "z"


PATTERNS = {
    "scalar": ([], ()), "one-element vector": ([True], (1,)), "one-element matrix": ([True, True], (1, 1)), "vector": ([False], (3,)),
    "matrix": ([False, False], (3, 4)), "row": ([True, False], (1, 4)), "column": ([False, True], (3, 1)),
    "Mx1xP": ([False, True, False], (3, 1, 4)), "1xNxP": ([True, False, False], (1, 3, 4)), "MxNxP": ([False, False, False], (2, 3, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns_L20460_L20466(name):
    """True holds length 1 at run time, False any."""
    flags, shape = PATTERNS[name]
    x = TensorType("float64", flags)()
    assert x.broadcastable == tuple(flags)
    assert x.ndim == len(flags)
    f = function([x], x * 2, mode=FAST)
    assert f(np.ones(shape)).shape == shape
    if any(flags):
        with pytest.raises(TypeError):
            f(np.ones([2 if flag else n for flag, n in zip(flags, shape, strict=True)]))


def test_sum_of_patterns_L20477():
    """Each axis is broadcastable where both are."""
    x, y = TensorType("float64", [False, True, False])(), TensorType("float64", [True, False, False])()
    assert (x + y).broadcastable == (False, False, False)
    assert function([x, y], x + y, mode=FAST)(np.ones((2, 1, 4)), np.ones((1, 3, 4))).shape == (2, 3, 4)


def test_ranks_are_padded_on_the_left_L20483():
    """A vector acts as a row, a matrix as 1xNxP."""
    v, m, c = T.dvector(), T.dmatrix(), T.dtensor3()
    a, b, d = np.arange(4.0), np.ones((3, 4)), np.ones((2, 3, 4))
    np.testing.assert_array_equal(function([m, v], m + v, mode=FAST)(b, a), b + a)
    np.testing.assert_array_equal(function([c, m], c * m, mode=FAST)(d, b), d * b)
    assert (T.drow() + v).broadcastable == (True, False)


def test_ndim_and_dtype_are_known_early_L20491_L20495():
    """Of all dtypes that the documentation lists."""
    for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64", "complex128"):
        t = TensorType(dtype, (False, False))
        assert (t.dtype, t.ndim) == (dtype, 2)
        assert t().dtype == dtype
    with pytest.raises(TypeError):
        TensorType("float33", ())


def test_classes_of_variables_L20521():
    """Results, constants and shared variables share their operators; a variable knows its type."""
    x = T.dvector()
    y = shared(np.zeros(2))
    c = T.constant(3.0)
    assert type(x + 1) is TensorVariable
    assert isinstance(c, TensorConstant)  # L20527
    assert isinstance(T.as_tensor_variable(np.float32(3)), TensorConstant)
    assert isinstance(y, T.TensorSharedVariable)  # L20533
    assert all(isinstance(v, _tensor_py_operators) for v in (x, y, c))  # L20539
    assert not issubclass(_tensor_py_operators, tcore.Variable)
    assert (x + 1).type == T.dvector


# -------------------------------------------------------------------------------------------------------- constructors

SHAPES = {
    "scalar": (), "vector": (False,), "row": (True, False), "col": (False, True), "matrix": (False, False),
    **{f"tensor{n}": (False,) * n for n in range(3, 8)},
}  # fmt: skip
LETTERS = {
    "b": "int8",  # L1587, L20260
    "w": "int16",  # L1588, L20276
    "i": "int32",  # L1589, L20286
    "l": "int64",  # L1590, L20296
    "d": "float64",  # L1592, L20306
    "f": "float32",  # L1591, L20322
    "c": "complex64",  # L1593, L20332
    "z": "complex128",  # L20342
}


@pytest.mark.parametrize("name", SHAPES)
def test_constructors_without_dtype_L20201(name):
    """Their dtype is floatX, or what is said; one flag changes a whole program."""
    make = getattr(T, name)
    assert make().type == TensorType(tcore.config.floatX, SHAPES[name])
    assert make("a", dtype="int16").type == TensorType("int16", SHAPES[name])
    assert make("a").name == "a"
    with tcore.config.change_flags(floatX="float32"):
        assert make().dtype == "float32"


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("name", SHAPES)
def test_constructors_with_dtype_L20249_L20259(letter, name):
    """They are types, which take an optional name; no machine has a say in their width (L1599)."""
    made = getattr(T, letter + name)
    assert isinstance(made, TensorType)
    assert made == TensorType(LETTERS[letter], SHAPES[name])
    assert made("n").name == "n"
    assert made("n").type is made


def test_three_ways_to_an_int_L20193():
    """The documentation's own."""
    for x in (T.scalar("myvar", dtype="int32"), T.iscalar("myvar"), TensorType(dtype="int32", broadcastable=())("myvar")):
        assert (x.type, x.name) == (T.iscalar, "myvar")


@pytest.mark.parametrize("letter", "ilfd")
@pytest.mark.parametrize("name", ["scalar", "vector_L20361", "row_L20365", "col_L20369", "matrix_L20373"])
def test_several_at_once_L20357_L20377(letter, name):
    """A number gives unnamed ones, texts give one each."""
    name = name.partition("_")[0]
    plural = letter + name.replace("matrix", "matrice") + "s"
    make = getattr(T, plural)
    several = make(3)
    assert len(several) == 3
    assert all(x.type == getattr(T, letter + name) and x.name is None for x in several)
    assert [x.name for x in make("x", "y", "z")] == ["x", "y", "z"]


def test_one_text_of_several_letters_L21211():
    """One variable for each letter; of floatX without a letter for the dtype."""
    assert [x.name for x in T.scalars("abcd")] == ["a", "b", "c", "d"]
    assert all(x.dtype == tcore.config.floatX for x in T.matrices(2))
    assert [x.name for x in T.dmatrices("x", "y", "z")] == ["x", "y", "z"]  # L20382
    assert [x.name for x in T.dmatrices(3)] == [None] * 3


# -------------------------------------------------------------------------------------------------------- Python values


def test_as_tensor_variable_L20440():
    """Tensors pass, other values become constants, ``ndim`` pads on the left."""
    x = T.dvector()
    assert T.as_tensor_variable(x) is x
    c = T.as_tensor_variable([[1, 2], [3, 4]])
    assert isinstance(c, TensorConstant)
    assert c.data.tolist() == [[1, 2], [3, 4]]
    assert T.as_tensor_variable(x, ndim=3).broadcastable == (True, True, False)  # L20450
    assert T.as_tensor_variable([1.0, 2.0], ndim=2).broadcastable == (True, False)
    assert T.as_tensor_variable(2.5, name="half").name == "half"


def test_shared_arrays_L20408():
    """dtype and rank come from the array, which is copied."""
    a = np.ones((2, 3), "float32")
    s = shared(a)
    assert s.type == T.fmatrix
    a[:] = 7
    assert (s.get_value() == 1).all()


def test_arrays_in_expressions_L20418_L20424_L20428():
    """They become constants, with a copy of their data, and are broadcastable where their length is 1."""
    x, a = T.dmatrix(), np.ones((1, 3), "float32")
    y = x + a
    constant = y.owner.inputs[1]
    assert isinstance(constant, TensorConstant)
    assert constant.type == TensorType("float32", (True, False))
    a[:] = 9
    np.testing.assert_array_equal(function([x], y, mode=FAST)(np.zeros((2, 3))), np.ones((2, 3)))


def test_numbers_in_expressions_L20430():
    """ints take the smallest dtype that holds them, floats float32 where that is exact; with floatX=float32 always."""
    for number, dtype in ((1, "int8"), (-128, "int8"), (128, "int16"), (40000, "int32"), (2**40, "int64"), (0.5, "float32"), (0.1, "float64")):
        assert T.constant(number).dtype == dtype
        assert T.as_tensor_variable(number).dtype == dtype
    x = T.fscalar()
    with tcore.config.change_flags(floatX="float32"):
        assert (x + 0.1).dtype == "float32"
        assert T.constant(0.1).dtype == "float32"


def test_rules_for_floats_can_be_changed_L20436():
    """``autocast_float`` takes the dtypes that are to be tried, and has the policy back afterwards."""
    with T.autocast_float_as("float32"):
        assert T.constant(1.1).dtype == "float32"
        assert T.autocast_float.dtypes == ("float32",)
    assert T.constant(1.1).dtype == "float64"
