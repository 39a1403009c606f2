"""What the documentation promises of ``tensor.signal``: pooling and plain convolution; its lines in the names."""

from __future__ import annotations

import importlib
import inspect

import numpy as np
import pytest
from scipy.signal import convolve2d

import tcore.tensor as T
from tcore.tensor.signal.conv import conv2d
from tcore.tensor.signal.pool import max_pool_2d_same_size, pool_2d, pool_3d

IMAGE = np.random.default_rng(2).normal(size=(5, 5))


@pytest.mark.parametrize(("ignore_border", "length"), [(True, 2), (False, 3)])
def test_L24318_border_of_an_image(ignore_border, length):
    """A (5, 5) input with ws (2, 2) gives (2, 2) without the border, (3, 3) with it."""
    got = pool_2d(T.constant(IMAGE), (2, 2), ignore_border=ignore_border).eval()
    wanted = np.array([[IMAGE[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].max() for j in range(length)] for i in range(length)])
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize(("ignore_border", "length"), [(True, 2), (False, 3)])
def test_L24346_border_of_a_volume(ignore_border, length):
    """The same in three dimensions."""
    volume = np.random.default_rng(3).normal(size=(5, 5, 5))
    got = pool_3d(T.constant(volume), (2, 2, 2), ignore_border=ignore_border).eval()
    wanted = [volume[2 * i : 2 * i + 2, 2 * j : 2 * j + 2, 2 * k : 2 * k + 2].max() for i, j, k in np.ndindex(length, length, length)]
    np.testing.assert_array_equal(got, np.reshape(wanted, (length,) * 3))


def test_L24318_border_unsaid():
    """``ignore_border=None`` warns, and acts as False."""
    with pytest.warns(UserWarning, match="ignore_border"):
        assert pool_2d(T.constant(IMAGE), ws=(2, 2)).eval().shape == (3, 3)


def test_L24319_stride():
    """(1, 1) shifts by one row and one column; without a word windows do not overlap."""
    got = pool_2d(T.constant(IMAGE), (2, 2), ignore_border=True, stride=(1, 1)).eval()
    np.testing.assert_array_equal(got, np.lib.stride_tricks.sliding_window_view(IMAGE, (2, 2)).max((2, 3)))


@pytest.mark.parametrize("mode", ["max", "sum", "average_inc_pad", "average_exc_pad"])
def test_L24321_L24322_padding_in_each_mode(mode):
    """Maximum and sum never see the padding, whose zeros are above all elements here; one average counts it, one does not."""
    value = -1.0 - np.abs(IMAGE)
    got = pool_2d(T.constant(value), (3, 3), ignore_border=True, stride=(2, 2), pad=(1, 1), mode=mode).eval()
    assert got.shape == (3, 3)
    corner = value[:2, :2]
    wanted = {"max": corner.max(), "sum": corner.sum(), "average_inc_pad": corner.sum() / 9, "average_exc_pad": corner.mean()}[mode]
    np.testing.assert_allclose(got[0, 0], wanted)


def test_L24334_same_size():
    """Patches of (2, 2) keep one value that is not zero in four; the shape stays."""
    image = np.random.default_rng(4).normal(size=(2, 3, 4, 6))
    image[0] = 1.0
    for patch in ((2, 2), T.constant(np.array([2, 2]))):
        got = max_pool_2d_same_size(T.constant(image), patch).eval()
        patches = got.reshape(2, 3, 2, 2, 3, 2)
        assert got.shape == image.shape
        assert ((patches != 0).sum((3, 5)) == 1).all()
        np.testing.assert_array_equal(patches.sum((3, 5)), image.reshape(2, 3, 2, 2, 3, 2).max((3, 5)))


@pytest.mark.parametrize(("function", "ndim"), [(pool_2d, 2), (pool_3d, 3)])
def test_L24308_L24336_signatures(function, ndim):
    """Names and defaults of the arguments."""
    expected = {"ws": None, "ignore_border": None, "stride": None, "pad": (0,) * ndim, "mode": "max", "ds": None, "st": None, "padding": None}
    parameters = inspect.signature(function).parameters
    assert list(parameters) == ["input", *expected]
    assert {name: each.default for name, each in parameters.items() if name != "input"} == expected


