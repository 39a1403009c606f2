"""The extension ``linalg``."""

from __future__ import annotations

import numpy as np
import pytest
from namespaces import A, B, C, P, S, check, computed

import tcore
import tcore.tensor as T
from tcore.tensor import xp

LINEAR = {
    "cholesky": [lambda m, s, p, a, b: m.cholesky(p), lambda m, s, p, a, b: m.cholesky(p, upper=True)],
    "cross": [lambda m, s, p, a, b: m.cross(s, p), lambda m, s, p, a, b: m.cross(s[0, :][None, :], p, axis=1), lambda m, s, p, a, b: m.cross(a, b, axis=0)],
    "det": [lambda m, s, p, a, b: m.det(s)],
    "diagonal": [lambda m, s, p, a, b: m.diagonal(a, offset=1), lambda m, s, p, a, b: m.diagonal(a[None, :, :])],
    "eigh": [lambda m, s, p, a, b: m.eigh(p).eigenvalues, lambda m, s, p, a, b: abs(m.eigh(p).eigenvectors)],
    "eigvalsh": [lambda m, s, p, a, b: m.eigvalsh(p)],
    "inv": [lambda m, s, p, a, b: m.inv(s)],
    "matmul": [lambda m, s, p, a, b: m.matmul(s, a), lambda m, s, p, a, b: m.matmul(s[None, :, :], a[None, :, :])],
    "matrix_norm": [
        *[lambda m, s, p, a, b, ord=ord: m.matrix_norm(a, ord=ord) for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
        lambda m, s, p, a, b: m.matrix_norm(a[None, :, :], ord=1), lambda m, s, p, a, b: m.matrix_norm(a[None, :, :], keepdims=True, ord="nuc"), lambda m, s, p, a, b: m.matrix_norm(a, keepdims=True, ord=2),
        lambda m, s, p, a, b: m.matrix_norm(a, keepdims=True),
    ],
    "matrix_power": [lambda m, s, p, a, b, n=n: m.matrix_power(s, n) for n in (0, 3, -2)],
    "matrix_rank": [lambda m, s, p, a, b: m.matrix_rank(a), lambda m, s, p, a, b: m.matrix_rank(m.outer(a[0, :], b[1, :])), lambda m, s, p, a, b: m.matrix_rank(s, rtol=0.9),
                    lambda m, s, p, a, b: m.matrix_rank(a[None, :, :])],
    "matrix_transpose": [lambda m, s, p, a, b: m.matrix_transpose(a), lambda m, s, p, a, b: a.mT],
    "outer": [lambda m, s, p, a, b: m.outer(a[0, :], b[1, :])],
    "pinv": [lambda m, s, p, a, b: m.pinv(a), lambda m, s, p, a, b: m.pinv(a, rtol=0.3), lambda m, s, p, a, b: m.pinv(a[None, :, :], rtol=0.3)],
    "qr": [lambda m, s, p, a, b: m.qr(a).R, lambda m, s, p, a, b: abs(m.qr(s, mode="complete").Q)],
    "slogdet": [lambda m, s, p, a, b: m.slogdet(s), lambda m, s, p, a, b: m.slogdet(-s), lambda m, s, p, a, b: m.slogdet(s * 1e-200).logabsdet],
    "solve": [lambda m, s, p, a, b: m.solve(s, a), lambda m, s, p, a, b: m.solve(s, b[:, 0])],
    "svd": [lambda m, s, p, a, b: m.svd(a).S, lambda m, s, p, a, b: abs(m.svd(a, full_matrices=False).U)],
    "svdvals": [lambda m, s, p, a, b: m.svdvals(a)],
    "tensordot": [lambda m, s, p, a, b: m.tensordot(a, b, axes=((0,), (0,))), lambda m, s, p, a, b: m.tensordot(s, a, axes=1)],
    "trace": [lambda m, s, p, a, b: m.trace(a, offset=1), lambda m, s, p, a, b: m.trace(a[None, :, :])],
    "vecdot": [lambda m, s, p, a, b: m.vecdot(a, b), lambda m, s, p, a, b: m.vecdot(a, b, axis=0)],
    "vector_norm": [
        *[lambda m, s, p, a, b, ord=ord: m.vector_norm(a, ord=ord) for ord in (2, 1, 0, 3.5, -1, np.inf, -np.inf)],
        lambda m, s, p, a, b: m.vector_norm(a, axis=(0, 1), keepdims=True), lambda m, s, p, a, b: m.vector_norm(a, axis=1),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", LINEAR)
def test_linalg(name):
    """Values, and results with names."""
    for call in LINEAR[name]:
        check(lambda np, *arrays, call=call: call(np.linalg, *arrays), S, P, A, B)


def test_linalg_of_complex_matrices():
    """Conjugates where they belong."""
    z = C[:, :3] + np.eye(3)
    h = z @ z.conj().T
    check(lambda np, z, h: [*np.linalg.slogdet(z), np.linalg.vector_norm(z), np.linalg.matrix_norm(z, ord=1), np.linalg.pinv(z, rtol=1e-12)], z, h)
    check(lambda np, z, h: [np.linalg.vecdot(z, h), np.linalg.cholesky(h, upper=True), np.linalg.trace(h), np.linalg.matrix_norm(z, ord="nuc")], z, h)


def test_slogdet_differentiates():
    """The gradient of log|det X| is the transposed inverse, where the determinant itself would underflow."""
    x = T.dmatrix()
    gradient = T.grad(xp.linalg.slogdet(x).logabsdet, x)
    np.testing.assert_allclose(computed(gradient, (x, S * 1e-150)), np.linalg.inv(S * 1e-150).T, rtol=1e-9)
    np.testing.assert_array_equal(computed(list(xp.linalg.slogdet(x)), (x, np.zeros((2, 2)))), [0, -np.inf])


def test_inner_products_of_integers():
    """In the dtype of the vectors, as of ``matmul``; ``axis`` counts in each tensor by itself."""
    for dtype in ("int8", "uint8", "int64", "bool"):
        n = np.array([[100, 27, 3], [0, 0, 1]]).astype(dtype)
        check(lambda np, n: [np.vecdot(n, n), np.vecdot(n, n[0, :]), np.vecdot(n, n, axis=0)], n)
    check(lambda np, x, y: np.vecdot(x, y, axis=0), A, A[:, 0])


@pytest.mark.parametrize("mode", ["FAST_RUN", "FAST_COMPILE"])
@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 3), (2, 0, 0), (0, 3, 3), (2, 2)])
def test_rank_of_no_elements(shape, mode):
    """0, as in NumPy, where a side of the matrix has no length."""
    x = T.TensorType("float64", (False,) * len(shape))("x")
    f = tcore.function([x], xp.linalg.matrix_rank(x), mode=mode)
    np.testing.assert_array_equal(f(np.ones(shape)), np.linalg.matrix_rank(np.ones(shape)))
