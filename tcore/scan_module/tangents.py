"""Derivatives of loops in a direction: the same loop, which computes them beside the values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from tcore.gradient import Rop
from tcore.gradient.connection import is_disconnected
from tcore.graph import Variable
from tcore.scan_module.inner import is_float
from tcore.scan_module.parts import Mitmot, Nitsot, NonSequence, Parts, SequencePart, State
from tcore.tensor.alloc import zeros_like
from tcore.tensor.math import cast
from tcore.tensor.rebroadcast import patternbroadcast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.scan_module.op import Scan

__all__ = ["directional_derivatives"]


def directional_derivatives(op: Scan, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
    """As ``R_op`` gives them."""
    loop = Parts.of(op, inputs)
    points = op.layout.outer_inputs([None if p is None or is_disconnected(p) else p for p in eval_points])
    directions: dict[Any, Any] = {}  # record -> the direction of its outer input
    groups: list[tuple[list[Any], list[Any]]] = [
        (loop.seqs, points.seqs), (loop.mitmots, points.mitmots), (loop.states, points.states), (loop.non_seqs, points.non_seqs)
    ]  # fmt: skip
    for records, group in groups:
        directions.update({record: _like(p, record.outer) for record, p in zip(records, group, strict=True) if p is not None and is_float(record.outer)})
    tangent_of: dict[Variable, Variable] = {}  # inner variable -> its derivative within a step
    for record in directions:
        tangent_of.update(_seeds(record))
    while True:  # states that others flow into have a direction after the first step
        found = _in_step(loop, tangent_of)
        fresh = [r for r in loop.fed_back() if r not in directions and any(found.get(out) is not None for out in _outs(r))]
        if not fresh:
            break
        for record in fresh:
            directions[record] = zeros_like(record.outer)
            tangent_of.update(_seeds(record))
    return _results(op, loop, directions, tangent_of, found)


def _outs(record: Any) -> list[Variable]:
    return record.outs if isinstance(record, Mitmot) else [record.out]


def _seeds(record: Any) -> dict[Variable, Variable]:
    inners = record.inners if isinstance(record, (Mitmot, State)) else [record.inner]
    return {inner: inner.type() for inner in inners}


def _like(tangent: Any, variable: Any) -> Any:
    if tangent.type.dtype != variable.type.dtype:
        tangent = cast(tangent, variable.type.dtype)
    if tangent.type.broadcastable != variable.type.broadcastable:
        tangent = patternbroadcast(tangent, variable.type.broadcastable)
    return tangent


def _in_step(loop: Parts, tangent_of: dict[Variable, Variable]) -> dict[Variable, Variable]:
    """The derivatives of the inner outputs that have one."""
    outs = [out for record in loop.with_output() for out in _outs(record) if is_float(out)]
    if not outs or not tangent_of:
        return {}
    tangents = Rop(outs, list(tangent_of), list(tangent_of.values()), disconnected_outputs="ignore", return_disconnected="None")
    return {out: _like(tangent, out) for out, tangent in zip(outs, tangents, strict=True) if tangent is not None and hasattr(tangent.type, "dtype")}


def _results(op: Scan, loop: Parts, directions: dict[Any, Any], tangent_of: dict[Variable, Variable], found: dict[Variable, Variable]) -> list[Any]:
    twins: dict[Any, Any] = {}  # record -> that of its derivative

    def tangent(out: Any) -> Variable:
        return found[out] if out in found else zeros_like(out)

    joint = evolve(loop, seqs=list(loop.seqs), mitmots=list(loop.mitmots), states=list(loop.states), nitsots=list(loop.nitsots), non_seqs=list(loop.non_seqs))
    for record, direction in directions.items():
        if isinstance(record, SequencePart):
            joint.seqs.append(SequencePart(direction, tangent_of[record.inner]))
        elif isinstance(record, NonSequence):
            joint.non_seqs.append(NonSequence(direction, tangent_of[record.inner]))
        elif isinstance(record, Mitmot):
            twins[record] = Mitmot(direction, record.taps, [tangent_of[v] for v in record.inners], record.out_taps, [tangent(v) for v in record.outs])
            joint.mitmots.append(twins[record])
        else:
            twins[record] = State(direction, record.taps, [tangent_of[v] for v in record.inners], tangent(record.out), record.keep)
            joint.states.append(twins[record])
    for record in loop.nitsots:
        if record.out in found:
            twins[record] = Nitsot(found[record.out], record.keep)
            joint.nitsots.append(twins[record])
    results: list[Any] = [None] * op.layout.n_outer_outputs
    if not twins:
        return results
    built = joint.build()
    values = dict(zip((*joint.mitmots, *joint.states, *joint.nitsots), (*built.mitmots, *built.states, *built.nitsots), strict=True))
    for position, record in enumerate((*loop.mitmots, *loop.states, *loop.nitsots)):
        if record in twins:
            results[position] = values[twins[record]]
    return results
