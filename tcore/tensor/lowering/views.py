"""Lowerings of views: index arithmetic, no memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from tcore.codegen.building import cast, select
from tcore.codegen.expr import Const, Expr, Fn, const, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import NotLowered, Operand, Target, lowers
from tcore.codegen.stages import Demand, Map
from tcore.tensor.diagonals import ExtractDiag
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar
from tcore.tensor.subtensor import Subtensor

__all__ = ["LOWERINGS", "basic_index", "fits", "part", "slice_parts"]


@lowers(DimShuffle)
def lower_dimshuffle(op: Any, out: Target, x: Operand) -> Map:
    """``out[i, 0, j] = x[j, i]`` for the order (1, "x", 0)."""
    order = op.new_order
    axes = out.over(index_const(1) if source == "x" else x.shape[source] for source in order)
    index: list[Expr] = [index_const(0)] * x.ndim
    for axis, source in zip(axes, order, strict=True):
        if source != "x":
            index[source] = axis
    return Map((out.buffer,), axes, (x[index],))


@lowers(Rebroadcast)
def lower_rebroadcast(op: Any, out: Target, x: Operand) -> Map:
    """The input itself, for marks that are taken away; a new mark has a length to check, which the op does."""
    if any(mark for _, mark in op.axis):
        raise NotLowered("the length of an axis that gets a broadcast mark is checked by the op")
    axes = out.over(x.shape)
    return Map((out.buffer,), axes, (x[axes],))


@lowers(TensorFromScalar, ScalarFromTensor)
def lower_scalar_conversion(op: Any, out: Target, x: Operand) -> Map:
    """The value itself."""
    return Map((out.buffer,), (), (x.scalar(),))


@lowers(Subtensor)
def lower_subtensor(op: Any, out: Target, x: Operand, *numbers: Operand) -> Map:
    """``out[i] = x[start + i * step]``; numbers are checked against their axis."""
    index, lengths = basic_index(op.idx_list, x.shape, numbers)
    axes = out.over(lengths)
    left = iter(axes)
    place = [make(next(left)) if keeps else make(index_const(0)) for keeps, make in index]
    return Map((out.buffer,), axes, (x[place],))


def basic_index(
    idx_list: tuple[Any, ...], shape: tuple[Expr, ...], numbers: tuple[Operand, ...]
) -> tuple[list[tuple[bool, Any]], list[Expr]]:
    """A basic index in the loop IR.

    Returns
    -------
    (index, lengths)
        For each axis of the array, whether it stays in the result and a function from the index there to
        the index of the array; the lengths of the axes that stay.
    """
    values = iter(numbers)

    def number(kind: Any) -> Expr | None:
        return None if kind is None else cast(next(values).scalar(), "int64")

    index: list[tuple[bool, Any]] = []
    lengths: list[Expr] = []
    for axis, length in enumerate(shape):
        entry = idx_list[axis] if axis < len(idx_list) else slice(None)
        if isinstance(entry, slice):
            start, step, count = slice_parts(number(entry.start), number(entry.stop), number(entry.step), length)
            index.append((True, partial(part, start=start, step=step, whole=count is length)))
            lengths.append(count)
        else:
            place = Fn("bounded", (number(entry), length), "int64")  # type: ignore[arg-type]
            index.append((False, lambda i, place=place: place))
    return index, lengths


def fits(value: Operand, lengths: Sequence[Expr]) -> list[Demand]:
    """What must hold for ``value`` to fill a place of ``lengths``: equal ones, counted from the right, where it does not stretch."""
    conditions = [
        apply_function("eq", (own, wanted), "bool")
        for own, wanted, stretches in zip(value.shape, lengths[len(lengths) - value.ndim :], value.broadcastable, strict=True)
        if not stretches and own is not wanted
    ]
    return [Demand(tuple(conditions))] if conditions else []


def part(axis: Expr, *, start: Expr, step: int, whole: bool) -> Expr:
    """The index ``start + axis * step``.

    Where only a part of the array is taken it is never the bare axis, which would say that the lengths are equal.
    """
    index = start + axis * step
    return Fn("add", (axis, index_const(0)), "int64") if index is axis and not whole else index


def slice_parts(
    start: Expr | None, stop: Expr | None, step: Expr | None, length: Expr
) -> tuple[Expr, int, Expr]:
    """First index, step and number of elements of a slice of an axis of ``length``, by Python's rules.

    Raises
    ------
    NotLowered
        If the sign of the step is not known.
    """
    if step is not None and not isinstance(step, Const):
        raise NotLowered("a slice with a symbolic step")
    stride = 1 if step is None else int(step.value)
    low, high = (index_const(0), length) if stride > 0 else (index_const(-1), length - 1)
    begin, end = (low, high) if stride > 0 else (high, low)
    first = begin if start is None else _clipped(start, low, high, length)
    last = end if stop is None else _clipped(stop, low, high, length)
    if first is begin and last is end and abs(stride) == 1:
        return first, stride, length
    span = last - first if stride > 0 else first - last
    span = _extreme("maximum", span, index_const(0))
    if abs(stride) > 1:
        span = Fn("floor_div", (span + (abs(stride) - 1), index_const(abs(stride))), "int64")
    return first, stride, span


def _clipped(bound: Expr, low: Expr, high: Expr, length: Expr) -> Expr:
    """A bound, counted from the end where negative, within [low, high]."""
    if isinstance(bound, Const):
        if bound.value >= 0:
            return low if bound.value == 0 and low.__class__ is Const and low.value == 0 else _extreme("minimum", bound, high)  # type: ignore[attr-defined]
        return _extreme("maximum", length + bound, low)
    negative = Fn("lt", (bound, const(0, "int64")), "bool")
    return select(negative, _extreme("maximum", bound + length, low), _extreme("minimum", bound, high))


def _extreme(name: str, left: Expr, right: Expr) -> Expr:
    return Fn(name, (left, right), "int64")


@lowers(ExtractDiag)
def lower_extract_diag(op: Any, out: Target, x: Operand) -> Map:
    """``out[…, i] = x[…, i + above, …, i + left, …]``."""
    first, second = op.axis1 % x.ndim, op.axis2 % x.ndim
    above, left = max(-op.offset, 0), max(op.offset, 0)
    rows, columns = x.shape[first] - above, x.shape[second] - left
    length = _extreme("maximum", _extreme("minimum", rows, columns), index_const(0))
    *kept, along = axes = out.over([*(n for axis, n in enumerate(x.shape) if axis not in (first, second)), length])
    rest = iter(kept)
    starts = {first: above, second: left}
    place = [
        part(along, start=index_const(starts[axis]), step=1, whole=False) if axis in starts else next(rest) for axis in range(x.ndim)
    ]
    return Map((out.buffer,), axes, (x[place],))


LOWERINGS = (lower_extract_diag, lower_dimshuffle, lower_rebroadcast, lower_scalar_conversion, lower_subtensor)
