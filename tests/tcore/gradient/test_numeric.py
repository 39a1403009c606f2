"""Gradients by finite differences, and the checks that use them."""

from __future__ import annotations

import numpy as np
import pytest

import tcore.tensor as T
from tcore.gradient import (
    GradientError,
    numeric_grad,
    verify_grad,
)
from tcore.graph import Apply, Op


class TestNumeric:
    def test_numeric_grad(self):
        found = numeric_grad(lambda a, b: (a**2).sum() + b, [np.array([1.0, 2.0]), np.array(3.0)])
        np.testing.assert_allclose(found.gf[0], [2, 4], atol=1e-5)
        np.testing.assert_allclose(found.gf[1], 1, atol=1e-5)
        abs_err, rel_err = numeric_grad.abs_rel_err(np.array(1.0), np.array(3.0))
        assert (abs_err, rel_err) == (2.0, 0.5)
        with pytest.raises(ValueError, match="got 1 gradients for 2"):
            found.abs_rel_errors([np.zeros(2)])
        with pytest.raises(ValueError, match="has shape"):
            found.abs_rel_errors([np.zeros(3), np.zeros(())])

    def test_verify_grad_finds_a_wrong_gradient(self):
        class WrongSquare(Op):
            __props__ = ()

            def make_node(self, a):
                return Apply(self, [a], [a.type()])

            def perform(self, node, inputs, output_storage, params=None):
                output_storage[0][0] = inputs[0] ** 2

            def grad(self, inputs, output_grads):
                return [inputs[0] * output_grads[0]]

        with pytest.raises(GradientError, match="argument 0 is off at position") as info:
            verify_grad(WrongSquare(), [np.array([1.0, 2.0])], rng=np.random.RandomState(0))
        assert info.value.arg == 0
        assert info.value.rel_err > 0.3

    def test_verify_grad_arguments(self):
        with pytest.raises(TypeError, match="needs rng"):
            verify_grad(T.tanh, [np.ones(2)])
        with pytest.raises(TypeError, match="dtype int64"):
            verify_grad(T.tanh, [np.ones(2, "int64")], rng=np.random.RandomState(0))

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    def test_verify_grad_dtypes(self, dtype):
        verify_grad(T.tanh, [np.array([0.3, -0.4], dtype)], rng=np.random.RandomState(0))


def test_numeric_gradient_by_hand():
    """One array or several, mixed with whole numbers; errors say which argument, and where it is worst."""
    found = numeric_grad(lambda a: (a**2).sum(), np.array([1.0, 2.0]))
    np.testing.assert_allclose(found.gf, [2.0, 4.0], rtol=1e-5)
    both = numeric_grad(lambda a, k: a.sum() + k.sum(), [np.array([1.0, 2.0], "float32"), np.array([], "float32")], out_type="complex64")
    assert [g.shape for g in both.gf] == [(2,), (0,)]
    mixed = numeric_grad(lambda a, k: (a * k).sum(), [np.array([1.0, 2.0]), np.array([3, 4])])
    np.testing.assert_allclose(mixed.gf[0], [3.0, 4.0], rtol=1e-5)
    wide = numeric_grad(lambda a: float((a**2).sum()), np.array([1.0, 2.0], np.longdouble), eps=1e-6)
    np.testing.assert_allclose(wide.gf, [2.0, 4.0], rtol=1e-4)
    argument, place, *_ = mixed.max_err([np.array([3.0, 5.0]), mixed.gf[1]], 1e-4, 1e-4)
    assert (argument, place) == (0, 1)
    empty = numeric_grad(lambda a, b: a.sum(), [np.zeros(0), np.ones(1)])
    assert empty.max_err([np.zeros(0), np.array([2.0])], 1e-4, 1e-4)[:2] == (1, 0)
    with pytest.raises(ValueError, match="the gradient of argument 0 is not finite everywhere"):
        mixed.max_err([np.array([3.0, np.nan]), mixed.gf[1]], 1e-4, 1e-4)
    with pytest.raises(TypeError, match="pt is a list of arrays, got ndarray"):
        verify_grad(T.exp, np.ones(2), rng=np.random)
