"""Jacobians, Hessians and their products."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import tcore.tensor as T
from tcore import function, ifelse, scan, shared
from tcore.gradient import (
    NullTypeGradError,
    grad,
    hessian,
    jacobian,
    undefined_grad,
    verify_grad,
)
from tcore.gradient.rows import Rows

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


def _rows_of_a_loop():
    states, _ = scan(lambda b, h, a: T.tanh(T.dot(a, h) + b), sequences=v, outputs_info=T.zeros_like(v), non_sequences=A)
    return states[-1]


@pytest.mark.parametrize(
    "expression",
    [
        T.tanh(T.dot(A, v)), ifelse.ifelse(T.gt(v.sum(), 0), T.exp(v), v**2), T.sort(v) * A.max(axis=1), T.nlinalg.matrix_inverse(A)[0] * v,
        T.cumsum(v) * T.cumprod(v), v[T.argsort(v)] * A[[0, 1, 1], [2, 1, 0]], _rows_of_a_loop(),
    ],
    ids=["product", "ifelse", "order", "inverse", "cumulative", "indices", "scan"],
)  # fmt: skip
def test_many_rows_at_once_L2327(expression, numpy_backend, monkeypatch):
    """A whole Jacobian is computed some rows at a time, as many as there is room for, and is what its rows are one by one; so are its derivatives."""
    batches = []
    compiled = Rows._rows_at

    def counted(op):
        rows = compiled(op)
        return lambda places, *values: batches.append(len(places)) or rows(places, *values)

    monkeypatch.setattr(Rows, "_rows_at", counted)
    a, b = np.random.default_rng(3).normal(size=(3, 3)), np.array([0.3, -0.2, 0.9])
    for wrt in (v, A):
        options = {"disconnected_inputs": "ignore"}
        whole, single = jacobian(expression, wrt, **options), [grad(expression[i], wrt, **options) for i in range(3)]
        second = [grad((whole**2).sum(), wrt, **options), grad(sum((row**2).sum() for row in single), wrt, **options)]
        f = function([A, v], [whole, *single, *second], on_unused_input="ignore")
        for room, wanted in ((1 << 22, {3}), (9, {1, 2, 3}), (1, {1})):
            monkeypatch.setattr("tcore.gradient.rows._ROOM", room)
            batches.clear()
            found, *rows, left, right = f(a, b)
            np.testing.assert_allclose(found, rows, atol=1e-12)
            np.testing.assert_allclose(left, right, atol=1e-9)
            assert set(batches) <= wanted
            assert batches
