"""Eigenvalues and eigenvectors: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
import scipy.linalg
from matrices import POSITIVE, SQUARE, complex_matrix

import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(520)


def hermitian(x):
    """From one triangle, as the ops that read one triangle take it."""
    return x + x.conj().T


def test_eig_L25569(evaluate, check_grad, check_complex_grad):
    """Values and vectors of any square matrix are complex; derivatives of what phases and order do not change."""
    x = T.dmatrix()
    w, v = evaluate(linalg.eig(x), {x: SQUARE})
    assert w.dtype == v.dtype == "complex128"
    np.testing.assert_allclose(SQUARE @ v, v * w, atol=1e-12)
    check_grad(lambda a: linalg.eig(a)[0].real, SQUARE)
    check_grad(lambda a: abs(linalg.eig(a)[1]) ** 2, SQUARE)
    z = complex_matrix(3, 3)
    check_complex_grad(lambda a: linalg.eig(a)[0], z)
    check_complex_grad(lambda a: abs(linalg.eig(a)[1] * linalg.eig(a)[0]), z)


@pytest.mark.parametrize("triangle", ["L", "U"])
def test_eigh_L25572(triangle, evaluate, check_grad, check_complex_grad, check_direction):
    """As NumPy's of the triangle that is read; derivatives by the documented sum."""
    a = hermitian(SQUARE)
    garbage = np.tril(a) + np.triu(np.full_like(a, 9), 1) if triangle == "L" else np.triu(a) + np.tril(np.full_like(a, 9), -1)
    x = T.dmatrix()
    w, v = evaluate(linalg.eigh(x, triangle), {x: garbage})
    np.testing.assert_allclose(w, np.linalg.eigvalsh(a))
    np.testing.assert_allclose(a @ v, v * w, atol=1e-12)
    check_grad(lambda m: linalg.eigh(m, triangle)[0], a)
    check_grad(lambda m: linalg.eigh(m, triangle)[1], a)
    check_direction(lambda m: linalg.eigh(m, triangle), a)
    z = hermitian(complex_matrix(3, 3))
    check_complex_grad(lambda m: linalg.eigh(m, triangle)[0], z)
    check_complex_grad(lambda m: abs(linalg.eigh(m, triangle)[1]) ** 2, z)
    with pytest.raises(ValueError, match="'UPLO' must be in"):
        linalg.eigh(x, "X")


@pytest.mark.parametrize("triangle", ["L", "U"])
def test_numeric_gradient_of_eigh_L25588(triangle, evaluate):
    """One op gives what the symbolic gradient gives."""
    x, gw, gv = T.dmatrix(), T.dvector(), T.dmatrix()
    w, v = linalg.eigh(x, triangle)
    numeric = linalg.EighGrad(triangle)(x, w, v, gw, gv)
    symbolic = T.grad((w * gw).sum() + (v * gv).sum(), x)
    values = {x: hermitian(SQUARE), gw: rng.normal(size=4), gv: rng.normal(size=(4, 4))}
    np.testing.assert_allclose(*evaluate([numeric, symbolic], values), atol=1e-11)


def test_equal_eigenvalues_have_gradients(evaluate):
    """The sum of the eigenvalues is the trace, also where they are equal."""
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(T.grad(linalg.eigh(x)[0].sum(), x), {x: np.eye(3)}), np.eye(3), atol=1e-14)


@pytest.mark.parametrize("lower", [True, False])
def test_generalized_eigenvalues_L25475(lower, evaluate, check_grad, check_complex_grad, check_direction):
    """Of one matrix and of two, as SciPy's, with derivatives for both, and second ones."""
    a, b = hermitian(SQUARE), POSITIVE
    x, y = T.dmatrix(), T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.eigvalsh(x, lower=lower), {x: a}), scipy.linalg.eigvalsh(a))
    np.testing.assert_allclose(evaluate(linalg.eigvalsh(x, y, lower=lower), {x: a, y: b}), scipy.linalg.eigvalsh(a, b))
    check_grad(lambda m: linalg.eigvalsh(m, lower=lower), a)
    check_grad(lambda m, n: linalg.eigvalsh(m, n, lower=lower), a, b)
    check_grad(lambda m, n: T.grad((linalg.eigvalsh(m, n, lower=lower) ** 3).sum(), n), a, b)
    check_complex_grad(lambda m: linalg.eigvalsh(m, b, lower=lower), hermitian(complex_matrix(4, 4)))
    check_direction(lambda m: linalg.eigvalsh(m, lower=lower), a)
    check_direction(lambda m, n: linalg.eigvalsh(m, n, lower=lower), a, b)
    check_direction(lambda n: linalg.eigvalsh(a, n, lower=lower), b)
    with pytest.raises(ValueError, match=r"two matrices of one shape, got \(4, 4\) and \(3, 3\)"):
        evaluate(linalg.eigvalsh(x, y), {x: a, y: np.eye(3)})


@pytest.mark.parametrize("lower", [True, False])
def test_numeric_gradient_of_eigvalsh_L25479(lower, evaluate):
    """The documented op gives the numbers that grad gives."""
    x, y, g = T.dmatrix(), T.dmatrix(), T.dvector()
    values = {x: hermitian(SQUARE), y: POSITIVE, g: np.arange(1.0, 5)}
    found = evaluate(linalg.EigvalshGrad(lower)(x, y, g), values)
    expected = evaluate(T.grad((g * linalg.eigvalsh(x, y, lower=lower)).sum(), [x, y]), values)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-12)
