"""Compile time: rows whose two sides are CPU times, the cost of a node from 500 to 20,000 nodes, and the slowest rules.

CPU time, so that other programs count little; against building the same graph in Python, or half of it, so that the machine does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from measure import Pair, Row

import tcore
import tcore.tensor as T
from tcore.compile.garbage import rare_collections
from tcore.compile.mode import get_mode
from tcore.graph import DestroyHandler, FunctionGraph

__all__ = ["COMPILE_ROWS", "compile_report"]

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


def mlp() -> Graph:
    """128 x 784-512-512-10, softmax cross-entropy, and the new values of all parameters."""
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


def optimize_seconds(build: Callable[[], Graph]) -> float:
    """CPU time of the optimization alone."""
    fgraph = FunctionGraph(*build())
    optimizer = get_mode("FAST_RUN").optimizer_for(fgraph)
    with rare_collections():  # as in tcore.function
        return cpu_seconds(lambda: optimizer.optimize(fgraph))


def function_seconds(build: Callable[[], Graph]) -> float:
    """CPU time of ``tcore.function`` in this process."""
    inputs, outputs = build()
    return cpu_seconds(lambda: tcore.function(inputs, outputs))


def against_building(seconds: Callable[[Callable[[], Graph]], float], build: Callable[[], Graph]) -> Callable[[], Pair]:
    """The work on a graph against making it, in one process."""
    return lambda: Pair(lambda: seconds(build), lambda: cpu_seconds(build))


def doubled(build: Callable[[int], Graph], nodes: int) -> Callable[[], Pair]:
    """A graph against one of half its size: 2 is linear, 4 quadratic."""
    return lambda: Pair(lambda: function_seconds(lambda: build(2 * nodes)), lambda: function_seconds(lambda: build(nodes)))


def with_destroy_handler() -> Pair:
    """An optimization that keeps track of in-place work from the start against one that begins with it at the end."""

    def early() -> float:
        inputs, outputs = gradient_of_chain(3000)
        fgraph = FunctionGraph(inputs, outputs, features=[DestroyHandler()])
        optimizer = get_mode("FAST_RUN").optimizer_for(fgraph)
        with rare_collections():
            return cpu_seconds(lambda: optimizer.optimize(fgraph))

    return Pair(early, lambda: optimize_seconds(lambda: gradient_of_chain(3000)))


def per_node(small: int, large: int) -> Pair:
    """The cost of a node in a long chain against that in a short one."""
    return Pair(
        lambda: function_seconds(lambda: chain(large)) / large,
        lambda: sum(function_seconds(lambda: chain(small)) for _ in range(4)) / (4 * small),
    )


COMPILE_ROWS = (
    Row("compile-chain", "tcore.function of a chain of 6,000 nodes, against building it (CPU time)", against_building(function_seconds, lambda: chain(6000)), seconds=3.0),
    Row("optimize-chain", "optimization of a chain of 6,000 nodes, against building it (CPU time)", against_building(optimize_seconds, lambda: chain(6000)), seconds=1.0),
    Row("optimize-mlp", "optimization of a training step of an MLP, against building it (CPU time)", against_building(optimize_seconds, mlp), seconds=0.15),
    Row("node-20000-500", "cost of a node among 20,000 against one among 500 (CPU time)", lambda: per_node(500, 20_000), limit=1.6),
    Row("destroy-handler", "optimization with a destroy handler from the start, against one at the end (CPU time)", with_destroy_handler, limit=1.5),
    Row("double-fan-out", "5,000 clients of one variable against 2,500 (CPU time)", doubled(fan_out, 2500), limit=2.7),
    Row("double-sum", "a sum of 2,000 terms against one of 1,000 (CPU time)", doubled(sum_of_many, 3000), limit=2.7),
    Row("double-gradient", "gradient of a chain, 6,000 nodes against 3,000 (CPU time)", doubled(gradient_of_chain, 3000), limit=2.7),
    Row("double-in-place", "1,000 increments in place against 500 (CPU time)", doubled(increments, 1000), limit=2.7),
)


def _records(profile: Any) -> Iterator[tuple[str, float, int]]:
    """(what, seconds, times applied) of every rule and of every optimizer without rules in the profile of a sequence."""
    for seconds, _, optimizer, _, inner in profile["steps"]:
        if isinstance(inner, dict) and "steps" in inner:
            yield from _records(inner)
        elif hasattr(inner, "rule_seconds"):
            for rule, spent in inner.rule_seconds.items():
                yield f"{optimizer}: {rule}", spent, inner.rule_applied.get(rule, 0)
        else:
            yield str(optimizer), seconds, 0


def slowest_rules(build: Callable[[], Graph], count: int = 12) -> list[tuple[str, float, int]]:
    """What the optimizer's own profile names first."""
    fgraph = FunctionGraph(*build())
    optimizer = get_mode("FAST_RUN").optimizer_for(fgraph)
    with tcore.config.change_flags(profile=True, profile_optimizer=True):
        profile = optimizer.optimize(fgraph)
    return sorted(_records(profile), key=lambda record: -record[1])[:count]


def compile_report() -> str:
    """Markdown: the cost of a node by the length of a chain, and the slowest rules for a chain and an MLP."""
    lines = ["# Compile time", "", "CPU time of one node of a chain, in microseconds.", "", "| nodes | building | optimizing | tcore.function |", "|---|---|---|---|"]
    function_seconds(lambda: chain(60))  # what is loaded once
    for nodes in (500, 1000, 2000, 5000, 10_000, 20_000):
        repeats = max(1, 5000 // nodes)
        times = [
            float(np.median([measure() for _ in range(repeats)])) / nodes * 1e6
            for measure in (
                lambda nodes=nodes: cpu_seconds(lambda: chain(nodes)),
                lambda nodes=nodes: optimize_seconds(lambda: chain(nodes)),
                lambda nodes=nodes: function_seconds(lambda: chain(nodes)),
            )
        ]
        lines.append(f"| {nodes} | " + " | ".join(f"{value:.0f}" for value in times) + " |")
    for title, build in (("a chain of 6,000 nodes", lambda: chain(6000)), ("an MLP", mlp)):
        lines += ["", f"Slowest rules for {title}.", "", "| rule | ms | applied |", "|---|---|---|"]
        lines += [f"| {name} | {seconds * 1e3:.1f} | {applied} |" for name, seconds, applied in slowest_rules(build)]
    return "\n".join(lines) + "\n"
