"""Small work, where the cost of a call and of each operation counts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from attrs import frozen
from row import Call, Goal, Row

__all__ = ["ROWS"]


@frozen
class ScalarCall(Row):
    """Nothing to compute, everything to check."""

    name = "scalar-call"
    summary = "call of x + 1 on one number"
    goal = Goal(peer=0.5, seconds=1e-6)

    def data(self):
        return SimpleNamespace(x=np.array(2.0))

    def numpy(self, data) -> Call:
        return partial(np.add, data.x, 1.0)

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        x = T.dscalar("x")
        return partial(tcore.function([x], x + 1), data.x)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        x = pt.dscalar("x")
        return partial(pytensor.function([x], x + 1, mode=mode), data.x)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        f, x = jax.jit(lambda x: x + 1), jnp.asarray(data.x)
        return lambda: f(x).block_until_ready()

    def torch(self, data, finish) -> Call:
        import torch

        return partial(finish(lambda x: x + 1), torch.from_numpy(data.x))


@frozen
class ManyThreads(Row):
    """All call one function at once, each with its own argument; a result that belongs to another thread's argument is wrong."""

    name = "threads-32"
    summary = "32 threads call one function of a vector of 1000, 100 times each"
    tiny = {"calls": 3}
    threads: int = 32
    calls: int = 100

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(vectors=list(rng.normal(size=(self.threads, 1000))))

    def in_threads(self, function: Callable[[Any], Any], arguments: list[Any]) -> Call:
        """Each thread's result, NaN where its calls did not agree but for rounding: a compiler may take over after some of them."""

        def work(results: np.ndarray, place: int) -> None:
            values = [float(function(arguments[place])) for _ in range(self.calls)]
            results[place] = values[0] if np.ptp(values) <= 1e-12 * abs(values[0]) else np.nan

        def call() -> np.ndarray:
            results = np.full(len(arguments), np.nan)
            threads = [threading.Thread(target=work, args=(results, place)) for place in range(len(arguments))]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return results

        return call

    def numpy(self, data) -> Call:
        return self.in_threads(lambda x: (np.tanh(x) * x).sum(), data.vectors)

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        x = T.dvector("x")
        return self.in_threads(tcore.function([x], (T.tanh(x) * x).sum()), data.vectors)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        x = pt.dvector("x")
        return self.in_threads(pytensor.function([x], (pt.tanh(x) * x).sum(), mode=mode), data.vectors)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        return self.in_threads(jax.jit(lambda x: (jnp.tanh(x) * x).sum()), [jnp.asarray(vector) for vector in data.vectors])

    def torch(self, data, finish) -> Call:
        import torch

        return self.in_threads(finish(lambda x: (torch.tanh(x) * x).sum()), [torch.from_numpy(vector) for vector in data.vectors])


@frozen
class SmallGraph(Row):
    """Twelve times five operations, a mean among each five, so that no library makes one loop of them."""

    name = "60-small-ops"
    summary = "60 operations on vectors of 200, 12 of them means"
    goal = Goal(peer=0.5)
    steps: int = 12

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(vectors=[rng.normal(size=200) for _ in "yab"])

    def formula(self, tanh: Callable[[Any], Any]) -> Callable[[Any, Any, Any], Any]:
        """The same in every library, but for the name of the function."""

        def compute(y, a, b):
            for _ in range(self.steps):
                y = tanh(y * a + b - y.mean())
            return y

        return compute

    def numpy(self, data) -> Call:
        return partial(self.formula(np.tanh), *data.vectors)

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        variables = T.dvectors("y", "a", "b")
        return partial(tcore.function(variables, self.formula(T.tanh)(*variables)), *data.vectors)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        variables = pt.dvectors("y", "a", "b")
        return partial(pytensor.function(variables, self.formula(pt.tanh)(*variables), mode=mode), *data.vectors)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        f, vectors = jax.jit(self.formula(jnp.tanh)), [jnp.asarray(vector) for vector in data.vectors]
        return lambda: f(*vectors).block_until_ready()

    def torch(self, data, finish) -> Call:
        import torch

        return partial(finish(self.formula(torch.tanh)), *(torch.from_numpy(vector) for vector in data.vectors))


ROWS = (ScalarCall(), ManyThreads(), SmallGraph())
