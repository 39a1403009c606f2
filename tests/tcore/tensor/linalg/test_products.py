"""Powers, Kronecker products, diagonals: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
from matrices import SQUARE

import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(884)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 7, -1, -4])
def test_powers_L25683(n, evaluate, check_grad):
    """As NumPy's; negative ones of the inverse."""
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.matrix_power(x, n), {x: SQUARE}), np.linalg.matrix_power(SQUARE, n), rtol=1e-9)
    check_grad(lambda a: linalg.matrix_power(a, n) + 0 * a, SQUARE / 2, rtol=1e-4, atol=1e-5)


def test_what_powers_refuse():
    """Powers that are no int, operands that are no matrix."""
    with pytest.raises(TypeError, match="the power is an int, got 0.5"):
        linalg.matrix_power(T.dmatrix(), 0.5)
    with pytest.raises(TypeError, match="matrix_power takes a matrix"):
        linalg.matrix_power(T.dvector(), 2)
    x = T.lmatrix()
    assert linalg.matrix_power(x, 3).dtype == "int64"


@pytest.mark.parametrize("shapes", [((2, 3), (4, 5)), ((3,), (2, 4)), ((2, 4), (3,)), ((2,), (3, 4, 5)), ((2, 3, 4), (5, 6)), ((2, 3, 4), (5,))])
def test_kronecker_product_L25505(shapes, evaluate, check_grad):
    """Joins the products of all entries along axis 1, twice, which is what it is defined by."""
    a, b = (rng.normal(size=shape) for shape in shapes)
    joined = np.multiply.outer(a, b)
    for _ in range(2):
        joined = np.concatenate(list(joined), axis=1 if joined.ndim > 2 else 0)
    x, y = (T.TensorType("float64", (False,) * v.ndim)() for v in (a, b))
    found = evaluate(linalg.kron(x, y), {x: a, y: b})
    assert found.ndim == a.ndim + b.ndim - 2
    np.testing.assert_allclose(found, joined)
    if a.ndim == b.ndim == 2:
        np.testing.assert_allclose(found, np.kron(a, b))
    check_grad(linalg.kron, a, b)


def test_kronecker_product_of_vectors_is_refused():
    """It would have no dimensions."""
    with pytest.raises(TypeError, match="three dimensions or more together"):
        linalg.kron(T.dvector(), T.dvector())


def test_diagonals_L25671(evaluate):
    """Both ways, and the trace."""
    x, v = T.dmatrix(), T.dvector()
    np.testing.assert_array_equal(evaluate(linalg.diag(x), {x: SQUARE}), np.diag(SQUARE))
    np.testing.assert_array_equal(evaluate(linalg.diag(v), {v: SQUARE[0]}), np.diag(SQUARE[0]))
    np.testing.assert_array_equal(evaluate(linalg.alloc_diag(v), {v: SQUARE[0]}), np.diag(SQUARE[0]))
    np.testing.assert_array_equal(evaluate(linalg.extract_diag(x), {x: SQUARE}), np.diag(SQUARE))
    with pytest.raises(TypeError):
        linalg.diag(x, 1)
