"""Where compile time goes: the cost of a node from 500 to 20,000 nodes, and the slowest rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from graphs import Graph, chain, cpu_seconds, function_seconds, mlp, optimize_seconds

import tcore
from tcore.compile.mode import get_mode
from tcore.graph import FunctionGraph

__all__ = ["compile_report"]


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
