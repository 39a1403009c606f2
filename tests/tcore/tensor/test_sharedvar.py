"""Shared variables that hold arrays and numbers."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.graph import Generic


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(0, "int64"), (1.5, "float64"), (True, "bool"), (1j, "complex128"), (np.float32(2), "float32"), (np.int8(2), "int8")],
)
def test_numbers(value, dtype):
    """Numbers become 0-d tensors, with Python's own precision."""
    s = tcore.shared(value, name="s")
    assert s.type == T.TensorType(dtype, ())
    assert isinstance(s, T.ScalarSharedVariable)
    assert s.get_value() == value
    assert s.name == "s"


def test_arrays():
    """Arrays keep their dtype, have no broadcastable axis, and are copied unless borrowed."""
    a = np.zeros((1, 3), "float32")
    s = tcore.shared(a)
    assert s.type == T.fmatrix
    assert isinstance(s, T.TensorSharedVariable)
    a[0, 0] = 1
    assert s.get_value()[0, 0] == 0
    assert tcore.shared(a, broadcastable=(True, False)).broadcastable == (True, False)
    borrowed = tcore.shared(a, borrow=True)
    assert borrowed.get_value(borrow=True) is a
    s.set_value(np.ones((4, 2), "float32"))
    assert s.get_value().shape == (4, 2)
    with pytest.raises(TypeError):
        s.set_value(np.ones(3, "float32"))


def test_other_values():
    """Lists, texts and None stay Python objects; symbolic values are refused."""
    for value in ([1, 2], "text", None, {}):
        assert isinstance(tcore.shared(value).type, Generic)
    with pytest.raises(TypeError):
        tcore.shared(T.dscalar())


def test_in_expressions():
    """They take part in expressions as other tensors do."""
    s = tcore.shared(np.arange(3.0), name="s")
    assert (s + 1).type == T.dvector
    assert s.sum().type == T.dscalar
    assert s[0].type == T.dscalar
    assert str(s) == "s"


def test_as_variable():
    """Numbers and arrays become constants of the tensor package; other values do not."""
    assert tcore.as_variable(3).data == 3
    assert tcore.as_variable(np.zeros(2)).type == T.dvector
    with pytest.raises(TypeError):
        tcore.as_variable("text")


def test_masked_arrays():
    """A mask is never lost: neither a constant nor a shared value is made of a masked array, nor a value set to one."""
    masked = np.ma.masked_array([1.0, 2.0, 3.0], [False, True, False])
    x, s = T.dvector("x"), tcore.shared(np.zeros(3))
    for make in (
        lambda: tcore.shared(masked),
        lambda: tcore.shared(masked, borrow=True),
        lambda: s.set_value(masked),
        lambda: T.constant(masked),
        lambda: T.as_tensor_variable(masked),
        lambda: x + masked,
        lambda: T.set_subtensor(x[:], masked),
        lambda: tcore.function([], x, givens={x: masked}),
    ):
        with pytest.raises(ValueError, match=r"lose their mask.*shape \(3,\) with 1 masked elements.*value\.filled\(number\)"):
            make()
    with pytest.raises(TypeError, match="a symbolic tensor has no value yet"):
        masked + x  # NumPy's masked arrays add by themselves, and ask for values
    np.testing.assert_array_equal(tcore.shared(masked.filled(np.nan)).get_value(), [1, np.nan, 3])
