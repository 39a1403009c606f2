"""Single operations on large arrays: what a library offers beside arithmetic, and how near it is to the machine."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from attrs import frozen
from row import Call, Goal, Row

__all__ = ["ROWS"]


@frozen
class Operation(Row):
    """A row of this group: one formula of the arrays of ``data().arrays``, in the words of each library.

    The two symbolic libraries share theirs: ``symbolic(library, T, *variables)``.
    """

    goal = Goal(peer=1.0, numpy=1.0)
    tiny = {"n": 1000}
    n: int = 10_000_000

    def numpy(self, data) -> Call:
        return lambda: self.of_numpy(*data.arrays)

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        variables = [variable_of(T, array) for array in data.arrays]
        f = tcore.function(variables, self.symbolic(tcore, T, *variables))
        return lambda: f(*data.arrays)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        variables = [variable_of(pt, array) for array in data.arrays]
        f = pytensor.function(variables, self.symbolic(pytensor, pt, *variables), mode=mode)
        return lambda: f(*data.arrays)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        f, arrays = self.finish_jax(jax)(self.of_jax), [jnp.asarray(array) for array in data.arrays]
        return lambda: jax.block_until_ready(f(*arrays))

    def finish_jax(self, jax) -> Any:
        """What makes the function fast."""
        return jax.jit

    def torch(self, data, finish) -> Call:
        import torch

        f, arrays = finish(self.of_torch), [torch.from_numpy(array) for array in data.arrays]
        return lambda: f(*arrays)


def variable_of(module, array) -> Any:
    """A symbolic array of the dtype and number of axes of ``array``."""
    return getattr(module, ("scalar", "vector", "matrix", "tensor3")[array.ndim])(dtype=str(array.dtype))


@frozen
class Take(Operation):
    """Reading in random order: the table fits into the cache, positions and results do not."""

    name = "take"
    summary = "x[i], 10⁷ positions in 10⁶ float64"

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.random(self.n // 10), rng.integers(0, self.n // 10, self.n)])

    def bytes_moved(self):
        return 2 * 8 * self.n

    def of_numpy(self, x, i):
        return x[i]

    def symbolic(self, library, T, x, i):
        return x[i]

    def of_jax(self, x, i):
        return x[i]

    def of_torch(self, x, i):
        return x[i]


@frozen
class Put(Operation):
    """Writing in random order, each place once: neither the array nor the positions fit into the cache."""

    name = "put"
    summary = "x[i] = y, 10⁷ different positions in 10⁷ float64"

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.random(self.n), rng.random(self.n), rng.permutation(self.n)])

    def bytes_moved(self):
        return 4 * 8 * self.n

    def of_numpy(self, x, y, i):
        made = x.copy()
        made[i] = y
        return made

    def symbolic(self, library, T, x, y, i):
        return T.set_subtensor(x[i], y)

    def of_jax(self, x, y, i):
        return x.at[i].set(y, unique_indices=True)

    def of_torch(self, x, y, i):
        return x.index_put((i,), y)


@frozen
class ScatterAdd(Operation):
    """Adding to places in random order, to each about ten times."""

    name = "scatter-add"
    summary = "x[i] += y, 10⁷ positions in 10⁶ float64"

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(arrays=[rng.random(self.n // 10), rng.random(self.n), rng.integers(0, self.n // 10, self.n)])

    def bytes_read(self):
        return 2 * 8 * self.n

    def of_numpy(self, x, y, i):
        made = x.copy()
        np.add.at(made, i, y)
        return made

    def symbolic(self, library, T, x, y, i):
        return T.inc_subtensor(x[i], y)

    def of_jax(self, x, y, i):
        return x.at[i].add(y)

    def of_torch(self, x, y, i):
        return x.index_add(0, i, y)


@frozen
class Mask(Operation):
    """Elements where a condition holds: how many there are is known only when they were counted."""

    name = "mask"
    summary = "x[x > 0], 10⁷ float64"
    tiny = {"n": 1000}

    def data(self):
        return SimpleNamespace(arrays=[np.random.default_rng(0).normal(size=self.n)])

    def bytes_read(self):
        return 8 * self.n

    def of_numpy(self, x):
        return x[x > 0]

    def symbolic(self, library, T, x):
        return x[x > 0]

    def finish_jax(self, jax) -> Any:
        """The shape depends on values: outside of ``jit`` only."""
        return lambda function: function

    def of_jax(self, x):
        return x[x > 0]

    def of_torch(self, x):
        return x[x > 0]


@frozen
class Cumsum(Operation):
    """Each sum waits for the one before, unless a library finds the way around."""

    dtype: str = "float64"

    @property
    def name(self):
        return "cumsum" if self.dtype == "float64" else f"cumsum-{self.dtype}"

    @property
    def summary(self):
        return f"cumulative sums of 10⁷ {self.dtype}"

    @property
    def rtol(self):
        return 1e-9 if self.dtype == "float64" else 1e-4

    def data(self):
        return SimpleNamespace(arrays=[np.random.default_rng(0).random(self.n).astype(self.dtype)])

    def bytes_moved(self):
        return 2 * np.dtype(self.dtype).itemsize * self.n

    def of_numpy(self, x):
        # in float64: what float32 loses over 10⁷ additions is no reference
        return x.cumsum() if self.dtype == "float64" else x.cumsum(dtype="float64").astype(self.dtype)

    def symbolic(self, library, T, x):
        return T.cumsum(x)

    def of_jax(self, x):
        return x.cumsum()

    def of_torch(self, x):
        return x.cumsum(0)


@frozen
class Argmax(Operation):
    """The position of the largest element, and those of each row."""

    tiny = {"n": 40, "m": 30}
    n: int = 8000
    m: int = 1000
    axis: int | None = None

    @property
    def name(self):
        return "argmax" if self.axis is None else f"argmax-axis-{self.axis}"

    @property
    def summary(self):
        return f"argmax {'of' if self.axis is None else f'over axis {self.axis} of'} 8000 x 1000"

    def data(self):
        return SimpleNamespace(arrays=[np.random.default_rng(0).normal(size=(self.n, self.m))])

    def bytes_read(self):
        return 8 * self.n * self.m

    def of_numpy(self, x):
        return x.argmax(axis=self.axis)

    def symbolic(self, library, T, x):
        return T.argmax(x, axis=self.axis)

    def of_jax(self, x):
        return x.argmax(axis=self.axis)

    def of_torch(self, x):
        return x.argmax(dim=self.axis)


@frozen
class Sort(Operation):
    """Numbers in random order."""

    name = "sort"
    summary = "sort 10⁶ float64"
    tiny = {"n": 1000}
    n: int = 1_000_000

    def data(self):
        return SimpleNamespace(arrays=[np.random.default_rng(0).random(self.n)])

    def of_numpy(self, x):
        return np.sort(x)

    def symbolic(self, library, T, x):
        return T.sort(x)

    def of_jax(self, x):
        return x.sort()

    def of_torch(self, x):
        return x.sort().values


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


@frozen
class Normal(Operation):
    """Each library draws its own numbers; what is compared are their moments, and shares of the distribution."""

    name = "normal"
    summary = "10⁷ normal random numbers, float64"
    rtol = 0.0
    tiny = {"n": 10_000}

    @property
    def atol(self):
        return 15 / self.n**0.5  # more than ten standard deviations of the mean of a fourth power

    def compared(self, results):
        (z,) = results
        shares = [(z < bound).mean() for bound in (-2.0, -1.0, 0.0, 1.0, 2.0)]
        return [np.array([z.size]), np.array([z.mean(), (z**2).mean(), (z**3).mean(), (z**4).mean() / 10, *shares])]

    def numpy(self, data) -> Call:
        rng = np.random.default_rng(0)
        return lambda: rng.standard_normal(self.n)

    def tcore(self, data) -> Call:
        import tcore
        from tcore.tensor.random import PhiloxRandomStreams

        return tcore.function([], PhiloxRandomStreams(0).normal((self.n,), dtype="float64"))

    def pytensor(self, data, mode) -> Call:
        import pytensor
        from pytensor.tensor.random.utils import RandomStream

        return pytensor.function([], RandomStream(0).normal(size=(self.n,)), mode=mode)

    def jax(self, data) -> Call:
        import jax

        @jax.jit
        def f(key):
            key, now = jax.random.split(key)
            return key, jax.random.normal(now, (self.n,), "float64")

        state = [jax.random.key(0)]

        def draw():
            state[0], numbers = f(state[0])
            return numbers.block_until_ready()

        return draw

    def torch(self, data, finish) -> Call:
        import torch

        return finish(lambda: torch.randn(self.n, dtype=torch.float64))


ROWS = (
    *(Take(), Put(), ScatterAdd(), Mask(), Cumsum(), Cumsum(dtype="float32"), Argmax(), Argmax(axis=1), Argmax(axis=0)),
    *(Sort(), BatchedProduct(), Cholesky(), Solve(), Normal()),
)
