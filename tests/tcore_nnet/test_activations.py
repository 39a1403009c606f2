"""Activations against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore_nnet import elu, relu, selu, softsign

X = np.array([[-2.0, -0.5, 0.0], [0.25, 1.0, 30.0]])
NEGATIVE = X * (X < 0)


def value(expression, x):
    return tcore.function([x], expression)(X)


@pytest.mark.parametrize("alpha", [0, 1, 0.1, 2.0])
def test_relu(alpha):
    """x above 0, alpha x below."""
    x = T.dmatrix()
    np.testing.assert_allclose(value(relu(x, alpha), x), np.where(X > 0, X, alpha * X))


def test_relu_with_a_slope_to_learn():
    """The slope is a tensor that broadcasts, and gets a gradient."""
    x, slope = T.dmatrix(), tcore.shared(np.array([0.1, 0.2, 0.3]))
    out = relu(x, slope)
    f = tcore.function([x], [out, tcore.grad(out.sum(), slope)])
    got, gradient = f(X)
    np.testing.assert_allclose(got, np.where(X > 0, X, slope.get_value() * X))
    np.testing.assert_allclose(gradient, NEGATIVE.sum(axis=0))


def test_elu_selu_softsign():
    """Their formulas."""
    x = T.dmatrix()
    expected = np.where(X > 0, X, 0.5 * np.expm1(NEGATIVE))
    np.testing.assert_allclose(value(elu(x, 0.5), x), expected)
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    np.testing.assert_allclose(value(selu(x), x), scale * np.where(X > 0, X, alpha * np.expm1(NEGATIVE)))
    np.testing.assert_allclose(value(softsign(x), x), X / (1 + np.abs(X)))


def test_nnet_is_mounted():
    """``tcore.tensor.nnet`` is this package, and hands on the core's functions."""
    import tcore_nnet

    assert T.nnet is tcore_nnet
    assert T.nnet.softplus is T.softplus
