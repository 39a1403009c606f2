"""Kernels of reductions, row programs and products give what NumPy gives: any dtype, rank, layout and value."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_arrays import DTYPES, draws, factors, make, numbers, ordinary, shapes
from conformance_reductions import (
    batches,
    complex_products,
    crossentropies,
    extremes,
    ordered,
    products,
    recurrences,
    reductions,
    rows,
    some_axes,
    suprema,
    whole_products,
)
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
REAL = [dtype for dtype in DTYPES if not dtype.startswith("complex")]


@pytest.mark.parametrize("dtype", DTYPES)
@draws(5)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(0, 6))
def test_sums_and_products(dtype, data, rng, ndim):
    """Integers wrap; floats differ by roundings only, NaN and infinities not at all."""
    axes = data.draw(st.sampled_from(some_axes(ndim)))
    reductions(dtype, ndim, axes).agree(make(data, rng, dtype, data.draw(shapes(ndim)), fill=ordinary))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@draws(5)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(0, 6))
def test_complex_products(dtype, data, rng, ndim):
    """They differ by roundings. Of many factors each is on the unit circle, or 0: whether some of a product are out of range depends on the order."""
    axes = data.draw(st.sampled_from(some_axes(ndim)))

    def factors(*args):
        values = np.nan_to_num(ordinary(*args), nan=1.5, posinf=2, neginf=-0.5)
        return values if values.size < 50 else values / np.where(values == 0, 1, abs(values)).astype(dtype)

    value = make(data, rng, dtype, data.draw(shapes(ndim)), fill=factors)
    complex_products(dtype, ndim, axes).agree(value)


@pytest.mark.parametrize("dtype", REAL)
@draws(5)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(0, 6))
def test_extremes(dtype, data, rng, ndim):
    """NaN wins, the first of equals is the one; there is no extreme of nothing, but a lower bound."""
    axes = data.draw(st.sampled_from(some_axes(ndim)))
    value = make(data, rng, dtype, data.draw(shapes(ndim)), fill=data.draw(st.sampled_from([numbers, ordinary])))
    extremes(dtype, ndim, axes).agree(value)
    if dtype.startswith("float"):
        suprema(dtype, ndim, axes).agree(value)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@draws(20)
@given(data=st.data(), rng=SEEDS, flags=st.sampled_from([(False, False), (False, True), (True, False)]))
def test_rows(dtype, data, rng, flags):
    """Softmax and its relatives."""
    shape = data.draw(shapes(2))
    rows(dtype, flags).agree(*(make(data, rng, dtype, shape, flags, fill=ordinary) for _ in range(2)))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@draws(20)
@given(data=st.data(), rng=SEEDS, index=st.sampled_from(["int64", "int8", "uint16"]))
def test_crossentropies(dtype, data, rng, index):
    """Of rows against positions, negative ones and those out of range among them."""
    n, m = data.draw(shapes(2))
    outside = data.draw(st.integers(0, 3)) == 3
    low = 0 if index.startswith("u") else -m
    positions = rng.integers(min(low, m - 1), m + outside, n) if m or outside else np.zeros(n)
    x = abs(make(data, rng, dtype, (n, m), fill=ordinary))
    b, g = (make(data, rng, dtype, shape, fill=ordinary) for shape in ((m,), (n,)))
    crossentropies(dtype, index).agree(x, b, g, positions.astype(index))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8", "int64", "uint32", "complex64", "complex128"])
@draws(5)
@given(data=st.data(), rng=SEEDS, ndim=st.integers(1, 4))
def test_ordered(dtype, data, rng, ndim):
    """Running sums and products, and linear recurrences, step by step as in Python."""
    axis, shape = data.draw(st.integers(0, ndim - 1)), data.draw(shapes(ndim))
    ordered(dtype, ndim, axis).agree(*(make(data, rng, dtype, shape, fill=ordinary) for _ in range(2)))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int16", "complex64"])
@draws(5)
@given(data=st.data(), rng=SEEDS, n=st.integers(0, 70))
def test_recurrences(dtype, data, rng, n):
    """Step by step as in Python."""
    recurrences(dtype).agree(make(data, rng, dtype, (), fill=ordinary), make(data, rng, dtype, (n,), fill=ordinary))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "complex64", "complex128"])
@draws(20)
@given(data=st.data(), rng=SEEDS)
def test_products(dtype, data, rng):
    """Matrices and vectors of any layout; nothing summed is zero."""
    lengths = st.sampled_from([3, 2, 1, 0, 5, 8, 17, 70])
    n, k, m = data.draw(lengths), data.draw(lengths), data.draw(lengths)
    fill = finite_factors if dtype.startswith("complex") else factors
    x, y, z, u, v = (make(data, rng, dtype, shape, fill=fill) for shape in ((n, k), (k, m), (n, m), (k,), (n,)))
    # BLAS may scale factors or their sum, which differ where the scale is infinite
    products(dtype).agree(x, y, z, u, v, *(np.asarray(rng.normal(), dtype) for _ in "ab"))


def finite_factors(rng, dtype, shape):
    """Which part of a complex product with an infinite factor is NaN depends on the order."""
    return np.nan_to_num(factors(rng, dtype, shape), nan=1.5, posinf=2, neginf=-0.5)


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "uint64"])
@draws(15)
@given(data=st.data(), rng=SEEDS)
def test_whole_products(dtype, data, rng):
    """Matrices and vectors of any layout and size; inner lengths that differ are refused."""
    lengths = st.sampled_from([3, 2, 1, 0, 5, 8, 17, 140])
    n, k, m = data.draw(lengths), data.draw(lengths), data.draw(lengths)
    inner = data.draw(st.sampled_from([k, k, k, k + 1]))
    x, y, u = (make(data, rng, dtype, shape) for shape in ((n, k), (inner, m), (k,)))
    whole_products(dtype).agree(x, y, u)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@draws(15)
@given(data=st.data(), rng=SEEDS)
def test_batches(dtype, data, rng):
    """Products of each pair of items, of any layout, small and large; batches and inner lengths that differ are refused."""
    lengths = st.sampled_from([3, 2, 1, 0, 5, 8, 17])
    n, k = data.draw(lengths), data.draw(lengths)
    first, inner = data.draw(st.sampled_from([(n, k), (n, k), (n, k), (n + 1, k), (n, k + 1)]))
    x, y, v = (make(data, rng, dtype, shape, fill=factors) for shape in ((n, k, k), (first, inner, inner), (n, k)))
    batches(dtype).agree(x, y, v)


@draws(2)
@given(data=st.data(), rng=SEEDS, dtype=st.sampled_from(DTYPES), ndim=st.integers(1, 6))
def test_any_dtype(data, rng, dtype, ndim):
    """What the tests above try with some dtypes and few axes: what is carried along an axis, and products of matrices."""
    if dtype != "bool":
        shape = data.draw(shapes(ndim))
        ordered(dtype, ndim, data.draw(st.integers(0, ndim - 1))).agree(*(make(data, rng, dtype, shape, fill=ordinary) for _ in "xa"))
        recurrences(dtype).agree(make(data, rng, dtype, (), fill=ordinary), make(data, rng, dtype, data.draw(shapes(1)), fill=ordinary))
    lengths = st.sampled_from([3, 2, 1, 0, 5, 8, 17])
    n, k, m = data.draw(lengths), data.draw(lengths), data.draw(lengths)
    if dtype.startswith(("float", "complex")):
        batches(dtype).agree(*(make(data, rng, dtype, shape, fill=finite_factors) for shape in ((n, k, k), (n, k, k), (n, k))))
    else:
        whole_products(dtype).agree(*(make(data, rng, dtype, shape) for shape in ((n, k), (k, m), (k,))))
