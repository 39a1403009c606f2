"""Derivatives of loops against finite differences and against loops written out."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.gradient import DisconnectedInputError, NullTypeGradError, grad_undefined, verify_grad
from tcore.graph import Apply, Op
from tcore.tensor.shared_randomstreams import RandomStreams

RNG = np.random.RandomState(0)
X, H, W = RNG.normal(size=(4, 3)), RNG.normal(size=3), RNG.normal(size=(3, 3)) * 0.4


def rnn(x, h, w):
    return tcore.scan(lambda x_t, h, w: T.tanh(x_t + T.dot(h, w)), x, h, w)[0]


def gated(x, h, c, w):
    """Two states that see each other, and what no step sees."""

    def step(x_t, h, c, w):
        gate = T.sigmoid(x_t + T.dot(h, w))
        c = c * gate + T.tanh(x_t)
        return gate * T.tanh(c), c, T.dot(c, w)

    (h, c, y), _ = tcore.scan(step, x, [h, c, None], w)
    return h[-1] + c.sum(axis=0) + (y**2).sum(axis=0)


def taps(x, h, w):
    result, _ = tcore.scan(lambda a, b, p, q, w: T.tanh(a * q + b * p.sum() + w[0]), {"input": x, "taps": [0, -2]}, {"initial": h, "taps": [-1, -3]}, w)
    return result


FORMS = {
    "rnn": (rnn, [X, H, W]),
    "gated": (gated, [X, H, H * 0.3, W]),
    "taps of both": (taps, [X[:, :2], RNG.normal(size=(3, 2)), W[:, :2]]),
    "only an old row": (lambda h: tcore.scan(lambda a: T.sin(a) * 2, outputs_info={"initial": h, "taps": [-2]}, n_steps=4)[0], [H[:2]]),
    "map": (lambda x, w: tcore.scan(lambda v, w: (T.dot(v, w) ** 2).sum(), x, None, w)[0], [X, W]),
    "steps before the end": (lambda x: tcore.scan(lambda v, s: s * v, x, T.constant(np.float64(1)), n_steps=3)[0], [X[:, 0]]),
    "backwards": (lambda x: tcore.scan(lambda v, s: s * v + v, x, T.constant(np.float64(1)), go_backwards=True)[0][-1], [X[:, 0]]),
    "output that is a state": (lambda x: sum(tcore.scan(lambda v, s: [s * v, s], x, [T.constant(np.float64(1)), None])[0]), [X[:, 0]]),
    "one output twice": (lambda x: sum(tcore.scan(lambda v: [v * v] * 2, x)[0]), [X[:, 0]]),
    "until": (lambda x: tcore.scan(lambda s, x: (s * x, tcore.scan_module.until(s * x > 40)), None, x, x, n_steps=50)[0].sum(), [np.array(2.1)]),
    "nested": (lambda x: tcore.scan(lambda r, s: s * 0.5 + tcore.reduce(lambda v, t: t * v + 1, r, s)[0], x, T.constant(np.float64(1)))[0], [X]),
    "integers beside": (lambda x: tcore.scan(lambda i, v, k, s: [k + i, s * v + k], [T.arange(4), x], [T.constant(np.int64(1)), T.constant(np.float64(1))])[0][1], [X[:, 0]]),
}


@pytest.mark.parametrize("name", FORMS)
def test_gradient(name):
    """Against finite differences, as the loops are built, and as they are optimized."""
    build, values = FORMS[name]
    verify_grad(build, values, rng=np.random.RandomState(1), mode="FAST_COMPILE")
    inputs = [T.TensorType("float64", (False,) * v.ndim)() for v in values]
    out = build(*inputs)
    gradients = T.grad((out**2).sum(), inputs)
    with tcore.change_flags(backend="numpy"):
        plain, fast = (tcore.function(inputs, [out, *gradients], mode=mode) for mode in ("FAST_COMPILE", "FAST_RUN"))
        for a, b in zip(plain(*values), fast(*values), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8)


@pytest.mark.parametrize("name", ["rnn", "taps of both", "until", "output that is a state"])
def test_second_gradient(name):
    build, values = FORMS[name]

    def squared_gradients(*inputs):
        return sum((g**2).sum() for g in T.grad((build(*inputs) ** 2).sum(), list(inputs)))

    verify_grad(squared_gradients, values, rng=np.random.RandomState(1), mode="FAST_COMPILE", rel_tol=2e-2)


@pytest.mark.parametrize("name", ["rnn", "gated", "taps of both", "only an old row", "map", "until", "integers beside"])
def test_R_op(name):
    """The derivative in a direction, by the loop beside, against differences."""
    build, values = FORMS[name]
    inputs = [T.TensorType("float64", (False,) * v.ndim)() for v in values]
    directions = [np.random.RandomState(2).normal(size=v.shape) for v in values]
    out = build(*inputs)
    points = [v.type() for v in inputs]
    tangent = tcore.Rop(out, inputs, points)
    step = 1e-6
    f = tcore.function([*inputs, *points], [out, tangent], mode="FAST_COMPILE", on_unused_input="ignore")
    got = f(*values, *directions)[1]
    up, down = (f(*(v + sign * step * d for v, d in zip(values, directions, strict=True)), *directions)[0] for sign in (1, -1))
    np.testing.assert_allclose(got, (up - down) / (2 * step), rtol=1e-5, atol=1e-8)


def test_R_op_in_one_direction():
    """A direction of one input alone; none for what does not depend on it."""
    x, h, w, p = T.dmatrix(), T.dvector(), T.dmatrix(), T.dmatrix()
    tangent = tcore.Rop(rnn(x, h, w), w, p)
    by_reverse = T.grad(T.grad((rnn(x, h, w) * (u := T.dmatrix())).sum(), w).flatten().dot(p.flatten()), u)
    a, b = tcore.function([x, h, w, p, u], [tangent, by_reverse], mode="FAST_COMPILE", on_unused_input="ignore")(X, H, W, W + 1, X)
    np.testing.assert_allclose(a, b)


def test_truncated_L19423():
    """Gradients go back as many steps as told."""
    x, s = T.dvector(), T.dscalar()
    result, _ = tcore.scan(lambda v, s: s * 2 + v, x, s, truncate_gradient=2)
    gx, gs = tcore.function([x, s], T.grad(result[-1], [x, s]), mode="FAST_COMPILE")([1.0] * 5, 1.0)
    assert gx.tolist() == [0, 0, 0, 2, 1]
    assert gs == 0


def test_disconnected_parts():
    """The number of steps, integer sequences, and states that the cost does not use."""
    x, n, y = T.dvector("x"), T.lscalar("n"), T.dscalar("y")
    (used, unused), _ = tcore.scan(lambda v, a, b: [a * v, b * 3], x, [T.constant(np.float64(1)), y], n_steps=n)
    with pytest.raises(DisconnectedInputError, match="does not depend on y"):
        T.grad(used[-1], y)
    assert T.grad(used[-1] + unused[-1], [x, y])
    with pytest.raises(DisconnectedInputError):
        T.grad(used[-1], n)


class Undefined(Op):
    """x, without a gradient."""

    __props__ = ()

    def make_node(self, x):
        return Apply(self, [x], [x.type()])

    def perform(self, node, inputs, output_storage, params=None):
        output_storage[0][0] = inputs[0].copy()

    def grad(self, inputs, output_grads):
        return [grad_undefined(self, 0, inputs[0], "there is none")]


def test_undefined_parts():
    """What flows into an op without gradient at some step has none; what does not, has."""
    x, s, w = T.dvector(), T.dscalar(), T.dscalar()
    result, _ = tcore.scan(lambda v, s, w: Undefined()(s * v) + w, x, s, w)
    for wrt in (x, s, w):
        with pytest.raises(NullTypeGradError, match="there is none"):
            T.grad(result[-1], wrt)
    apart, _ = tcore.scan(lambda v, w: Undefined()(v) + w, x, None, w)
    assert tcore.function([x, w], T.grad(apart.sum(), w), mode="FAST_COMPILE", on_unused_input="ignore")([1.0, 2.0], 3.0) == 2.0


def test_random_numbers_are_drawn_once():
    """The gradient sees the masks that the loop forward drew."""
    x, w = T.dmatrix(), T.dvector()
    stream = RandomStreams(5)
    result, updates = tcore.scan(lambda v, s, w: s + v * w * stream.binomial(size=(3,), p=0.5), x, T.zeros((3,)), w)
    for mode in ("FAST_COMPILE", "FAST_RUN"):
        f = tcore.function([x, w], [result[-1], T.grad(result[-1].sum(), w)], updates=updates, mode=mode)
        value, gradient = f(X, H)
        np.testing.assert_allclose(value, H * gradient)
        assert any("Scan" in type(n.op).__name__ for n in f.maker.fgraph.toposort())


def test_shared_state_has_a_gradient():
    """What a loop stores in a shared array depends on its inputs."""
    a, x = tcore.shared(np.array([1.0, 2.0])), T.dscalar()
    _, updates = tcore.scan(lambda x: {a: a * x}, non_sequences=x, n_steps=3)
    gradient = tcore.function([x], T.grad(updates[a].sum(), x), mode="FAST_COMPILE")
    assert gradient(2.0) == 3 * 3 * 4.0
