"""One step of gradient descent: forward, backward, new parameters."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
from attrs import frozen
from row import Call, Goal, Row

__all__ = ["ROWS", "LogisticRegression", "Perceptron"]

RATE = 0.1


@frozen
class LogisticRegression(Row):
    """The documentation's first model: predictions and cost of the step come back."""

    name = "logistic-step"
    summary = "training step of logistic regression, 400 x 784 float64"
    goal = Goal(peer=0.7)
    tiny = {"examples": 20, "features": 10}
    checked_calls = 3
    examples: int = 400
    features: int = 784

    def data(self):
        rng = np.random.default_rng(0)
        x, y = rng.normal(size=(self.examples, self.features)), rng.integers(0, 2, self.examples).astype("float64")
        return SimpleNamespace(x=x, y=y, w=0.1 * rng.normal(size=self.features))

    def operations(self):
        return 4 * self.examples * self.features  # products with a vector: the cache decides, so that this is no limit

    def traffic(self):
        return 8 * self.features * (self.examples + 2)

    def numpy(self, data) -> Call:
        x, y, w, b = data.x, data.y, data.w.copy(), np.zeros(())

        def train() -> tuple[np.ndarray, np.ndarray]:
            z = x @ w + b
            p = 1 / (1 + np.exp(-z))
            cost = (np.logaddexp(0, z) - y * z).mean() + 0.01 * (w**2).sum()
            slope = (p - y) / len(y)
            w[:] -= RATE * (slope @ x + 0.02 * w)
            b[()] -= RATE * slope.sum()
            return p > 0.5, cost

        return train

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        x, y = T.dmatrix("x"), T.dvector("y")
        w, b = tcore.shared(data.w, name="w"), tcore.shared(0.0, name="b")
        p = 1 / (1 + T.exp(-T.dot(x, w) - b))
        cost = (-y * T.log(p) - (1 - y) * T.log(1 - p)).mean() + 0.01 * (w**2).sum()
        gw, gb = T.grad(cost, [w, b])
        train = tcore.function([x, y], [p > 0.5, cost], updates=[(w, w - RATE * gw), (b, b - RATE * gb)])
        return lambda: train(data.x, data.y)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt

        x, y = pt.dmatrix("x"), pt.dvector("y")
        w, b = pytensor.shared(data.w, name="w"), pytensor.shared(0.0, name="b")
        p = 1 / (1 + pt.exp(-pt.dot(x, w) - b))
        cost = (-y * pt.log(p) - (1 - y) * pt.log(1 - p)).mean() + 0.01 * (w**2).sum()
        gw, gb = pytensor.grad(cost, [w, b])
        train = pytensor.function([x, y], [p > 0.5, cost], updates=[(w, w - RATE * gw), (b, b - RATE * gb)], mode=mode)
        return lambda: train(data.x, data.y)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        def cost_and_z(parameters, x, y):
            w, b = parameters
            z = x @ w + b
            return (jax.nn.softplus(z) - y * z).mean() + 0.01 * (w**2).sum(), z

        def step(parameters, x, y):
            (cost, z), gradients = jax.value_and_grad(cost_and_z, has_aux=True)(parameters, x, y)
            return jax.tree.map(lambda p, g: p - RATE * g, parameters, gradients), (z > 0, cost)

        train, x, y = jax.jit(step, donate_argnums=0), jnp.asarray(data.x), jnp.asarray(data.y)
        parameters = jnp.array(data.w), jnp.zeros(())

        def call():
            nonlocal parameters
            parameters, results = train(parameters, x, y)
            return jax.block_until_ready((parameters, results))[1]

        return call

    def torch(self, data, finish) -> Call:
        import torch

        x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)
        w, b = torch.tensor(data.w, requires_grad=True), torch.zeros((), dtype=torch.float64, requires_grad=True)
        descent = torch.optim.SGD([w, b], lr=RATE)

        @finish
        def model(x, y):
            z = x @ w + b
            return z > 0, torch.nn.functional.binary_cross_entropy_with_logits(z, y) + 0.01 * (w**2).sum()

        def train():
            descent.zero_grad()
            predicted, cost = model(x, y)
            cost.backward()
            descent.step()
            return predicted, cost.detach()

        return train


