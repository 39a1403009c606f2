"""QR and singular value decompositions: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
from matrices import complex_matrix

import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(1520)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4), (0, 3)])
@pytest.mark.parametrize("mode", ["reduced", "complete", "r", "raw"])
def test_qr_L25692(shape, mode, evaluate):
    """All modes as NumPy's, for all shapes."""
    a = rng.normal(size=shape)
    x = T.dmatrix()
    found = linalg.qr(x, mode)
    wanted = np.linalg.qr(a, mode)
    for got, want in zip(*((evaluate(found, {x: a}), wanted) if mode != "r" else ([evaluate(found, {x: a})], [wanted])), strict=True):
        np.testing.assert_allclose(got, want, atol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_derivatives_of_qr(shape, check_grad, check_complex_grad):
    """Of tall, wide and square matrices."""
    a = rng.normal(size=shape)
    check_grad(lambda x: linalg.qr(x)[0], a)
    check_grad(lambda x: linalg.qr(x)[1], a)
    check_grad(lambda x: linalg.qr(x, "r"), a)
    check_complex_grad(lambda x: linalg.qr(x)[0], complex_matrix(*shape))
    check_complex_grad(lambda x: linalg.qr(x)[1], complex_matrix(*shape))


def test_what_qr_refuses():
    """Modes that are none; gradients of modes that are no functions of the matrix."""
    x = T.dmatrix()
    with pytest.raises(ValueError, match="the mode of qr is one of reduced, complete, r, raw, got 'full'"):
        linalg.qr(x, "full")
    from tcore.gradient import NullTypeGradError

    with pytest.raises(NullTypeGradError, match="use mode='reduced'"):
        T.grad(linalg.qr(x, "complete")[0].sum(), x)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("full", [0, 1])
def test_svd_L25720(shape, full, evaluate):
    """Shapes and values as NumPy's, up to signs; the product gives the matrix."""
    a = rng.normal(size=shape)
    x = T.dmatrix()
    u, s, vh = evaluate(linalg.svd(x, full), {x: a})
    for got, want in zip((u, s, vh), np.linalg.svd(a, full_matrices=bool(full)), strict=True):
        assert got.shape == want.shape
        np.testing.assert_allclose(abs(got), abs(want), atol=1e-10)
    k = len(s)
    np.testing.assert_allclose((u[:, :k] * s) @ vh[:k], a, atol=1e-12)
    np.testing.assert_allclose(evaluate(linalg.svd(x, compute_uv=0), {x: a}), s)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_derivatives_of_svd(shape, check_grad, check_complex_grad):
    """Of values, and of vectors where their phases do not matter."""
    a = rng.normal(size=shape)
    check_grad(lambda x: linalg.svd(x, compute_uv=0), a)
    check_grad(lambda x: linalg.svd(x)[1], a)
    for place in range(3):
        check_grad(lambda x, place=place: linalg.svd(x, 0)[place], a)
    z = complex_matrix(*shape)

    def independent_of_phases(x):
        u, s, vh = linalg.svd(x, 0)
        return T.dot(u * T.exp(s), vh) + T.dot(abs(u), abs(vh))

    check_complex_grad(independent_of_phases, z)
    check_complex_grad(lambda x: linalg.svd(x, compute_uv=0), z)


def test_vectors_that_are_arbitrary_have_no_gradient():
    """Those beyond min(M, N)."""
    from tcore.gradient import NullTypeGradError

    x = T.dmatrix()
    with pytest.raises(NullTypeGradError, match="use full_matrices=False"):
        T.grad(linalg.svd(x)[0].sum(), x)
