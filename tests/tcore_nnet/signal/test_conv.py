"""``tcore.tensor.signal.conv`` against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import convolve2d

import tcore
import tcore.tensor as T
from tcore.gradient import verify_grad
from tcore.tensor.signal.conv import conv2d

RNG = np.random.default_rng(9)
IMAGES, FILTERS = RNG.normal(size=(3, 7, 6)), RNG.normal(size=(2, 3, 4))


def wanted(images, filters, mode, subsample=(1, 1)):
    """Each image with each filter, by SciPy."""
    step = tuple(slice(None, None, s) for s in subsample)
    stacks = images.reshape(-1, *images.shape[-2:]), filters.reshape(-1, *filters.shape[-2:])
    made = np.array([[convolve2d(x, w, mode)[step] for w in stacks[1]] for x in stacks[0]])
    return made.reshape(*images.shape[:-2], *filters.shape[:-2], *made.shape[2:])


@pytest.mark.parametrize("mode", ["valid", "full"])
@pytest.mark.parametrize("subsample", [(1, 1), (2, 3)])
@pytest.mark.parametrize(("images", "filters"), [(IMAGES, FILTERS), (IMAGES[0], FILTERS), (IMAGES, FILTERS[0]), (IMAGES[0], FILTERS[0]), (IMAGES[:1], FILTERS[:1])])
def test_scipy(images, filters, mode, subsample):
    """Ranks, border modes and subsampling; with promised shapes or without; shapes without computing."""
    x, w = (T.TensorType("float64", (False,) * each.ndim)() for each in (images, filters))
    plain = conv2d(x, w, border_mode=mode, subsample=subsample)
    promised = conv2d(x, w, images.shape, (None, *filters.shape[1:]), mode, subsample, unroll_batch=1, unroll_kern=2, unroll_patch=True, openmp=False)
    expected = wanted(images, filters, mode, subsample)
    assert plain.ndim == expected.ndim == images.ndim + filters.ndim - 2
    f = tcore.function([x, w], [plain, promised, plain.shape], mode="FAST_COMPILE")
    for got in f(images, filters)[:2]:
        np.testing.assert_allclose(got, expected, atol=1e-12)
    assert tuple(f(images, filters)[2]) == expected.shape


@pytest.mark.parametrize("mode", ["valid", "full"])
def test_gradient(mode):
    """By images and filters."""
    verify_grad(lambda x, w: conv2d(x, w, border_mode=mode, subsample=(2, 1)), [IMAGES, FILTERS], rng=np.random.default_rng(1), mode="FAST_COMPILE")


def test_backends(backend):
    """Compiled, with a larger image than a tile holds."""
    x, w = T.fmatrix(), T.ftensor3()
    image, filters = RNG.normal(size=(30, 600)).astype("float32"), RNG.normal(size=(2, 3, 5)).astype("float32")
    got = tcore.function([x, w], conv2d(x, w, border_mode="full"))(image, filters)
    np.testing.assert_allclose(got, wanted(image, filters, "full"), rtol=1e-4, atol=1e-5)


def test_full_with_a_larger_filter():
    """Where nothing must fit, a filter may be larger than the image."""
    x, w = T.dmatrix(), T.dmatrix()
    got = tcore.function([x, w], conv2d(x, w, border_mode="full"), mode="FAST_COMPILE")(FILTERS[0], IMAGES[0])
    np.testing.assert_allclose(got, convolve2d(FILTERS[0], IMAGES[0]), atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"input": T.dvector()}, TypeError, "input must be one image of 2 axes, or a stack of them of 3"),
        ({"filters": T.dtensor4()}, TypeError, "filters must be one image of 2 axes"),
        ({"border_mode": "same"}, ValueError, "border modes 'valid' and 'full', got 'same'"),
        ({"subsample": (2,)}, ValueError, "subsample needs two whole numbers"),
        ({"subsample": (2, 0)}, ValueError, "at least 1"),
        ({"image_shape": (1, 5, 5)}, ValueError, r"image_shape must have an entry for each of the 2 axes of input, got \(1, 5, 5\)"),
        ({"filter_shape": (5,)}, ValueError, "filter_shape must have an entry for each of the 2 axes of filters"),
        ({"unrol_batch": 3}, TypeError, "conv2d has no argument 'unrol_batch'"),
    ],
)
def test_bad_input(arguments, error, text):
    """Refused, by name."""
    with pytest.raises(error, match=text):
        conv2d(**{"input": T.dmatrix(), "filters": T.dmatrix(), **arguments})


def test_bad_shapes():
    """A filter that does not fit, and a broken promise."""
    x, w = T.dmatrix(), T.dmatrix()
    f = tcore.function([x, w], conv2d(x, w), mode="FAST_COMPILE")
    with pytest.raises(ValueError, match="nowhere longer than the image"):
        f(np.ones((3, 3)), np.ones((4, 2)))
    g = tcore.function([x, w], conv2d(x, w, image_shape=(3, None)), mode="FAST_COMPILE")
    with pytest.raises(AssertionError):
        g(np.ones((4, 4)), np.ones((2, 2)))
