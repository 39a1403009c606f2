"""What the two kinds of nodes of a graph, variables and applications of ops, have in common."""

from __future__ import annotations

from typing import Any

from tcore.graph.scratchpad import Scratchpad

__all__ = ["Node"]


class Node:
    """A :class:`~tcore.graph.Variable` or an :class:`~tcore.graph.Apply`.

    There are no edge objects: what a node needs stands in ``Variable.owner`` and ``Apply.inputs``, what it serves in
    ``Apply.outputs`` and, inside a FunctionGraph, in ``Variable.clients``.
    """

    __slots__ = ("_tag",)

    _tag: Scratchpad | None

    @property
    def tag(self) -> Scratchpad:
        """Notes about this node, made on first use."""
        if self._tag is None:
            self._tag = Scratchpad()
        return self._tag

    @tag.setter
    def tag(self, tag: Scratchpad | None) -> None:
        self._tag = tag

    def has_tag(self) -> bool:
        """Whether any note was ever made: spares walks over large graphs from creating empty tags."""
        return self._tag is not None

    def get_parents(self) -> list[Any]:
        """The nodes that this one needs directly, as a list of its own: changing it leaves the graph as it is."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its parents are")
