"""Costs of probabilities that round to 0, and their gradients."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax

import tcore
import tcore.tensor as T

x, y, w = T.dmatrix("x"), T.lvector("y"), T.dvector("w")
P = T.softmax(x)
ROWS = T.arange(y.shape[0])

#: written form -> what the cost of each row is weighted with
COSTS = {
    "negative log likelihood": (lambda: -T.log(P[ROWS, y]).sum(), lambda n: np.ones(n)),
    "its mean": (lambda: -T.mean(T.log(P[ROWS, y])), lambda n: np.full(n, 1 / n)),
    "weighted": (lambda: -(w * T.log(P[ROWS, y])).sum(), lambda n: np.arange(1.0, n + 1)),
    "logarithm first": (lambda: -T.mean(T.log(P)[ROWS, y]), lambda n: np.full(n, 1 / n)),
}


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_onehot_costs_L10825(name, scale):
    """Cost and gradient by the definition, where a probability is 0 in floating point, too."""
    build, weights = COSTS[name]
    cost = build()
    f = tcore.function([x, y, w], [cost, tcore.grad(cost, x)], on_unused_input="ignore", mode=tcore.Mode("vm", "fast_run"))
    values = scale * np.array([[1.0, 0.0, -1.0], [0.5, 2.0, 0.25], [-1.0, 0.0, 1.0]])
    places = np.array([2, 1, 0])
    each = weights(3)
    found, gradient = f(values, places, np.arange(1.0, 4.0))
    np.testing.assert_allclose(found, -(each * log_softmax(values, axis=1)[np.arange(3), places]).sum(), rtol=1e-10)
    np.testing.assert_allclose(gradient, each[:, None] * (softmax(values, axis=1) - np.eye(3)[places]), rtol=1e-9, atol=1e-300)


def test_a_place_that_is_taken_twice():
    """Gradients of one place add up."""
    cost = T.log(P[[0, 0, 0], [1, 1, 2]]).sum()
    f = tcore.function([x], [cost, tcore.grad(cost, x)], mode=tcore.Mode("vm", "fast_run"))
    values = np.array([[800.0, 0.0, 1.0]])
    found, gradient = f(values)
    np.testing.assert_allclose(found, log_softmax(values, axis=1)[0, [1, 1, 2]].sum())
    np.testing.assert_allclose(gradient, [[-3.0, 2.0, 1.0]])


def test_other_quotients_stay():
    """The gradient of another function of the same elements is left alone."""
    cost = T.sqrt(P[ROWS, y]).sum()
    f = tcore.function([x, y], tcore.grad(cost, x), mode=tcore.Mode("py", "fast_run").excluding("fusion", "inplace"))
    assert any(str(node.op) == "SoftmaxGrad" for node in f.maker.fgraph.toposort())
    values = np.array([[0.5, 1.0], [2.0, 0.0]])
    p = softmax(values, axis=1)
    chosen = np.sqrt(p[[0, 1], [1, 0]])[:, None]
    np.testing.assert_allclose(f(values, [1, 0]), 0.5 * chosen * (np.eye(2)[[1, 0]] - p))
