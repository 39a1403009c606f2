"""Fourier transforms of real arrays."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor import fft

rng = np.random.default_rng(5)

#: documented norm -> numpy.fft's, for the transform there and for the one back
NORMS = {None: ("backward", "backward"), "ortho": ("ortho", "ortho"), "no_norm": ("backward", "forward")}


def paired(spectrum):
    """A complex array as pairs of floats."""
    return np.stack([spectrum.real, spectrum.imag], axis=-1)


def complex_of(pairs):
    """And back."""
    return pairs[..., 0] + 1j * pairs[..., 1]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(1, 8), (3, 7), (2, 1), (2, 4, 6), (2, 3, 5), (2, 3, 4, 5), (0, 4)])
def test_values(shape, norm, evaluate):
    """Both transforms agree with NumPy's over all axes but the first, for even and odd lengths."""
    a = rng.normal(size=shape)
    axes = tuple(range(1, len(shape)))
    there, back = NORMS[norm]
    expected = np.fft.rfftn(a, axes=axes, norm=there)
    x = T.TensorType("float64", (False,) * len(shape))()
    np.testing.assert_allclose(evaluate(fft.rfft(x, norm), {x: a}), paired(expected), atol=1e-12)

    half = rng.normal(size=(*expected.shape, 2))
    z = T.TensorType("float64", (False,) * half.ndim)()
    inverse = fft.irfft(z, norm, is_odd=bool(shape[-1] % 2))
    wanted = np.fft.irfftn(complex_of(half), s=shape[1:], axes=axes, norm=back)
    np.testing.assert_allclose(evaluate(inverse, {z: half}), wanted, atol=1e-12)


@pytest.mark.parametrize("norm", [None, "ortho"])
@pytest.mark.parametrize("length", [6, 7])
def test_there_and_back(length, norm, evaluate):
    """``irfft`` inverts ``rfft``, for an odd length when told so."""
    x = T.dmatrix()
    a = rng.normal(size=(3, length))
    np.testing.assert_allclose(evaluate(fft.irfft(fft.rfft(x, norm), norm, is_odd=length % 2 == 1), {x: a}), a, atol=1e-12)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(2, 6), (2, 5), (2, 1), (1, 3, 4), (2, 3, 5)])
def test_gradients_L25781(shape, norm, check_gradient):
    """The gradient of each transform is the opposite transform of the output's gradient: central differences agree."""
    check_gradient(lambda x: fft.rfft(x, norm), rng.normal(size=shape))
    half = rng.normal(size=(*shape[:-1], shape[-1] // 2 + 1, 2))
    check_gradient(lambda z: fft.irfft(z, norm, is_odd=bool(shape[-1] % 2)), half)


def test_gradient_keeps_the_broadcast_pattern(check_gradient):
    """A column has a column as its gradient."""
    check_gradient(fft.rfft, rng.normal(size=(3, 1)), broadcastable=[(False, True)])
    check_gradient(lambda z: fft.irfft(z, is_odd=True), rng.normal(size=(3, 1, 2)), broadcastable=[(False, True, False)])


def test_directional_derivative(evaluate):
    """The transforms are linear: the derivative in a direction is the transform of the direction."""
    x, v = T.dmatrix(), T.dmatrix()
    a, d = rng.normal(size=(2, 2, 6))
    np.testing.assert_allclose(evaluate(T.Rop(fft.rfft(x), x, v), {x: a, v: d}), paired(np.fft.rfft(d)), atol=1e-12)
    z, w = T.dtensor3(), T.dtensor3()
    p, q = rng.normal(size=(2, 2, 4, 2))
    np.testing.assert_allclose(evaluate(T.Rop(fft.irfft(z), z, w), {z: p, w: q}), np.fft.irfft(complex_of(q)), atol=1e-12)


@pytest.mark.parametrize(("given", "result"), [("float16", "float32"), ("float32", "float32"), ("float64", "float64"), ("int32", "float64")])
def test_dtypes(given, result, evaluate):
    """Single precision stays single; integers are taken as floatX."""
    x = T.matrix(dtype=given)
    a = np.arange(6).reshape(1, 6).astype(given)
    found = evaluate(fft.rfft(x), {x: a})
    assert found.dtype == result
    np.testing.assert_allclose(found, paired(np.fft.rfft(a.astype("float64"))), rtol=1e-5, atol=1e-5)
    back = evaluate(fft.irfft(fft.rfft(x)), {x: a})
    assert back.dtype == result
    np.testing.assert_allclose(back, a, rtol=1e-5, atol=1e-5)


def test_many_threads_give_the_same_numbers():
    """Large batches are spread over threads; nothing changes but the time."""
    x = T.dmatrix()
    transform = tcore.function([x], fft.rfft(x), mode="FAST_COMPILE")
    a = rng.normal(size=(300, 400))
    np.testing.assert_array_equal(transform(a)[7], transform(a[7:8])[0])


def test_refusals():
    """Arguments that have no transform are refused when the graph is built."""
    with pytest.raises(ValueError, match="norm is None, 'ortho' or 'no_norm', got 'backward'"):
        fft.rfft(T.dmatrix(), norm="backward")
    with pytest.raises(ValueError, match="norm is None, 'ortho' or 'no_norm', got \\['ortho'\\]"):
        fft.irfft(T.dtensor3(), norm=["ortho"])
    with pytest.raises(ValueError, match="rfft takes at least 2 dimensions"):
        fft.rfft(T.dvector())
    with pytest.raises(ValueError, match="irfft takes at least 3 dimensions"):
        fft.irfft(T.dmatrix())
    with pytest.raises(TypeError, match="rfft takes real numbers, got .* of dtype complex128"):
        fft.rfft(T.zmatrix())
    with pytest.raises(ValueError, match="is_odd is True or False, got 3"):
        fft.irfft(T.dtensor3(), is_odd=3)
    with pytest.raises(ValueError, match="its length is 2; that of .* is 1"):
        fft.irfft(T.TensorType("float64", (False, False, True))())


def test_refusals_of_values(evaluate):
    """Shapes that no transform has are refused when the function runs."""
    x, z = T.dmatrix(), T.dtensor3()
    with pytest.raises(ValueError, match=r"an axis without elements has no spectrum; the shape is \(2, 0\)"):
        evaluate(fft.rfft(x), {x: np.zeros((2, 0))})
    with pytest.raises(ValueError, match=r"its length is 2; the shape is \(2, 4, 3\)"):
        evaluate(fft.irfft(z), {z: np.zeros((2, 4, 3))})
    with pytest.raises(ValueError, match="no array of length 0 has the spectrum of shape"):
        evaluate(fft.irfft(z), {z: np.zeros((2, 1, 2))})
    with pytest.raises(ValueError, match="no array of length 9 has the spectrum of shape"):
        evaluate(fft.InverseRealFFT()(z, 9), {z: np.zeros((2, 4, 2))})
