"""A value that decides something is the value that is compared: no kernel contradicts itself."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T

LENGTHS = (1, 2, 3, 7, 9, 31, 65, 513, 4099, 20011)


@pytest.fixture(scope="module")
def functions():
    x = T.dmatrix("x")
    y = T.exp(T.sin(x) * 3.7)
    top = T.eq(y, y.max(axis=1, keepdims=True))
    some = T.exp(x)[:, ::2]
    return (
        tcore.function([x], [top.sum(axis=1), T.argmax(y, axis=1), y]),
        tcore.function([x], T.eq(some, some.max(axis=1, keepdims=True)).sum(axis=1)),
        tcore.function([x], T.any(T.exp(x)[:, 1:] < T.exp(x)[:, :-1])),
    )


@pytest.mark.parametrize("length", LENGTHS)
def test_the_largest_of_a_row_is_in_it(functions, length):
    """However long a row is, and wherever its tiles end, one exponential equals the maximum, at the argmax."""
    data = np.random.default_rng(length).normal(size=(4, length))
    count, place, values = functions[0](data)
    assert (count >= 1).all()
    np.testing.assert_array_equal(np.argmax(values, axis=1), place)
    assert (functions[1](data) >= 1).all()


@pytest.mark.parametrize("length", LENGTHS[1:])
def test_the_order_of_neighbours_survives(functions, length):
    """Two slices of one exponential agree on every element: rising values never seem to fall."""
    data = np.sort(np.random.default_rng(length).normal(size=(4, length)) * 1e-13 + 0.3, axis=1)
    assert not functions[2](data)
