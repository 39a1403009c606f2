"""Matrix products in blocks on our own threads: every layout, no dependence on threads, the BLAS left as it was."""

from __future__ import annotations

import ctypes
import os
import signal

import numpy as np
import pytest
from in_threads import together

import tcore.tensor as tt
from tcore.tensor import blas
from tcore_cpu.runtime.blas import find_blas
from tcore_cpu.runtime.loading import runtime


def layouts(value):
    """The same matrix in other layouts of memory."""
    wide = np.zeros((2 * value.shape[0], 3 * value.shape[1]), value.dtype)
    wide[::2, ::3] = value
    return {
        "rows": value,
        "columns": np.asfortranarray(value),
        "strided": wide[::2, ::3],
        "part": np.ascontiguousarray(np.pad(value, ((0, 0), (0, 5))))[:, : value.shape[1]],
        "backward": np.ascontiguousarray(value[::-1])[::-1],
    }


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(130, 300, 600), (600, 300, 130), (257, 400, 259), (1, 2000, 3000), (700, 1, 700)])
def test_matrix_products(native, shape, dtype):
    """Large enough for several blocks, with remainders, in all layouts."""
    m, k, n = shape
    rng = np.random.default_rng(0)
    x, y = tt.TensorType(dtype, (False, False))("x"), tt.TensorType(dtype, (False, False))("y")
    f = native([x, y], tt.dot(x, y))
    a, b = (rng.integers(-8, 9, size=s).astype(dtype) for s in ((m, k), (k, n)))
    expected = a @ b  # whole numbers: exact in any order
    for left in layouts(a).values():
        np.testing.assert_array_equal(f(left, b), expected)
    for right in layouts(b).values():
        np.testing.assert_array_equal(f(a, right), expected)


@pytest.mark.parametrize("rows", [1, 5, 8, 13, 64, 75])
def test_the_same_bits_each_time(native, rows):
    """A weighted sum of rows begins with either half of them in turn, which does not show; nor does the number of columns."""
    rng = np.random.default_rng(4)
    x, v = tt.dmatrix("x"), tt.dvector("v")
    f = native([v, x], tt.dot(v, x))
    weights, matrix = rng.normal(size=rows), rng.normal(size=(rows, 75)) * 10.0 ** rng.integers(-9, 9, size=(rows, 1))
    first = f(weights, matrix)
    np.testing.assert_allclose(first, weights @ matrix, rtol=1e-12)
    for _ in range(3):
        assert f(weights, matrix).tobytes() == first.tobytes()
    assert f(weights, np.ascontiguousarray(matrix[:, 64:])).tobytes() == first[64:].tobytes()


@pytest.mark.parametrize("shape", [(400, 784), (784, 400), (3, 100_000), (100_000, 3), (1, 1)])
def test_matrix_times_vector(native, shape):
    """Both orders of memory, vectors forward, backward and with gaps."""
    rng = np.random.default_rng(1)
    x, v = tt.dmatrix("x"), tt.dvector("v")
    f = native([x, v], tt.dot(x, v))
    a, u = (rng.integers(-8, 9, size=s).astype("float64") for s in (shape, shape[1]))
    gaps = np.zeros(3 * shape[1])
    gaps[::3] = u
    for matrix in layouts(a).values():
        for vector in (u, u[::-1].copy()[::-1], gaps[::3]):
            np.testing.assert_array_equal(f(matrix, vector), a @ u)


def whole_numbers(rng, dtype, *shape):
    """Complex whole numbers: products of them are exact in any order."""
    real, imaginary = rng.integers(-8, 9, size=(2, *shape))
    return (real + 1j * imaginary).astype(dtype)


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 7, 9), (9, 1, 4), (3, 0, 4), (0, 3, 2), (300, 150, 200)])
def test_complex_products(native, shape, dtype):
    """Every form of product of complex numbers, in all layouts, with weights that are complex; nothing is conjugated."""
    m, k, n = shape
    rng = np.random.default_rng(2)
    x, y, z = (tt.TensorType(dtype, (False, False))(name) for name in "xyz")
    u, v, w = (tt.TensorType(dtype, (False,))(name) for name in "uvw")
    s, t = (tt.TensorType(dtype, ())(name) for name in "st")
    graphs = [
        tt.dot(x, y), blas.Dot22()(x, y), blas.Dot22Scalar()(x, y, s), blas.Gemm(False)(z, s, x, y, t),
        tt.dot(x, u), tt.dot(v, x), tt.dot(u, u[::-1]), blas.Gemv(False)(v, s, x, u, t), blas.Ger(False)(z, s, v, w),
    ]  # fmt: skip
    f = native([x, y, z, u, v, w, s, t], graphs)
    assert "Python" not in {report.runs_on for report in f.explain().nodes}
    a, b, c, *vectors = (whole_numbers(rng, dtype, *lengths) for lengths in ((m, k), (k, n), (m, n), (k,), (m,), (n,)))
    one, two = np.asarray(2 - 3j, dtype), np.asarray(1 + 2j, dtype)
    d, e, g = vectors
    expected = [a @ b, a @ b, one * (a @ b), two * c + one * (a @ b), a @ d, e @ a, d @ d[::-1], two * e + one * (a @ d), c + one * np.outer(e, g)]
    for left in layouts(a).values():
        for result, wanted in zip(f(left, b, c, *vectors, one, two), expected, strict=True):
            assert result.dtype == dtype
            np.testing.assert_array_equal(result, wanted)


