"""Places of elements, order, and different elements."""

from __future__ import annotations

import numpy as np
import pytest
from namespaces import A, N, check, computed

import tcore.tensor as T
from tcore.tensor import xp

TIES = np.array([[2, 1, 2, 1], [0, 3, 3, 0]])


ORDER = [
    lambda np, x, n: np.sort(x),
    lambda np, x, n: np.argsort(x, axis=0),
    lambda np, x, n: np.argmax(x),
    lambda np, x, n: np.argmin(x, axis=1, keepdims=True),
    lambda np, x, n: np.nonzero(n),
    lambda np, x, n: np.searchsorted(np.sort(x[0, :]), x[1, :]),
    lambda np, x, n: np.searchsorted(x[0, :], x[1, :], side="right", sorter=np.argsort(x[0, :])),
    lambda np, x, n: np.where(x > 0.5, x, -x),
    lambda np, x, n: np.take(x, n[0, :3] % 4, axis=1),
    lambda np, x, n: np.take(x[0, :], n[0, :] % 4),
    lambda np, x, n: np.sort(np.unique_values(n)),
    lambda np, x, n: np.unique_counts(n),
    lambda np, x, n: np.unique_inverse(n),
    lambda np, x, n: np.unique_all(n),
]


@pytest.mark.parametrize("number", range(len(ORDER)))
def test_searching_and_order(number):
    """Indices are int64."""
    check(ORDER[number], A, N)


def test_descending_order():
    """NumPy's functions have no such argument; equal elements stay in their order."""
    x = T.lmatrix()
    np.testing.assert_array_equal(computed(xp.sort(x, descending=True), (x, TIES)), -np.sort(-TIES))
    np.testing.assert_array_equal(computed(xp.argsort(x, descending=True), (x, TIES)), np.argsort(-TIES, kind="stable"))
    np.testing.assert_array_equal(computed(xp.argsort(x, axis=0, descending=True), (x, TIES)), np.argsort(-TIES, axis=0, kind="stable"))


def test_each_nan_is_different():
    """The standard says so; ``tcore.tensor.unique`` follows NumPy's, for which all are one."""
    v = np.array([np.nan, 1.0, np.nan])
    check(lambda np, x: np.unique_all(x), v)
    x = T.dvector()
    assert computed(T.unique(x), (x, v)).shape == (2,)
