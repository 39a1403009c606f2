"""CPU time of tcore's optimizer and of ``tcore.function``, against building the same graph, or against half of it: no peers, only growth.

CPU time, so that other programs count little; against work of the same kind, so that the machine does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from row import Goal, Row

__all__ = ["ROWS"]

Seconds = Callable[[Any, int], float]
"""CPU time of some work on a graph of so many nodes; the first argument is the module :mod:`graphs`, which only processes of tcore load."""


@frozen
class OwnTime(Row):
    """Both columns are tcore's: what is measured, and in the column ``baseline`` what it is compared with."""

    kind = "own"
    tiny = {"nodes": 60}
    name: str
    summary: str
    nodes: int
    measured: Seconds
    compared: Seconds
    goal: Goal

    def tcore(self, data) -> Callable[[], float]:
        import graphs

        graphs.function_seconds(lambda: graphs.chain(60))  # what is loaded once
        return lambda: self.measured(graphs, self.nodes)

    def baseline(self, data) -> Callable[[], float]:
        import graphs

        graphs.function_seconds(lambda: graphs.chain(60))
        return lambda: self.compared(graphs, self.nodes)


def building(name: str) -> Seconds:
    """Making the graph."""
    return lambda graphs, nodes: graphs.cpu_seconds(lambda: getattr(graphs, name)(nodes))


def optimizing(name: str, **options: bool) -> Seconds:
    """The optimization alone."""
    return lambda graphs, nodes: graphs.optimize_seconds(lambda: getattr(graphs, name)(nodes), **options)


def compiling(name: str, part: float = 1.0) -> Seconds:
    """``tcore.function``, on a part of the nodes."""
    return lambda graphs, nodes: graphs.function_seconds(lambda: getattr(graphs, name)(int(nodes * part)))


def one_node(part: float) -> Seconds:
    """The time of one node in a chain of a part of the nodes; a short one is compiled several times."""

    def seconds(graphs: Any, nodes: int) -> float:
        short, repeats = max(3, int(nodes * part)), 1 if part == 1 else 4
        return sum(graphs.function_seconds(lambda: graphs.chain(short)) for _ in range(repeats)) / (repeats * short)

    return seconds


def doubled(name: str, builder: str, nodes: int, summary: str) -> OwnTime:
    """A graph against one of half its size: 2 is linear, 4 quadratic."""
    return OwnTime(name, summary, nodes, compiling(builder), compiling(builder, 0.5), Goal(baseline=2.7))


ROWS = (
    OwnTime("compile-chain", "tcore.function of a chain of 6,000 nodes, against building it", 6000, compiling("chain"), building("chain"), Goal(seconds=3.0)),
    OwnTime("optimize-chain", "optimization of a chain of 6,000 nodes, against building it", 6000, optimizing("chain"), building("chain"), Goal(seconds=1.0)),
    OwnTime("optimize-mlp", "optimization of a training step of an MLP, against building it", 1, optimizing("mlp"), building("mlp"), Goal(seconds=0.15)),
    OwnTime("node-20000-500", "cost of a node among 20,000 against one among 500", 20_000, one_node(1), one_node(1 / 40), Goal(baseline=1.6)),
    OwnTime(
        "destroy-handler",
        "optimization with a destroy handler from the start, against one at the end",
        3000,
        optimizing("gradient_of_chain", destroy_handler=True),
        optimizing("gradient_of_chain"),
        Goal(baseline=1.5),
    ),
    doubled("double-fan-out", "fan_out", 5000, "5,000 clients of one variable against 2,500"),
    doubled("double-sum", "sum_of_many", 6000, "a sum of 2,000 terms against one of 1,000"),
    doubled("double-gradient", "gradient_of_chain", 6000, "gradient of a chain, 6,000 nodes against 3,000"),
    doubled("double-in-place", "increments", 2000, "1,000 increments in place against 500"),
)