@frozen
class Perceptron(Row):
    """Two hidden layers of tanh, softmax and cross-entropy."""

    name = "mlp-step"
    summary = "training step of an MLP, 128 x 784-512-512-10 float64"
    goal = Goal(peer=1.0)
    tiny = {"examples": 8, "pixels": 12, "hidden": 6}
    checked_calls = 3
    examples: int = 128
    pixels: int = 784
    hidden: int = 512
    classes: int = 10

    def widths(self) -> list[tuple[int, int]]:
        sizes = [self.pixels, self.hidden, self.hidden, self.classes]
        return list(itertools.pairwise(sizes))

    def data(self):
        rng = np.random.default_rng(0)
        layers = [(rng.normal(size=shape) / np.sqrt(shape[0]), np.zeros(shape[1])) for shape in self.widths()]
        x, y = rng.random((self.examples, self.pixels)), rng.integers(0, self.classes, self.examples)
        return SimpleNamespace(x=x, y=y, layers=layers)

    def flops(self):
        products = [2 * self.examples * rows * columns for rows, columns in self.widths()]
        return 3 * sum(products) - products[0]  # forward, to the weights, to the values before: but not to x

    def exponentials(self):
        return self.examples * sum(columns for _, columns in self.widths())

    def traffic(self):
        weights = sum(rows * columns for rows, columns in self.widths())
        return 8 * (self.examples * self.pixels + 2 * weights)

    def numpy(self, data) -> Call:
        layers = [(w.copy(), b.copy()) for w, b in data.layers]
        everyone = np.arange(len(data.y))

        def train() -> np.ndarray:
            values = [data.x]
            for w, b in layers[:-1]:
                values.append(np.tanh(values[-1] @ w + b))
            z = values[-1] @ layers[-1][0] + layers[-1][1]
            z -= z.max(axis=1, keepdims=True)
            p = np.exp(z)
            total = p.sum(axis=1, keepdims=True)
            cost = (np.log(total[:, 0]) - z[everyone, data.y]).mean()
            p /= total
            p[everyone, data.y] -= 1
            slope = p / len(data.y)
            for (w, b), value in zip(reversed(layers), reversed(values), strict=True):
                before = slope @ w.T if value is not data.x else None
                w -= RATE * (value.T @ slope)
                b -= RATE * slope.sum(axis=0)
                slope = None if before is None else before * (1 - value**2)
            return cost

        return train

    def tcore(self, data) -> Call:
        import tcore
        import tcore.tensor as T

        x, y = T.dmatrix("x"), T.lvector("y")
        parameters = [tcore.shared(array) for layer in data.layers for array in layer]
        h = x
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            h = T.tanh(T.dot(h, w) + b)
        p = T.softmax(T.dot(h, parameters[-2]) + parameters[-1])
        cost = -T.log(p[T.arange(y.shape[0]), y]).mean()
        gradients = T.grad(cost, parameters)
        train = tcore.function([x, y], cost, updates=[(p, p - RATE * g) for p, g in zip(parameters, gradients, strict=True)])
        return lambda: train(data.x, data.y)

    def pytensor(self, data, mode) -> Call:
        import pytensor
        import pytensor.tensor as pt
        from pytensor.tensor.special import log_softmax

        x, y = pt.dmatrix("x"), pt.lvector("y")
        parameters = [pytensor.shared(array) for layer in data.layers for array in layer]
        h = x
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2], strict=True):
            h = pt.tanh(pt.dot(h, w) + b)
        log_p = log_softmax(pt.dot(h, parameters[-2]) + parameters[-1], axis=1)
        cost = -log_p[pt.arange(y.shape[0]), y].mean()
        gradients = pytensor.grad(cost, parameters)
        train = pytensor.function([x, y], cost, updates=[(p, p - RATE * g) for p, g in zip(parameters, gradients, strict=True)], mode=mode)
        return lambda: train(data.x, data.y)

    def jax(self, data) -> Call:
        import jax
        import jax.numpy as jnp

        def cost_of(layers, x, y):
            h = x
            for w, b in layers[:-1]:
                h = jnp.tanh(h @ w + b)
            w, b = layers[-1]
            return -jax.nn.log_softmax(h @ w + b)[jnp.arange(y.shape[0]), y].mean()

        def step(layers, x, y):
            cost, gradients = jax.value_and_grad(cost_of)(layers, x, y)
            return jax.tree.map(lambda p, g: p - RATE * g, layers, gradients), cost

        train, x, y = jax.jit(step, donate_argnums=0), jnp.asarray(data.x), jnp.asarray(data.y)
        layers = [(jnp.array(w), jnp.array(b)) for w, b in data.layers]

        def call():
            nonlocal layers
            layers, cost = train(layers, x, y)
            return jax.block_until_ready((layers, cost))[1]

        return call

    def torch(self, data, finish) -> Call:
        import torch
        from torch import nn

        x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)
        linear = [nn.Linear(*w.shape, dtype=torch.float64) for w, _ in data.layers]
        with torch.no_grad():
            for layer, (w, b) in zip(linear, data.layers, strict=True):
                layer.weight.copy_(torch.from_numpy(w.T.copy()))
                layer.bias.copy_(torch.from_numpy(b))
        model = nn.Sequential(*(part for layer in linear[:-1] for part in (layer, nn.Tanh())), linear[-1])
        descent = torch.optim.SGD(model.parameters(), lr=RATE)
        cost_of = finish(lambda x, y: nn.functional.cross_entropy(model(x), y))

        def train():
            descent.zero_grad()
            cost = cost_of(x, y)
            cost.backward()
            descent.step()
            return cost.detach()

        return train


ROWS = (LogisticRegression(), Perceptron())
