"""Parts of a lazy graph that are needed together: each becomes one native program.

Nodes are in one region if they are needed under the same conditions and have as many lazy nodes before them: then no path
leaves a region and comes back to it, and each lazy node stands between regions. A node that overwrites what is read under
other conditions counts as one deeper: what it overwrites then enters its region, which can get a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tcore.codegen.demand import conditions
from tcore.graph import Constant
from tcore.graph.laziness import is_lazy
from tcore.records import frozen

__all__ = ["Region", "split"]


@frozen(eq=False)
class Region:
    """Nodes in a legal order, what they read from elsewhere, and what others read; ``lazy``: one lazy node by itself.

    ``before``: numbers of the regions whose nodes must have run, since this one overwrites what they read. ``copied``:
    positions of inputs that it gets copies of, since it overwrites what is read under other conditions, by nodes that may
    never be needed, or be needed later.
    """

    nodes: tuple[Any, ...]
    inputs: tuple[Any, ...]
    outputs: tuple[Any, ...]
    lazy: bool
    before: tuple[int, ...] = ()
    copied: tuple[int, ...] = ()

    def orderings(self, orderings: Mapping[Any, Sequence[Any]]) -> dict[Any, list[Any]]:
        """What must run before what, among its own nodes."""
        own = set(self.nodes)
        return {node: [other for other in orderings.get(node, ()) if other in own] for node in self.nodes if node in orderings}


def split(order: Sequence[Any], outputs: Sequence[Any], orderings: Mapping[Any, Sequence[Any]]) -> list[Region] | None:
    """The regions of a graph, whose nodes are in a legal ``order``; None where in-place work would make them wait for each other."""
    needed = conditions(order, outputs)
    depth: dict[Any, int] = {}
    keys: dict[Any, list[Any]] = {}
    for node in order:
        depth[node] = max((depth[owner] + is_lazy(owner) for v in node.inputs if (owner := v.owner) in depth), default=0)
        depth[node] = max([depth[node], *(_behind(node, other, depth, needed) for other in orderings.get(node, ()) if other in depth)])
        keys.setdefault(node if is_lazy(node) else (needed[node], depth[node]), []).append(node)
    groups = list(keys.values())
    number = {node: k for k, group in enumerate(groups) for node in group}
    before: list[dict[int, None]] = [{} for _ in groups]
    copies: dict[Any, None] = {}
    for node in order:
        for other in orderings.get(node, ()):
            if other not in number or number[other] == number[node]:
                continue
            if is_lazy(node) or not needed[other] or needed[other] == needed[node]:
                before[number[node]][number[other]] = None
            else:
                copies[node] = None
    if _waits_for_itself(groups, number, before):
        return None
    wanted = set(outputs)
    readers: dict[Any, set[int]] = {}
    for node in order:
        for variable in node.inputs:
            readers.setdefault(variable, set()).add(number[node])
    regions = []
    for k, group in enumerate(groups):
        inputs = tuple(dict.fromkeys(v for node in group for v in node.inputs if not isinstance(v, Constant) and number.get(v.owner) != k))
        outputs_ = tuple(v for node in group for v in node.outputs if v in wanted or readers.get(v, set()) - {k})
        entered = {v for node in group if node in copies for v in _overwritten_inputs(node, set(group))}
        copied = tuple(place for place, v in enumerate(inputs) if v in entered)
        regions.append(Region(tuple(group), inputs, outputs_, is_lazy(group[0]), tuple(before[k]), copied))
    return regions


def _behind(node: Any, other: Any, depth: Mapping[Any, int], needed: Mapping[Any, Any]) -> int:
    """How deep a node is at the least that overwrites what ``other`` reads: apart from the nodes that made it, if others may need it later."""
    return depth[other] + is_lazy(other) if needed[other] == needed[node] else depth[node] + 1


def _overwritten_inputs(node: Any, own: set[Any]) -> set[Any]:
    """What a node overwrites that was made by none of ``own``, the nodes of its region."""
    found, pending = set(), [node.inputs[i] for inputs in node.op.destroy_map.values() for i in inputs]
    while pending:
        variable = pending.pop()
        if variable.owner not in own:
            found.add(variable)
            continue
        op, place = variable.owner.op, variable.index
        shown = {*(getattr(op, "view_map", None) or {}).get(place, ()), *(getattr(op, "destroy_map", None) or {}).get(place, ())}
        pending += [variable.owner.inputs[i] for i in shown]
    return found


def _waits_for_itself(groups: Sequence[Sequence[Any]], number: Mapping[Any, int], before: Sequence[Iterable[int]]) -> bool:
    """Whether the regions have no legal order."""
    after: list[set[int]] = [set() for _ in groups]
    waits = [0] * len(groups)
    for k, group in enumerate(groups):
        producers = {number[v.owner] for node in group for v in node.inputs if v.owner in number} - {k}
        for other in producers | set(before[k]):
            after[other].add(k)
            waits[k] += 1
    ready = [k for k, count in enumerate(waits) if not count]
    done = 0
    while ready:
        done += 1
        for other in after[ready.pop()]:
            waits[other] -= 1
            if not waits[other]:
                ready.append(other)
    return done < len(groups)
