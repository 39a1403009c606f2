"""Sums, and programs over the rows of a matrix of 8000 x 1000."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from attrs import frozen
from row import Call, Goal, Row

__all__ = ["ROWS"]


@frozen
class MatrixRow(Row):
    """What these rows share: one matrix, and a formula that each library has in its own words."""

    tiny = {"n": 40, "m": 30}
    goal = Goal(peer=1.0, limit=1.5)
    n: int = 8000
    m: int = 1000

    def data(self):
        return SimpleNamespace(x=np.random.default_rng(0).normal(size=(self.n, self.m)))

    def matrix_bytes(self) -> int:
        return 8 * self.n * self.m


def tcore_function(data, formula) -> Call:
    """``formula`` of a symbolic matrix, compiled."""
    import tcore
    import tcore.tensor as T

    x = T.dmatrix("x")
    f = tcore.function([x], formula(tcore, T, x))
    return lambda: f(data.x)


def pytensor_function(data, mode, formula) -> Call:
    """The same in PyTensor."""
    import pytensor
    import pytensor.tensor as pt

    x = pt.dmatrix("x")
    f = pytensor.function([x], formula(pytensor, pt, x), mode=mode)
    return lambda: f(data.x)


def jax_function(data, function) -> Call:
    """``function`` of an array, compiled; its results are waited for."""
    import jax
    import jax.numpy as jnp

    f, x = jax.jit(function), jnp.asarray(data.x)
    return lambda: jax.block_until_ready(f(x))


def torch_function(data, finish, function) -> Call:
    """``function`` of a tensor."""
    import torch

    f, x = finish(function), torch.from_numpy(data.x)
    return lambda: f(x)


@frozen
class Sum(MatrixRow):
    """One of the two axes; memory is read once."""

    goal = Goal(peer=1.0, numpy=1.0, limit=1.5)
    axis: int = 0

    @property
    def name(self):
        return f"sum-axis-{self.axis}"

    @property
    def summary(self):
        return f"sum over axis {self.axis} of 8000 x 1000"

    def bytes_read(self):
        return self.matrix_bytes()

    def operations(self):
        return self.n * self.m

    def numpy(self, data) -> Call:
        return lambda: data.x.sum(axis=self.axis)

    def tcore(self, data) -> Call:
        return tcore_function(data, lambda _, T, x: x.sum(axis=self.axis))

    def pytensor(self, data, mode) -> Call:
        return pytensor_function(data, mode, lambda _, pt, x: x.sum(axis=self.axis))

    def jax(self, data) -> Call:
        return jax_function(data, lambda x: x.sum(axis=self.axis))

    def torch(self, data, finish) -> Call:
        return torch_function(data, finish, lambda x: x.sum(dim=self.axis))


@frozen
class Softmax(MatrixRow):
    """Maximum, exponential, sum and division of each row."""

    name = "softmax"
    summary = "softmax over the rows of 8000 x 1000"
    goal = Goal(peer=1.0, numpy=0.5, limit=1.5)

    def bytes_moved(self):
        return 2 * self.matrix_bytes()

    def exponentials(self):
        return self.n * self.m

    def operations(self):
        return 5 * self.n * self.m

    def numpy(self, data) -> Call:
        def softmax() -> np.ndarray:
            e = np.exp(data.x - data.x.max(axis=1, keepdims=True))
            e /= e.sum(axis=1, keepdims=True)
            return e

        return softmax

    def tcore(self, data) -> Call:
        return tcore_function(data, lambda _, T, x: T.softmax(x))

    def pytensor(self, data, mode) -> Call:
        from pytensor.tensor.special import softmax

        return pytensor_function(data, mode, lambda _, pt, x: softmax(x, axis=1))

    def jax(self, data) -> Call:
        import jax

        return jax_function(data, lambda x: jax.nn.softmax(x, axis=1))

    def torch(self, data, finish) -> Call:
        import torch

        return torch_function(data, finish, lambda x: torch.softmax(x, dim=1))


@frozen
class SoftmaxOfClasses(Softmax):
    """The same of many short rows, as behind a classifier."""

    name = "softmax-short-rows"
    summary = "softmax over the rows of 200000 x 10"
    goal = Goal(peer=1.0, numpy=0.5)
    n: int = 200_000
    m: int = 10


@frozen
class LayerNorm(MatrixRow):
    """Mean and variance of each row, then scale and offset by column."""

    name = "layer-norm"
    summary = "layer normalisation of the rows of 8000 x 1000"

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(x=rng.normal(size=(self.n, self.m)), scale=rng.normal(size=self.m), offset=rng.normal(size=self.m))

    def bytes_moved(self):
        return 2 * self.matrix_bytes()

    def operations(self):
        return 7 * self.n * self.m

    def numpy(self, data) -> Call:
        def layer_norm() -> np.ndarray:
            centred = data.x - data.x.mean(axis=1, keepdims=True)
            centred /= np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
            return centred * data.scale + data.offset

        return layer_norm

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        x, scale, offset = T.dmatrix("x"), T.dvector("scale"), T.dvector("offset")
        y = (x - x.mean(axis=1, keepdims=True)) / T.sqrt(x.var(axis=1, keepdims=True) + 1e-5) * scale + offset
        f = tcore.function([x, scale, offset], y)
        return lambda: f(data.x, data.scale, data.offset)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        x, scale, offset = pt.dmatrix("x"), pt.dvector("scale"), pt.dvector("offset")
        y = (x - x.mean(axis=1, keepdims=True)) / pt.sqrt(x.var(axis=1, keepdims=True) + 1e-5) * scale + offset
        f = pytensor.function([x, scale, offset], y, mode=mode)
        return lambda: f(data.x, data.scale, data.offset)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        @jax.jit
        def f(x, scale, offset):
            return (x - x.mean(axis=1, keepdims=True)) * jax.lax.rsqrt(x.var(axis=1, keepdims=True) + 1e-5) * scale + offset

        arrays = [jnp.asarray(array) for array in (data.x, data.scale, data.offset)]
        return lambda: f(*arrays).block_until_ready()

    def torch(self, data, finish) -> Call:
        import torch

        f = finish(lambda x, scale, offset: torch.nn.functional.layer_norm(x, x.shape[1:], scale, offset, eps=1e-5))
        arrays = [torch.from_numpy(array) for array in (data.x, data.scale, data.offset)]
        return lambda: f(*arrays)


@frozen
class LogSumExp(MatrixRow):
    """The stable form, which every library must find or be told."""

    name = "logsumexp"
    summary = "logsumexp over the rows of 8000 x 1000"
    goal = Goal(peer=1.0, numpy=0.5, limit=1.5)

    def bytes_read(self):
        return self.matrix_bytes()

    def exponentials(self):
        return self.n * self.m

    def operations(self):
        return 4 * self.n * self.m

    def numpy(self, data) -> Call:
        def logsumexp() -> np.ndarray:
            highest = data.x.max(axis=1, keepdims=True)
            return np.log(np.exp(data.x - highest).sum(axis=1)) + highest[:, 0]

        return logsumexp

    def tcore(self, data) -> Call:
        return tcore_function(data, lambda _, T, x: T.log(T.exp(x).sum(axis=1)))

    def pytensor(self, data, mode) -> Call:
        return pytensor_function(data, mode, lambda _, pt, x: pt.logsumexp(x, axis=1))

    def jax(self, data) -> Call:
        import jax

        return jax_function(data, lambda x: jax.nn.logsumexp(x, axis=1))

    def torch(self, data, finish) -> Call:
        import torch

        return torch_function(data, finish, lambda x: torch.logsumexp(x, dim=1))


@frozen
class LogSumExpGradient(MatrixRow):
    """The values and the gradient of their sum, which is the softmax."""

    name = "logsumexp-gradient"
    summary = "logsumexp over the rows of 8000 x 1000, and the gradient of its sum"

    def bytes_moved(self):
        return 2 * self.matrix_bytes()

    def exponentials(self):
        return self.n * self.m

    def operations(self):
        return 5 * self.n * self.m

    def numpy(self, data) -> Call:
        def both() -> tuple[np.ndarray, np.ndarray]:
            highest = data.x.max(axis=1, keepdims=True)
            e = np.exp(data.x - highest)
            total = e.sum(axis=1, keepdims=True)
            e /= total
            return (np.log(total) + highest)[:, 0], e

        return both

    def tcore(self, data) -> Call:
        def formula(tcore, T, x):
            y = T.log(T.exp(x).sum(axis=1))
            return [y, tcore.grad(y.sum(), x)]

        return tcore_function(data, formula)

    def pytensor(self, data, mode) -> Call:
        def formula(pytensor, pt, x):
            y = pt.logsumexp(x, axis=1)
            return [y, pytensor.grad(y.sum(), x)]

        return pytensor_function(data, mode, formula)

    def jax(self, data) -> Call:
        import jax

        def both(x):
            y, back = jax.vjp(lambda x: jax.nn.logsumexp(x, axis=1), x)
            return y, *back(jax.numpy.ones_like(y))

        return jax_function(data, both)

    def torch(self, data, finish) -> Call:
        import torch

        f, x = finish(lambda x: torch.logsumexp(x, dim=1)), torch.from_numpy(data.x).requires_grad_()

        def both():
            y = f(x)
            return y, *torch.autograd.grad(y.sum(), x)

        return both


ROWS = (Sum(axis=0), Sum(axis=1), Softmax(), SoftmaxOfClasses(), LayerNorm(), LogSumExp(), LogSumExpGradient())
