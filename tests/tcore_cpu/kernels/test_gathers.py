"""Rows that index arrays pick: the place of a row is computed once, whatever lies between its elements."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as tt


@pytest.mark.parametrize("columns", [1, 5, 48, 130, 1100])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bool"])
def test_rows(native, threads, dtype, columns):
    """With and without gaps between columns, turned around, transposed; alone and in a formula of two of them, a row and an index."""
    rng, close = np.random.default_rng(0), 1e-12 if dtype == "float64" else 1e-6
    x, i, j, b = tt.matrix(dtype=dtype), tt.lvector(), tt.lvector(), tt.vector(dtype="float64")
    f = native([x, i, j, b], [x[i], x[i] * b + 2 * x[j] + tt.arange(columns), tt.exp(x[j] * 0.5)])
    wide = (rng.normal(size=(60, 2 * columns)) * 2).astype(dtype)
    rows, others, row = rng.integers(-60, 60, 300), rng.integers(-60, 60, 300), rng.normal(size=columns)
    for value in (wide[:, :columns].copy(), wide[:, ::2], wide[:, columns - 1 :: -1], np.asfortranarray(wide[:, :columns])):
        formula = value[rows] * row + 2.0 * value[others] + np.arange(columns)
        for count in (1, 3):
            threads(count)
            picked, made, exponentials = f(value, rows, others, row)
            np.testing.assert_array_equal(picked, value[rows])
            np.testing.assert_allclose(made, formula, rtol=close, atol=close)
            np.testing.assert_allclose(exponentials, np.exp(value[others] * 0.5), rtol=close)


def test_index_arrays_of_several_axes(native):
    """The axis of neighbours may stand behind several index arrays, and between them."""
    rng = np.random.default_rng(0)
    x, i, j = tt.tensor3(dtype="float64"), tt.lmatrix(), tt.lvector()
    f = native([x, i, j], [x[i, j], x[i, :, j], x[:, i]])
    value, rows, columns = rng.normal(size=(8, 9, 70)), rng.integers(-8, 8, (3, 50)), rng.integers(-9, 9, 50)
    for found, expected in zip(f(value, rows, columns), (value[rows, columns], value[rows, :, columns], value[:, rows]), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("wrong", [60, -61])
def test_row_outside(native, wrong):
    """The error names it."""
    x, i = tt.matrix(dtype="float64"), tt.lvector()
    index = np.zeros(1000, "int64")
    index[777] = wrong
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0 with size 60"):
        native([x, i], x[i] * 2)(np.ones((60, 100)), index)
