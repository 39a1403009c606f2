"""Reductions in every order of memory: groups of rows, short and long rows, axes that are apart, NaN anywhere."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest

import tcore.tensor as tt
from tcore.compile.function import function
from tcore.compile.mode import Mode
from tcore_cpu.linkers.cvm import CvmLinker

DTYPES = ("float64", "float32", "int64", "int32", "int16", "int8", "uint32", "uint16", "uint8", "bool")


def sample(shape, dtype, rng):
    if dtype == "bool":
        return rng.random(shape) < 0.5
    if dtype.startswith("float"):
        return rng.normal(size=shape).astype(dtype)
    return rng.integers(0, 100, size=shape).astype(dtype)


def agree(native, value, axis):
    """Sum and extremes of ``value`` over ``axis`` against NumPy."""
    x = tt.TensorType(str(value.dtype), (False,) * value.ndim)("x")
    results = [x.sum(axis=axis), x.max(axis=axis), x.min(axis=axis)]
    f = native([x], results)
    total, largest, smallest = f(value)
    np.testing.assert_allclose(total, value.sum(axis=axis), rtol=1e-12, atol=1e-10)
    np.testing.assert_array_equal(largest, value.max(axis=axis))
    np.testing.assert_array_equal(smallest, value.min(axis=axis))


@pytest.mark.parametrize("dtype", DTYPES)
def test_groups_of_rows(native, dtype):
    """Over the outer axis rows are taken in groups; every remainder of a group, and of the groups' groups."""
    rng = np.random.default_rng(0)
    x = tt.TensorType(dtype, (False, False))("x")
    f = native([x], [x.sum(axis=0), x.max(axis=0), x.min(axis=0), x.sum(axis=1), x.sum()])
    for rows in (1, 6, 7, 8, 9, 14, 15, 16, 63, 64, 65, 71, 72, 128, 4095, 4097, 4170):
        for columns in (4, 17, 520) if rows < 100 else (5,):
            value = sample((rows, columns), dtype, rng)
            total, largest, smallest, row_sums, all_ = f(value)
            wide = value.astype("float64") if dtype == "float32" else value
            close = {"rtol": 1e-6, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}
            for result, expected in ((total, wide.sum(axis=0)), (row_sums, wide.sum(axis=1)), (all_, wide.sum())):
                np.testing.assert_allclose(result, expected, **close)
            np.testing.assert_array_equal(largest, value.max(axis=0))
            np.testing.assert_array_equal(smallest, value.min(axis=0))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_of_negative_zeros(native, dtype):
    """-0.0 + -0.0 is -0.0, but a sum begins with 0.0."""
    x = tt.TensorType(dtype, (False, False))("x")
    f = native([x], [x.sum(axis=0), x.sum(axis=1), x.sum()])
    for shape in ((3, 8), (100, 8), (8, 3), (1, 1)):
        for result in f(np.full(shape, -0.0, dtype)):
            assert not np.signbit(result).any()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nan_in_any_row(native, dtype):
    """NaN in whatever row of a group makes the extremes of its column NaN, and of no other."""
    x = tt.TensorType(dtype, (False, False))("x")
    f = native([x], [x.max(axis=0), x.min(axis=0), x.max(axis=1), x.min(axis=1)])
    for row in (0, 1, 6, 7, 8, 20, 63, 64, 99):
        for column in (0, 15, 16, 31, 32, 40):
            value = np.random.default_rng(row).normal(size=(100, 41)).astype(dtype)
            value[row, column] = np.nan
            for result, expected in zip(f(value), (value.max(0), value.min(0), value.max(1), value.min(1)), strict=True):
                np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("length", [1, 5, 31, 32, 33, 511, 512, 513, 1500])
def test_rows_of_any_length(native, length):
    """Short rows are one tile, long ones several."""
    agree(native, np.random.default_rng(length).normal(size=(70, length)), 1)


