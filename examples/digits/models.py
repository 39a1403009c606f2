"""Two classifiers as graphs, and how they are trained.

A model is a few shared arrays and one expression; everything else (the gradient, the training step, the predictor) follows
from the expression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import tcore
import tcore.tensor as T

__all__ = ["Model", "logistic_regression", "multilayer_perceptron"]


@dataclass
class Model:
    """A compiled classifier.

    Attributes
    ----------
    name : str
    parameters : list of shared variables
    step : callable (images, labels) -> mean loss
        One update of the parameters by gradient descent.
    predict : callable (images) -> labels
    steps_in_numpy : callable (images, labels) -> mean loss
        The same update written by hand in NumPy, on its own copy of the starting parameters: what the compiled one is measured against.
    """

    name: str
    parameters: list[Any]
    step: Callable[..., Any]
    predict: Callable[..., Any]
    step_in_numpy: Callable[..., Any]


def logistic_regression(images: np.ndarray, labels: np.ndarray, rate: float) -> Model:
    """One logistic unit for each class, as in the documentation's worked model, with weight decay 0.01."""
    classes = int(labels.max()) + 1
    start = np.random.default_rng(1).normal(0, 0.01, (images.shape[1], classes))
    x, y = T.dmatrix("x"), T.lvector("y")
    w, b = tcore.shared(start, name="w"), tcore.shared(np.zeros(classes), name="b")

    p_1 = 1 / (1 + T.exp(-T.dot(x, w) - b))
    target = T.eq(y.dimshuffle(0, "x"), T.arange(classes))
    xent = -(target * T.log(p_1) + (1 - target) * T.log(1 - p_1))
    cost = xent.sum(axis=1).mean() + 0.01 * (w**2).sum()
    return _compiled("logistic regression", x, y, [w, b], cost, p_1, rate, _logistic_step_in_numpy(start, classes, rate))


def multilayer_perceptron(images: np.ndarray, labels: np.ndarray, rate: float, hidden: int = 64) -> Model:
    """One hidden layer of ``hidden`` tanh units, softmax output."""
    classes = int(labels.max()) + 1
    rng = np.random.default_rng(2)
    start = [
        rng.normal(0, images.shape[1] ** -0.5, (images.shape[1], hidden)), np.zeros(hidden),
        rng.normal(0, hidden**-0.5, (hidden, classes)), np.zeros(classes),
    ]  # fmt: skip
    x, y = T.dmatrix("x"), T.lvector("y")
    w1, b1, w2, b2 = (tcore.shared(value, name=name) for value, name in zip(start, ("w1", "b1", "w2", "b2"), strict=True))

    probability = T.nnet.softmax(T.dot(T.tanh(T.dot(x, w1) + b1), w2) + b2)
    cost = -T.log(probability)[T.arange(y.shape[0]), y].mean()
    return _compiled(
        "multilayer perceptron", x, y, [w1, b1, w2, b2], cost, probability, rate, _perceptron_step_in_numpy(start, rate)
    )


def _compiled(
    name: str, x: Any, y: Any, parameters: list[Any], cost: Any, probability: Any, rate: float, in_numpy: Any
) -> Model:
    updates = [(p, p - rate * g) for p, g in zip(parameters, tcore.grad(cost, parameters), strict=True)]
    return Model(
        name,
        parameters,
        tcore.function([x, y], cost, updates=updates, name="train"),
        tcore.function([x], T.argmax(probability, axis=1), name="predict"),
        in_numpy,
    )


def _logistic_step_in_numpy(start: np.ndarray, classes: int, rate: float) -> Callable[..., float]:
    w, b = start.copy(), np.zeros(classes)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        p = 1 / (1 + np.exp(-x @ w - b))
        target = y[:, None] == np.arange(classes)
        cost = -np.log(np.where(target, p, 1 - p)).sum(axis=1).mean() + 0.01 * (w**2).sum()
        error = (p - target) / len(x)
        w[...] -= rate * (x.T @ error + 0.02 * w)
        b[...] -= rate * error.sum(axis=0)
        return float(cost)

    return step


def _perceptron_step_in_numpy(start: list[np.ndarray], rate: float) -> Callable[..., float]:
    w1, b1, w2, b2 = (value.copy() for value in start)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        h = np.tanh(x @ w1 + b1)
        scores = h @ w2 + b2
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(len(y))
        cost = -np.log(p[rows, y]).mean()
        error = p
        error[rows, y] -= 1
        error /= len(y)
        back = (error @ w2.T) * (1 - h * h)
        w2[...] -= rate * (h.T @ error)
        b2[...] -= rate * error.sum(axis=0)
        w1[...] -= rate * (x.T @ back)
        b1[...] -= rate * back.sum(axis=0)
        return float(cost)

    return step
