"""Jacobians, Hessians and their products."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore.tensor as T
from tcore import function, shared
from tcore.gradient import (
    NullTypeGradError,
    grad,
    hessian,
    jacobian,
    undefined_grad,
    verify_grad,
)

v, w = T.dvector("v"), T.dvector("w")
A = T.dmatrix("A")


class TestMatrices:
    def test_jacobian(self):
        J = jacobian(T.dot(A, v), v)
        a = np.arange(6.0).reshape(2, 3)
        np.testing.assert_allclose(J.eval({A: a, v: np.ones(3)}), a)

    def test_jacobian_of_matrix_argument(self):
        J = jacobian(T.dot(A, v), A)
        a, b = np.arange(6.0).reshape(2, 3), np.array([1.0, 2.0, 3.0])
        expected = np.zeros((2, 2, 3))
        expected[0, 0] = expected[1, 1] = b
        np.testing.assert_allclose(J.eval({A: a, v: b}), expected)

    def test_several(self):
        Jv, Jw = jacobian(v * w, [v, w])
        first, second = function([v, w], [Jv, Jw])([1.0, 2.0], [3.0, 4.0])
        np.testing.assert_allclose(first, np.diag([3.0, 4.0]))
        np.testing.assert_allclose(second, np.diag([1.0, 2.0]))

    def test_no_rows(self):
        J = jacobian(v**2, v)
        assert J.eval({v: np.zeros(0)}).shape == (0, 0)

    def test_shared(self):
        s = shared(np.array([1.0, 2.0]))
        np.testing.assert_allclose(jacobian(s**2, s).eval({}), np.diag([2.0, 4.0]))

    def test_derivative_of_a_jacobian(self):
        J = jacobian(v**3, v)
        np.testing.assert_allclose(grad(J.sum(), v).eval({v: [1.0, 2.0]}), [6, 12])
        verify_grad(lambda a: jacobian(a**3 * a.sum(), a), [np.array([0.5, 0.7])], rng=np.random.RandomState(1))

    def test_hessian(self):
        H = hessian(T.sum(v**3) + v[0] * v[1], v)
        np.testing.assert_allclose(H.eval({v: [1.0, 2.0]}), [[6, 1], [1, 12]])

    def test_of_a_linear_cost(self):
        np.testing.assert_allclose(hessian(T.sum(v), v).eval({v: [1.0, 2.0]}), np.zeros((2, 2)))

    def test_errors(self):
        with pytest.raises(AssertionError, match="takes a vector"):
            jacobian(A, A)
        with pytest.raises(AssertionError, match="scalar cost"):
            hessian(v, v)
        with pytest.raises(AssertionError, match="respect to vectors"):
            hessian(A.sum(), A)


def test_jacobian_of_a_scalar():
    """That is its gradient."""
    assert jacobian((v**2).sum(), v).eval({v: [1.0, 2.0]}).tolist() == [2, 4]
    rows = jacobian(v**2, v)
    assert str(rows.owner.op) == "Rows"
    assert pickle.loads(pickle.dumps(rows)).owner is not None


def test_second_derivatives_of_rows():
    """A gradient of a Jacobian: zero where it is constant, undefined where something stands in the path."""
    second = grad((jacobian(v**3, v) * T.eye(2)).sum(), v)
    np.testing.assert_allclose(second.eval({v: [1.0, 2.0]}), [6.0, 12.0])
    with pytest.raises(NullTypeGradError):
        grad(jacobian(undefined_grad(v) * v, v).sum(), v)
