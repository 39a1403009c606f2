"""What the documentation promises of ``tensor.extra_ops``, by the names that it gives; its lines in the names.

Expected values are NumPy's. ``bincount``, ``diff``, ``to_one_hot`` and windows are tested beside their code.
"""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tcore.tensor as T
from tcore import function
from tcore.tensor import TensorType, extra_ops

rng = np.random.default_rng(11)
M = rng.normal(size=(3, 4))


def names(function_):
    """The arguments of a function with their defaults."""
    return {name: each.default for name, each in inspect.signature(function_).parameters.items() if each.default is not each.empty}


@pytest.mark.parametrize("side", ["left", "right"])
def test_op_of_searchsorted_L24644(side):
    """What the function applies; equal by its side."""
    x, v = T.dvector(), T.dvector()
    op = extra_ops.SearchsortedOp(side=side)
    assert extra_ops.searchsorted(x, v, side=side).owner.op == op
    assert extra_ops.SearchsortedOp() == extra_ops.SearchsortedOp("left") != extra_ops.SearchsortedOp("right")
    f = function([x, v], op(x, v), mode="FAST_COMPILE")
    np.testing.assert_array_equal(f([1, 2, 2, 3], [2, 0, 9]), np.searchsorted([1, 2, 2, 3], [2, 0, 9], side))


@pytest.mark.parametrize("sorted_by", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted_L24837(side, sorted_by):
    """int64, of the shape of what is looked for; 0 and N for what lies outside; the sorter orders x."""
    assert names(extra_ops.searchsorted) == {"side": "left", "sorter": None}
    a, v = np.array([5.0, 1.0, 3.0, 3.0]), np.array([[0.0, 3.0, 9.0], [1.0, 4.0, 5.0]])
    order = np.argsort(a, kind="stable")
    x, w, s = T.dvector(), T.dmatrix(), T.lvector()
    if sorted_by:
        found = function([x, w, s], extra_ops.searchsorted(x, w, side, s), mode="FAST_COMPILE")(a, v, order)
    else:
        found = function([x, w], extra_ops.searchsorted(x, w, side), mode="FAST_COMPILE")(a[order], v)
    assert (found.dtype, found.shape) == ("int64", v.shape)
    np.testing.assert_array_equal(found, np.searchsorted(a[order], v, side))
    assert (found[0, 0], found[0, 2]) == (0, 4)


@pytest.mark.parametrize("flags", [(False, False, False), (True, False, True), (False, True, False), (True, True, True)])
def test_unique_L24654(flags):
    """Values, then what is asked for: first places, inverse, counts."""
    op = extra_ops.Unique(*flags)
    assert list(names(extra_ops.Unique).items())[:3] == [("return_index", False), ("return_inverse", False), ("return_counts", False)]
    x = T.lvector()
    a = rng.integers(0, 4, size=9)
    outputs = op(x, return_list=True)
    assert len(outputs) == 1 + sum(flags)
    wanted = np.unique(a, *flags)
    for got, want in zip(function([x], outputs, mode="FAST_COMPILE")(a), wanted if any(flags) else [wanted], strict=True):
        np.testing.assert_array_equal(got, want)


def test_unique_of_a_matrix_L24672():
    """The documentation's second example: places in the flattened matrix."""
    y = T.matrix()
    values, index, inverse = function([y], extra_ops.Unique(True, True, False)(y), mode="FAST_COMPILE")([[1, 1, 1.0], (2, 3, 3.0)])
    assert values.tolist() == [1, 2, 3]
    assert index.tolist() == [0, 3, 4]
    assert inverse.tolist() == [0, 0, 0, 1, 2, 2]


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_cumsum_L24736(axis):
    """Along an axis, or of the flattened tensor."""
    assert names(extra_ops.cumsum) == {"axis": None}
    x = T.dmatrix()
    np.testing.assert_allclose(function([x], extra_ops.cumsum(x, axis), mode="FAST_COMPILE")(M), np.cumsum(M, axis))


def test_repeat_L24819():
    """A number, a scalar, or a vector with a count for each; without an axis of the flattened tensor."""
    assert names(extra_ops.repeat) == {"axis": None}
    x, n, counts = T.dmatrix(), T.iscalar(), T.lvector()
    for axis in (None, 0, 1):
        many = np.arange(M.size if axis is None else M.shape[axis])
        f = function([x, n, counts], [extra_ops.repeat(x, r, axis) for r in (2, n, counts)], mode="FAST_COMPILE")
        for got, repeats in zip(f(M, 3, many), (2, 3, many), strict=True):
            np.testing.assert_array_equal(got, np.repeat(M, repeats, axis))
    one = function([x, counts], extra_ops.repeat(x, counts, 0), mode="FAST_COMPILE")(M, [2])  # one count is for all
    np.testing.assert_array_equal(one, np.repeat(M, [2], 0))


def test_squeeze_L24881():
    """Axes that are broadcastable go; the result is the tensor itself or a view of it."""
    x = TensorType("float64", (True, False, True))()
    y = extra_ops.squeeze(x)
    assert y.broadcastable == (False,)
    assert y.owner.op.view_map == {0: [0]}
    assert function([x], y, mode="FAST_COMPILE")(np.ones((1, 3, 1))).tolist() == [1, 1, 1]
    m = T.dmatrix()
    np.testing.assert_array_equal(function([m], extra_ops.squeeze(m), mode="FAST_COMPILE")(M), M)


@pytest.mark.parametrize("order", ["C", "F"])
def test_unravel_index_L24909(order):
    """A tuple of the shape of the indices; the number of dimensions must be known or said."""
    assert names(extra_ops.unravel_index) == {"order": "C", "ndim": None}
    flat = np.array([[0, 5], [7, 11]])
    i, dims = T.lmatrix(), T.lvector()
    found = extra_ops.unravel_index(i, (3, 4), order)
    assert isinstance(found, tuple)
    told = extra_ops.unravel_index(i, dims, order, ndim=2)
    values = function([i, dims], [*found, *told], mode="FAST_COMPILE")(flat, [3, 4])
    for got, want in zip(values, np.unravel_index(flat, (3, 4), order) * 2, strict=True):
        np.testing.assert_array_equal(got, want)
    with pytest.raises(ValueError, match="ndim"):
        extra_ops.unravel_index(i, dims)
