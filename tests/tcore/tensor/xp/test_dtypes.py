"""Dtypes, which are names, and Python's numbers, which have none."""

from __future__ import annotations

import numpy as np
import pytest
from namespaces import check

import tcore.tensor as T
from tcore import config
from tcore.tensor import xp


def test_dtypes():
    """They are names, and work beside NumPy's."""
    x, n = T.fvector(), T.lvector()
    assert x.dtype == xp.float32
    assert xp.result_type(x, xp.int32) == "float64"
    assert xp.result_type("int8", np.dtype("uint8"), T.bvector()) == "int16"
    assert (xp.can_cast(x, xp.float64), xp.can_cast(xp.float64, xp.float32), xp.can_cast(n, "int8")) == (True, False, False)
    assert (xp.finfo(x).bits, xp.finfo(xp.complex128).bits, xp.iinfo(n).max, xp.iinfo("uint8").max) == (32, 64, 2**63 - 1, 255)
    assert xp.isdtype(xp.int8, ("real floating", "signed integer"))
    assert xp.isdtype(x.dtype, xp.float32)
    assert xp.isdtype(xp.bool, "bool")
    assert not xp.isdtype(xp.bool, "numeric")
    assert xp.astype(n, np.float32).dtype == "float32"
    assert xp.astype(n, xp.float32, device="cpu").dtype == "float32"
    with config.change_flags(floatX="float32"):
        made = [xp.zeros(2), xp.asarray(0.1), xp.asarray([0.1, 1]), xp.linspace(0, 1, 3), xp.full(2, 0.5), xp.eye(2), xp.empty((2, 2))]
        assert {each.dtype for each in made} == {"float32"}
        assert xp.asarray(np.ones(2)).dtype == "float64"


NUMBERS = {"b": True, "i": 2, "u": 2, "f": 2.5, "c": 2j}
DTYPES = tuple(xp.__array_namespace_info__().dtypes())


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_beside_tensors(dtype):
    """A number of Python's takes the dtype of the tensor, on either side; a wider one has the default dtype of its kind, as NumPy says."""
    x = np.array([[1, 0, 3]], dtype)
    number = NUMBERS[x.dtype.kind]
    check(lambda np, x: [np.equal(x, number), np.not_equal(number, x), np.where(np.astype(x, np.bool), x, number), np.where(np.astype(x, np.bool), number, x)], x)
    if dtype == "bool":
        check(lambda np, x: [np.logical_and(x, number), np.bitwise_xor(number, x), np.add(x, 1)], x)
        return
    check(lambda np, x: [np.add(x, number), np.subtract(number, x), np.multiply(x, number), np.pow(number, x), np.add(x, True)], x)
    if x.dtype.kind in "iu":
        check(lambda np, x: [np.bitwise_or(x, 2), np.bitwise_left_shift(x, 2), np.floor_divide(2, np.add(x, 1)), np.maximum(x, 2), np.multiply(x, 0.5)], x, dtype=dtype != "int8")
        with pytest.raises(OverflowError):
            xp.add(T.constant(x), 2**70)
    elif x.dtype.kind == "f":
        check(lambda np, x: [np.divide(x, 2), np.atan2(1, x), np.add(x, 1j), np.maximum(x, 1.5), np.remainder(2.5, np.add(x, 1))], x)
    else:
        check(lambda np, x: [np.divide(x, 2), np.add(x, 0.5)], x)


def test_result_type_with_numbers():
    """Numbers count as they do beside tensors; alone they have the default dtypes."""
    for dtype in DTYPES:
        for number in NUMBERS.values():
            wanted = np.result_type(np.dtype(dtype), number)
            assert xp.result_type(dtype, number) == (wanted if np.dtype(dtype).kind not in "biu" or not isinstance(number, (float, complex)) else xp.result_type(dtype, type(number)))
    assert [xp.result_type(number) for number in (True, 1, 0.5, 1j)] == ["bool", "int64", config.floatX, np.result_type(config.floatX, "complex64")]
    assert xp.result_type(T.bvector(), 1, "int16") == "int16"


def test_truth_of_complex_numbers():
    """Anything but 0 is true; other casts to real numbers are refused, because parts would be lost."""
    check(lambda np, z: np.astype(z, np.bool), np.array([0, 1j, -2, np.nan]))
    with pytest.raises(TypeError, match="casting from complex to real is ambiguous"):
        xp.astype(T.zvector(), xp.float64)
