"""Shapes that shared variables and inputs promise: functions are optimized for them, and what breaks the promise is refused."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore import In, function
from tcore.compile.ops import DeepCopyOp

W = np.arange(6.0).reshape(3, 2)


def ops(f):
    return [type(node.op) for node in f.maker.fgraph.toposort()]


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
def test_shared_L2963(mode):
    """``shape=True``: that of the value, for all later values, whether set or computed; the value stays where one is refused."""
    w, x = tcore.shared(W, name="w", shape=True), T.dmatrix("x")
    assert w.fixed_shape == (3, 2)
    step = function([x], (w * 2).sum(), updates={w: w + x}, mode=mode)
    assert step(np.ones((3, 2))) == 30
    np.testing.assert_array_equal(w.get_value(), W + 1)
    with pytest.raises(ValueError, match=r"w was made for values of shape \(3, 2\), got one of shape \(2, 2\)"):
        w.set_value(np.ones((2, 2)))
    other = function([x], [], updates={w: x}, mode=mode)
    with pytest.raises(AssertionError, match=r"shape \(3, 3\), promised was \(3, 2\)"):
        other(np.ones((3, 3)))
    np.testing.assert_array_equal(w.get_value(), W + 1)
    w.set_value(W.tolist())
    np.testing.assert_array_equal(function([], w, mode=mode)(), W)


def test_optimized_for_L25255():
    """Lengths that follow from promises are constants of the compiled graph."""
    w, x = tcore.shared(W, shape=(3, 2)), T.dmatrix("x")
    f = function([], w.shape)
    assert ops(f) == [DeepCopyOp]
    assert f().tolist() == [3, 2]
    g = function([In(x, shape=(4, 3))], T.dot(x, w).shape)
    assert ops(g) == [DeepCopyOp]
    assert g(np.ones((4, 3))).tolist() == [4, 2]


def test_open_lengths():
    """None promises nothing of an axis."""
    w, x = tcore.shared(W, shape=(None, 2)), T.dmatrix("x")
    w.set_value(np.ones((7, 2)))
    with pytest.raises(ValueError, match=r"shape \(any, 2\), got one of shape \(2, 3\)"):
        w.set_value(np.ones((2, 3)))
    f = function([In(x, shape=(None, 3))], [x.sum(axis=0), x.shape])
    np.testing.assert_array_equal(f(np.ones((5, 3)))[0], [5, 5, 5])
    with pytest.raises(AssertionError, match=r"shape \(2, 4\), promised was \(2, 3\)"):
        f(np.ones((2, 4)))
    np.testing.assert_array_equal(T.specify_shape(x, (None, 2)).eval({x: W}), x.specify_shape([3, None]).eval({x: W}))


def test_inputs_with_updates_and_computed_ones():
    """The update of an input keeps the promise; a variable that a node computes can be the input."""
    x, y = T.dvector("x"), T.dvector("y")
    f = function([y, In(x, value=np.zeros(2), update=x + y, shape=(2,))], x)
    f(np.ones(2))
    assert f(np.ones(2)).tolist() == [1, 1]
    widened = function([y, In(x, value=np.zeros(2), update=T.join(0, x, y), shape=(2,))], x)
    with pytest.raises(AssertionError, match=r"shape \(4,\), promised was \(2,\)"):
        widened(np.ones(2))
    z = x * 2
    g = function([In(z, shape=(2,))], z + 1)
    assert g([1.0, 2.0]).tolist() == [2, 3]
    with pytest.raises(AssertionError, match="promised"):
        g([1.0])


def test_axes_of_length_one_broadcast():
    """For as long as the promise holds, which is always."""
    row, x = tcore.shared(np.array([[1.0, 2.0]]), shape=True), T.dmatrix()
    assert row.broadcastable == (True, False)
    np.testing.assert_array_equal(function([x], x + row)(W), W + [[1, 2]])
    assert tcore.shared(W[:1], shape=True, broadcastable=(False, False)).broadcastable == (False, False)


def test_copies_keep_the_promise():
    """Clones, pickles, copies of functions, and functions that compute with another value in place of the shared one."""
    w, v = tcore.shared(W, name="w", shape=True), T.dmatrix()
    for twin in (w.clone(), copy.deepcopy(w), pickle.loads(pickle.dumps(w))):
        assert twin.fixed_shape == (3, 2)
        with pytest.raises(ValueError, match="made for values"):
            twin.set_value(np.ones((1, 1)))
    f = function([], w.sum(), updates={w: w * 2})
    assert pickle.loads(pickle.dumps(f))() == W.sum()
    assert f.copy(delete_updates=True)() == W.sum()
    assert function([v], w.sum(), givens={w: v})(np.ones((5, 5))) == 25


@pytest.mark.parametrize(
    ("promise", "error", "message"),
    [
        ((3,), ValueError, "2 dimensions"),
        ((3, -1), ValueError, "a length, or None"),
        ((3, 3), ValueError, r"made for values of shape \(3, 3\), got one of shape \(3, 2\)"),
        ((3, 2.0), TypeError, "integers, or None"),
        (3, TypeError, "a tuple of lengths"),
    ],
)
def test_refused_promises(promise, error, message):
    """They say what a promise looks like."""
    with pytest.raises(error, match=message):
        tcore.shared(W, shape=promise)
    if promise != (3, 3):
        with pytest.raises(error, match=message):
            In(T.dmatrix(), shape=promise)


def test_only_tensors_have_shapes():
    """Other values are refused."""
    with pytest.raises(TypeError, match="shapes are promised of tensors"):
        In(tcore.gof.generic("g"), shape=(2,))
    with pytest.raises(TypeError, match="no shared variable can hold"):
        tcore.shared([1, 2], shape=(2,))