@pytest.mark.parametrize("axis", [(0, 2), (0,), (1,), (2,), (1, 2), (0, 1), (1, 3), (0, 2, 3)])
def test_axes_that_are_apart(native, axis):
    """Reduced axes with kept ones between them, in three orders of memory."""
    value = np.random.default_rng(1).normal(size=(9, 40, 33, 2))
    for order in ((0, 1, 2, 3), (2, 0, 3, 1), (3, 2, 1, 0)):
        agree(native, np.ascontiguousarray(value.transpose(order)).transpose(np.argsort(order)), axis)
    agree(native, value[::-1, ::2, ::-3], axis)


def test_positions_over_axes_that_are_apart(native):
    """argmax over two axes with another one between: the first of equals, NaN before all."""
    rng = np.random.default_rng(2)
    x = tt.dtensor3("x")
    f = native([x], x.dimshuffle(1, 0, 2).reshape((x.shape[1], x.shape[0] * x.shape[2])).argmax(axis=1))
    value = rng.integers(0, 50, size=(30, 20, 700)).astype("float64")
    value[3, 4, 5] = value[3, 4, 600] = np.nan
    np.testing.assert_array_equal(f(value), value.transpose(1, 0, 2).reshape(20, -1).argmax(axis=1))


def test_results_do_not_depend_on_threads(native, threads):
    """Bit for bit, however the rows of a tile are split."""
    value = np.random.default_rng(3).normal(size=(300, 70, 90))
    x = tt.dtensor3("x")
    f = native([x], [x.sum(axis=axis) for axis in (0, 1, 2, (0, 2), (0, 1), (1, 2))])
    threads(1)
    alone = f(value)
    threads(4)
    for one, many in zip(alone, f(value), strict=True):
        np.testing.assert_array_equal(one, many)


def optimized(inputs, output):
    return function(inputs, output, mode=Mode(linker=CvmLinker()))


def test_layer_norm_is_one_kernel():
    """Rows are read once: what is made and overwritten inside needs no memory of its own."""
    x = tt.dmatrix("x")
    centred = x - x.mean(axis=1, keepdims=True)
    f = optimized([x], centred / tt.sqrt(tt.sqr(centred).mean(axis=1, keepdims=True) + 1e-5))
    assert f.maker.linker.kernels == 1
    for shape in ((50, 20), (3, 2000), (1, 1), (0, 4)):
        value = np.random.default_rng(4).normal(size=shape)
        expected = value - value.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(f(value), expected / np.sqrt((expected**2).mean(axis=1, keepdims=True) + 1e-5), rtol=1e-10)


def test_gradient_of_log_of_sum_of_exp_is_one_kernel():
    """The exponentials that the sum needs are those that are divided, in place in the graph."""
    x = tt.dmatrix("x")
    f = optimized([x], tt.grad(tt.log(tt.exp(x).sum(axis=1)).sum(), x))
    assert f.maker.linker.kernels == 1
    value = np.random.default_rng(5).normal(size=(37, 600))
    np.testing.assert_allclose(f(value), np.exp(value) / np.exp(value).sum(axis=1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 200, 511, 513, 1000, 2047, 2049, 5000])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "uint16"])
def test_positions_of_extremes(native, dtype, length):
    """The first of equals, wherever it lies in rows of one tile and of several, over either axis."""
    rng = np.random.default_rng(length)
    x = tt.TensorType(dtype, (False, False))("x")
    f = native([x], [tt.argmax(x, axis=1), tt.argmin(x, axis=1), tt.argmax(x, axis=0), tt.argmin(x, axis=0)])
    value = rng.integers(0, 5, size=(70, length)).astype(dtype)
    value[np.arange(70), rng.integers(0, length, 70)] = 9
    for each in (value, np.ascontiguousarray(value[:, ::-1]), np.asfortranarray(value)):
        for result, expected in zip(f(each), (each.argmax(1), each.argmin(1), each.argmax(0), each.argmin(0)), strict=True):
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("length", [3, 64, 130, 700, 3000])
def test_positions_of_nan(native, length):
    """The first NaN wins, over either axis."""
    rng = np.random.default_rng(length)
    x = tt.dmatrix("x")
    f = native([x], [tt.argmax(x, axis=1), tt.argmin(x, axis=1), tt.argmax(x, axis=0)])
    value = rng.normal(size=(40, length))
    value[np.arange(40), rng.integers(0, length, 40)] = np.nan
    value[::2, -1] = np.nan
    for result, expected in zip(f(value), (value.argmax(1), value.argmin(1), value.argmax(0)), strict=True):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("shape", [(1, 3), (9, 5), (70, 600), (300, 5000), (5, 7, 200)])