@pytest.fixture
def longest():
    """A function that sets the longest axis that BLAS gets, which is beyond any array of a test."""
    yield runtime().set_longest
    runtime().set_longest(2**31 - 1)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
@pytest.mark.parametrize("shape", [(13, 29, 17), (1, 9, 12), (12, 9, 1), (9, 1, 9), (9, 0, 9), (0, 9, 9), (9, 9, 0)])
def test_axes_longer_than_blas_can_count(native, longest, shape, dtype):
    """Products in parts, of every form and layout, with weights and without; a sum without terms leaves what was there."""
    m, k, n = shape
    rng = np.random.default_rng(4)
    x, y, z = (tt.TensorType(dtype, (False, False))(name) for name in "xyz")
    u, v, w = (tt.TensorType(dtype, (False,))(name) for name in "uvw")
    s, t = (tt.TensorType(dtype, ())(name) for name in "st")
    graphs = [
        tt.dot(x, y), blas.Dot22()(x, y), blas.Dot22Scalar()(x, y, s), blas.Gemm(False)(z, s, x, y, t),
        tt.dot(x, u), tt.dot(v, x), tt.dot(u, u[::-1]), blas.Gemv(False)(v, s, x, u, t), blas.Ger(False)(z, s, v, w),
        tt.batched_dot(tt.stack([x, 2 * x]), tt.stack([y, y])), tt.batched_dot(tt.stack([x, 2 * x]), tt.stack([u, u])),
    ]  # fmt: skip
    f = native([x, y, z, u, v, w, s, t], graphs)
    assert "Python" not in {report.runs_on for report in f.explain().nodes}
    a, b, c, d, e, g = (rng.integers(-8, 9, size=lengths).astype(dtype) for lengths in ((m, k), (k, n), (m, n), (k,), (m,), (n,)))
    one, two = np.asarray(2, dtype), np.asarray(-3, dtype)
    expected = [a @ b, a @ b, one * (a @ b), two * c + one * (a @ b), a @ d, e @ a, d @ d[::-1], two * e + one * (a @ d), c + one * np.outer(e, g)]
    expected += [np.stack([a @ b, 2 * a @ b]), np.stack([a @ d, 2 * a @ d])]
    for length in (4, 1):
        longest(length)
        for left, right in zip(layouts(a).values(), reversed(layouts(b).values()), strict=True):
            for result, wanted in zip(f(left, right, c, d, e, g, one, two), expected, strict=True):
                np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("dtype", ["complex128", "complex64"])
def test_batches_of_complex_products(native, dtype):
    """As real ones: also where vectors stand for matrices, and where nothing is summed."""
    rng = np.random.default_rng(3)
    x, y = (tt.TensorType(dtype, (False,) * 3)(name) for name in "xy")
    f = native([x, y], [tt.batched_dot(x, y), tt.batched_dot(x, y[:, :, 0]), tt.batched_dot(x[:, 0], y)])
    for m, k, n in ((3, 4, 5), (1, 2, 1), (30, 20, 10), (2, 0, 2)):
        a, b = whole_numbers(rng, dtype, 6, m, k), whole_numbers(rng, dtype, 6, k, n)
        for left in (a, a[::-1, :, ::-1]):
            whole = left @ b
            for result, wanted in zip(f(left, b), (whole, whole[:, :, 0], whole[:, 0]), strict=True):
                np.testing.assert_array_equal(result, wanted)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_short_ends_of_matrix_times_vector(native, dtype):
    """Every remainder of rows and columns, in both orders of memory; integers are exact in any order."""
    rng = np.random.default_rng(6)
    x, v = tt.TensorType(dtype, (False, False))("x"), tt.TensorType(dtype, (False,))("v")
    f = native([x, v], [tt.dot(x, v), tt.dot(v, x.T)])
    for rows in (1, 2, 3, 4, 5, 9):
        for columns in (*range(1, 35), 63, 64, 65, 513):
            a, u = rng.integers(-8, 9, size=(rows, columns)).astype(dtype), rng.integers(-8, 9, size=columns).astype(dtype)
            for matrix in (a, np.asfortranarray(a)):
                for result in f(matrix, u):
                    np.testing.assert_array_equal(result, a @ u)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_result_does_not_depend_on_its_place(native, order):
    """A part of the matrix gives the same bits as that part of the product."""
    rng = np.random.default_rng(7)
    x, v = tt.dmatrix("x"), tt.dvector("v")
    f = native([x, v], tt.dot(x, v))
    a, u = np.asarray(rng.normal(size=(700, 90)), order=order), rng.normal(size=90)
    whole = f(a, u)
    for part in (slice(1, 2), slice(3, 90), slice(550, 700), slice(699, 700)):
        np.testing.assert_array_equal(f(a[part], u), whole[part])


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_lay_in_the_result_is_not_read(native, order):
    """beta = 0 overwrites NaN."""
    from tcore.tensor.blas import Gemv

    x, v, y = tt.dmatrix("x"), tt.dvector("v"), tt.dvector("y")
    f = native([y, x, v], Gemv(inplace=False)(y, 2.0, x, v, 0.0))
    result = f(np.full(5, np.nan), np.ones((5, 7), order=order), np.ones(7))
    np.testing.assert_array_equal(result, np.full(5, 14.0))


