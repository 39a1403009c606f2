"""Loops whose steps need the step before."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
from attrs import frozen
from row import Call, Goal, NotBuilt, Row

__all__ = ["ROWS"]

UNROLLED = {"torch-compile": "it unrolls a Python loop, and compiles each step"}


def scanning_tcore():
    """tcore, if it has loops."""
    import tcore

    if not hasattr(tcore, "scan"):
        raise NotBuilt("tcore has no scan")
    return tcore


@frozen
class Recurrent(Row):
    """Backward, too: the gradient of a cost that all steps enter."""

    name = "rnn"
    summary = "RNN of 64 units over 1000 steps: cost, and gradient of its weights"
    goal = Goal(peer=0.6)
    tiny = {"units": 4, "steps": 20}
    without = UNROLLED
    units: int = 64
    steps: int = 1000

    def data(self):
        rng = np.random.default_rng(0)
        weights = 0.9 * rng.normal(size=(self.units, self.units)) / np.sqrt(self.units)
        return SimpleNamespace(x=rng.normal(size=(self.steps, self.units)), start=np.zeros(self.units), weights=weights)

    def numpy(self, data) -> Call:
        def cost_and_gradient() -> tuple[np.ndarray, np.ndarray]:
            states = np.empty((self.steps + 1, self.units))
            states[0] = data.start
            for step in range(self.steps):
                states[step + 1] = np.tanh(data.x[step] + states[step] @ data.weights)
            slopes, slope = np.empty((self.steps, self.units)), np.zeros(self.units)
            for step in range(self.steps - 1, -1, -1):
                h = states[step + 1]
                slopes[step] = (2 * h / self.steps + slope) * (1 - h**2)
                slope = data.weights @ slopes[step]
            return (states[1:] ** 2).sum() / self.steps, states[:-1].T @ slopes

        return cost_and_gradient

    def tcore(self, data) -> Call:
        tcore = scanning_tcore()
        import tcore.tensor as T

        x, start, weights = T.dmatrix("x"), T.dvector("start"), T.dmatrix("weights")
        states, _ = tcore.scan(lambda x_t, h, weights: T.tanh(x_t + T.dot(h, weights)), sequences=x, outputs_info=start, non_sequences=weights)
        cost = (states**2).sum() / self.steps
        f = tcore.function([x, start, weights], [cost, T.grad(cost, weights)])
        return lambda: f(data.x, data.start, data.weights)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        x, start, weights = pt.dmatrix("x"), pt.dvector("start"), pt.dmatrix("weights")
        states = pytensor.scan(
            lambda x_t, h, weights: pt.tanh(x_t + pt.dot(h, weights)), sequences=x, outputs_info=start, non_sequences=weights, return_updates=False
        )
        cost = (states**2).sum() / self.steps
        f = pytensor.function([x, start, weights], [cost, pytensor.grad(cost, weights)], mode=mode)
        return lambda: f(data.x, data.start, data.weights)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        def cost_of(weights, x, start):
            def step(h, x_t):
                h = jnp.tanh(x_t + h @ weights)
                return h, h

            return (jax.lax.scan(step, start, x)[1] ** 2).sum() / self.steps

        f = jax.jit(jax.value_and_grad(cost_of))
        arrays = [jnp.asarray(array) for array in (data.weights, data.x, data.start)]
        return lambda: jax.block_until_ready(f(*arrays))

    def torch(self, data, finish) -> Call:
        import torch

        x, start, weights = (torch.from_numpy(array) for array in (data.x, data.start, data.weights))
        weights.requires_grad_()

        def cost_and_gradient():
            h, states = start, []
            for x_t in x:
                h = torch.tanh(x_t + h @ weights)
                states.append(h)
            cost = (torch.stack(states) ** 2).sum() / self.steps
            return cost, *torch.autograd.grad(cost, weights)

        return cost_and_gradient


@frozen
class ScalarRecurrence(Row):
    """Hardly any work in a step: what a step itself costs."""

    name = "scalar-recurrence"
    summary = "y = 0.9 sin(y) + u over 10⁵ steps, all values"
    goal = Goal(peer=1.0)
    tiny = {"steps": 50}
    without = UNROLLED
    steps: int = 100_000

    def data(self):
        return SimpleNamespace(u=np.random.default_rng(0).normal(size=self.steps), start=np.array(0.5))

    def numpy(self, data) -> Call:
        def values() -> np.ndarray:
            y, found = float(data.start), np.empty(self.steps)
            for step, u in enumerate(data.u.tolist()):
                y = found[step] = 0.9 * math.sin(y) + u
            return found

        return values

    def tcore(self, data) -> Call:
        tcore = scanning_tcore()
        import tcore.tensor as T

        u, start = T.dvector("u"), T.dscalar("start")
        values, _ = tcore.scan(lambda u_t, y: 0.9 * T.sin(y) + u_t, sequences=u, outputs_info=start)
        f = tcore.function([u, start], values)
        return lambda: f(data.u, data.start)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        u, start = pt.dvector("u"), pt.dscalar("start")
        values = pytensor.scan(lambda u_t, y: 0.9 * pt.sin(y) + u_t, sequences=u, outputs_info=start, return_updates=False)
        f = pytensor.function([u, start], values, mode=mode)
        return lambda: f(data.u, data.start)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        def step(y, u_t):
            y = 0.9 * jnp.sin(y) + u_t
            return y, y

        f, u, start = jax.jit(lambda u, start: jax.lax.scan(step, start, u)[1]), jnp.asarray(data.u), jnp.asarray(data.start)
        return lambda: f(u, start).block_until_ready()

    def torch(self, data, finish) -> Call:
        import torch

        u, start = torch.from_numpy(data.u), torch.from_numpy(data.start)

        def values():
            y, found = start, []
            for u_t in u:
                y = 0.9 * torch.sin(y) + u_t
                found.append(y)
            return torch.stack(found)

        return values


ROWS = (Recurrent(), ScalarRecurrence())
