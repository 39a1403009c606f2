"""What a user waits for: imports, and the time from the first variable to the first right answer, with nothing or everything compiled before."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace

import numpy as np
from attrs import evolve, frozen
from row import Call, Goal, Row

from groups.training import LogisticRegression, Perceptron

__all__ = ["ROWS"]


@frozen
class Square(Row):
    """As small as a program can be."""

    name = "scalar"
    summary = "a scalar function"

    def data(self):
        return SimpleNamespace(x=np.array(3.0))

    def numpy(self, data) -> Call:
        return lambda: data.x**2 + 1

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        x = T.dscalar("x")
        return partial(tcore.function([x], x**2 + 1), data.x)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        x = pt.dscalar("x")
        return partial(pytensor.function([x], x**2 + 1, mode=mode), data.x)

    def jax(self, data) -> Call:
        import jax

        f = jax.jit(lambda x: x**2 + 1)
        return lambda: f(data.x).block_until_ready()

    def torch(self, data, finish) -> Call:
        import torch

        return partial(finish(lambda x: x**2 + 1), torch.from_numpy(data.x))


@frozen
class FirstResult(Row):
    """A row's program, timed from its first line to its first result."""

    kind = "first"
    without = {"torch": "it compiles nothing"}
    of: Row
    store: str
    goal: Goal

    @property
    def name(self):
        return f"first-{self.of.name.removesuffix('-step')}-{self.store}"

    @property
    def summary(self):
        return f"first result, {self.store} store: {self.of.summary}"

    @property
    def rtol(self):
        return self.of.rtol

    def data(self):
        return self.of.data()

    def program(self, method: str) -> Callable[..., Call] | None:
        return self.of.program(method)

    def made_tiny(self):
        return evolve(self, of=self.of.made_tiny())


@frozen
class Chain(Row):
    """A graph that is long, not wide: what takes more than linear time, or recursion, shows here."""

    name = "chain"
    summary = "a chain of 6,000 nodes"
    tiny = {"nodes": 60}
    nodes: int = 6000

    def data(self):
        return SimpleNamespace(x=np.linspace(-1, 1, 200))

    def formula(self, tanh: Callable) -> Callable:
        """Three nodes every step."""

        def compute(y):
            for number in range(self.nodes // 3):
                y = tanh(y) * 1.0001 + 0.1 * number
            return y

        return compute

    def numpy(self, data) -> Call:
        return partial(self.formula(np.tanh), data.x)

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        x = T.dvector("x")
        return partial(tcore.function([x], self.formula(T.tanh)(x)), data.x)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        x = pt.dvector("x")
        return partial(pytensor.function([x], self.formula(pt.tanh)(x), mode=mode), data.x)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        f = jax.jit(self.formula(jnp.tanh))
        return lambda: f(data.x).block_until_ready()

    def torch(self, data, finish) -> Call:
        import torch

        return partial(finish(self.formula(torch.tanh)), torch.from_numpy(data.x))


@frozen
class Import(Row):
    """Without the tensor vocabulary no program of tcore begins, so it counts."""

    kind = "import"
    name = "import"
    summary = "CPU time of the import"
    goal = Goal(numpy=1.5)

    def program(self, method: str) -> Callable[..., Call] | None:
        return None if method == "baseline" else lambda *_: lambda: None


# Warm stores first: the run that fills them also warms what the rows with empty stores read from the disk.
ROWS = (
    Import(),
    FirstResult(Square(), "warm", Goal(peer=1.0, seconds=0.03)),
    FirstResult(Square(), "empty", Goal(peer=1.0, seconds=0.15)),
    FirstResult(LogisticRegression(), "warm", Goal(peer=1.0, seconds=0.15)),
    FirstResult(LogisticRegression(), "empty", Goal(peer=1.0, seconds=0.5)),
    FirstResult(Perceptron(), "warm", Goal(peer=1.0, seconds=0.3)),
    FirstResult(Perceptron(), "empty", Goal(peer=1.0, seconds=0.8)),
    FirstResult(Chain(), "empty", Goal(peer=1.0, seconds=3.0)),
)