def test_updates_of_strided_results(native):
    """A vector that is updated in place, backward in memory."""
    rng = np.random.default_rng(2)
    x, v, y = tt.dmatrix("x"), tt.dvector("v"), tt.dvector("y")
    from tcore.tensor.blas import Gemv

    f = native([y, x, v], Gemv(inplace=False)(y, 2.0, x, v, 3.0))
    a, u, w = (rng.integers(-8, 9, size=s).astype("float64") for s in ((900, 500), 500, 900))
    for start in (w, w[::-1].copy()[::-1]):
        np.testing.assert_array_equal(f(start, a, u), 2 * (a @ u) + 3 * w)


def test_results_do_not_depend_on_threads(native, threads):
    """Bit for bit: blocks depend on lengths alone."""
    rng = np.random.default_rng(3)
    x, y, v = tt.dmatrix("x"), tt.dmatrix("y"), tt.dvector("v")
    f = native([x, y, v], [tt.dot(x, y), tt.dot(x, v), tt.dot(x.T, v[: x.shape[0]])])
    values = rng.normal(size=(390, 810)), rng.normal(size=(810, 530)), rng.normal(size=810)
    threads(1)
    alone = f(*values)
    for count in (2, 3, 5):
        threads(count)
        for one, many in zip(alone, f(*values), strict=True):
            np.testing.assert_array_equal(one, many)


@pytest.fixture
def blas_threads():
    """Functions that tell and set the threads of the BLAS in use; set back at the end."""
    found = find_blas()
    if found is None or found.threads is None:
        pytest.skip("a BLAS whose threads cannot be set")
    get = ctypes.CFUNCTYPE(ctypes.c_int)(found.threads[0])
    put = ctypes.CFUNCTYPE(None, ctypes.c_int)(found.threads[1])
    before = get()
    yield get, put
    put(before)


def test_the_number_of_threads_is_left_as_it_was(native, blas_threads):
    """Products of several threads at once leave the BLAS with the threads that it had."""
    get, put = blas_threads
    put(2)
    rng = np.random.default_rng(4)
    x = tt.dmatrix("x")
    f = native([x], tt.dot(x, x))
    value = rng.normal(size=(300, 300))
    expected = value @ value

    def work(k):
        for _ in range(20):
            assert np.allclose(f(value), expected)

    together(work, 8)
    assert get() == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_products_in_a_forked_child(native, threads):
    """A child that is forked after products on several threads has none of these threads and makes its own."""
    threads(2)
    x = tt.dmatrix("x")
    f = native([x], tt.dot(x, x))
    value = np.random.default_rng(5).normal(size=(300, 300))
    f(value)
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if np.allclose(f(value), value @ value) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sums_over_rows_have_the_same_bits(native, dtype):
    """Whether a matrix lies close together or is a part of a wide one, and wherever in it a column stands."""
    v, x = tt.TensorType(dtype, (False,))("v"), tt.TensorType(dtype, (False, False))("x")
    f = native([v, x], tt.dot(v, x))
    rng = np.random.default_rng(6)
    wide, u = rng.standard_normal((75, 3000)).astype(dtype), rng.standard_normal(75).astype(dtype)
    near = np.ascontiguousarray(wide[:, :301])
    apart = f(u, wide[:, :301])
    np.testing.assert_array_equal(f(u, near), apart)
    np.testing.assert_array_equal(f(u, np.ascontiguousarray(near[:, 5:200])), apart[5:200])
    np.testing.assert_allclose(apart, u.astype("float64") @ near.astype("float64"), rtol=0, atol=2e-4 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_products_of_many_short_rows(native, dtype):
    """Each sum in the order of its terms, whatever the layout: the bits of a loop."""
    x, y = (tt.TensorType(dtype, (False, False))(name) for name in "xy")
    f = native([x, y], tt.batched_dot(x, y))
    rng = np.random.default_rng(5)
    for shape in ((11, 4), (3, 100), (4, 1), (5, 0), (0, 3)):
        a, b = rng.normal(size=(2, *shape)).astype(dtype)
        expected = np.zeros(shape[0], dtype)
        for column in range(shape[1]):
            expected += a[:, column] * b[:, column]
        for left, right in ((a, b), (np.asfortranarray(a), b), (a[::-1, ::-1].copy()[::-1, ::-1], np.asfortranarray(b))):
            np.testing.assert_array_equal(f(left, right), expected)
