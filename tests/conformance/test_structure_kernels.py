"""Kernels that move elements give what NumPy gives: any dtype, rank, layout and position."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_arrays import DTYPES, INTEGERS, draws, make, numbers, shapes
from conformance_structure import advanced, checks, counts, diagonals, fills, joins, numbered, places, ranges, searches, vectors, views, writes
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
SHORT = ("bool", "int8", "uint64", "float16", "float32", "float64", "complex64")
SOME = ("int8", "uint16", "int32", "int64", "float16", "float32", "float64")


@pytest.mark.parametrize("dtype", DTYPES)
@draws(3)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(0, 5), i=st.integers(-9, 9), j=st.integers(-9, 9))
def test_views(dtype, data, rng, ndim, i, j):
    """Turned, cut, reshaped."""
    flags = data.draw(st.sampled_from([(False,) * ndim, (False,) * ndim, (True, *(False,) * (ndim - 1)), (True,) * ndim])) if ndim else ()
    x = make(data, rng, dtype, data.draw(shapes(ndim)), flags)
    views(dtype, ndim, flags).agree(x, np.array(i), np.array(j, "int8"))


@pytest.mark.parametrize("dtype", SHORT)
@draws(5)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(1, 3), i=st.integers(-4, 4), j=st.integers(-4, 4))
def test_numbers(dtype, data, rng, ndim, i, j):
    """Single positions; those out of range are an IndexError."""
    x = make(data, rng, dtype, data.draw(shapes(ndim)))
    numbered(dtype, ndim).agree(x, np.array(i), np.array(j, "int8"))


@pytest.mark.parametrize("dtype", DTYPES)
@draws(3)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(1, 3))
def test_joins(dtype, data, rng, ndim):
    """End to end, and cut; lengths that do not match are refused."""
    axis, shape = data.draw(st.integers(0, ndim - 1)), data.draw(shapes(ndim))
    other = data.draw(st.sampled_from([dtype, dtype, "float32", "uint8"]))
    longer = tuple(n + (k == axis) * data.draw(st.integers(0, 3)) for k, n in enumerate(shape))
    first = int(rng.integers(0, shape[axis] + 1))
    lengths = [first, 0, shape[axis] - first] if rng.random() < 0.8 else rng.integers(-1, 3, 3)
    joins(dtype, ndim, axis, other).agree(make(data, rng, dtype, shape), make(data, rng, other, longer), np.array(lengths, "int64"))


@pytest.mark.parametrize("dtype", DTYPES)
@draws(2)
@given(data=st.data(), rng=SEEDS, other=st.sampled_from(["int64", "int8", "float64"]))
def test_vectors(dtype, data, rng, other):
    """Numbers as vectors."""
    vectors(dtype, other).agree(make(data, rng, dtype, ()), make(data, rng, other, ()))


@pytest.mark.parametrize("dtype", DTYPES)
@draws(4)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(0, 4), n=st.integers(0, 5), k=st.integers(-6, 6))
def test_fills(dtype, data, rng, ndim, n, k):
    """Full of a value, unit matrices, new memory."""
    fills(dtype, ndim).agree(make(data, rng, dtype, data.draw(shapes(ndim))), np.array(n), np.array(k))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"])
@draws(8)
@given(bounds=st.tuples(*[st.integers(-50, 50)] * 2), step=st.integers(-7, 7), kind=st.sampled_from(["int64", "float64", "int32"]))
def test_ranges(dtype, bounds, step, kind):
    """Up, down, empty; a step of zero is refused."""
    if dtype.startswith("u"):  # NumPy refuses negative numbers of unsigned ranges, or not, by the kind of its arguments
        bounds, step = [abs(bound) for bound in bounds], abs(step)
    scale = 0.25 if kind == "float64" and dtype.startswith("float") else 1
    ranges(dtype, kind).agree(*(np.array(number * scale, kind) for number in (*bounds, step)))


@pytest.mark.parametrize("dtype", SHORT)
@draws(5)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(1, 4), index=st.sampled_from(["int64", "int8", "uint32"]))
def test_gathers(dtype, data, rng, ndim, index):
    """Reads through arrays of positions, of arrays that have elements: a kernel looks at a position when it reads there."""
    x = make(data, rng, dtype, tuple(max(n, 1) for n in data.draw(shapes(ndim, largest=70))))
    advanced(dtype, ndim, index).agree(x, *_positions(data, rng, index, x.shape, 2))


def _positions(data, rng, index, shape, count):
    """Vectors of positions that fit every axis, now and then one that does not."""
    room = max(1, min(shape)) + data.draw(st.sampled_from([0, 0, 0, 0, 1]))
    length = data.draw(st.integers(0, 9))
    for dtype in (index, *["int64"] * (count - 1)):
        yield make(data, rng, dtype, (length,), fill=lambda rng, dtype, shape: rng.integers(0 if dtype[0] == "u" else -room, room, shape))


@pytest.mark.parametrize("dtype", SOME)
@draws(5)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(1, 3), index=st.sampled_from(["int64", "int8", "uint16"]), k=st.integers(-9, 9))
def test_scatters(dtype, data, rng, ndim, index, k):
    """Writes and additions, in the order of positions."""
    x = make(data, rng, dtype, data.draw(shapes(ndim, largest=70)))
    i, j = _positions(data, rng, index, x.shape, 2)
    rows = make(data, rng, dtype, (len(i), *x.shape[1:]))
    writes(dtype, ndim, index, dtype).agree(x, i, j, np.array(k), make(data, rng, dtype, ()), rows)


@pytest.mark.parametrize("dtype", ["float64", "int16"])
def test_checks(fixed_rng, dtype):
    """What does not hold is refused."""
    for shape, fine in [((3, 4), True), ((3, 5), True), ((3, 4), False)]:
        checks(dtype).agree(fixed_rng.normal(size=(3, 4)).astype(dtype), np.array(shape), np.array(fine))


@pytest.mark.parametrize("offset", [-2, 0, 1])
def test_diagonals(fixed_rng, offset):
    """Shown, filled, and each element copied as often as a number says."""
    for shape, n in [((3, 4, 5), 2), ((1, 2, 1), 0), ((0, 3, 2), 3)]:
        diagonals("float32", offset).agree(fixed_rng.normal(size=shape).astype("float32"), fixed_rng.normal(size=shape[0]).astype("float32"), np.array([n]))


@pytest.mark.parametrize("searched", ["float64", "float16", "int16"])
def test_searches(fixed_rng, searched):
    """NaN stand last; the order of another vector may be wrong."""
    for n in (0, 1, 8, 33):
        x = np.sort(fixed_rng.normal(size=n) * 9).astype(searched)
        v = np.append(fixed_rng.normal(size=(2, 5)) * 9, [[np.nan], [np.inf]], axis=1)
        searches("float64", searched).agree(x, v, np.arange(n, dtype="int32"))
    searches("float64", searched).agree(np.zeros(2, searched), v, np.array([0, 2], "int32"))


@pytest.mark.parametrize("order", ["C", "F"])
def test_places(fixed_rng, order):
    """Places in and outside of an array, of lengths that fit or do not."""
    for dims, most in [((6, 7), 9), ((3, 2), 6), ((0, 4), 1), ((2, 3, 4), 6), ((-1, 2), 3), ((2**40, 2**40), 3)]:
        places("int64", order).agree(*(fixed_rng.integers(0, most, (2, 4)) for _ in range(2)), np.array(dims))


@pytest.mark.parametrize("dtype", ["bool", "float32", "int64"])
def test_counts(fixed_rng, dtype):
    """Negative numbers are refused."""
    for n in ([0, 2, 1], [3, 0, 0], [1, -1, 2], [5]):
        counts(dtype).agree((fixed_rng.normal(size=(3, 40)) * 4).astype(dtype), np.array(n, "int16"))


@draws(2)
@given(data=st.data(), rng=SEEDS, dtype=st.sampled_from(DTYPES), index=st.sampled_from(INTEGERS), ndim=st.integers(1, 6), k=st.integers(-4, 4))
def test_any_dtype(data, rng, dtype, index, ndim, k):
    """What the tests above try with some dtypes and few axes: positions, diagonals, searches, counts, gathers and scatters."""
    x = make(data, rng, dtype, data.draw(shapes(ndim, largest=70)))
    numbered(dtype, ndim).agree(x, np.array(k), np.array(-k, "int8"))
    checks(dtype).agree(make(data, rng, dtype, (3, 4)), np.array([3, 4 + (k > 2)]), np.array(k > -3))
    diagonals(dtype, k).agree(make(data, rng, dtype, data.draw(shapes(3, largest=70))), make(data, rng, dtype, data.draw(shapes(1, largest=70))), np.array([abs(k)]))
    counts(dtype).agree(make(data, rng, dtype, data.draw(shapes(2, largest=70))), rng.integers(-(k == 4), 4, rng.integers(0, 5)).astype("int16"))
    n = data.draw(st.sampled_from([0, 1, 8, 33]))
    searches(dtype, dtype).agree(np.sort(numbers(rng, dtype, (n,))), make(data, rng, dtype, (2, 5)), np.arange(n, dtype="int32"))
    full = make(data, rng, dtype, tuple(max(n, 1) for n in x.shape))
    i, j = _positions(data, rng, index, full.shape, 2)
    advanced(dtype, ndim, index).agree(full, i, j)
    if dtype != "bool":
        writes(dtype, ndim, index, dtype).agree(full, i, j, np.array(k), make(data, rng, dtype, ()), make(data, rng, dtype, (len(i), *full.shape[1:])))


@pytest.fixture
def fixed_rng():
    """The same numbers each time."""
    return np.random.default_rng(5)
