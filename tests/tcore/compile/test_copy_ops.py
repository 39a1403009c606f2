"""Ops that compilation puts into graphs, and ops of Python functions."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile import as_op, deep_copy_op, view_op
from tcore.compile.copy_ops import FromFunctionOp

pytestmark = pytest.mark.usefixtures("numpy_backend")


def test_compiler_ops_L12881_L12909():
    """Views and copies: value, shape, derivative in both directions."""
    x, v = T.dvector("x"), T.dvector("v")
    for op, shares in ((view_op, True), (deep_copy_op, False)):
        y = op(x)
        f = tcore.function([x, v], [T.grad((y**2).sum(), x), tcore.gradient.Rop(y, x, v), y.shape], on_unused_input="ignore")
        gradient, along, shape = f([1.0, 2.0], [5.0, 7.0])
        np.testing.assert_array_equal(gradient, [2.0, 4.0])
        np.testing.assert_array_equal(along, [5.0, 7.0])
        assert tuple(shape) == (2,)
        value, cell = np.ones(3), [None]
        op.perform(y.owner, [value], [cell])
        assert np.shares_memory(cell[0], value) is shares
        np.testing.assert_array_equal(cell[0], value)
    cell = [None]
    nested = [[1], 2]
    deep_copy_op.perform(None, [nested], [cell])
    assert cell[0] == nested
    assert cell[0][0] is not nested[0]


@as_op(T.dvector, [T.dvector, T.dscalar], infer_shape=lambda node, shapes: [shapes[0], ()])
def _ends(values):
    return values[::-1].copy(), values.sum()


def _halves(value):
    return np.asarray(value / 2)


@as_op([T.dscalar], T.dscalar)
def _wrong(value):
    return value, value


def test_as_op_L12810_L12886_L12891():
    """Several outputs, shapes without running, text, equality, pickling by name; wrong counts and arguments are told."""
    x = T.dvector("x")
    turned, total = _ends(x)
    np.testing.assert_array_equal(turned.eval({x: [1.0, 2.0]}), [2.0, 1.0])
    assert total.eval({x: [1.0, 2.0]}) == 3.0
    f = tcore.function([x], turned.shape)
    assert _ends not in [node.op for node in f.maker.fgraph.apply_nodes]
    assert tuple(f([1.0, 2.0])) == (2,)
    assert str(_ends) == "FromFunctionOp{_ends}"
    assert pickle.loads(pickle.dumps(_ends)) is _ends
    s = T.dscalar("s")
    with pytest.raises(ValueError, match=r"FromFunctionOp\{_wrong\} returned 2 values, 1 were declared"):
        _wrong(s).eval({s: 1.0})
    with pytest.raises(TypeError, match="itypes of as_op are Types"):
        as_op(["float64"], [T.dscalar])
    with pytest.raises(TypeError, match="infer_shape of as_op is a function, got 3"):
        as_op(T.dscalar, T.dscalar, infer_shape=3)
    plain = FromFunctionOp(_halves, [T.dscalar], [T.dscalar], None)
    twin = pickle.loads(pickle.dumps(plain))
    assert twin == plain
    assert (twin(s).eval({s: 3.0}), twin.itypes, twin.otypes) == (1.5, plain.itypes, plain.otypes)
    local = as_op(T.dscalar, T.dscalar)(lambda value: value)
    assert local == local
    assert local != _ends
    with pytest.raises(pickle.PicklingError, match="its function is not found as"):
        pickle.dumps(local)