def test_odd_bytes_of_bool(native, shape):
    """Bytes of bool other than 0 and 1 are true; results are 0 or 1."""
    rng = np.random.default_rng(0)
    x = tt.TensorType("bool", (False,) * len(shape))("x")
    axes = [*range(len(shape)), None]
    f = native([x], [reduction(x, axis=axis) for axis in axes for reduction in (tt.any, tt.all, tt.max, tt.min)])
    for bytes_ in (rng.choice(np.array([0, 0, 0, 2, 4, 255], "uint8"), shape), np.full(shape, 8, "uint8"), np.where(rng.random(shape) < 0.01, 0, 6).astype("uint8")):
        true = bytes_ != 0
        expected = [reduction(axis=axis) for axis in axes for reduction in (true.any, true.all, true.max, true.min)]
        for result, wanted in zip(f(bytes_.view("bool")), expected, strict=True):
            np.testing.assert_array_equal(np.asarray(result).view("uint8"), np.asarray(wanted).view("uint8"))


@pytest.mark.parametrize("length", [100, 512, 513, 1000, 2048, 2049, 9000])
def test_row_programs_of_all_lengths(native, length, rng, threads):
    """Softmax, normalisation and variance of rows that are one tile and of longer ones, contiguous or not, on one and two threads."""
    x = tt.dmatrix("x")
    centred = x - x.mean(axis=1, keepdims=True)
    f = native([x], [tt.softmax(x), centred / tt.sqrt(x.var(axis=1, keepdims=True) + 1e-5), x.var(axis=0)])
    value = rng.normal(size=(90, length))
    e = np.exp(value - value.max(axis=1, keepdims=True))
    normal = (value - value.mean(axis=1, keepdims=True)) / np.sqrt(value.var(axis=1, keepdims=True) + 1e-5)
    known = []
    for count in (1, 2):
        threads(count)
        for each in (value, np.asfortranarray(value)):
            results = f(each)
            for result, expected in zip(results, (e / e.sum(axis=1, keepdims=True), normal, value.var(axis=0)), strict=True):
                np.testing.assert_allclose(result, expected, rtol=1e-11, atol=1e-13)
            known.append(results)
    for one, two in zip(known[:2], known[2:], strict=True):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(300, 700), (5, 1), (70, 3), (0, 4), (9, 40, 50)])
def test_several_passes_over_outer_axes(native, threads, dtype, shape):
    """What needs a mean or a maximum of the outer axis first, in lanes; and the same where memory is in another order, row after row."""
    value = np.random.default_rng(0).normal(size=shape).astype(dtype)
    x = tt.TensorType(dtype, (False,) * len(shape))("x")
    centred = x - x.mean(axis=0)
    outputs = [x.var(axis=0), centred / tt.sqrt((centred**2).mean(axis=0) + 1e-3), tt.exp(x) / tt.exp(x).sum(axis=0), tt.log(tt.exp(x).sum(axis=0))]
    f = native([x], outputs)
    wide = value.astype("float64")
    with pytest.warns(RuntimeWarning) if not len(value) else nullcontext():  # the mean of nothing
        off = wide - wide.mean(axis=0)
        exponentials = np.exp(wide)
        expected = [off.var(axis=0), off / np.sqrt((off**2).mean(axis=0) + 1e-3), exponentials / exponentials.sum(axis=0), np.log(exponentials.sum(axis=0))]
    for count in (1, 3):
        threads(count)
        for given in (value, np.asfortranarray(value), np.repeat(value, 2, axis=1)[:, ::2]):
            for result, wanted in zip(f(given), expected, strict=True):
                np.testing.assert_allclose(result, wanted, rtol=1e-11 if dtype == "float64" else 1e-4, atol=1e-14 if dtype == "float64" else 1e-5)
