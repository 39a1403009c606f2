"""Cholesky factors: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
import scipy.linalg
from matrices import POSITIVE, complex_matrix

import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(866)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128"])
def test_cholesky_L25438(lower, dtype, evaluate):
    """The factor of the triangle that is read; the other one may hold anything."""
    a = POSITIVE.astype(dtype)
    if dtype == "complex128":
        z = complex_matrix(4, 4)
        a = z @ z.conj().T + np.eye(4)
    read = np.tril(a) + np.triu(np.full_like(a, 7), 1) if lower else np.triu(a) + np.tril(np.full_like(a, 7), -1)
    x = T.TensorType(dtype, (False, False))()
    found = evaluate(linalg.Cholesky(lower=lower)(x), {x: read})
    assert found.dtype == dtype
    np.testing.assert_allclose(found, scipy.linalg.cholesky(a, lower=lower), rtol=1e-4 if dtype == "float32" else 1e-10, atol=1e-12)


@pytest.mark.parametrize("lower", [True, False])
def test_derivatives_of_cholesky_L25451(lower, check_grad, check_complex_grad, check_direction):
    """Of each triangle, by what is read of the matrix."""
    op = linalg.Cholesky(lower=lower)
    check_grad(op, POSITIVE)
    check_direction(op, POSITIVE)
    z = complex_matrix(3, 3)
    check_complex_grad(op, z @ z.conj().T + 2 * np.eye(3))
    check_grad(lambda x: T.grad(op(x).sum(), x), POSITIVE[:3, :3], rtol=1e-4, atol=1e-6)
    g = rng.normal(size=(3, 3))
    check_grad(lambda x, g: T.grad((op(x) * g).sum(), x), POSITIVE[:3, :3], g, rtol=1e-4, atol=1e-6)
    check_direction(lambda x, g: T.grad((op(x) * g).sum(), x), POSITIVE[:3, :3], g)


def test_matrices_without_a_factor_L25449(evaluate):
    """LinAlgError, or NaN everywhere, as asked; a scalar zero is not positive either."""
    x = T.dmatrix()
    for bad in (-np.eye(3), np.zeros((1, 1))):
        with pytest.raises(scipy.linalg.LinAlgError, match="not positive definite .its leading minor of order 1 is not"):
            evaluate(linalg.cholesky(x), {x: bad})
        assert np.isnan(evaluate(linalg.Cholesky(on_error="nan")(x), {x: bad})).all()
    assert evaluate(linalg.cholesky(x), {x: np.zeros((0, 0))}).shape == (0, 0)
    with pytest.raises(ValueError, match="'on_error' must be in"):
        linalg.Cholesky(on_error="ignore")


@pytest.mark.parametrize("lower", [True, False])
def test_numeric_gradient_of_cholesky_L25461(lower, evaluate):
    """The op gives what the gradient of an expression gives, in blocks as well."""
    x, z = T.dmatrix(), T.dmatrix()
    op = linalg.Cholesky(lower=lower)
    g = rng.normal(size=(4, 4))
    numeric = linalg.CholeskyGrad(lower=lower)(x, op(x), z)
    symbolic = T.grad((op(x) * z).sum(), x)
    np.testing.assert_allclose(*evaluate([numeric, symbolic], {x: POSITIVE, z: g}), atol=1e-12)
    with pytest.raises(TypeError, match="CholeskyGrad takes real matrices"):
        linalg.CholeskyGrad()(T.zmatrix(), T.zmatrix(), T.zmatrix())


def test_destructive_cholesky():
    """The result stands where the matrix was, and the graph knows it; the printed form is the documented one."""
    op = linalg.Cholesky(destructive=True)
    assert op.destroy_map == {0: [0]}
    assert str(op) == "Cholesky{lower=True, destructive=True, on_error='raise'}"
    a = np.array(POSITIVE, order="F")
    cell = [None]
    op.perform(op(T.dmatrix()).owner, [a], [cell])
    np.testing.assert_allclose(cell[0], np.linalg.cholesky(POSITIVE))
