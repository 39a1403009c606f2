"""Arguments that are not as kernels want them, and positions that are not there: the same results and words on every backend."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T


@pytest.mark.backends("numpy", "cpu", "opencl")
@pytest.mark.parametrize("dtype", ["float64", "int16"])
def test_other_byte_order(backend, dtype):
    """Values count, whatever the order of their bytes: for arguments, constants, shared variables, and where nothing is converted."""
    x = T.vector("x", dtype=dtype)
    value = np.arange(5, dtype=dtype)
    swapped = value.astype(value.dtype.newbyteorder())
    assert swapped.tobytes() != value.tobytes()
    state = tcore.shared(swapped.copy())
    f = tcore.function([x], [x * 2, T.constant(swapped) + x, state + x])
    for got, wanted in zip(f(swapped), [value * 2, value + value, value + value], strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype.isnative
    strict = tcore.function([tcore.In(x, strict=True)], x * 2)
    try:
        found = strict(swapped)
    except TypeError as error:
        assert dtype in str(error)  # noqa: PT017 - either is right
    else:
        np.testing.assert_array_equal(found, value * 2)


@pytest.mark.backends("numpy", "cpu", "opencl")
def test_unaligned(backend):
    """Elements at odd addresses, as of records and files."""
    x = T.dmatrix("x")
    record = np.zeros((4, 3), np.dtype([("flag", "u1"), ("value", "f8")]))
    record["value"] = np.arange(12).reshape(4, 3)
    value = record["value"]
    assert not value.flags.aligned
    f = tcore.function([x], [T.exp(x), x.sum(axis=0), x.max(axis=1), T.dot(x, x.T), x[::-1] + 1])
    wanted = np.exp(value), value.sum(axis=0), value.max(axis=1), np.dot(value, value.T), value[::-1] + 1
    for got, expected in zip(f(value), wanted, strict=True):
        np.testing.assert_allclose(got, expected)


def _positions():
    """name -> (expression of a matrix, a vector of positions and a number; axis)"""
    x, i, n = T.dmatrix("x"), T.lvector("i"), T.lscalar("n")
    return [x, i, n], {
        "number": (x[n] + 1, 0),
        "number on axis 1": (x[:, n] * 2, 1),
        "vector": (x[i] + 1, 0),
        "vector on axis 1": (x[:, i] + 1, 1),
        "two vectors": (x[T.zeros_like(i), i] + 1, 1),
        "set": (T.set_subtensor(x[i], 0.0), 0),
        "increment on axis 1": (T.inc_subtensor(x[:, i], 1.0), 1),
        "set a column": (T.set_subtensor(x[:, n], 1.0), 1),
    }


@pytest.mark.backends("numpy", "cpu", "opencl")
@pytest.mark.parametrize("case", list(_positions()[1]))
def test_positions_out_of_range(backend, case):
    """The message names the index, the axis and its length, at either end; the function works afterwards."""
    inputs, cases = _positions()
    expression, axis = cases[case]
    f = tcore.function(inputs, expression, on_unused_input="ignore")
    value, size = np.arange(12.0).reshape(3, 4), (3, 4)[axis]
    for bad in (size, -size - 1, 2**40):
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds for axis {axis} with size {size}"):
            f(value, np.array([0, bad]), np.array(bad))
    f(value, np.array([0, -size]), np.array(size - 1))


@pytest.mark.backends("numpy", "cpu")
def test_positions_out_of_range_of_nothing(backend):
    """Rows without elements: nothing would be written, and the positions are refused all the same."""
    x, i = T.dmatrix("x"), T.lvector("i")
    f = tcore.function([x, i], T.inc_subtensor(x[i], 1.0))
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0 with size 3"):
        f(np.zeros((3, 0)), np.array([0, 3]))
    assert f(np.zeros((3, 0)), np.array([0, -3])).shape == (3, 0)
