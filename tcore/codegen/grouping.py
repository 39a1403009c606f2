"""Kernel grouping: which Applies of a FunctionGraph become one kernel.

Grouping never changes the graph.  Going through the nodes in order, each starts a draft of its own and
then takes in the drafts that produce its inputs, where that is legal:

* the iteration spaces agree: every value is read at the index at which it is made (*unify*), or a
  value that nobody else needs can be computed at the reader's index (*inline*: views, slices, cheap
  broadcasts, the operands of joins and scatters);
* reductions in one kernel have the same kept and reduced axes, the kept ones outermost, and what reads a
  reduction's result lies at its kept axes;
* no path leaves the kernel and comes back (producers, and orderings that features demand, are edges);
* both are needed under the same lazy conditions;
* what a kernel destroys it reads only at the index that it writes, under no other name;
* the limits of the language are kept.

View ops at the rim of a kernel stay views: they cost nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from attrs import frozen

from tcore.codegen.assemble import Group, assemble
from tcore.codegen.drafts import Draft, Limits, storage
from tcore.codegen.expr import Axis
from tcore.codegen.facts import NodeFacts, is_unit, lower_all
from tcore.codegen.kernel import affine
from tcore.codegen.lowering import LoweringTable

__all__ = ["Group", "Grouping", "Limits", "group"]


@frozen(eq=False)
class Grouping:
    """The result: kernels and other Applies in an order of execution.

    ``steps`` holds :class:`Group` and Apply objects; ``reasons`` says, for Applies without a lowering,
    why there is none.
    """

    steps: tuple[Any, ...]
    reasons: Mapping[Any, str]


def group(
    nodes: Sequence[Any],
    outputs: Iterable[Any],
    table: LoweringTable,
    *,
    limits: Limits | None = None,
    granularity: Literal["node", "segment"] = "segment",
    orderings: Mapping[Any, Sequence[Any]] | None = None,
    lazy_inputs: Callable[[Any], Iterable[int]] | None = None,
    keep: Callable[[Any], bool] | None = None,
) -> Grouping:
    """Group nodes, given in a legal order, into kernels.

    Parameters
    ----------
    nodes : sequence of Apply
        All nodes of the graph (``fgraph.toposort()``).
    outputs : iterable of Variable
        What must be stored besides what ungrouped nodes read.
    table : LoweringTable
        Lowerings that take part.
    limits : Limits, optional
        Of the language that the kernels are for.
    granularity : str
        ``"node"`` makes one kernel per Apply.
    orderings : mapping from Apply to the Applies that must run before it, optional
    lazy_inputs : callable, optional
        Positions of the inputs that an Apply may leave uncomputed.
    keep : callable, optional
        Says of an Apply whether it stays out of kernels although it has a lowering.
    """
    grouper = _Grouper(list(nodes), set(outputs), table, limits or Limits(), orderings or {})
    grouper.prepare(lazy_inputs or _no_lazy_inputs, keep or _keep_none)
    if granularity == "segment":
        grouper.run()
    return Grouping(tuple(grouper.steps()), grouper.reasons)


def _no_lazy_inputs(node: Any) -> Iterable[int]:
    return getattr(node.op, "lazy_inputs", ())


def _keep_none(node: Any) -> bool:
    return False


class _Grouper:
    def __init__(
        self,
        nodes: list[Any],
        outputs: set[Any],
        table: LoweringTable,
        limits: Limits,
        orderings: Mapping[Any, Sequence[Any]],
    ) -> None:
        self.nodes, self.outputs, self.table, self.limits, self.orderings = nodes, outputs, table, limits, orderings
        self.place = {node: k for k, node in enumerate(nodes)}
        self.storage = storage(nodes)
        self.clients: dict[Any, list[Any]] = {}
        for node in nodes:
            for variable in dict.fromkeys(node.inputs):
                self.clients.setdefault(variable, []).append(node)
        self.facts: dict[Any, NodeFacts] = {}
        self.reasons: dict[Any, str] = {}
        self.draft_of: dict[Any, Draft] = {}
        self.live: dict[int, Draft] = {}
        self.now = -1
        # Views that a kernel also computes by itself, by the kernel: it does not wait for them.
        self.hidden: dict[int, list[Any]] = {}
        self.same: dict[Axis, Axis] = {}

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

    # -- preparation

    def prepare(self, lazy_inputs: Callable[[Any], Iterable[int]], keep: Callable[[Any], bool]) -> None:
        """Lower every node and give it a draft of its own."""
        self.facts, self.reasons = lower_all([n for n in self.nodes if not keep(n)], self.table)
        conditions = self._conditions(lazy_inputs)
        for number, node in enumerate(self.nodes):
            facts = self.facts.get(node)
            draft = Draft(
                number,
                [facts] if facts else [],
                facts.outer if facts else (),
                facts.inner if facts else (),
                facts.border if facts else True,
                conditions[node],
                facts.operations if facts else 0,
                facts.calls if facts else 0,
                1 << number,
            )
            if facts:
                draft.operands = {node.inputs[k] for k in facts.loads}
            self.draft_of[node] = draft

    def _before(self, node: Any) -> int:
        before = 0
        for other in (*(v.owner for v in node.inputs if v.owner is not None), *self.orderings.get(node, ())):
            draft = self.draft_of.get(other)
            if draft is not None:
                before |= draft.bits | draft.before
        return before

    def _conditions(self, lazy_inputs: Callable[[Any], Iterable[int]]) -> dict[Any, frozenset[Any]]:
        """For each node the lazy inputs through which alone it is needed; empty where it always is."""
        lazy = {node: frozenset(lazy_inputs(node)) for node in self.nodes}
        if not any(lazy.values()):
            always: frozenset[Any] = frozenset()
            return dict.fromkeys(self.nodes, always)
        strict = {v.owner for v in self.outputs if v.owner is not None}
        needed: dict[Any, set[Any]] = {node: set() for node in self.nodes}
        for node in reversed(self.nodes):
            for position, variable in enumerate(node.inputs):
                owner = variable.owner
                if owner not in needed:
                    continue
                if position in lazy[node]:
                    needed[owner].add((node, position))
                elif node in strict:
                    strict.add(owner)
                else:
                    needed[owner] |= needed[node]
        return {node: frozenset() if node in strict else frozenset(needed[node]) for node in self.nodes}

    # -- merging

    def run(self) -> None:
        """Let every node take in the drafts that it can."""
        for node in self.nodes:
            self.now += 1
            draft = self.draft_of[node]
            draft.before = self._before(node)
            self.live[draft.number] = draft
            facts = self.facts.get(node)
            if facts is None:
                continue
            tried: set[int] = set()
            while True:
                mine = self.draft_of[node]
                producers = {
                    draft.number: draft
                    for k in facts.loads
                    if (owner := node.inputs[k].owner) in self.facts and (draft := self.draft_of[owner]) is not mine
                }
                left = [number for number in producers if number not in tried]
                if not left:
                    break
                number = max(left)
                tried.add(number)
                self._try(producers[number], mine)

    def _try(self, first: Draft, second: Draft) -> bool:
        if first.border or first.condition != second.condition or not self._fits(first, second):
            return False
        if not self._convex(first, second):
            return False
        reads = self._reads(first, second)
        if reads is None or self._needs_value(first, second) or not self._destroys_safely(first, second):
            return False
        if not second.border and (space := self._unify(first, second, reads)) is not None:
            self._join(first, second, space, inline=False)
            return True
        if self._can_inline(first, second, reads):
            self._join(first, second, (second.outer, second.inner), inline=True)
            return True
        return False

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
        # An ordering between members says more than data flow does: keep such nodes apart.
        members = {facts.node for facts in first.nodes}
        return not any(
            other in members and not any(v.owner is other for v in facts.node.inputs)
            for facts in second.nodes
            for other in self.orderings.get(facts.node, ())
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

    def _axes_of(self, variable: Any) -> tuple[Axis | None, ...] | None:
        axes = self.facts[variable.owner].produced.get(variable.index)
        return None if axes is None else tuple(None if a is None else self.find(a) for a in axes)

    def _unify(
        self, first: Draft, second: Draft, reads: list[tuple[Any, tuple[Any, ...], NodeFacts]]
    ) -> tuple[tuple[Axis, ...], tuple[Axis, ...]] | None:
        """The common iteration space, with ``first``'s axes made one with ``second``'s; None if there is none."""
        pairs: dict[Axis, Axis] = {}
        back: dict[Axis, Axis] = {}

        def bind(left: Axis, right: Axis) -> bool:
            return pairs.setdefault(left, right) is right and back.setdefault(right, left) is left

        for variable, index, _ in reads:
            made_at = self._axes_of(variable)
            if made_at is None:
                return None
            for axis, item in zip(made_at, index, strict=True):
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
        made_at = self._axes_of(variable)
        if made_at is None:
            return False
        moved: list[Axis] = []
        for axis, item in zip(made_at, index, strict=True):
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
            for sources in (getattr(facts.node.op, "destroy_map", None) or {}).values():
                for k in sources:
                    variable = facts.node.inputs[k]
                    if variable in made and self.facts[variable.owner].view:
                        return False
                    if variable in made:
                        continue  # the memory is the kernel's own: a fresh output takes its place
                    if destroyed.setdefault(self.storage.get(variable, variable), variable) is not variable:
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

    def _join(
        self, first: Draft, second: Draft, space: tuple[tuple[Axis, ...], tuple[Axis, ...]], *, inline: bool
    ) -> None:
        if inline:
            second.inlined.update(facts.node for facts in first.nodes)
        second.inlined |= first.inlined
        second.nodes = sorted([*first.nodes, *second.nodes], key=lambda facts: self.place[facts.node])
        second.outer, second.inner = space
        second.operations += first.operations
        second.calls += first.calls
        second.bits |= first.bits
        second.before = (second.before | first.before) & ~second.bits
        made = {v for facts in second.nodes for v in facts.node.outputs}
        second.operands = (first.operands | second.operands) - made
        for facts in first.nodes:
            self.draft_of[facts.node] = second
        del self.live[first.number]
        # Drafts made from these meanwhile come after all that these now come after.
        if any(
            self.place[c] <= self.now and self.draft_of[c] is not second
            for facts in second.nodes
            for v in facts.node.outputs
            for c in self.clients.get(v, ())
        ):
            gained = second.before | second.bits
            for draft in self.live.values():
                if draft is not second and draft.before & second.bits:
                    draft.before |= gained

    # -- results

    def steps(self) -> list[Any]:
        """Groups and Applies in an order of execution."""
        units: dict[Any, Any] = {}
        for draft in {id(self.draft_of[node]): self.draft_of[node] for node in self.nodes}.values():
            for step in self._emit(draft):
                for node in step.nodes if isinstance(step, Group) else (step,):
                    units[node] = step
        return self._ordered(units)

    def _emit(self, draft: Draft) -> list[Any]:
        if not draft.nodes:
            return [self.nodes[draft.number]]
        members, before, after = self._peel(draft)
        steps: list[Any] = [*before]
        if members:
            emitted = {facts.node for facts in members}
            stored = [
                variable
                for facts in members
                for variable in facts.node.outputs
                if variable in self.outputs
                or any(c not in emitted for c in self.clients.get(variable, ()))
                or not self.clients.get(variable)
            ]
            hidden = [facts for facts in draft.nodes if facts.node in after]
            made = assemble(members, hidden, draft.outer, draft.inner, draft.inlined, stored, self.find)
            self.hidden[id(made)] = [facts.node for facts in hidden]
            steps.append(made)
        return steps + after

    def _peel(self, draft: Draft) -> tuple[list[NodeFacts], list[Any], list[Any]]:
        """Members without the views at the rim: those of operands, and those that show an output."""
        members = list(draft.nodes)
        if len(members) == 1 and members[0].view:
            return [], [members[0].node], []
        made = {v for facts in members for v in facts.node.outputs}
        before: list[Any] = []
        for facts in list(members):
            if facts.view and not any(v in made for v in facts.node.inputs):
                before.append(facts.node)
                members.remove(facts)
                made.difference_update(facts.node.outputs)
        after: list[Any] = []
        for facts in reversed(list(members)):
            inside = {other.node for other in members}
            if facts.view and any(
                v in self.outputs or any(c not in inside for c in self.clients.get(v, ())) for v in facts.node.outputs
            ):
                after.insert(0, facts.node)
                members.remove(facts)
        return members, before, after

    def _ordered(self, units: dict[Any, Any]) -> list[Any]:
        """Steps such that producers and ordered nodes come first."""
        done: dict[int, Any] = {}
        for root in self.nodes:
            stack = [(units[root], iter(self._needs(units[root])))]
            open_: set[int] = {id(units[root])}
            if id(units[root]) in done:
                continue
            while stack:
                step, rest = stack[-1]
                for node in rest:
                    if node in units and id(needed := units[node]) not in done:
                        assert id(needed) not in open_, "kernel groups form a cycle"
                        open_.add(id(needed))
                        stack.append((needed, iter(self._needs(needed))))
                        break
                else:
                    stack.pop()
                    open_.discard(id(step))
                    done[id(step)] = step
        return list(done.values())

    def _needs(self, step: Any) -> list[Any]:
        members = (*step.nodes, *self.hidden[id(step)]) if isinstance(step, Group) else (step,)
        inside = set(members)
        return [
            other
            for node in members
            for other in (*(v.owner for v in node.inputs if v.owner is not None), *self.orderings.get(node, ()))
            if other not in inside
        ]
