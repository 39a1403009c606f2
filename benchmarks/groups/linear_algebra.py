"""Products of many small matrices, factors and equations, with their gradients."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from attrs import frozen
from operation import Operation

__all__ = ["ROWS"]


@frozen
class BatchedProduct(Operation):
    """Many small matrix products."""

    name = "batched-matmul"
    summary = "256 products of 64 x 64 float64"
    tiny = {"n": 4, "m": 5}
    n: int = 256
    m: int = 64

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.normal(size=(self.n, self.m, self.m)) for _ in "ab"])

    def flops(self):
        return 2 * self.n * self.m**3

    def traffic(self):
        return 3 * 8 * self.n * self.m**2

    def of_numpy(self, a, b):
        return a @ b

    def symbolic(self, library, T, a, b):
        return T.batched_dot(a, b) if library.__name__ == "tcore" else T.matmul(a, b)

    def of_jax(self, a, b):
        return a @ b

    def of_torch(self, a, b):
        return a @ b


@frozen
class Cholesky(Operation):
    """The factor of a matrix, and the gradient of its weighted sum."""

    name = "cholesky-gradient"
    summary = "cholesky of 512 x 512 and the gradient of a weighted sum of it"
    tiny = {"n": 12}
    n: int = 512

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.normal(size=(self.n, self.n)) + 3 * self.n**0.5 * np.eye(self.n), rng.normal(size=(self.n, self.n))])

    def flops(self):
        return 3 * self.n**3  # n³/3, two triangular systems with n right sides, and a product of triangles

    def traffic(self):
        return 4 * 8 * self.n**2

    def of_numpy(self, m, w):
        from scipy.linalg import solve_triangular

        factor = np.linalg.cholesky((m + m.T) / 2)
        inner = np.tril(factor.T @ np.tril(w))
        np.fill_diagonal(inner, inner.diagonal() / 2)
        back = solve_triangular(factor, solve_triangular(factor, (inner + inner.T) / 2, lower=True, trans="T").T, lower=True, trans="T")
        return factor, back

    def symbolic(self, library, T, m, w):
        from importlib import import_module

        factor = import_module(f"{T.__name__}.slinalg").cholesky((m + m.T) / 2)
        return [factor, library.grad((factor * w).sum(), m)]

    def of_jax(self, m, w):
        import jax
        import jax.numpy as jnp

        factor, back = jax.vjp(lambda m: jnp.linalg.cholesky((m + m.T) / 2), m)
        return factor, *back(w)

    def of_torch(self, m, w):
        import torch

        m = m.detach().requires_grad_()
        factor = torch.linalg.cholesky((m + m.T) / 2)
        return factor, *torch.autograd.grad((factor * w).sum(), m)


@frozen
class Solve(Operation):
    """The solution of linear equations, and the gradients of its sum."""

    name = "solve-gradient"
    summary = "solve 512 x 512 for 64 right sides, and the gradients of the sum"
    tiny = {"n": 12, "m": 5}
    n: int = 512
    m: int = 64

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.normal(size=(self.n, self.n)) + 2 * self.n**0.5 * np.eye(self.n), rng.normal(size=(self.n, self.m))])

    def flops(self):
        return 2 * self.n**3 // 3 + 6 * self.n**2 * self.m

    def traffic(self):
        return 8 * (2 * self.n**2 + 3 * self.n * self.m)

    def of_numpy(self, a, b):
        x = np.linalg.solve(a, b)
        back = np.linalg.solve(a.T, np.ones_like(b))
        return x, -back @ x.T, back

    def symbolic(self, library, T, a, b):
        from importlib import import_module

        x = import_module(f"{T.__name__}.slinalg").solve(a, b)
        return [x, *library.grad(x.sum(), [a, b])]

    def of_jax(self, a, b):
        import jax
        import jax.numpy as jnp

        x, back = jax.vjp(jnp.linalg.solve, a, b)
        return x, *back(jnp.ones_like(x))

    def of_torch(self, a, b):
        import torch

        a, b = a.detach().requires_grad_(), b.detach().requires_grad_()
        x = torch.linalg.solve(a, b)
        return x, *torch.autograd.grad(x.sum(), [a, b])


ROWS = (BatchedProduct(), Cholesky(), Solve())
