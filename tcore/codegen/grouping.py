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
* nodes whose work shows (``Op.in_sequence``: they print) stay in the order of the graph;
* the limits of the language are kept.

View ops at the rim of a kernel stay views: they cost nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from tcore.codegen import demand
from tcore.codegen.assemble import assemble
from tcore.codegen.drafts import Draft, Limits
from tcore.codegen.facts import NodeFacts, lower_all
from tcore.codegen.group import Group
from tcore.codegen.lowering import LoweringTable
from tcore.codegen.merging import Merging, Space
from tcore.graph import laziness
from tcore.records import frozen

__all__ = ["Grouping", "Limits", "group"]


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
    lazy_inputs: Callable[[Any], Collection[int]] | None = None,
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
    grouper = _Grouper(list(nodes), set(outputs), table, limits or Limits(), _in_sequence(nodes, orderings or {}))
    grouper.prepare(lazy_inputs or laziness.lazy_inputs, keep or _keep_none)
    if granularity == "segment":
        grouper.run()
    return Grouping(tuple(grouper.steps()), grouper.reasons)


def _in_sequence(nodes: Sequence[Any], orderings: Mapping[Any, Sequence[Any]]) -> Mapping[Any, Sequence[Any]]:
    """``orderings``, and each node whose work shows after the one before it."""
    shown = [node for node in nodes if node.op.in_sequence]
    return {**orderings, **{node: (*orderings.get(node, ()), before) for before, node in pairwise(shown)}} if len(shown) > 1 else orderings


def _keep_none(node: Any) -> bool:
    return False


class _Grouper(Merging):
    def __init__(
        self,
        nodes: list[Any],
        outputs: set[Any],
        table: LoweringTable,
        limits: Limits,
        orderings: Mapping[Any, Sequence[Any]],
    ) -> None:
        super().__init__(nodes, outputs, limits, orderings)
        self.table = table
        self.place = {node: k for k, node in enumerate(nodes)}
        self.reasons: dict[Any, str] = {}
        self.live: dict[int, Draft] = {}
        self.now = -1
        # Views that a kernel also computes by itself, by the kernel: it does not wait for them.
        self.hidden: dict[int, list[Any]] = {}

    # -- preparation

    def prepare(self, lazy: Callable[[Any], Collection[int]], keep: Callable[[Any], bool]) -> None:
        """Lower every node and give it a draft of its own."""
        self.facts, self.reasons = lower_all([n for n in self.nodes if not keep(n)], self.table)
        needed = demand.conditions(self.nodes, list(self.outputs), lazy)
        for number, node in enumerate(self.nodes):
            facts = self.facts.get(node)
            draft = Draft(
                number,
                [facts] if facts else [],
                facts.outer if facts else (),
                facts.inner if facts else (),
                facts.border if facts else True,
                needed[node],
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
                # What works in place may overwrite nothing any more, once its readers are here: its operands have another chance.
                readers = [facts, *(each for each in mine.nodes if each is not facts and getattr(each.node.op, "destroy_map", None))]
                producers = {
                    draft.number: draft
                    for each in readers
                    for k in each.loads
                    if (owner := each.node.inputs[k].owner) in self.facts and (draft := self.draft_of[owner]) is not mine
                }
                left = [number for number in producers if number not in tried]
                if not left:
                    break
                number = max(left)
                tried.add(number)
                if (found := self.joint(producers[number], mine)) is not None:
                    self._join(producers[number], mine, *found)

    def _join(self, first: Draft, second: Draft, space: Space, inline: bool) -> None:
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
        """Members without the views at the rim: those of operands, and those that show an output.

        A view of something that is computed at the view's own index stays: the kernel stores what it shows.
        """
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
            if facts.view and not any(v.owner in draft.inlined for v in facts.node.inputs) and any(
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
