"""One pass over long vectors."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from attrs import frozen
from row import Call, Goal, Row

__all__ = ["ROWS"]


@frozen
class FusedElementwise(Row):
    """Four vectors in, one out; the exponential and the root are the work, if a library reads memory only once."""

    name = "fused-elementwise"
    summary = "2a + 3b - sqrt(c) exp(-d), vectors of 10⁷ float64"
    goal = Goal(peer=0.5, limit=1.5, numpy=0.25)
    tiny = {"n": 1000}
    n: int = 10_000_000

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(vectors=[rng.random(self.n) for _ in "abcd"])

    def bytes_moved(self):
        return 5 * 8 * self.n

    def exponentials(self):
        return self.n

    def operations(self):
        return 8 * self.n

    def numpy(self, data) -> Call:
        a, b, c, d = data.vectors
        return lambda: 2 * a + 3 * b - np.sqrt(c) * np.exp(-d)

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        a, b, c, d = T.dvectors("a", "b", "c", "d")
        f = tcore.function([a, b, c, d], 2 * a + 3 * b - T.sqrt(c) * T.exp(-d))
        return lambda: f(*data.vectors)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        a, b, c, d = pt.dvectors("a", "b", "c", "d")
        f = pytensor.function([a, b, c, d], 2 * a + 3 * b - pt.sqrt(c) * pt.exp(-d), mode=mode)
        return lambda: f(*data.vectors)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        @jax.jit
        def f(a, b, c, d):
            return 2 * a + 3 * b - jnp.sqrt(c) * jnp.exp(-d)

        vectors = [jnp.asarray(vector) for vector in data.vectors]
        return lambda: f(*vectors).block_until_ready()

    def torch(self, data, finish) -> Call:
        import torch

        @finish
        def f(a, b, c, d):
            return 2 * a + 3 * b - torch.sqrt(c) * torch.exp(-d)

        vectors = [torch.from_numpy(vector) for vector in data.vectors]
        return lambda: f(*vectors)


@frozen
class HalfElementwise(Row):
    """Two vectors of 16 bits in, one out; what is computed in 32 bits is rounded after each operation, where a library keeps to the graph."""

    name = "half-elementwise"
    summary = "(a b + a) b - a, vectors of 10⁷ float16"
    goal = Goal(numpy=0.1)
    tiny = {"n": 1000}
    rtol = 1e-2
    atol = 1e-2
    n: int = 10_000_000

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(vectors=[rng.random(self.n).astype("float16") for _ in "ab"])

    def bytes_moved(self):
        return 3 * 2 * self.n

    def operations(self):
        return 4 * self.n

    def numpy(self, data) -> Call:
        a, b = data.vectors
        return lambda: (a * b + a) * b - a

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        a, b = (T.TensorType("float16", (False,))(name) for name in "ab")
        f = tcore.function([a, b], (a * b + a) * b - a)
        return lambda: f(*data.vectors)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        a, b = (pt.tensor(name, dtype="float16", shape=(None,)) for name in "ab")
        f = pytensor.function([a, b], (a * b + a) * b - a, mode=mode)
        return lambda: f(*data.vectors)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        @jax.jit
        def f(a, b):
            return (a * b + a) * b - a

        vectors = [jnp.asarray(vector) for vector in data.vectors]
        return lambda: f(*vectors).block_until_ready()

    def torch(self, data, finish) -> Call:
        import torch

        @finish
        def f(a, b):
            return (a * b + a) * b - a

        vectors = [torch.from_numpy(vector) for vector in data.vectors]
        return lambda: f(*vectors)


ROWS = (FusedElementwise(), HalfElementwise())
