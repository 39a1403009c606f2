"""The order of steps: what gives memory back without taking as much runs as soon as it can.

An update of parameters in place, for example, is the last to read the gradient: run at once, its memory serves the next
gradient. Sizes are not known, so that numbers of dimensions stand for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field

from tcore.records import define
from tcore_cpu.programs.memory import Memory, members

__all__ = ["in_frugal_order"]


@define(eq=False)
class _Step:
    """A step, the steps that it waits for, and the memory that it touches."""

    number: int
    step: Any
    waits: int = 0
    followers: list[_Step] = field(factory=list)
    roots: list[Any] = field(factory=list)
    made: int = -1  # the most dimensions of what it makes
    view: bool = False
    fixed: bool = False
    done: bool = False


def in_frugal_order(steps: Sequence[Any], orderings: Mapping[Any, Sequence[Any]], memory: Memory) -> list[Any]:
    """The same steps in a legal order in which as little memory as possible waits for its last reader.

    Steps in Python keep their places, and nothing that overwrites an input runs before one that it stood behind: where that fails, the
    input has its old value.
    """
    known = _linked([_described(number, step, memory) for number, step in enumerate(steps)], orderings)
    in_python = any(each.fixed for each in known)
    readers: dict[Any, dict[int, _Step]] = {}
    for each in known:
        for root in each.roots:
            readers.setdefault(root, {})[each.number] = each
    order: list[Any] = []

    def pays(each: _Step) -> bool:
        if each.done or each.waits or each.fixed or (in_python and any(v in memory.destroyed for v in each.roots)):
            return False
        freed = [root.type.ndim for root in each.roots if len(readers[root]) == 1 and _goes(root, memory)]
        return each.view or max(freed, default=-1) > each.made

    for first in known:
        waiting = [] if first.done else [first]
        while waiting:
            current = waiting.pop()
            if current.done or (current is not first and not pays(current)):
                continue
            current.done = True
            order.append(current.step)
            for follower in current.followers:
                follower.waits -= 1
            alone: list[_Step] = []
            for root in current.roots:
                del readers[root][current.number]
                if len(readers[root]) == 1:
                    alone += readers[root].values()
            waiting += sorted({*current.followers, *alone}, key=lambda each: -each.number)
    return order


def _described(number: int, step: Any, memory: Memory) -> _Step:
    nodes = members(step)
    outputs = [variable for node in nodes for variable in node.outputs]
    touched = dict.fromkeys(memory.root(v) for node in nodes for v in (*node.inputs, *node.outputs))
    own = [getattr(variable.type, "ndim", 0) for variable in outputs if memory.root(variable) is variable]
    native = len(nodes) > 1 or step is not nodes[0] or not memory.may_be_called(step)
    view = native and not own and not any(getattr(node.op, "destroy_map", None) for node in nodes)
    return _Step(number, step, roots=list(touched), made=max(own, default=-1), view=view, fixed=not native)


def _linked(known: list[_Step], orderings: Mapping[Any, Sequence[Any]]) -> list[_Step]:
    """Who waits for whom."""
    of = {node: each for each in known for node in members(each.step)}
    for each in known:
        nodes = members(each.step)
        before = {of[v.owner].number for node in nodes for v in node.inputs if v.owner in of}
        before |= {of[other].number for node in nodes for other in orderings.get(node, ()) if other in of}
        before.discard(each.number)
        each.waits = len(before)
        for number in before:
            known[number].followers.append(each)
    return known


def _goes(root: Any, memory: Memory) -> bool:
    """Whether memory goes back when nobody reads a value any more."""
    return root.owner is not None and root not in memory.returned and hasattr(root.type, "ndim")
