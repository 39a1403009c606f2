"""Under which conditions nodes are needed, in graphs with ops that decide which of their inputs are computed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from tcore.graph.laziness import branch_of, lazy_inputs

__all__ = ["conditions"]


def conditions(nodes: Sequence[Any], outputs: Sequence[Any], lazy: Callable[[Any], Collection[int]] = lazy_inputs) -> dict[Any, frozenset[Any]]:
    """For each node the branches, ``(lazy node, number)``, through which alone it is needed; empty where it always is.

    ``nodes`` are in a legal order.
    """
    positions = {node: frozenset(lazy(node)) for node in nodes}
    if not any(positions.values()):
        always: frozenset[Any] = frozenset()
        return dict.fromkeys(nodes, always)
    strict = {v.owner for v in outputs if v.owner is not None}
    needed: dict[Any, set[Any]] = {node: set() for node in nodes}
    for node in reversed(nodes):
        for position, variable in enumerate(node.inputs):
            owner = variable.owner
            if owner not in needed:
                continue
            if position in positions[node]:
                needed[owner].add((node, branch_of(node, position)))
            elif node in strict:
                strict.add(owner)
            else:
                needed[owner] |= needed[node]
    return {node: frozenset() if node in strict else frozenset(needed[node]) for node in nodes}
