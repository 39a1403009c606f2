"""The extension ``fft``."""

from __future__ import annotations

import numpy as np
import pytest
from namespaces import A, C, check, computed

import tcore
import tcore.tensor as T
from tcore.gradient import verify_grad
from tcore.tensor import xp
from tcore.tensor.fft_axes import HalfFFT, InverseHalfFFT
from tcore.testing import OpCase, check_op

FOURIER = [
    lambda f, x, z: f.fft(z, axis=0),
    lambda f, x, z: f.fft(z, n=3),
    lambda f, x, z: f.fft(z, n=7, norm="ortho"),
    lambda f, x, z: f.ifft(z, n=5, axis=0, norm="forward"),
    lambda f, x, z: f.fftn(z),
    lambda f, x, z: f.ifftn(z, s=(2, 6), axes=(0, 1)),
    lambda f, x, z: f.fftn(z, axes=(1,), norm="forward"),
    lambda f, x, z: f.rfft(x),
    lambda f, x, z: f.rfft(x, n=5, axis=0),
    lambda f, x, z: f.rfftn(x, axes=(1, 0), norm="ortho"),
    lambda f, x, z: f.irfft(z),
    lambda f, x, z: f.irfft(z, n=7, norm="forward"),
    lambda f, x, z: f.irfft(z, n=4, axis=0),
    lambda f, x, z: f.irfftn(z, axes=(0, 1)),
    lambda f, x, z: f.irfftn(z, s=(5, 3), axes=(1, 0), norm="ortho"),
    lambda f, x, z: f.hfft(z, norm="ortho"),
    lambda f, x, z: f.hfft(z, n=5, axis=0),
    lambda f, x, z: f.ihfft(x, n=6),
    lambda f, x, z: f.ihfft(x, axis=0, norm="forward"),
    lambda f, x, z: [f.fftfreq(5, d=0.5), f.fftfreq(4), f.rfftfreq(5, d=2.0), f.rfftfreq(4)],
    lambda f, x, z: [f.fftshift(z), f.fftshift(x, axes=1), f.ifftshift(x), f.ifftshift(f.fftshift(x, axes=(0,)), axes=(0,))],
]


@pytest.mark.parametrize("number", range(len(FOURIER)))
def test_fourier(number):
    """The extension ``fft``: values, lengths, scales."""
    check(lambda np, x, z: FOURIER[number](np.fft, x, z), A, C)