def test_L24355_downsample():
    """Deprecated: users go to ``signal.pool``."""
    with pytest.warns(DeprecationWarning, match=r"tcore\.tensor\.signal\.pool"):
        assert importlib.import_module("tcore.tensor.signal.downsample").pool_2d is pool_2d


@pytest.mark.parametrize("mode", ["valid", "full"])
@pytest.mark.parametrize(("images", "filters"), [((), ()), ((2,), ()), ((), (3,)), ((2,), (3,))])
def test_L24279_L24288_L24294_plain_convolution(images, filters, mode):
    """One or several images and filters: every image with every filter, leading axes only where the input had one."""
    x, w = np.random.default_rng(5).normal(size=(*images, 6, 5)), np.random.default_rng(6).normal(size=(*filters, 3, 2))
    got = conv2d(T.constant(x), T.constant(w), border_mode=mode).eval()
    lengths = (4, 4) if mode == "valid" else (8, 6)
    assert got.shape == (*images, *filters, *lengths)
    for index in np.ndindex(*images, *filters):
        np.testing.assert_allclose(got[index], convolve2d(x[index[: len(images)]], w[index[len(images) :]], mode), atol=1e-12)


def test_L24277_L24289_L24290_L24292_arguments_of_convolution():
    """Names and defaults; other keywords are those of the old convolution op."""
    parameters = list(inspect.signature(conv2d).parameters.values())
    assert [each.name for each in parameters] == ["input", "filters", "image_shape", "filter_shape", "border_mode", "subsample", "kargs"]
    assert [each.default for each in parameters[2:6]] == [None, None, "valid", (1, 1)]
    assert parameters[-1].kind is inspect.Parameter.VAR_KEYWORD
    plain = conv2d(T.constant(IMAGE), T.constant(IMAGE[:2, :2]), subsample=(2, 1)).eval()
    hinted = conv2d(T.constant(IMAGE), T.constant(IMAGE[:2, :2]), (5, 5), (2, 2), subsample=(2, 1), unroll_batch=0, unroll_kern=0, unroll_patch=True, openmp=None)
    np.testing.assert_array_equal(hinted.eval(), plain)
    np.testing.assert_allclose(plain, convolve2d(IMAGE, IMAGE[:2, :2], "valid")[::2])
    stack = conv2d(T.constant(IMAGE[None]), T.constant(IMAGE[None, :2, :2]), image_shape=(1, 5, 5), filter_shape=(1, 2, 2), subsample=(2, 1)).eval()
    np.testing.assert_array_equal(stack[0, 0], plain)


def test_L24298_no_fft():
    """The documentation names a function without code or meaning; there is none."""
    with pytest.raises(AttributeError):
        _ = importlib.import_module("tcore.tensor.signal.conv").fft


def test_L24317_window():
    """A pair, or a symbolic vector of two; (2, 2) halves both axes."""
    image = np.random.default_rng(7).normal(size=(4, 6))
    wanted = image.reshape(2, 2, 3, 2).max((1, 3))
    x, ws = T.dmatrix(), T.lvector()
    np.testing.assert_array_equal(pool_2d(T.constant(image), ws=(2, 2), ignore_border=True).eval(), wanted)
    symbolic = pool_2d(x, ws=ws, ignore_border=True)
    np.testing.assert_array_equal(symbolic.eval({x: image, ws: [2, 2]}), wanted)
    assert symbolic.eval({x: image, ws: [4, 2]}).shape == (1, 3)  # the first is vertical


@pytest.mark.parametrize("pool", [pool_2d, pool_3d])
def test_L24323_old_names(pool):
    """ds, st and padding warn, mean ws, stride and pad, and are refused beside them."""
    n = 2 if pool is pool_2d else 3
    x = T.constant(np.random.default_rng(8).normal(size=(7,) * n))
    new = pool(x, ws=(3,) * n, stride=(2,) * n, pad=(1,) * n, ignore_border=True).eval()
    with pytest.warns(DeprecationWarning, match=r"ds|st|padding"):
        old = pool(x, ds=(3,) * n, st=(2,) * n, padding=(1,) * n, ignore_border=True)
    np.testing.assert_array_equal(old.eval(), new)
    with pytest.raises(ValueError):
        pool(x, ws=(3,) * n, ds=(3,) * n, ignore_border=True)
