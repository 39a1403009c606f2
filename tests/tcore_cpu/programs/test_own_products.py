"""Products of numbers that BLAS does not know: integers that wrap around, truth values, half precision, two dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.tensor.dot import BatchedDot, Dot

WHOLE = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
SHAPES = [(1, 300, 1), (1, 5, 9), (9, 5, 1), (3, 700, 600), (600, 700, 2), (5, 7, 3), (131, 290, 270), (0, 3, 4), (3, 0, 4), (4, 0, 5), (1, 0, 1)]


def numbers(dtype, *shape, seed=0):
    """All values that there are, truth values mostly false; few of a half, so that all sums are exact."""
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.random(shape) < 0.1
    if dtype == "float16":
        return rng.integers(-2, 3, size=shape).astype(dtype)
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max, size=shape, dtype=dtype, endpoint=True)


def layouts(value):
    """The same matrix in other layouts of memory."""
    return [value, np.asfortranarray(value), np.ascontiguousarray(value[::-1])[::-1], np.repeat(np.repeat(value, 2, 0), 3, 1)[::2, ::3]]


def matrix(dtype, name):
    return tt.TensorType(dtype, (False, False))(name)


def runs_in_python(f):
    """Whether a product does: whether the conversion of a number does is not asked here."""
    return any(report.runs_on == "Python" and "ast" not in report.node for report in f.explain().nodes)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [*WHOLE, "float16"])
def test_matrices(native, dtype, shape):
    """Several blocks with remainders, few rows, few columns, no terms, in all layouts; bit for bit what NumPy has."""
    m, k, n = shape
    x, y = matrix(dtype, "x"), matrix(dtype, "y")
    f = native([x, y], Dot()(x, y))
    assert not runs_in_python(f)
    a, b = numbers(dtype, m, k), numbers(dtype, k, n, seed=1)
    expected = a @ b
    for left in layouts(a):
        for right in layouts(b):
            result = f(left, right)
            assert result.dtype == expected.dtype
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "float16"])
def test_vectors(native, dtype):
    """A vector on either side, or on both; backward ones, and one number repeated."""
    x, u, v = matrix(dtype, "x"), tt.TensorType(dtype, (False,))("u"), tt.TensorType(dtype, (False,))("v")
    dot = Dot()
    f = native([x, u, v], [dot(x, v), dot(u, x), dot(v, v[::-1])])
    assert not runs_in_python(f)
    a, left, right = numbers(dtype, 40, 75), numbers(dtype, 40, seed=1), numbers(dtype, 75, seed=2)
    for second in (right, right[::-1], np.broadcast_to(right[3], 75)):
        for result, expected in zip(f(a, left, second), (a @ second, left @ a, second @ second[::-1]), strict=True):
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "float16"])
def test_batches(native, dtype):
    """Batches of matrices and vectors, many small items and few large ones, empty ones."""
    x, y = (tt.TensorType(dtype, (False,) * 3)(name) for name in "xy")
    u, v = (matrix(dtype, name) for name in "uv")
    op = BatchedDot()
    f = native([x, y, u, v], [op(x, y), op(x, v), op(u, y), op(v, v)])
    assert not runs_in_python(f)
    for items, m, k, n in ((70, 3, 4, 5), (2, 130, 100, 300), (0, 2, 3, 4), (3, 2, 0, 4)):
        a, b = numbers(dtype, items, m, k), numbers(dtype, items, k, n, seed=1)
        right = np.ascontiguousarray(b[:, :, 0])
        results = f(a, b, right, right)
        expected = [a @ b, (a @ right[:, :, None])[..., 0], (right[:, None] @ b)[:, 0], (right[:, None] @ right[:, :, None])[:, 0, 0]]
        for result, wanted in zip(results, expected, strict=True):
            np.testing.assert_array_equal(result, wanted)


def test_bytes_that_are_true(native):
    """A byte of bool other than 0 and 1 is true."""
    x, y = matrix("bool", "x"), matrix("bool", "y")
    f = native([x, y], Dot()(x, y))
    a = np.full((5, 6), 2, "uint8").view("bool")
    b = np.full((6, 7), 4, "uint8").view("bool")
    for rows in (5, 1):
        assert f(a[:rows], b).view("uint8").tolist() == [[1] * 7] * rows


def test_every_half(native):
    """Each value of half precision is read and stored as it is: subnormal numbers, infinities and signed zeros included."""
    x, y = matrix("float16", "x"), matrix("float16", "y")
    f = native([x, y], Dot()(x, y))
    every = np.arange(1 << 16, dtype="uint16").view("float16")
    result = f(every[:, None], np.ones((1, 1), "float16"))[:, 0]
    nan = np.isnan(every)
    np.testing.assert_array_equal(np.isnan(result), nan)
    np.testing.assert_array_equal(result[~nan], every[~nan])


def test_halves_are_rounded_once(native):
    """Products of two numbers are exact in float32, and become the nearest half; so do sums that no half holds on the way."""
    x, y = matrix("float16", "x"), matrix("float16", "y")
    f = native([x, y], Dot()(x, y))
    rng = np.random.default_rng(3)
    a, b = ((rng.standard_normal((300, 1)) * 10.0 ** rng.integers(-5, 3, (300, 1))).astype("float16") for _ in range(2))
    with np.errstate(over="ignore"):
        expected = (a.astype("float32") * b.T.astype("float32")).astype("float16")
    np.testing.assert_array_equal(f(a, b.T), expected)
    assert f(np.ones((1, 5000), "float16"), np.ones((5000, 1), "float16")).tolist() == [[5000]]
    assert f(np.full((4, 2), 60000, "float16"), np.array([[2.0] * 4, [-1.5] * 4], "float16")).tolist() == [[30000] * 4] * 4


def test_threads_do_not_show(native, threads):
    """A sum in half precision has the same bits by one thread and by three."""
    x, y = matrix("float16", "x"), matrix("float16", "y")
    f = native([x, y], Dot()(x, y))
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((300, 400)).astype("float16"), rng.standard_normal((400, 310)).astype("float16")
    threads(1)
    alone = f(a, b)
    threads(3)
    np.testing.assert_array_equal(f(a, b), alone)
    np.testing.assert_allclose(alone, a.astype("float64") @ b.astype("float64"), rtol=2e-3, atol=2e-2)


TWO_DTYPES = [
    ("int32", "float64"), ("float32", "float64"), ("bool", "int64"), ("int8", "uint8"), ("float16", "float32"), ("complex64", "float64"),
]  # fmt: skip


@pytest.mark.parametrize(("left", "right"), TWO_DTYPES)
def test_two_dtypes(left, right):
    """The optimizer brings both into the dtype of the result, which NumPy does as well."""
    x, y, u = matrix(left, "x"), matrix(right, "y"), tt.TensorType(right, (False,))("u")
    batches = tt.batched_dot(x[None], y[None])[0]
    f = tcore.function([x, y, u], [tt.dot(x, y), tt.dot(x, u), batches])
    assert not runs_in_python(f)
    rng = np.random.default_rng(5)
    a, b = rng.integers(0, 2, (6, 7)).astype(left), rng.integers(0, 9, (7, 8)).astype(right)
    for result, expected in zip(f(a, b, b[:, 0]), (a @ b, a @ b[:, 0], a @ b), strict=True):
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", ["bool", "int16"])
def test_forms_of_products(dtype):
    """matmul, tensordot and einsum become the same loops."""
    x, y = tt.TensorType(dtype, (False,) * 3)("x"), tt.TensorType(dtype, (False,) * 3)("y")
    f = tcore.function([x, y], [tt.matmul(x, y), tt.tensordot(x, y, [[0, 2], [0, 1]]), tt.einsum("bij,bjk->ik", x, y)])
    assert not runs_in_python(f)
    a, b = numbers(dtype, 3, 4, 5), numbers(dtype, 3, 5, 6, seed=1)
    expected = [np.matmul(a, b), np.tensordot(a, b, [[0, 2], [0, 1]]), np.tensordot(a, b, [[0, 2], [0, 1]])]
    for result, wanted in zip(f(a, b), expected, strict=True):
        np.testing.assert_array_equal(result, wanted)


def test_powers_in_a_loop():
    """The steps of a loop are no calls of Python: Fibonacci numbers by powers of a matrix, modulo 2^32."""
    a, n = tt.TensorType("uint32", (False, False))("a"), tt.lscalar("n")
    powers, _ = tcore.scan(lambda power, a: tt.dot(power, a), outputs_info=a, non_sequences=a, n_steps=n)
    f = tcore.function([a, n], powers[-1])
    assert not runs_in_python(f)
    previous, number = 1, 1
    for _ in range(98):
        previous, number = number, previous + number
    assert f(np.array([[1, 1], [1, 0]], "uint32"), 99)[0, 1] == number % 2**32


def test_lengths_that_differ(native):
    """The error of the op, with both shapes."""
    x, y = matrix("int64", "x"), matrix("int64", "y")
    f = native([x, y], Dot()(x, y))
    with pytest.raises(ValueError, match="x has 3 cols"):
        f(np.zeros((2, 3), "int64"), np.zeros((4, 2), "int64"))
