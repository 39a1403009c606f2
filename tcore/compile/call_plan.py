"""What every call of a function does with which input and output, worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant
from tcore.link import Container
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.compile.function_module import Function

__all__ = ["CallPlan", "plan_calls"]


@frozen(eq=False)
class CallPlan:
    """Positions of inputs, unless said otherwise.

    Attributes
    ----------
    explicit : list of int
        Inputs that callers give.
    required : list of int
        Those of them without a value of their own.
    updated : list of int
        Inputs that get a new value at the end of a call, in the order of the outputs that follow the function's.
    destroyed : frozenset of int
        Inputs whose memory a call overwrites.
    foreign : list of bool
        For each input, whether its container came from outside: a shared variable's, or one given as the value of an In.
    lasting : list of bool
        For each input, whether its value outlives a call.
    sticky : frozenset of int
        Inputs whose value callers may give, and which keep it for the next call.
    at_risk : list of int
        Inputs that live on and are overwritten: what a failing call may leave half done.
    refed : list of (int, value)
        Inputs that get this value back after each call.
    emptied : list of int
        Outputs whose cells are emptied after a call: the caller has their values now.
    locks : tuple of (lock, bool)
        Locks of the lasting values in the order in which they are taken, with whether the call writes.
    constants : list
        Values that a call must not overwrite by way of an input that shares their memory.
    """

    explicit: list[int]
    required: list[int]
    updated: list[int]
    destroyed: frozenset[int]
    foreign: list[bool]
    lasting: list[bool]
    sticky: frozenset[int]
    at_risk: list[int]
    refed: list[tuple[int, Any]]
    emptied: list[int]
    locks: tuple[Any, ...]
    constants: list[Any]


def plan_calls(function: Function, defaults: Sequence[tuple[bool, bool, Any]]) -> CallPlan:
    """The plan of a function whose inputs have these ``defaults``: (whether a caller must give it, whether it is refed, value)."""
    maker, entries = function.maker, function.indices
    updated = set(maker.updated_inputs)
    destroyed: frozenset[int] = maker.destroyed_positions()
    foreign = [isinstance(value, Container) for _, _, value in defaults]
    lasting = [entry.implicit or position in updated or foreign[position] for position, entry in enumerate(entries)]
    explicit = [position for position, entry in enumerate(entries) if not entry.implicit]
    sticky = frozenset(position for position in explicit if lasting[position])
    input_cells = {id(container.storage) for container in function.input_storage}
    return CallPlan(
        explicit=explicit,
        required=[position for position, (required, _, _) in enumerate(defaults) if required],
        updated=maker.updated_inputs,
        destroyed=destroyed,
        foreign=foreign,
        lasting=lasting,
        sticky=sticky,
        at_risk=sorted(position for position in destroyed if lasting[position]),
        refed=[(position, value) for position, (_, refeed, value) in enumerate(defaults) if refeed],
        emptied=[
            position
            for position, container in enumerate(function.output_storage)
            if id(container.storage) not in input_cells
            and (position >= len(function.outputs) or not function.outputs[position].borrow)
        ],
        locks=_locks(function.input_storage, lasting, updated | destroyed | sticky),
        constants=[variable.data for variable in maker.fgraph.variables if isinstance(variable, Constant)] if destroyed else [],
    )


def _locks(containers: Sequence[Container], lasting: Sequence[bool], writes: set[int]) -> tuple[Any, ...]:
    found = {
        container.lock.number: (container.lock, position in writes)
        for position, (container, lasts) in enumerate(zip(containers, lasting, strict=True))
        if lasts
    }
    return tuple(found[number] for number in sorted(found))
