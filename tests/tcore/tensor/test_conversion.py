"""Values into constants and variables."""

import numpy as np
import pytest

import tcore.tensor as T
from tcore import scalar
from tcore.configuration import config
from tcore.tensor.conversion import AsTensorError, autocast_float_as


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (0, "int8"),
        (1, "int8"),
        (-128, "int8"),
        (128, "int16"),
        (1000, "int16"),
        (40000, "int32"),
        (2**40, "int64"),
        (2**63, "uint64"),
        (0.5, "float32"),
        (0.1, "float64"),
        (float("nan"), "float32"),
        (float("inf"), "float32"),
        (1e300, "float64"),
        (1j, "complex128"),
        (np.float64(0.5), "float64"),
        (np.int64(1), "int64"),
        (np.bool_(True), "bool"),
        ([1, 2], "int64"),
        ([1.0], "float64"),
        (np.zeros(2, "int8"), "int8"),
    ],
)
def test_dtypes_of_constants(value, dtype):
    """Python numbers get the smallest dtype that holds them; arrays and lists keep NumPy's."""
    assert T.constant(value).dtype == dtype
    assert T.as_tensor_variable(value).dtype == dtype


def test_floatx_float32_L13361():
    """With floatX float32 every Python float is float32."""
    with config.change_flags(floatX="float32"):
        assert T.constant(0.1).dtype == "float32"
        assert (T.fvector() * 0.1).dtype == "float32"
    assert (T.fvector() * 0.1).dtype == "float64"
    assert (T.fvector() * 0.5).dtype == "float32"
    assert (T.ivector() * T.fscalar()).dtype == "float64"
    assert (T.wvector() * T.fscalar()).dtype == "float32"


def test_cast_policies_L13457():
    """numpy+floatX gives int64 and floatX, and does not widen to float64 by itself."""
    with config.change_flags(cast_policy="numpy+floatX", floatX="float32"):
        assert T.constant(1).dtype == "int64"
        assert T.constant(0.1).dtype == "float32"
        assert (T.ivector() * T.fscalar()).dtype == "float32"
        assert (T.dvector() * T.fscalar()).dtype == "float64"


def test_autocast_float_as():
    """The dtypes that Python floats may get can be limited for a while."""
    with autocast_float_as("float32"):
        assert (T.fvector() + 1.1).dtype == "float32"
    with autocast_float_as("float32", "float64"):
        assert (T.fvector() + 1.0).dtype == "float32"
        assert (T.fvector() + 1.1).dtype == "float64"
    assert (T.fvector() + 1.1).dtype == "float64"


def test_constants_copy():
    """A constant keeps its value when the array changes, and flags axes of length 1."""
    a = np.zeros((1, 3))
    c = T.constant(a)
    a[0, 0] = 9
    assert c.data[0, 0] == 0
    assert c.broadcastable == (True, False)
    assert c.type.shape == (1, 3)
    assert T.constant([1, 2], ndim=2).type == T.TensorType("int64", (True, False))
    with pytest.raises(ValueError, match="more than ndim"):
        T.constant(a, ndim=1)
    assert T.constant(np.zeros(2, ">f8")).data.dtype.isnative


def test_equal_scalars_have_equal_signatures():
    """A number written twice makes two constants that graphs merge: one object could not be in two graphs."""
    assert T.constant(1) is not T.constant(1)
    assert T.constant(1).signature() == T.constant(1).signature()
    assert T.constant(1).signature() != T.constant(1.0).signature()
    assert T.constant(0.0).signature() != T.constant(-0.0).signature()


def test_signatures():
    """Equal constants are interchangeable, different ones are not, whatever their size."""
    for size in (3, 1000):
        a = np.arange(size, dtype="float64")
        b = a.copy()
        b[-1] += 1
        assert T.constant(a).equals(T.constant(a.copy()))
        assert not T.constant(a).equals(T.constant(b))
        assert not T.constant(a).equals(T.constant(a.astype("float32")))
    assert T.constant(np.nan).equals(T.constant(np.nan))


def test_as_tensor_variable():
    """Variables pass, nodes give their output, scalars become 0-d tensors, lists of variables are stacked."""
    x = T.dvector("x")
    assert T.as_tensor_variable(x) is x
    assert T.as_tensor_variable((x + 1).owner).type == x.type
    assert T.as_tensor_variable(scalar.float64("s")).type == T.dscalar
    assert T.as_tensor_variable([x, x]).ndim == 2
    assert T.as_tensor_variable(x, ndim=2).broadcastable == (True, False)
    assert T.as_tensor_variable(T.drow("r"), ndim=1).ndim == 1
    with pytest.raises(ValueError, match="more axes"):
        T.as_tensor_variable(T.dmatrix(), ndim=1)


@pytest.mark.parametrize("value", [T.dmatrix, True, "text", None, object(), {1: 2}, [[1], [2, 3]]])
def test_refused(value):
    """Types, bools and what is not numeric are an AsTensorError, which is a TypeError."""
    with pytest.raises(AsTensorError):
        T.as_tensor_variable(value)
    assert issubclass(AsTensorError, TypeError)


def test_custom_conversion():
    """A class may say how its objects become tensors."""

    class Holder:
        def __init__(self, value):
            self.value = value

        def _as_TensorVariable(self):
            return T.constant(self.value)

    assert T.as_tensor_variable(Holder(3)).data == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "TensorConstant{3}"),
        (2.5, "TensorConstant{2.5}"),
        (np.nan, "TensorConstant{nan}"),
        (np.bool_(True), "TensorConstant{1}"),
        (np.array([0.5]), "TensorConstant{(1,) of 0.5}"),
        (np.ones((2, 3)), "TensorConstant{(2, 3) of 1.0}"),
        (np.array([2, 2]), "TensorConstant{(2,) of 2}"),
        (np.arange(12.0), "TensorConstant{[ 0.  1.  ... 10. 11.]}"),
        (np.arange(3), "TensorConstant{[0 1 2]}"),
        (np.zeros(0), "TensorConstant{[]}"),
    ],
)
def test_texts_of_constants(value, text):
    """Constants print as documented; a name is not shown."""
    assert str(T.constant(value)) == text
    assert str(T.constant(value, name="c")) == text
