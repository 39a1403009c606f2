"""Least squares: what NumPy returns, derivatives as central differences."""

import numpy as np
import pytest
from matrices import TALL

import tcore
import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(31)
SHAPES = [((5, 3), 2), ((3, 5), 2), ((4, 4), 0), ((5, 3), 1), ((0, 3), 2), ((3, 0), 2)]


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
def test_as_numpy(dtype):
    """Solution, residuals, rank and singular values; of full and of smaller rank, without right sides, and of nothing."""
    x, y = T.matrix(dtype=dtype), T.matrix(dtype=dtype)
    f = tcore.function([x, y], linalg.lstsq(x, y, full=True))
    close = {"rtol": 1e-9, "atol": 1e-11} if dtype in ("float64", "complex128") else {"rtol": 1e-3, "atol": 1e-4}
    for shape, sides in SHAPES:
        a, b = rng.normal(size=shape).astype(dtype), rng.normal(size=(shape[0], sides)).astype(dtype)
        if dtype.startswith("complex"):
            a = a + (1j * rng.normal(size=shape)).astype(dtype)
        for matrix in (a, a * (np.arange(shape[1]) > 0)):
            for found, wanted in zip(f(matrix, b), np.linalg.lstsq(matrix, b, rcond=None), strict=True):
                np.testing.assert_allclose(found, wanted, **close)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_what_counts_as_zero():
    """The limit of the user's; -1 is the precision."""
    a, b = np.diag([1.0, 1e-3, 1e-15]), np.ones(3)
    x, y = T.dmatrix(), T.dvector()
    for rcond in (None, -1, 0.01, 1e-4):
        solution, _, rank, _ = tcore.function([x, y], linalg.lstsq(x, y, rcond, full=True))(a, b)
        wanted = np.linalg.lstsq(a, b, rcond)
        np.testing.assert_allclose(solution, wanted[0])
        assert rank == wanted[2]


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_stacks():
    """That broadcast by their types; a vector beside each matrix; ranks and values of each."""
    a, b = rng.normal(size=(2, 3, 5, 3)), rng.normal(size=(1, 3, 5, 2))
    x, y, v = T.dtensor4(), T.TensorType("float64", (True, False, False, False))(), T.dvector()
    found = tcore.function([x, y, v], [*linalg.lstsq(x, y, full=True), linalg.lstsq(x, v)])(a, b, b[0, 0, :, 0])
    assert [value.shape for value in found] == [(2, 3, 3, 2), (2, 3, 2), (2, 3), (2, 3, 3), (2, 3, 3)]
    for item in np.ndindex(2, 3):
        wanted = np.linalg.lstsq(a[item], b[0, item[1]], rcond=None)
        for value, own in zip(found[:4], wanted, strict=True):
            np.testing.assert_allclose(value[item], own)
        np.testing.assert_allclose(found[4][item], np.linalg.lstsq(a[item], b[0, 0, :, 0], rcond=None)[0])


@pytest.mark.parametrize("matrix", [TALL, TALL.T, TALL[:3]], ids=["tall", "wide", "square"])
def test_derivatives(matrix, check_grad, check_direction):
    """Of the solution and of singular values, in reverse and in directions."""
    b = rng.normal(size=(len(matrix), 2))
    check_grad(linalg.lstsq, matrix, b)
    check_grad(lambda a, b: linalg.lstsq(a, b[:, 0]), matrix, b)
    check_grad(lambda a, b: linalg.LeastSquares()(a, b)[2], matrix, b)
    check_direction(lambda a, b: linalg.LeastSquares()(a, b)[::2], matrix, b)


def test_complex_derivatives(check_complex_grad):
    """By real and imaginary parts of the matrix."""
    a = rng.normal(size=(4, 2)) + 1j * rng.normal(size=(4, 2))
    b = T.constant(rng.normal(size=(4, 2)) + 1j * rng.normal(size=(4, 2)))
    check_complex_grad(lambda x: linalg.lstsq(x, b), a)


@pytest.mark.usefixtures("backend")
@pytest.mark.backends("numpy", "cpu")
def test_refusals():
    """Rows that do not fit, NaN, a vector in the place of the matrix."""
    x, y = T.dmatrix("x"), T.dmatrix("y")
    f = tcore.function([x, y], linalg.lstsq(x, y))
    with pytest.raises(ValueError, match=r"5 equations, but 4 rows on the right; the shapes are \(5, 3\) and \(4, 2\)"):
        f(np.ones((5, 3)), np.ones((4, 2)))
    with pytest.raises(np.linalg.LinAlgError):
        f(np.full((5, 3), np.nan), np.ones((5, 2)))
    with pytest.raises(TypeError, match="lstsq takes a matrix or a stack of matrices"):
        linalg.lstsq(T.dvector(), y)
