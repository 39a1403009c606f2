"""Reductions and row programs over short rows, which are turned so that rows stand side by side: as NumPy computes them, in every layout of memory."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile.mode import Mode
from tcore_cpu.linkers.cvm import CvmLinker

LENGTHS = (1, 2, 3, 4, 5, 8, 10, 31, 40, 41)
ROWS = (15, 16, 17, 64, 130, 1027)


@pytest.fixture
def optimized():
    """Compile with all optimizations, so that what shares rows is one kernel."""
    return lambda inputs, outputs, **options: tcore.function(inputs, outputs, mode=Mode(linker=CvmLinker()), **options)


def layouts(value):
    """The same numbers, in memory by rows, by columns, with gaps, backwards, with rows apart, and as part of more axes."""
    wide = np.zeros((value.shape[0], 2 * value.shape[1] + 3), value.dtype)
    wide[:, 1 : 2 * value.shape[1] + 1 : 2] = value
    yield value
    yield np.asfortranarray(value)
    yield wide[:, 1 : 2 * value.shape[1] + 1 : 2]
    yield value[::-1, ::-1].copy()[::-1, ::-1]
    padded = np.zeros((value.shape[0], value.shape[1] + 5), value.dtype)
    padded[:, 2:-3] = value
    yield padded[:, 2:-3]


def sample(shape, dtype, rng):
    if dtype == "bool":
        return rng.random(shape) < 0.7
    if dtype.startswith("complex"):
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.startswith("float"):
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, 100, size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"])
def test_reductions(optimized, rng, dtype) -> None:
    """Sums, products, extremes and their positions; ties are many in small integers."""
    x = tt.TensorType(dtype, (False, False))("x")
    outputs = [x.sum(axis=1), x.max(axis=1), x.min(axis=1), x.argmax(axis=1), x.argmin(axis=1)]
    f = optimized([x], outputs)
    for length in LENGTHS:
        for rows in ROWS:
            value = sample((rows, length), dtype, rng)
            wide = value.astype("float64") if dtype.startswith("float") else value
            for laid in layouts(value):
                total, largest, smallest, where_largest, where_smallest = f(laid)
                np.testing.assert_allclose(total, wide.sum(axis=1), rtol=2e-3 if dtype == "float16" else 1e-5, atol=1e-2 if dtype == "float16" else 1e-5)
                np.testing.assert_array_equal(largest, value.max(axis=1))
                np.testing.assert_array_equal(smallest, value.min(axis=1))
                np.testing.assert_array_equal(where_largest, value.argmax(axis=1))
                np.testing.assert_array_equal(where_smallest, value.argmin(axis=1))


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_complex_sums_and_products(optimized, rng, dtype) -> None:
    z = tt.TensorType(dtype, (False, False))("z")
    f = optimized([z], [z.sum(axis=1), z.prod(axis=1), (z * z).sum(axis=1)])
    for length in (1, 3, 10, 33):
        value = sample((70, length), dtype, rng)
        wide = value.astype("complex128")
        for laid in layouts(value):
            close = {"rtol": 1e-12} if dtype == "complex128" else {"rtol": 2e-4, "atol": 1e-5}
            for ours, expected in zip(f(laid), (wide.sum(axis=1), wide.prod(axis=1), (wide * wide).sum(axis=1)), strict=True):
                np.testing.assert_allclose(ours, expected, **close)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_row_programs(optimized, rng, dtype) -> None:
    """Softmax, layer normalization with weights for each column and logsumexp, whose later passes read what the first ones found for each row."""
    x, scale, weight = tt.TensorType(dtype, (False, False))("x"), tt.TensorType(dtype, (False,))("scale"), tt.TensorType(dtype, (False,))("weight")
    e = tt.exp(x - x.max(axis=1, keepdims=True))
    centred = x - x.mean(axis=1, keepdims=True)
    normal = centred / tt.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-3) * scale + weight[:, None]
    f = optimized([x, scale, weight], [e / e.sum(axis=1, keepdims=True), normal, tt.log(tt.exp(x).sum(axis=1))])
    close = {"float64": {"rtol": 1e-12, "atol": 1e-14}, "float32": {"rtol": 1e-4, "atol": 1e-5}, "float16": {"rtol": 2e-2, "atol": 2e-2}}[dtype]
    for length in LENGTHS:
        for rows in (16, 65, 1027):
            value, s, w = sample((rows, length), dtype, rng), sample((length,), dtype, rng), sample((rows,), dtype, rng)
            wide = value.astype("float64")
            powers = np.exp(wide - wide.max(axis=1, keepdims=True))
            apart = wide - wide.mean(axis=1, keepdims=True)
            expected = apart / np.sqrt((apart**2).mean(axis=1, keepdims=True) + 1e-3) * s.astype("float64") + w.astype("float64")[:, None]
            for laid in layouts(value):
                softmax, normalized, logsumexp = f(laid, s, w)
                np.testing.assert_allclose(softmax, powers / powers.sum(axis=1, keepdims=True), **close)
                np.testing.assert_allclose(normalized, expected, **close)
                np.testing.assert_allclose(logsumexp, np.log(np.exp(wide).sum(axis=1)), **close)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nan_infinities_and_zeros(optimized, dtype) -> None:
    """The first NaN is the extreme, and its place the position; sums of -0.0 are 0.0 as NumPy adds; infinities stay what they are."""
    x = tt.TensorType(dtype, (False, False))("x")
    f = optimized([x], [x.max(axis=1), x.argmax(axis=1), x.min(axis=1), x.argmin(axis=1), x.sum(axis=1)])
    special = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1.0], dtype)
    value = np.stack([g.ravel() for g in np.meshgrid(*[special] * 4)], axis=1)
    with np.errstate(invalid="ignore"):
        expected = [value.max(axis=1), value.argmax(axis=1), value.min(axis=1), value.argmin(axis=1), value.sum(axis=1)]
    for ours, numpys in zip(f(value), expected, strict=True):
        np.testing.assert_array_equal(ours, numpys)
    total = f(np.full((20, 4), -0.0, dtype))[-1]
    np.testing.assert_array_equal(np.signbit(total), np.signbit(np.full((20, 4), -0.0, dtype).sum(axis=1)))


def test_more_axes(optimized, rng) -> None:
    """Rows of arrays with more axes, with gaps between planes, and rows that lie across two axes."""
    x = tt.dtensor4("x")
    e = tt.exp(x - x.max(axis=3, keepdims=True))
    f = optimized([x], [e / e.sum(axis=3, keepdims=True), x.argmax(axis=3), x.sum(axis=(2, 3)), x.max(axis=(1, 3))])
    whole = rng.normal(size=(3, 40, 5, 7))
    for value in (whole, whole[:, ::2], whole[:, :, 1:4, 2:], whole[:2, :, ::-1], whole.transpose(1, 0, 2, 3), whole.transpose(2, 1, 3, 0)):
        powers = np.exp(value - value.max(axis=3, keepdims=True))
        expected = powers / powers.sum(axis=3, keepdims=True), value.argmax(axis=3), value.sum(axis=(2, 3)), value.max(axis=(1, 3))
        for ours, numpys in zip(f(value), expected, strict=True):
            np.testing.assert_allclose(ours, numpys, rtol=1e-12, atol=1e-14)


def test_in_place(optimized, rng) -> None:
    """Results that overwrite the rows that they are made of."""
    start = rng.normal(size=(200, 10))
    x = tcore.shared(start.copy(), borrow=True)
    e = tt.exp(x - x.max(axis=1, keepdims=True))
    f = optimized([], [], updates=[(x, e / e.sum(axis=1, keepdims=True) + x)])
    expected = start
    for _ in range(3):
        f()
        powers = np.exp(expected - expected.max(axis=1, keepdims=True))
        expected = powers / powers.sum(axis=1, keepdims=True) + expected
        np.testing.assert_allclose(x.get_value(), expected, rtol=1e-12)


def test_rows_of_indices(optimized, rng) -> None:
    """Rows that index arrays pick, and conditions on the place in a row."""
    x, i = tt.dmatrix("x"), tt.lvector("i")
    place = tt.arange(x.shape[1])
    f = optimized([x, i], [(x[i] * place).sum(axis=1), tt.switch(place > i[:, None] % 3, x[i], 0.0).max(axis=1)])
    value, index = rng.normal(size=(50, 9)), rng.integers(-50, 50, size=300)
    places = np.arange(9)
    total, largest = f(value, index)
    np.testing.assert_allclose(total, (value[index] * places).sum(axis=1), rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(largest, np.where(places > index[:, None] % 3, value[index], 0.0).max(axis=1))


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
def test_neighbours_change_no_bit(optimized, rng, dtype) -> None:
    """A row has the same results alone as among others, and with gaps around it as without."""
    x = tt.TensorType(dtype, (False, False))("x")
    e = tt.exp(x)
    f = optimized([x], [e / e.sum(axis=1, keepdims=True), (x * x).sum(axis=1), x.sum(axis=1), x.prod(axis=1)])
    for length in (1, 2, 3, 7, 8, 10, 15, 16, 17, 24, 31, 32, 33, 40, 41):
        value = sample((150, length), dtype, rng)
        wide = np.zeros((150, length + 3), dtype)
        wide[:, 1:-2] = value
        whole = f(value)
        for part, rows in ((value[:1], slice(1)), (value[7:12], slice(7, 12)), (value[30:], slice(30, None)), (wide[:, 1:-2], slice(None))):
            for ours, all_ in zip(f(part), whole, strict=True):
                np.testing.assert_array_equal(ours, all_[rows])
