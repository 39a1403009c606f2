"""Under which conditions nodes are needed, in graphs with ops that decide which of their inputs are computed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

__all__ = ["branch_of", "conditions", "lazy_inputs"]


def lazy_inputs(node: Any) -> Collection[int]:
    """The positions of inputs that a node may do without: those that its op names; all of a lazy op that names none."""
    named = tuple(getattr(node.op, "lazy_inputs", ()))
    return named or (range(len(node.inputs)) if getattr(node.op, "lazy", False) else ())


def branch_of(node: Any, position: int) -> int:
    """Which inputs a lazy node wants together: one number for each group; each input is a group where the op says nothing."""
    ask = getattr(node.op, "branch_of", None)
    return position if ask is None else int(ask(position))


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
