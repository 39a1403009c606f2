"""Single operations on large arrays: what a library offers beside arithmetic, and how near it is to the machine."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from attrs import frozen
from operation import Operation
from row import Call

__all__ = ["ROWS"]


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


ROWS = (Cumsum(), Cumsum(dtype="float32"), Argmax(), Argmax(axis=1), Argmax(axis=0), Sort(), Normal())
