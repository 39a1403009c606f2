"""The rounds of loops, as linkers tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph import Apply, Variable

__all__ = ["Round"]


@frozen(eq=False)
class Round:
    """What a loop computes round after round: a graph of its own.

    Attributes
    ----------
    node : Apply
        The loop, in the graph of ``around`` if it is itself part of another one's rounds.
    inputs : sequence of Variable
    nodes : sequence of Apply
        In order.
    shown : sequence of pairs
        For each of its inputs the position of an input of the loop, and whether it is one row of that, or the whole.
    around : Round or None
    """

    node: Apply
    inputs: Sequence[Variable]
    nodes: Sequence[Apply]
    shown: Sequence[tuple[int, bool]]
    around: Round | None = None

    @property
    def outermost(self) -> Apply:
        """The loop of the graph that has all of it inside."""
        each = self
        while each.around is not None:
            each = each.around
        return each.node
