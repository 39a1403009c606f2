"""Kernels in the making: what grouping keeps for each, and the limits it works in."""

from __future__ import annotations

from typing import Any

from attrs import define, field, frozen

from tcore.codegen.expr import Axis
from tcore.codegen.facts import NodeFacts

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


def storage(variable: Any) -> Any:
    """The variable whose memory ``variable`` shows: follows views and in-place outputs to their origin."""
    while variable.owner is not None:
        op, index = variable.owner.op, variable.index
        shown = (getattr(op, "view_map", None) or {}).get(index) or (getattr(op, "destroy_map", None) or {}).get(index)
        if not shown:
            return variable
        variable = variable.owner.inputs[shown[0]]
    return variable
