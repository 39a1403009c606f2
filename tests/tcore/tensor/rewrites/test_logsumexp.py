"""Logarithms of sums of exponentials and their gradients, where the exponentials overflow or round to 0."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

import tcore
import tcore.tensor as T
from tcore.scalar import Exp

x = T.dmatrix("x")
MODE = tcore.Mode("vm", "fast_run")
VALUES = np.array([[1000.0, 999.0, 0.0], [-2000.0, -2000.5, -2001.0]])

#: what is made of the logarithms l -> its derivative
COSTS = {
    "sum": (lambda l: l.sum(), lambda l: np.ones_like(l)),
    "mean": (lambda l: l.mean(), lambda l: np.full_like(l, 1 / l.size)),
    "squares": (lambda l: (l * l).sum(), lambda l: 2 * l),
    "scaled mean": (lambda l: (3 * l).mean(), lambda l: np.full_like(l, 3 / l.size)),
}


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("name", COSTS)
def test_value_and_gradient(name, axis):
    """By the definition: the gradient is the softmax times that of the cost."""
    build, derivative = COSTS[name]
    cost = build(T.log(T.exp(x).sum(axis=axis)))
    value, gradient = tcore.function([x], [cost, T.grad(cost, x)], mode=MODE)(VALUES)
    logs = np.asarray(logsumexp(VALUES, axis=axis))
    np.testing.assert_allclose(value, build(logs), rtol=1e-12)
    weights = derivative(logs) if axis is None else np.expand_dims(derivative(logs), axis)
    np.testing.assert_allclose(gradient, weights * softmax(VALUES, axis=axis), rtol=1e-10, atol=1e-300)


@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
@pytest.mark.parametrize("flags", [(True, False), (False, True), (True, True)])
def test_axes_of_length_one(flags, axis):
    """A sum over them is none, which leaves the logarithm of an exponential, or a sum over the others."""
    x = T.TensorType("float64", flags)("x")
    values = np.array([[1000.0, 999.0, 0.0]]) if not flags[1] else np.array([[1000.0], [999.0], [0.0]]) if not flags[0] else np.array([[1000.0]])
    e = T.exp(x)
    log = T.log(e.sum(axis=axis))
    kept = T.log(e.sum(axis=axis, keepdims=True))
    f = tcore.function([x], [log, kept, T.grad(log.sum(), x), e / e.sum(axis=axis, keepdims=True)], mode=MODE)
    value, unreduced, gradient, weights = f(values)
    np.testing.assert_allclose(value, logsumexp(values, axis=axis))
    np.testing.assert_allclose(unreduced, logsumexp(values, axis=axis, keepdims=True))
    for each in (gradient, weights):
        np.testing.assert_allclose(each, softmax(values, axis=axis))


def test_one_exponential_for_each_element():
    """The logarithm and its gradient share the shifted exponentials and their sum."""
    cost = T.log(T.exp(x).sum(axis=1)).sum()
    f = tcore.function([x], [cost, T.grad(cost, x)], mode=MODE.excluding("fusion"))
    assert sum(isinstance(getattr(node.op, "scalar_op", None), Exp) for node in f.maker.fgraph.apply_nodes) == 1


def test_another_sum_is_left_alone():
    """Only the sum of the very exponentials above it makes a softmax."""
    e = T.exp(x)
    for quotient in (e / e.sum(axis=1), e / T.exp(2 * x).sum(axis=1, keepdims=True), e / (e + 1).sum(axis=1, keepdims=True)):
        f = tcore.function([x], quotient, mode=MODE)
        assert "maximum" not in str(f.maker.fgraph.toposort())


def test_without_assumptions():
    """With NumPy's semantics asked for, what overflows is NaN as written."""
    f = tcore.function([x], T.exp(x) / T.exp(x).sum(axis=1, keepdims=True), mode=MODE.excluding("assume_finite"))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(f(VALUES)[0, :2], [np.nan, np.nan])


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_sum(shape, axis, backend):
    """The sum of no exponentials is 0, its logarithm -infinity, and there is nothing to differentiate."""
    value = T.log(T.exp(x).sum(axis=axis))
    f = tcore.function([x], [value, T.grad(value.sum(), x)])
    result, gradient = f(np.zeros(shape))
    np.testing.assert_array_equal(result, np.full(np.zeros(shape).sum(axis=axis).shape, -np.inf))
    assert gradient.shape == shape


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "uint64"])
def test_exponents_that_are_integers(dtype):
    """Differences to the largest are taken of floats: those of integers wrap around."""
    n = T.matrix("n", dtype=dtype)
    e = T.exp(n)
    f = tcore.function([n], [T.log(e.sum(axis=1)), e / e.sum(axis=1, keepdims=True)], mode=MODE)
    values = np.array([[1, 3, 5], [100, 0 if dtype.startswith("u") else -100, 2]], dtype)
    logs, weights = f(values)
    np.testing.assert_allclose(logs, logsumexp(values.astype(float), axis=1), rtol=1e-3)
    np.testing.assert_allclose(weights, softmax(values.astype(float), axis=1), rtol=1e-2, atol=1e-6)


def test_exponents_that_are_complex_are_left_alone():
    """There is no largest of them."""
    z = T.zmatrix("z")
    f = tcore.function([z], T.exp(z) / T.exp(z).sum(axis=1, keepdims=True), mode=MODE)
    values = np.array([[1 + 2j, 3j, -1.0]])
    np.testing.assert_allclose(f(values), np.exp(values) / np.exp(values).sum(axis=1, keepdims=True))
