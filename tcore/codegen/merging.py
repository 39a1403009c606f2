"""Which two drafts of kernels may become one: the questions that grouping asks.

All of them are about what two drafts read, make and destroy, and at which indices; none changes a draft. Unifying axes is
the exception: it notes which axes are one, where everything else has been found to be in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tcore.codegen.drafts import Draft, Limits, storage
from tcore.codegen.expr import Axis
from tcore.codegen.facts import NodeFacts, is_unit
from tcore.codegen.kernel import affine

__all__ = ["Merging", "Space"]

Space = tuple[tuple[Axis, ...], tuple[Axis, ...]]
"""Outer and inner axes of a kernel."""


class Merging:
    """The drafts of a graph, and what of it decides about joining them.

    Attributes
    ----------
    facts : dict from Apply to NodeFacts
    draft_of : dict from Apply to the Draft that it belongs to
    clients : dict from Variable to the Applies that read it
    """

    def __init__(
        self, nodes: list[Any], outputs: set[Any], limits: Limits, orderings: Mapping[Any, Sequence[Any]]
    ) -> None:
        self.nodes, self.outputs, self.limits, self.orderings = nodes, outputs, limits, orderings
        self.storage = storage(nodes)
        self.clients: dict[Any, list[Any]] = {}
        for node in nodes:
            for variable in dict.fromkeys(node.inputs):
                self.clients.setdefault(variable, []).append(node)
        self.facts: dict[Any, NodeFacts] = {}
        self.draft_of: dict[Any, Draft] = {}
        self.same: dict[Axis, Axis] = {}

    def joint(self, first: Draft, second: Draft) -> tuple[Space, bool] | None:
        """The axes of one kernel for both, and whether ``first`` is computed at the indices at which it is read; None where it may not be."""
        if first.border or first.condition != second.condition or not self._fits(first, second):
            return None
        if any(facts.own_length for facts in first.nodes):
            return None  # its readers' lengths are compared with that of the array, so there must be one
        if not self._convex(first, second):
            return None
        reads = self._reads(first, second)
        if reads is None or self._needs_value(first, second) or not self._destroys_safely(first, second):
            return None
        if not second.border and (space := self._unify(first, second, reads)) is not None:
            return space, False
        return ((second.outer, second.inner), True) if self._can_inline(first, second, reads) else None

    # -- axes that are one

    def find(self, axis: Axis) -> Axis:
        """The axis that stands for all that were unified with ``axis``."""
        same = self.same
        root = axis
        while (parent := same.get(root)) is not None:
            root = parent
        while axis is not root:
            same[axis], axis = root, same[axis]
        return root

    # -- questions

    def _fits(self, first: Draft, second: Draft) -> bool:
        limits = self.limits
        made = {v for facts in first.nodes for v in facts.node.outputs}
        kept = {v for v in made if v in self.outputs or any(self.draft_of[c] not in (first, second) for c in self.clients.get(v, ()))}
        stored = {
            v
            for facts in second.nodes
            for v in facts.node.outputs
            if v in self.outputs or any(self.draft_of[c] is not second for c in self.clients.get(v, ()))
        }
        operands = len((first.operands | second.operands) - made) + len(kept) + len(stored)
        return (
            first.operations + second.operations <= limits.operations
            and first.calls + second.calls <= limits.calls
            and operands <= limits.operands
        )

    def _convex(self, first: Draft, second: Draft) -> bool:
        """No path from ``first`` to ``second`` through others, none from ``second`` to ``first``."""
        if first.before & second.bits:
            return False
        for facts in second.nodes:
            for other in (*(v.owner for v in facts.node.inputs if v.owner), *self.orderings.get(facts.node, ())):
                draft = self.draft_of.get(other)
                if draft is None or draft is first or draft is second:
                    continue
                if draft.before & first.bits:
                    return False
        # An ordering between members says more than data flow does: keep such nodes apart. But where it protects memory that
        # the kernel would make itself from a node that overwrites it, there will be no such memory.
        members = {facts.node for facts in first.nodes}
        made = {v for facts in (*first.nodes, *second.nodes) for v in facts.node.outputs}
        return not any(
            other in members and not any(v.owner is other for v in facts.node.inputs) and not self._overwrites_only(made, facts.node, (first, second))
            for facts in second.nodes
            for other in self.orderings.get(facts.node, ())
        )

    def _overwrites_only(self, made: set[Any], node: Any, drafts: tuple[Draft, Draft]) -> bool:
        """Whether ``node`` is said to overwrite something, and that is only memory of the variables in ``made``, or nothing in one kernel."""
        destroyed = [
            node.inputs[k]
            for out, sources in (getattr(node.op, "destroy_map", None) or {}).items()
            for k in sources
            if not self._vanishes(node.outputs[out], drafts)
        ]
        return bool(getattr(node.op, "destroy_map", None)) and all(self.storage.get(v, v) in made for v in destroyed)

    def _vanishes(self, variable: Any, drafts: tuple[Draft, Draft]) -> bool:
        """Whether a value would be but numbers inside of one kernel of these drafts: work in place then overwrites nothing."""
        clients = self.clients.get(variable, ())
        return (
            bool(clients)
            and variable not in self.outputs
            and all(self.draft_of[c] in drafts and (known := self.facts.get(c)) is not None and not known.view for c in clients)
        )

    def _reads(self, first: Draft, second: Draft) -> list[tuple[Any, tuple[Any, ...], NodeFacts]] | None:
        """Every (variable of ``first``, index) that ``second`` reads; None where it needs one as a whole."""
        reads = []
        for facts in second.nodes:
            for position, indices in facts.loads.items():
                variable = facts.node.inputs[position]
                if variable.owner in self.facts and self.draft_of[variable.owner] is first:
                    if not indices:
                        return None
                    reads += [(variable, index, facts) for index in indices]
        return reads

    def _needs_value(self, first: Draft, second: Draft) -> bool:
        """Whether ``second`` uses something of ``first`` other than elements and lengths: it must then be stored before."""
        return any(
            variable.owner in self.facts and self.draft_of[variable.owner] is first and position in facts.other
            for facts in second.nodes
            for position, variable in enumerate(facts.node.inputs)
        )

    def _axes_of(self, variable: Any) -> tuple[Axis | None, ...]:
        return tuple(None if a is None else self.find(a) for a in self.facts[variable.owner].produced[variable.index])

    def _unify(
        self, first: Draft, second: Draft, reads: list[tuple[Any, tuple[Any, ...], NodeFacts]]
    ) -> tuple[tuple[Axis, ...], tuple[Axis, ...]] | None:
        """The common iteration space, with ``first``'s axes made one with ``second``'s; None if there is none."""
        pairs: dict[Axis, Axis] = {}
        back: dict[Axis, Axis] = {}

        def bind(left: Axis, right: Axis) -> bool:
            return pairs.setdefault(left, right) is right and back.setdefault(right, left) is left

        for variable, index, _ in reads:
            for axis, item in zip(self._axes_of(variable), index, strict=True):
                if axis is None:
                    continue
                if not isinstance(item, Axis) or is_unit(item) or not bind(axis, self.find(item)):
                    return None
        first_axes = [self.find(a) for a in (*first.outer, *first.inner)]
        second_axes = [self.find(a) for a in (*second.outer, *second.inner)]
        if not pairs.keys() <= set(first_axes) or not back.keys() <= set(second_axes):
            return None  # an axis of something that was computed at another index
        if first.inner and len(pairs) < len(first_axes) and len(second_axes) > len(first.outer):
            # Readers of a reduced result: their other axes are the reduced ones if both read one array so.
            if not first.outer:
                return None
            for left, right in self._shared(first, second):
                if left not in pairs and right not in back:
                    bind(left, right)
        outer = tuple(self.find(a) for a in first.outer)
        if set(pairs) == set(outer) and not second.inner and len(second_axes) == len(outer) and first.inner:
            space = tuple(pairs[a] for a in outer), tuple(self.find(a) for a in first.inner)
        elif len(pairs) == len(first_axes) == len(second_axes):
            reduced = {pairs[self.find(a)] for a in first.inner}
            inner = {self.find(a) for a in second.inner}
            if reduced and inner and reduced != inner:
                return None
            if not inner and reduced:
                space = tuple(pairs[a] for a in outer), tuple(pairs[self.find(a)] for a in first.inner)
            else:
                space = tuple(map(self.find, second.outer)), tuple(map(self.find, second.inner))
        else:
            return None
        for left, right in pairs.items():
            if left is not right:
                self.same[left] = right
        return space

    def _shared(self, first: Draft, second: Draft) -> list[tuple[Axis, Axis]]:
        """Axes of both drafts that index the same axis of one array."""
        seen: dict[tuple[Any, int], Axis] = {}
        for facts in first.nodes:
            for position, indices in facts.loads.items():
                for index in indices:
                    for k, item in enumerate(index):
                        if isinstance(item, Axis):
                            seen.setdefault((facts.node.inputs[position], k), self.find(item))
        for facts in first.nodes:
            for k, axes in facts.produced.items():
                for j, axis in enumerate(axes):
                    if axis is not None:
                        seen.setdefault((facts.node.outputs[k], j), self.find(axis))
        return [
            (seen[facts.node.inputs[position], k], self.find(item))
            for facts in second.nodes
            for position, indices in facts.loads.items()
            for index in indices
            for k, item in enumerate(index)
            if isinstance(item, Axis) and (facts.node.inputs[position], k) in seen
        ]

    def _can_inline(
        self, first: Draft, second: Draft, reads: list[tuple[Any, tuple[Any, ...], NodeFacts]]
    ) -> bool:
        """Whether everything that ``first`` makes can be computed at the index where ``second`` reads it."""
        if first.inner or not reads:
            return False
        made = [v for facts in first.nodes for v in facts.node.outputs]
        users = (first, second)
        if any(v in self.outputs or any(self.draft_of[c] not in users for c in self.clients.get(v, ())) for v in made):
            return False
        if any(getattr(facts.node.op, "destroy_map", None) for facts in first.nodes):
            return False
        indices = {(v, index) for v, index, _ in reads}
        free = first.calls == 0 and first.operations <= self.limits.inline
        if len(indices) > len({v for v, _ in indices}) and not free:
            return False
        # A reader that is itself computed at many indices would repeat the work.
        return free or all(
            facts.node not in second.inlined and self._once(v, index, facts) for v, index, facts in reads
        )

    def _once(self, variable: Any, index: tuple[Any, ...], reader: NodeFacts) -> bool:
        """Whether no element is computed twice: each axis of the reader moves one axis of the value."""
        moved: list[Axis] = []
        for axis, item in zip(self._axes_of(variable), index, strict=True):
            if axis is None:
                continue
            parts = affine(item)
            if parts is None or len(parts[1]) > 1:
                return False
            moved += parts[1]
        own = {a for stage in reader.stages for a in stage.loops if not is_unit(a)} - {None}
        return len(set(moved)) == len(moved) and (reader.border or set(moved) == own)

    def _destroys_safely(self, first: Draft, second: Draft) -> bool:
        """Whether no kernel memory is read under another name or at another index than it is written."""
        members = [*first.nodes, *second.nodes]
        destroyed: dict[Any, Any] = {}
        made = {v for facts in members for v in facts.node.outputs}
        for facts in members:
            for out, sources in (getattr(facts.node.op, "destroy_map", None) or {}).items():
                if self._vanishes(facts.node.outputs[out], (first, second)):
                    continue
                for k in sources:
                    variable = facts.node.inputs[k]
                    memory = self.storage.get(variable, variable)
                    if memory in made:
                        continue  # the memory is the kernel's own: a fresh output takes its place
                    if variable in made or destroyed.setdefault(memory, variable) is not variable:
                        return False
        if not destroyed:
            return True
        if any(facts.inner or facts.border for facts in members):
            return False
        # Between views, equal indices of two readers need not be equal places.
        views = any(facts.view for facts in members)
        for facts in members:
            for position, indices in facts.loads.items():
                variable = facts.node.inputs[position]
                if variable in made:
                    continue
                target = destroyed.get(self.storage.get(variable, variable))
                if target is None:
                    continue
                if views and not getattr(facts.node.op, "destroy_map", None):
                    return False
                if target is not variable or any(not all(isinstance(i, Axis) or not i.axes for i in index) for index in indices):
                    return False
                if any(len({i for i in index if isinstance(i, Axis)}) < len(facts.outer) for index in indices):
                    return False
        return True
