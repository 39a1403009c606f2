"""Graphs of any size, and the CPU time that tcore spends on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import tcore
import tcore.tensor as T
from tcore.compile.garbage import rare_collections
from tcore.compile.mode import get_mode
from tcore.graph import DestroyHandler, FunctionGraph

__all__ = ["Graph", "chain", "cpu_seconds", "fan_out", "function_seconds", "gradient_of_chain", "increments", "mlp", "optimize_seconds", "sum_of_many"]

Graph = tuple[list[Any], list[Any]]
"""Inputs and outputs."""


def chain(nodes: int) -> Graph:
    """``y = tanh(y)`` and ``y = y * 1.0001 + 0.1 * i`` in turn: three nodes every two steps."""
    x = y = T.dvector("x")
    for number in range(nodes // 3):
        y = T.tanh(y)
        y = y * 1.0001 + 0.1 * number
    return [x], [y]


def gradient_of_chain(nodes: int) -> Graph:
    """A third of the nodes forward, the rest back."""
    x = y = T.dvector("x")
    for _ in range(nodes // 6):
        y = T.tanh(y) * 1.5
    return [x], [T.grad(y.sum(), x)]


def fan_out(nodes: int) -> Graph:
    """One variable with as many clients, each an output."""
    x = T.dvector("x")
    shared = T.exp(x)
    return [x], [shared * (1.5 + number) for number in range(nodes)]


def sum_of_many(nodes: int) -> Graph:
    """One variable with as many clients, their sum the output."""
    x = T.dvector("x")
    total = shared = T.tanh(x)
    for number in range(nodes // 3):
        total = total + T.sin(shared + float(number))
    return [x], [total]


def increments(nodes: int) -> Graph:
    """One row after another increased: each a candidate for working in place."""
    y = base = T.dvector("y")
    x = T.dvector("x")
    for number in range(nodes // 2):
        y = T.inc_subtensor(y[number], x[number])
    return [base, x], [y]


def mlp(_: int = 1) -> Graph:
    """128 x 784-512-512-10 whatever the size asked for, softmax cross-entropy, and the new values of all parameters."""
    x, target = T.dmatrix("x"), T.ivector("target")
    parameters, h = [], x
    for number in range(3):
        weights, bias = T.dmatrix(f"w{number}"), T.dvector(f"b{number}")
        parameters += [weights, bias]
        h = T.dot(h, weights) + bias
        h = T.softmax(h) if number == 2 else T.tanh(h)
    cost = -T.log(h[T.arange(target.shape[0]), target]).mean()
    gradients = T.grad(cost, parameters)
    return [x, target, *parameters], [cost, *(p - 0.1 * g for p, g in zip(parameters, gradients, strict=True))]


def cpu_seconds(function: Callable[[], Any]) -> float:
    """CPU time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def optimize_seconds(build: Callable[[], Graph], destroy_handler: bool = False) -> float:
    """CPU time of the optimization alone; with ``destroy_handler`` it keeps track of in-place work from the start."""
    fgraph = FunctionGraph(*build(), features=[DestroyHandler()] if destroy_handler else [])
    optimizer = get_mode("FAST_RUN").optimizer_for(fgraph)
    with rare_collections():  # as in tcore.function
        return cpu_seconds(lambda: optimizer.optimize(fgraph))


def function_seconds(build: Callable[[], Graph]) -> float:
    """CPU time of ``tcore.function`` in this process."""
    inputs, outputs = build()
    return cpu_seconds(lambda: tcore.function(inputs, outputs))
