"""``tcore.tensor.signal.pool``: arguments, names and warnings."""

from __future__ import annotations

import importlib
import sys
import warnings

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor.signal import pool
from tcore_nnet.pooling import Pool

FAST = "FAST_COMPILE"
X = np.random.default_rng(4).normal(size=(2, 3, 5, 6))


def value(y):
    """What ``y``, a function of constants, comes to."""
    return y.eval()


@pytest.mark.parametrize(("function", "ndim"), [(pool.pool_2d, 2), (pool.pool_3d, 3)])
def test_old_names(function, ndim):
    """``ds``, ``st`` and ``padding`` warn and mean ``ws``, ``stride`` and ``pad``; both at once are refused."""
    ws, stride, pad = (3, 2, 3)[:ndim], (2, 1, 2)[:ndim], (1, 0, 1)[:ndim]
    new = function(T.constant(X), ws, True, stride, pad)
    with pytest.warns(DeprecationWarning) as caught:
        old = function(T.constant(X), ds=ws, ignore_border=True, st=stride, padding=pad)
    assert [str(each.message).split(" is ")[1] for each in caught] == [f"deprecated: write {name}" for name in ("ws", "stride", "pad")]
    assert {each.filename for each in caught} == {__file__}
    np.testing.assert_array_equal(value(old), value(new))
    for name, old_name in (("ws", "ds"), ("stride", "st"), ("pad", "padding")):
        with pytest.raises(ValueError, match=f"got both {name} and {old_name}, its old name"):
            function(X, **{"ws": ws, "ignore_border": True, name: ws, old_name: ws})


def test_wrong_arguments():
    """No size and no such mode."""
    with pytest.raises(ValueError, match="pool_2d needs ws, the size of a window: 2 integers"):
        pool.pool_2d(X, ignore_border=True)
    with pytest.raises(ValueError, match="pool_3d knows the modes max, sum, average_inc_pad, average_exc_pad; got 'mean'"):
        pool.pool_3d(X, (2, 2, 2), True, mode="mean")


def test_border_without_a_word():
    """``ignore_border=None`` warns at the caller's line and keeps the border; a bool does not warn."""
    with pytest.warns(UserWarning, match="say ignore_border=False") as caught:
        y = pool.pool_2d(X, (2, 4))
    assert caught[0].filename == __file__
    assert y.owner.op == Pool(ignore_border=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(value(pool.pool_2d(X, (2, 4), False)), value(y))


@pytest.mark.parametrize("patch", [(2, 2), (3, 4), T.constant(np.array([2, 3]))], ids=str)
def test_same_size(patch):
    """In each patch the largest element alone; cut patches at the border; the first of equals; gradient where it stands."""
    rows, cols = (int(each) for each in (patch.data if hasattr(patch, "data") else patch))
    data = X.copy()
    data[0, 0] = -1.0
    x = T.dtensor4()
    kept = pool.max_pool_2d_same_size(x, patch)
    got, gradient = tcore.function([x], [kept, tcore.grad((kept * 3).sum(), x)], mode=FAST)(data)
    wanted = np.zeros_like(data)
    for b, c in np.ndindex(2, 3):
        for i in range(0, 5, rows):
            for j in range(0, 6, cols):
                box = data[b, c, i : i + rows, j : j + cols]
                at = np.unravel_index(box.argmax(), box.shape)
                wanted[b, c, i + at[0], j + at[1]] = box[at]
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(gradient, 3.0 * (wanted != 0))
    with pytest.raises(TypeError, match="an input of 4 axes"):
        pool.max_pool_2d_same_size(T.dtensor3(), patch)


def test_downsample():
    """The old module hands on what lives in ``pool``, and says so."""
    downsample = importlib.import_module("tcore.tensor.signal.downsample")
    assert sys.modules["tcore_nnet.signal.downsample"] is downsample
    with pytest.warns(DeprecationWarning, match=r"use tcore\.tensor\.signal\.pool\.pool_2d"):
        assert downsample.max_pool_2d is pool.pool_2d
    with pytest.warns(DeprecationWarning, match="pool_3d"):
        assert downsample.pool_3d is pool.pool_3d
    assert "max_pool_2d" in dir(downsample)
    with pytest.raises(AttributeError, match="no attribute 'pool_4d'"):
        _ = downsample.pool_4d
