"""Kernels in the making: what grouping keeps for each, and the limits it works in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.codegen.expr import Axis
from tcore.codegen.facts import NodeFacts
from tcore.records import define, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Draft", "Limits", "storage"]


@frozen
class Limits:
    """The most that one kernel may hold, one setting per language."""

    operations: int = 100
    operands: int = 16
    calls: int = 8
    inline: int = 4
    """Largest cost of a value that is computed again for each index of a broadcast."""


@define(eq=False)
class Draft:
    """A kernel in the making; axes are compared by what stands for all that were unified with them."""

    number: int
    nodes: list[NodeFacts]
    outer: tuple[Axis, ...]
    inner: tuple[Axis, ...]
    border: bool
    condition: frozenset[Any]
    operations: int
    calls: int
    bits: int
    before: int = 0
    operands: set[Any] = field(factory=set)
    inlined: set[Any] = field(factory=set)


def storage(nodes: Iterable[Any]) -> dict[Any, Any]:
    """View or in-place output -> the variable whose memory it shows, for all nodes, given in topological order."""
    origin: dict[Any, Any] = {}
    for node in nodes:
        views, destroys = getattr(node.op, "view_map", None) or {}, getattr(node.op, "destroy_map", None) or {}
        for index in dict.fromkeys([*views, *destroys]):
            shown = views.get(index) or destroys.get(index)
            if shown:
                variable = node.inputs[shown[0]]
                origin[node.outputs[index]] = origin.get(variable, variable)
    return origin
