"""Matrices without an inverse: native code finds those singular that NumPy finds singular, in which elimination meets a column of exact zeros."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import tcore
import tcore.tensor as tt
from tcore.tensor import linalg
from tcore_cpu.compiling.compiler import find_compiler

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

DTYPES = ["float32", "float64", "complex64", "complex128"]
SIZES = [1, 2, 5, 16, 64, 65, 97]
"""Around the lengths at which factors are cut into blocks."""


@pytest.fixture(scope="module")
def functions():
    """By dtype: the determinant, its sign and logarithm, the inverse, a solution, and one that shares its factor with its gradient."""

    def make(dtype):
        a, b = tt.matrix("a", dtype), tt.matrix("b", dtype)
        both = [linalg.solve(a, b), linalg.solve(a.T, b)]
        outputs = [[linalg.det(a)], list(linalg.slogdet(a)), [linalg.matrix_inverse(a)], [linalg.solve(a, b)], both]
        return [tcore.function([a, b], out, on_unused_input="ignore") for out in outputs]

    made = {}
    return lambda dtype: made.setdefault(dtype, make(dtype))


def singular_matrices(n, rng):
    """Matrices of length n in whose elimination a column is exactly 0, whatever the order of the operations, by what they are."""
    for zero in {0, n // 2, n - 1}:
        upper = np.triu(rng.normal(size=(n, n)))
        upper[zero, zero] = 0
        if zero == n // 2:
            yield "upper triangle", upper
            yield "upper triangle, rows in another order", upper[rng.permutation(n)]
            yield "diagonal", np.diag(np.diag(upper))
        else:
            yield "lower triangle", upper.T
        full = rng.normal(size=(n, n))
        yield "column of zeros", full * (np.arange(n) != zero)
        yield "row of zeros", full * (np.arange(n) != zero)[:, None]
    yield "zeros", np.zeros((n, n))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_exact_zeros(functions, dtype, n):
    """In each layout of memory: of rows, of columns, with gaps."""
    det, slogdet, inverse, solve, both = functions(dtype)
    sides = np.ones((n, 2), dtype)
    for name, matrix in singular_matrices(n, np.random.default_rng(n)):
        a = matrix.astype(dtype) * (1 + 1j if "complex" in dtype else 1)
        wide = np.zeros((n, 2 * n), dtype)
        wide[:, ::2] = a
        for form in (np.ascontiguousarray(a), np.asfortranarray(a), wide[:, ::2]):
            assert det(form, sides) == [0], name
            assert slogdet(form, sides) == [0, -np.inf], name
            for f in (inverse, solve, both):
                with pytest.raises(np.linalg.LinAlgError):
                    f(form, sides)


@pytest.mark.parametrize(
    "matrix", [[[1, 2], [2, 4]], np.arange(9).reshape(3, 3), np.arange(16).reshape(4, 4), np.ones((5, 5)), [[0, 1, 2], [0, 3, 4], [0, 5, 6]]], ids=str
)
def test_as_numpy(functions, matrix):
    """Integers whose elimination is exact, or not: both find it, or none."""
    matrix = np.array(matrix, "float64")
    expected = np.linalg.det(matrix)
    det, slogdet, inverse, solve, _ = functions("float64")
    (found,) = det(matrix, matrix)
    np.testing.assert_allclose(found, expected, atol=1e-14)
    assert (found == 0) == (expected == 0)
    assert slogdet(matrix, matrix)[0] == np.linalg.slogdet(matrix)[0]
    for f in (inverse, solve):
        if expected == 0:
            with pytest.raises(np.linalg.LinAlgError, match="(?i)singular"):
                f(matrix, matrix)
        else:
            f(matrix, matrix)


small_integers = st.integers(1, 7).flatmap(lambda n: arrays("float64", (n, n), elements=st.integers(-4, 4).map(float)))


@settings(max_examples=100, deadline=None)
@given(matrix=small_integers, combine=st.booleans())
def test_small_integers(functions, matrix, combine):
    """The verdict of LAPACK on the matrix, not on its transpose: often its last row is the sum of two others."""
    if combine and len(matrix) > 2:
        matrix[-1] = matrix[0] + matrix[1]
    singular = scipy.linalg.lapack.dgetrf(matrix)[2] > 0
    det, slogdet, inverse, solve, _ = functions("float64")
    (found,) = det(matrix, matrix)
    np.testing.assert_allclose(found, np.linalg.det(matrix), atol=1e-9)
    assert (found == 0) == singular
    assert (slogdet(matrix, matrix)[0] == 0) == singular
    for f in (inverse, solve):
        if singular:
            with pytest.raises(np.linalg.LinAlgError):
                f(matrix, matrix)
        else:
            f(matrix, matrix)


def test_stacks_and_loops():
    """Each matrix of a stack, and that of each round of a loop."""
    stack = np.random.default_rng(3).normal(size=(4, 6, 6)) + 6 * np.eye(6)
    stack[2] = np.triu(stack[2]) * (np.arange(6) != 3)
    a, x0 = tt.dtensor3("a"), tt.dvector("x0")
    expected = np.linalg.det(stack)
    assert expected[2] == 0
    found = tcore.function([a], linalg.det(a))(stack)
    np.testing.assert_allclose(found, expected)
    assert found[2] == 0
    with pytest.raises(np.linalg.LinAlgError):
        tcore.function([a], linalg.matrix_inverse(a))(stack)
    dets, _ = tcore.scan(linalg.det, sequences=a)
    np.testing.assert_array_equal(tcore.function([a], dets)(stack) == 0, expected == 0)
    xs, _ = tcore.scan(linalg.solve, sequences=a, outputs_info=x0)
    with pytest.raises(np.linalg.LinAlgError, match="(?i)singular"):
        tcore.function([a, x0], xs)(stack, np.ones(6))


def test_refusals_of_lapack_alone(monkeypatch):
    """What ``perform`` has a result for, because the BLAS behind NumPy rounds otherwise, is refused all the same."""
    a = tt.dmatrix("a")
    f = tcore.function([a], linalg.matrix_inverse(a))

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0]

    monkeypatch.setattr(linalg.MatrixInverse, "perform", perform)
    with pytest.raises(np.linalg.LinAlgError, match="LAPACK found no result: the matrix is singular"):
        f(np.zeros((2, 2)))
