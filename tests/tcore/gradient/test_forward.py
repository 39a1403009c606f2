"""Derivatives in a direction."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as T
from tcore import function
from tcore.gradient import (
    DisconnectedInputError,
    Lop,
    Rop,
    disconnected_grad,
    grad_clip,
    grad_scale,
    jacobian,
    undefined_grad,
    zero_grad,
)
from tcore.graph import Apply, Op
from tcore.graph.null_type import grad_not_implemented

x, y = T.dscalar("x"), T.dscalar("y")
v, w = T.dvector("v"), T.dvector("w")
A = T.dmatrix("A")


class TestRop:
    @pytest.mark.parametrize(
        "build",
        [T.tanh, lambda a: a * a.sum(), lambda a: T.dot(a, a), lambda a: a[::2], lambda a: T.exp(a).reshape((2, 2)), lambda a: a.max()],
        ids=["elemwise", "sum", "dot", "slice", "reshape", "max"],
    )
    def test_against_jacobian(self, build):
        """Rop is the Jacobian times the vector, Lop the vector times the Jacobian."""
        point, direction = np.array([0.1, 0.7, -0.4, 0.3]), np.array([1.0, -2.0, 0.5, 3.0])
        out = build(v)
        flat = out.flatten() if out.ndim != 1 else out
        J = jacobian(flat, v).eval({v: point})
        np.testing.assert_allclose(np.ravel(function([v, w], Rop(out, v, w), on_unused_input="ignore")(point, direction)), J @ direction)
        seed = out.type("seed")
        shape = np.shape(out.eval({v: point}))
        u = np.arange(1.0, 1 + int(np.prod(shape))).reshape(shape)
        got = function([v, seed], Lop(out, v, seed), on_unused_input="ignore")(point, u)
        np.testing.assert_allclose(got, u.ravel() @ J)

    def test_without_r_op(self):
        """An op that has only L_op is differentiated forwards, too."""

        class Cube(Op):
            __props__ = ()

            def make_node(self, a):
                return Apply(self, [a], [a.type()])

            def perform(self, node, inputs, output_storage, params=None):
                output_storage[0][0] = inputs[0] ** 3

            def grad(self, inputs, output_grads):
                return [3 * inputs[0] ** 2 * output_grads[0]]

        np.testing.assert_allclose(Rop(Cube()(v), v, w).eval({v: [1.0, 2.0], w: [1.0, 1.0]}), [3, 12])

    def test_form_follows_f(self):
        assert isinstance(Rop([v, v * 2], v, w), list)
        assert isinstance(Rop((v,), v, w), tuple)

    def test_disconnected(self):
        with pytest.raises(DisconnectedInputError, match="does not depend"):
            Rop(w, v, v)
        assert Rop(w, v, v, disconnected_outputs="ignore", return_disconnected="None") is None

    def test_wrong_point(self):
        with pytest.raises(ValueError, match="has 0 dimensions, v has 1"):
            Rop(v, v, x)


def test_directions_through_ops_that_shape_gradients():
    """A constant has no derivative in a direction; clipping and scaling are of gradients alone. Their texts say what they do."""
    u = T.dvector("u")
    flat = function([v, u], Rop(zero_grad(v) * 2, v, u), on_unused_input="ignore")
    assert flat([1.0, 2.0], [1.0, 1.0]).tolist() == [0, 0]
    for cut in (disconnected_grad, undefined_grad):
        assert Rop(cut(v) + v, v, u).eval({u: [5.0]}).tolist() == [5]
    assert str(grad_clip(x, -1, 2).owner.op) == "GradClip{-1, 2}"
    assert str(grad_scale(x, 0.5).owner.op) == "GradScale{0.5}"


def test_a_gradient_that_cannot_be_differentiated_gives_no_direction():
    """Rop of an op without R_op differentiates its gradient; where that has none, the answer is not zero."""

    class Backward(Op):
        __props__ = ()

        def make_node(self, s, g):
            return Apply(self, [s, g], [s.type()])

        def grad(self, inputs, gradients):
            return [grad_not_implemented(self, i, each, "nobody wrote it") for i, each in enumerate(inputs)]

    class Forward(Op):
        __props__ = ()

        def make_node(self, s):
            return Apply(self, [s], [s.type()])

        def grad(self, inputs, gradients):
            return [Backward()(inputs[0], gradients[0])]

    with pytest.raises(ValueError, match="cannot be computed from its gradient: .*nobody wrote it"):
        Rop(Forward()(x), x, y)


class FromOne(Op):
    """``x + s * outer(x[0], x[0])`` without an R_op; the gradient for ``x`` uses that of the output as it is, and its length."""

    __props__ = ()

    def make_node(self, x, s):
        return Apply(self, [x, s], [x.type()])

    def perform(self, node, inputs, output_storage):
        output_storage[0][0] = inputs[0] + inputs[1]

    def L_op(self, inputs, outputs, output_grads):
        (g,) = output_grads
        return [g, g.sum() + 0 * g.shape[0] + (g - g).sum()]


def test_gradient_that_is_the_seed_itself():
    """An op that hands on the gradient of its output as that of an input: what the other inputs add is not lost."""
    s, ds, dA = T.dscalar("s"), T.dscalar("ds"), T.dmatrix("dA")
    moved = function([A, s, dA, ds], Rop(FromOne()(A, s), [A, s], [dA, ds]), on_unused_input="ignore")
    given = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(moved(given, 2.0, given * 10, 5.0), given * 10 + 5)


def test_lop_of_expressions_of_each_other():
    """The sum over all expressions, though one is made from another, or is what is differentiated by."""
    u = v * 2
    found = function([v, w], [*Lop([u, u**2], [v, u], [w, w]), *Lop([v, v**3], [v], [w, w])])(np.array([1.0, 3.0]), np.array([5.0, 7.0]))
    p, q = np.array([1.0, 3.0]), np.array([5.0, 7.0])
    np.testing.assert_allclose(found, [2 * q + 8 * p * q, q + 4 * p * q, q + 3 * p**2 * q])
