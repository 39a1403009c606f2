"""Inverses and pseudo-inverses: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
from matrices import SQUARE, complex_matrix

import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(764)


def test_inverse_L25596(evaluate):
    """Product with the matrix from both sides is the identity; singular and oblong matrices are refused."""
    x = T.dmatrix()
    found = evaluate(linalg.matrix_inverse(x), {x: SQUARE})
    np.testing.assert_allclose(found @ SQUARE, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(SQUARE @ found, np.eye(4), atol=1e-12)
    assert evaluate(linalg.matrix_inverse(x), {x: np.zeros((0, 0))}).shape == (0, 0)
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        evaluate(linalg.matrix_inverse(x), {x: np.ones((2, 2))})
    with pytest.raises(np.linalg.LinAlgError, match=r"matrix_inverse takes a square matrix, got one of shape \(2, 3\)"):
        evaluate(linalg.matrix_inverse(x), {x: np.ones((2, 3))})
    with pytest.raises(TypeError, match="matrix_inverse takes a matrix"):
        linalg.matrix_inverse(T.dvector())


def test_derivatives_of_the_inverse_L25606(check_grad, check_complex_grad, check_direction):
    """With the minus sign that the documentation's formulas lack."""
    check_grad(linalg.matrix_inverse, SQUARE)
    check_complex_grad(linalg.matrix_inverse, SQUARE + 1j * rng.normal(size=(4, 4)))
    check_direction(linalg.matrix_inverse, SQUARE)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_pseudo_inverse_L25626(shape, evaluate, check_grad, check_direction):
    """Of matrices of any shape."""
    a = rng.normal(size=shape)
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.pinv(x), {x: a}), np.linalg.pinv(a), atol=1e-12)
    check_grad(linalg.pinv, a)
    check_direction(linalg.pinv, a)


def test_pseudo_inverse_of_complex_matrices(check_complex_grad):
    """The adjoint takes the place of the transpose."""
    check_complex_grad(linalg.pinv, complex_matrix(4, 2))


def test_inverse_of_tensors_L25733(evaluate, check_grad, check_direction):
    """As NumPy's, for any number of axes; the product is the identity."""
    a = rng.normal(size=(4, 6, 8, 3))
    x = T.dtensor4()
    found = evaluate(linalg.tensorinv(x), {x: a})
    np.testing.assert_allclose(found, np.linalg.tensorinv(a), atol=1e-10)
    np.testing.assert_allclose(np.tensordot(found, a, 2), np.eye(24).reshape(8, 3, 8, 3), atol=1e-10)
    y = T.dtensor3()
    b = rng.normal(size=(6, 2, 3))
    np.testing.assert_allclose(evaluate(linalg.tensorinv(y, ind=1), {y: b}), np.linalg.tensorinv(b, 1), atol=1e-10)
    check_grad(lambda v: linalg.tensorinv(v, 1), b)
    check_direction(lambda v: linalg.tensorinv(v, 1), b)
    with pytest.raises(np.linalg.LinAlgError, match=r"\(4,\) and \(2, 3\), .* have different products"):
        evaluate(linalg.tensorinv(y, 1), {y: np.ones((4, 2, 3))})
    with pytest.raises(ValueError, match="'ind' must be >= 1"):
        linalg.tensorinv(y, 0)
    with pytest.raises(TypeError, match="ind=4 needs that many"):
        linalg.tensorinv(y, 4)
