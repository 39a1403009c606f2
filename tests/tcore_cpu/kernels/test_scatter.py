"""Stores to places that index arrays name: each thread has its part of them, and none shows in the result."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as tt


def scattered(operation, x, y, *index):
    """What NumPy makes of a copy of ``x``, element after element."""
    made = x.copy()
    if operation is tt.inc_subtensor:
        np.add.at(made, index, y)
    else:
        made[index] = y
    return made


@pytest.mark.parametrize("operation", [tt.inc_subtensor, tt.set_subtensor])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int16"])
def test_duplicates_in_order(native, threads, operation, dtype):
    """Sums are made in the order of the positions, and the last of equal positions stays, whatever the number of threads."""
    rng = np.random.default_rng(0)
    x, y, i = tt.vector(dtype=dtype), tt.vector(dtype=dtype), tt.lvector()
    f = native([x, y, i], operation(x[i], y))
    for places in (1, 2, 1000):
        start, value = (rng.normal(size=n).astype("float32").astype(dtype) for n in (places, 60_000))
        index = rng.integers(-places, places, 60_000)
        for count in (1, 2, 3, 40):
            threads(count)
            np.testing.assert_array_equal(f(start, value, index), scattered(operation, start, value, index))


@pytest.mark.parametrize("step", [1, 3, -1])
def test_gaps_between_places(native, threads, step):
    """What is increased in place may have any stride, and the number of positions any remainder."""
    rng = np.random.default_rng(0)
    x, y, i = tt.vector(dtype="float64"), tt.vector(dtype="float64"), tt.lvector()
    f = native([tcore.In(x, mutable=True), y, i], tt.inc_subtensor(x[i], y))
    for count in (2, 3):
        threads(count)
        for positions in (40_000, 40_001, 40_063):
            start = rng.normal(size=300)[::step]
            value, index = rng.normal(size=positions), rng.integers(-start.size, start.size, positions)
            expected = scattered(tt.inc_subtensor, start, value, index)
            np.testing.assert_array_equal(f(start, value, index), expected)


@pytest.mark.parametrize("operation", [tt.inc_subtensor, tt.set_subtensor])
@pytest.mark.parametrize("columns", [1, 3, 48, 128, 600])
def test_rows(native, threads, operation, columns):
    """Rows shorter and longer than a tile, with gaps between columns, turned around, and one row for all."""
    rng = np.random.default_rng(0)
    x, y, i = tt.matrix(dtype="float64"), tt.matrix(dtype="float64"), tt.lvector()
    f = native([x, y, i], operation(x[i], tt.exp(y)))
    count = 60_000 // columns
    start, index = rng.normal(size=(50, columns)), rng.integers(-50, 50, count)
    wide = rng.normal(size=(count, 2 * columns))
    exponentials = native([y], tt.exp(y))
    for given in (start, np.asfortranarray(start), start[::-1]):
        for value in (wide[:, :columns], wide[:, ::2], wide[:, columns - 1 :: -1]):
            for number in (1, 3):
                threads(number)
                np.testing.assert_array_equal(f(given, value, index), scattered(operation, given, exponentials(value), index))


def test_two_index_arrays(native, threads):
    """Parts are of the axis of the first one; the axes may be apart."""
    rng = np.random.default_rng(0)
    x, y, i, j = tt.tensor3(dtype="float64"), tt.tensor3(dtype="float64"), tt.lmatrix(), tt.lvector()
    f = native([x, y, i, j], tt.inc_subtensor(x[i, :, j], y))
    start, value = rng.normal(size=(7, 20, 9)), rng.normal(size=(30, 50, 20))
    rows, columns = rng.integers(-7, 7, (30, 50)), rng.integers(-9, 9, 50)
    made = start.copy()
    np.add.at(made, (rows, slice(None), columns), value)
    for count in (1, 2, 5):
        threads(count)
        np.testing.assert_array_equal(f(start, value, rows, columns), made)


@pytest.mark.parametrize("wrong", [7, -8])
def test_position_outside(native, threads, wrong):
    """The error names the position, also deep inside of long arrays; what is increased in place is left as it was."""
    threads(2)
    x, y, i = tt.vector(dtype="float64"), tt.vector(dtype="float64"), tt.lvector()
    index = np.zeros(100_000, "int64")
    index[77_777] = wrong
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0 with size 7"):
        native([x, y, i], tt.inc_subtensor(x[i], y))(np.zeros(7), np.ones(100_000), index)


def test_copies_by_threads(native, threads, streams):
    """What is not written is copied, in pieces: with gaps, turned around, and larger than the caches."""
    x, i = tt.matrix(dtype="float64"), tt.lvector()
    f = native([x, i], tt.set_subtensor(x[i], 0.0))
    whole = np.random.default_rng(0).normal(size=(700, 1100))
    for value in (whole, whole[:, ::2], whole.T, whole[::-1, ::-1], whole[:, :1]):
        expected = value.copy()
        expected[[1, 3]] = 0
        for count, cache in ((1, 1), (3, 1), (3, 1 << 30)):
            threads(count)
            streams(cache)
            np.testing.assert_array_equal(f(value, [1, 3]), expected)
