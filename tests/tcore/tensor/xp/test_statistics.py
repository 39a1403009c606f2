"""Reductions, sums up to each element, and differences of neighbours."""

from __future__ import annotations

import pytest
from namespaces import A, C, check

REDUCTIONS = [
    lambda np, x: np.sum(x),
    lambda np, x: np.sum(x, axis=(0, 1), keepdims=True),
    lambda np, x: np.sum(np.astype(x * 9, np.int8)),
    lambda np, x: np.sum(x, axis=0, dtype=np.float32) * 0,
    lambda np, x: np.prod(x, axis=0),
    lambda np, x: np.mean(x, axis=1, keepdims=True),
    lambda np, x: np.max(x, axis=-1),
    lambda np, x: np.min(x),
    lambda np, x: np.var(x, axis=0),
    lambda np, x: np.var(x, correction=1, axis=(0, 1)),
    lambda np, x: np.std(x, correction=0.5, axis=1),
    lambda np, x: np.std(x, correction=1.5, keepdims=True),
    lambda np, x: np.all(x > 0.2, axis=0),
    lambda np, x: np.any(x > 0.8),
    lambda np, x: np.cumulative_sum(x, axis=1),
    lambda np, x: np.cumulative_sum(x, axis=0, include_initial=True),
    lambda np, x: np.cumulative_sum(np.astype(x[0, :] * 99, np.int8)),
    lambda np, x: np.cumulative_sum(x[0, :], dtype=np.float32) * 0,
    lambda np, x: np.cumulative_prod(x, axis=1),
    lambda np, x: np.cumulative_prod(x, axis=0, include_initial=True),
    lambda np, x: np.cumulative_prod(np.astype(x[0, :] * 9, np.int8)),
    lambda np, x: np.count_nonzero(np.astype(x * 2, np.int8), axis=0),
    lambda np, x: np.count_nonzero(x > 0.5, axis=(0, 1)),
    lambda np, x: np.diff(x),
    lambda np, x: np.diff(x, axis=0, n=2),
    lambda np, x: np.diff(x, axis=1, prepend=x[:, :1] * 2, append=x[:, :2]),
    lambda np, x: np.reciprocal(x),
    lambda np, x: np.take_along_axis(x, np.argsort(x, axis=0), axis=0),
]


@pytest.mark.parametrize("number", range(len(REDUCTIONS)))
def test_statistics(number):
    """Values and dtypes."""
    check(REDUCTIONS[number], A)


@pytest.mark.filterwarnings("ignore:Degrees of freedom")
@pytest.mark.parametrize("correction", [-1, 1, 2.5, 3, 3.0, 3.5, 7])
def test_corrections(correction):
    """Below, at and above the number of elements, where nothing can be said: infinite, or NaN of equal elements."""
    for x in (A, C, A * 0):
        check(lambda np, x: [np.var(x, axis=0, correction=correction), np.var(x, axis=(), correction=correction)], x)
    check(lambda np, x: [np.var(x, axis=0, correction=correction), np.std(x, axis=0, correction=correction)], A.astype("float32"), rtol=1e-5)
