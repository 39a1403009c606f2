"""Ordered axes, in every order of memory: steps for tiles of the other axes and walks along the ordered one are the same."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as tt


def layouts(value):
    """The same numbers with axes in other orders of memory, turned around, and with gaps."""
    yield value
    yield np.asfortranarray(value)
    yield np.ascontiguousarray(np.moveaxis(value, 0, -1)).transpose(2, 0, 1)
    yield np.repeat(value, 2, axis=2)[:, :, ::2]
    yield value[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
@pytest.mark.parametrize("shape", [(3, 40, 700), (700, 3, 40), (2, 2000, 3), (1, 1, 5), (4, 0, 6)])
def test_cumulative_sums(native, threads, dtype, shape):
    """All axes, all layouts, any number of threads: bit for bit what adding one after another gives."""
    value = (np.random.default_rng(0).normal(size=shape) * 100).astype(dtype)
    x = tt.TensorType(dtype, (False,) * 3)("x")
    f = native([x], [tt.cumsum(x, axis=axis) for axis in range(3)])
    expected = [np.cumsum(value, axis=axis, dtype=dtype) for axis in range(3)]
    for count in (1, 3):
        threads(count)
        for given in layouts(value):
            for axis, result in enumerate(f(given)):
                np.testing.assert_array_equal(result, expected[axis])


def test_absorbed_functions(native, reference, threads):
    """What is computed before the sums is part of the loop; an exponential is the same in all orders of memory."""
    x = tt.dtensor3("x")
    outputs = [tt.cumsum(x * 2 + 1, axis=axis) for axis in range(3)] + [tt.cumprod(tt.exp(-x * x), axis=axis) for axis in range(3)]
    f, g = native([x], outputs), reference([x], outputs)
    value = np.random.default_rng(0).normal(size=(30, 70, 200)) / 10
    threads(2)
    results = [f(given) for given in layouts(value)]
    for result, expected in zip(results[0], g(value), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-13)
    for other in results[1:]:
        for result, first in zip(other, results[0], strict=True):
            np.testing.assert_array_equal(result, first)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_search_reads_at_its_own_state(native, side):
    """The place that a step reads follows from the steps before: the body computes it, for each element of a tile and of an array of any strides."""
    x, v, order = tt.dvector("x"), tt.dmatrix("v"), tt.lvector("order")
    f = native([x, v, order], [tt.searchsorted(x, v, side), tt.searchsorted(x, v, side, sorter=order)])
    assert "Python" not in {report.runs_on for report in f.explain().nodes}
    rng = np.random.default_rng(3)
    for length in (0, 1, 2, 5, 64):
        given = np.sort(rng.integers(0, 9, length).astype(float))
        wanted = np.array([[np.nan, np.inf, -np.inf], [4.0, 8.5, -1.0]])
        for values in (wanted, wanted[::-1, ::2], np.repeat(wanted, 300, axis=1), wanted[:0]):
            for found in f(given, values, np.arange(length)):
                np.testing.assert_array_equal(found, np.searchsorted(given, values, side))