def test_fourier_of_other_numbers():
    """Single precision stays; integers are taken as floatX; lengths may be variables."""
    z, n = T.cmatrix(), T.lscalar()
    assert xp.fft.fft(z).dtype == "complex64"
    assert xp.fft.irfft(z).dtype == xp.fft.rfft(T.fmatrix()).real.dtype == "float32"
    assert xp.fft.fft(T.lvector()).dtype == "complex128"
    value = C.astype("complex64")
    for length in (2, 9):
        np.testing.assert_allclose(computed(xp.fft.fft(z, n=n), (z, value), (n, length)), np.fft.fft(value, length), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(computed(xp.fft.irfft(z, n=n), (z, value), (n, length)), np.fft.irfft(value, length), rtol=1e-5, atol=1e-5)
    for name in ("rfft", "rfftn", "ihfft"):
        with pytest.raises(TypeError, match=rf"^{name} takes real numbers, got .* of dtype complex64"):
            getattr(xp.fft, name)(z)
    for name in ("rfft", "irfft", "irfftn", "hfft", "ihfft"):
        with pytest.raises(ValueError, match=f"^{name}: norm is 'backward', 'ortho' or 'forward', got 'no'"):
            getattr(xp.fft, name)(T.dmatrix(), norm="no")
    with pytest.raises(ValueError, match="norm is 'backward', 'ortho' or 'forward', got 'no'"):
        xp.fft.fft(z, norm="no")
    for name in ("fft", "ifft", "rfft", "irfft", "hfft"):
        for length in (0, -1):
            with pytest.raises(ValueError, match=f"^{name}: the length of a transform is 1 or more, got {length}"):
                getattr(xp.fft, name)(T.dmatrix(), n=length)
    with pytest.raises(AssertionError, match="^fft: the length of a transform is 1 or more"):
        computed(xp.fft.fft(z, n=n), (z, value), (n, -1))
    with pytest.raises(AssertionError, match="^irfft: the length of a transform is 1 or more"):  # of one number, the whole has none
        computed(xp.fft.irfft(z), (z, value[:, :1]))
    with pytest.raises(ValueError, match="an axis is named twice"):
        xp.fft.fftn(z, axes=(0, -2))
    with pytest.raises(ValueError, match="2 axes, but 1 lengths"):
        xp.fft.fftn(z, s=(3,), axes=(0, 1))
    for name in ("rfftn", "irfftn"):
        with pytest.raises(ValueError, match=f"{name} transforms one axis or more of .*, got none"):
            getattr(xp.fft, name)(T.dmatrix(), axes=())


def test_fourier_gradients():
    """Each is linear: the derivative of the result along any direction is the result of the direction."""
    x = T.dmatrix()
    for build in (lambda x: abs(xp.fft.rfft(x, n=7)), lambda x: abs(xp.fft.fftn(x)) ** 2, lambda x: xp.fft.irfft(x + 1j * x[::-1], n=5), lambda x: xp.fft.hfft(xp.fft.ihfft(x, n=6)) ** 2):
        verify_grad(build, [A], rng=np.random.default_rng(1), mode="FAST_COMPILE")
    along = tcore.Rop(xp.fft.fft(x), x, x * 2)
    np.testing.assert_allclose(computed(along, (x, A)), np.fft.fft(2 * A), atol=1e-12)
    assert tcore.function([x], xp.fft.fft(x).shape, mode="FAST_COMPILE")(A).tolist() == [3, 4]


@pytest.mark.parametrize("shape", [(3, 4), (2, 5), (4, 1)])
@pytest.mark.parametrize("axes", [(1,), (0,), (0, 1), (1, 0)])
def test_halves(shape, axes):
    """Real transforms and their inverses along any axes, of odd and even lengths, cut and padded; the gradients are the transposed maps."""
    x, z = np.random.default_rng(3).normal(size=(2, *shape))
    z = x + 1j * z
    lengths, scale = (5, 6)[: len(axes)], np.linspace(0.5, 1.5, shape[0])[:, None]
    for norm in ("backward", "ortho", "forward"):
        check(lambda np, x, norm=norm: [np.fft.rfftn(x, axes=axes, norm=norm), np.fft.rfftn(x, s=lengths, axes=axes, norm=norm)], x)
        check(lambda np, z, norm=norm: np.fft.irfftn(z, s=lengths, axes=axes, norm=norm), z)
    verify_grad(lambda x: T.real(xp.fft.rfftn(x, axes=axes) * (2 + 1j)), [x], rng=np.random.default_rng(1), mode="FAST_COMPILE")
    verify_grad(lambda x: xp.fft.irfftn(x * (scale - 1j), s=lengths, axes=axes, norm="ortho"), [x], rng=np.random.default_rng(1), mode="FAST_COMPILE")


def test_halves_take_half_the_work():
    """Of real numbers no complex transform is made, and none of the other half."""
    x, z = T.dmatrix(), T.zmatrix()
    graph = tcore.function([x, z], [xp.fft.rfft(x, n=8), xp.fft.irfft(z), xp.fft.ihfft(x), xp.fft.hfft(z)]).maker.fgraph
    assert {str(node.op).split("{")[0] for node in graph.apply_nodes if "FFT" in str(node.op)} == {"HalfFFT", "InverseHalfFFT"}


def test_ops_of_halves(backend):
    """They agree with ``perform`` on each backend, have shapes, and can be pickled; single precision stays."""
    x = A.astype("float32")
    check_op(OpCase(HalfFFT((1, 0)), [x], gradient=False))
    check_op(OpCase(InverseHalfFFT((0,), "ortho"), [C, np.int64(5)], gradient=False))
    assert HalfFFT((0,))(T.vector(dtype="float16")).dtype == "complex64"
    along = tcore.Rop(HalfFFT((0,))(T.fmatrix("x")), (y := T.fmatrix()), y, disconnected_outputs="ignore")
    assert along.type.dtype == "complex64"
    with pytest.raises(TypeError, match="takes real numbers, got z of dtype complex128"):
        HalfFFT((0,))(T.zvector("z"))
    with pytest.raises(ValueError, match="transforms one axis or more"):
        HalfFFT(())
    with pytest.raises(ValueError, match="has 1 dimensions"):
        InverseHalfFFT((1,))(T.zvector("z"), 3)
    with pytest.raises(ValueError, match="an array of length 8 has 5 elements in half its transform"):
        tcore.function([], InverseHalfFFT((0,))(T.constant(C), 8))()
