"""Results depend on values alone: not on position, length, alignment or the number of threads."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as tt

FUNCTIONS = ["exp", "log", "sin", "tanh", "log1p", "erf"]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_slices(native, rng, name, dtype) -> None:
    """``f(x)[i:j]`` and ``f(x[i:j])`` are equal bit for bit."""
    x = tt.TensorType(dtype, (False,))("x")
    f = native([x], getattr(tt, name)(x) * 2)
    value = rng.random(1500).astype(dtype)
    whole = f(value)
    for start in (0, 1, 3, 64, 511, 513):
        for length in (1, 2, 7, 31, 63, 64, 65, 200, 512, 700):
            part = f(value[start : start + length])
            np.testing.assert_array_equal(part, whole[start : start + length])
    np.testing.assert_array_equal(f(value[::3]), whole[::3])
    np.testing.assert_array_equal(f(np.repeat(value, 2)[::2]), whole)


def test_slices_of_complex_products(native, rng) -> None:
    """Neither is a product fused in the middle of a tile, and rounded at its end: it is NumPy's formula, bit for bit."""
    x, y = tt.zvector("x"), tt.zvector("y")
    f = native([x, y], x * y)
    a, b = (rng.standard_normal(700) + 1j * rng.standard_normal(700) for _ in "ab")
    whole = f(a, b)
    np.testing.assert_array_equal(whole.real, a.real * b.real - a.imag * b.imag)
    np.testing.assert_array_equal(whole.imag, a.real * b.imag + a.imag * b.real)
    for start, length in ((0, 1), (1, 7), (3, 63), (511, 33)):
        np.testing.assert_array_equal(f(a[start : start + length], b[start : start + length]), whole[start : start + length])


def test_two_axes_and_one(native, rng) -> None:
    """The merged and the strided walk over a matrix give the same bits."""
    x, y = tt.dmatrix("x"), tt.dvector("y")
    f = native([x], tt.exp(x))
    g = native([y], tt.exp(y))
    value = rng.standard_normal((33, 70))
    whole = g(value.ravel()).reshape(value.shape)
    np.testing.assert_array_equal(f(value), whole)
    np.testing.assert_array_equal(f(np.asfortranarray(value)), whole)
    np.testing.assert_array_equal(f(value[:, 1:]), whole[:, 1:])
    np.testing.assert_array_equal(f(value[:, :3]), whole[:, :3])


def test_threads_change_no_bit(native, rng, threads) -> None:
    """Maps, sums over either axis, extremes and row programs, of short rows as well, are the same on 1, 2 and 3 threads."""
    x = tt.dmatrix("x")
    e = tt.exp(x)
    f = native([x], [e, x.sum(), e.sum(axis=0), e.sum(axis=1), tt.argmax(x, axis=1), e / e.sum(axis=1, keepdims=True)])
    for shape in [(700, 900), (1, 300000), (300000, 2), (5003, 11)]:
        value = rng.standard_normal(shape)
        threads(1)
        alone = f(value)
        for count in (2, 3):
            threads(count)
            for ours, theirs in zip(f(value), alone, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_slices_on_threads(native, rng, threads) -> None:
    """Arrays long enough to be shared out, cut at offsets that are no multiple of a vector, on 1, 2 and 3 threads."""
    x = tt.dvector("x")
    f = native([x], tt.exp(x) * tt.tanh(x))
    value = rng.standard_normal(400_000)
    threads(1)
    whole = f(value)
    for count in (1, 2, 3):
        threads(count)
        for start, stop in ((0, 400_000), (1, 399_998), (513, 300_001), (77, 200_000)):
            np.testing.assert_array_equal(f(value[start:stop]), whole[start:stop])


def test_no_contraction(native, rng) -> None:
    """sqrt(x*x - y*y) at x = y is 0: products are rounded before they are subtracted."""
    x, y = tt.dvector("x"), tt.dvector("y")
    f = native([x, y], tt.sqrt(x * x - y * y))
    value = rng.standard_normal(100_000)
    np.testing.assert_array_equal(f(value, value), 0)


def test_special_values(native) -> None:
    """NaN and infinities as NumPy gives them."""
    a, b, c, d = tt.dvectors("a", "b", "c", "d")
    f = native([a, b, c, d], 2 * a + 3 * b - tt.sqrt(c) * tt.exp(-d))
    special = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e308, 5e-324])
    grid = [g.ravel() for g in np.meshgrid(special, special, special, special)]
    with np.errstate(all="ignore"):
        expected = 2 * grid[0] + 3 * grid[1] - np.sqrt(grid[2]) * np.exp(-grid[3])
    np.testing.assert_allclose(f(*grid), expected, rtol=1e-14)


def test_sums_are_pairwise(native) -> None:
    """A million tenths add up to a few units in the last place, over either axis."""
    x = tt.dmatrix("x")
    f = native([x], [x.sum(axis=0), x.sum(axis=1)])
    tall, wide = np.full((10**6, 1), 0.1), np.full((1, 10**6), 0.1)
    tall4 = np.full((10**6, 4), 0.1)
    for value, which in ((tall, 0), (wide, 1), (tall4, 0)):
        assert abs(f(value)[which][0] - 1e5) < 1e-9


def test_outputs_are_not_read(native, rng) -> None:
    """New memory full of NaN does not reach results: products start from zero."""
    x = tt.dmatrix("x")
    f = native([x], [tt.dot(x, x), x * 2])
    value = rng.standard_normal((200, 200))
    for _ in range(3):
        product, doubled = f(value)
        np.testing.assert_allclose(product, value @ value, rtol=1e-10, atol=1e-10)
        np.testing.assert_array_equal(doubled, value * 2)
        product.fill(np.nan)
        doubled.fill(np.nan)
        del product, doubled


@pytest.mark.parametrize("dtype", ["float64", "float32", "int8"])
def test_results_that_go_around_the_caches(native, rng, streams, threads, dtype):
    """Large results are stored past the caches: the same bits, where rows begin at lines of cache and where they do not, in place and not."""
    x = tt.TensorType(dtype, (False, False))("x")
    outputs = [x * 3 + x, tt.softmax(x)] if dtype != "int8" else [x * 3 + x, -x]
    f = native([x], outputs)
    for shape in ((40, 1000), (33, 1001), (700, 17), (3, 5000), (1, 40_000), (200, 64)):
        value = rng.normal(size=shape) * 10
        value = value.astype(dtype)
        streams(0)
        usual = f(value)
        for count in (1, 2):
            threads(count)
            streams(1)
            for ours, theirs in zip(f(value), usual, strict=True):
                np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_array_equal(f(value[:, 1:])[0], usual[0][:, 1:])
