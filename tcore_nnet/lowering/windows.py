"""Windows in the loop IR: lengths, places, and elements that lie outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tcore.codegen.building import select
from tcore.codegen.expr import INDEX, Axis, Const, Expr, Fn, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import NotLowered, Operand
from tcore_nnet.windows import Arithmetic

__all__ = ["LOOP", "all_of", "box_of", "clipped", "element", "inside", "known_numbers", "ringed", "shifted"]


def _function(name: str, fold: Any) -> Any:
    """An integer function of two indices, folded where both are literals."""

    def apply(left: Any, right: Any) -> Expr:
        left, right = (each if isinstance(each, Expr) else index_const(each) for each in (left, right))
        if isinstance(left, Const) and isinstance(right, Const):
            return index_const(fold(left.value, right.value))
        return Fn(name, (left, right), INDEX)

    return apply


LOOP = Arithmetic(_function("floor_div", lambda a, b: a // b), _function("maximum", max), _function("minimum", min))
"""For :func:`tcore_nnet.windows.pooled_length` and its like."""


def known_numbers(vector: Operand) -> list[int]:
    """The entries of a constant vector.

    Raises
    ------
    NotLowered
        If it is computed when the function runs: the sizes of windows shape the code.
    """
    if vector.value is None:
        raise NotLowered("windows whose sizes are known only when the function runs")
    return [int(each) for each in vector.value]


def shifted(axis: Expr, scale: int, offset: Expr | int) -> Expr:
    """``axis * scale + offset``; never the bare axis, which would say that the array is as long as the axis."""
    index = axis * scale + offset
    return Fn("add", (axis, index_const(0)), INDEX) if index is axis else index


def inside(index: Expr, length: Expr) -> Expr:
    """Whether ``index`` is a place of an axis."""
    zero = index_const(0)
    return Fn("and", (apply_function("ge", (index, zero), "bool"), apply_function("lt", (index, length), "bool")), "bool")


def clipped(index: Expr, length: Expr) -> Expr:
    """The nearest place of an axis."""
    return LOOP.maximum(LOOP.minimum(index, length - 1), 0)


def all_of(conditions: Sequence[Expr]) -> Expr:
    """Whether all hold."""
    result = conditions[0]
    for each in conditions[1:]:
        result = Fn("and", (result, each), "bool")
    return result


def element(x: Operand, leading: Sequence[Expr], index: Sequence[Expr], guarded: Sequence[bool], outside: Expr) -> Expr:
    """The element at ``index`` of the last axes; ``outside`` where an index that is ``guarded`` leaves its axis."""
    lengths = x.shape[x.ndim - len(index) :]
    tests = [inside(at, length) for at, length, guard in zip(index, lengths, guarded, strict=True) if guard]
    if not tests:
        return x[(*leading, *index)]
    # both sides of a choice are computed: what is read must be there
    places = [clipped(at, length) if guard else at for at, length, guard in zip(index, lengths, guarded, strict=True)]
    return select(all_of(tests), x[(*leading, *places)], outside)


_Range = tuple[Expr, Expr]
"""Places along an axis: the first one, and the one behind the last."""


def ringed(ranges: Sequence[_Range], inner: Sequence[tuple[int, Expr] | None]) -> Iterator[tuple[list[_Range], bool]]:
    """A box in parts: what lies within ``inner`` along every axis (None: all of it), and strips around it; with whether it is a strip.

    An ``inner`` range may reach beyond the box, or be empty: then parts are empty, and those that are not cover the box none the less.
    """
    left = list(ranges)
    for k, within in enumerate(inner):
        if within is None:
            continue
        begin, end = left[k]
        first = begin
        if not (isinstance(begin, Const) and begin.value >= within[0]):
            first = LOOP.minimum(LOOP.maximum(begin, within[0]), end)
            yield [*left[:k], (begin, first), *left[k + 1 :]], True
        behind = LOOP.maximum(LOOP.minimum(within[1], end), first)
        yield [*left[:k], (behind, end), *left[k + 1 :]], True
        left[k] = first, behind
    yield left, False


def box_of(leading: Sequence[Expr], ranges: Sequence[_Range]) -> tuple[tuple[Axis, ...], tuple[Expr, ...], tuple[Axis, ...]]:
    """Axes over a box: those of the ``leading`` lengths, places along the others, and all axes."""
    axes = tuple(Axis.fresh(f"r{k}", length) for k, length in enumerate([*leading, *(LOOP.maximum(end - begin, 0) for begin, end in ranges)]))
    keep = len(leading)
    return axes[:keep], tuple(shifted(axis, 1, begin) for axis, (begin, _) in zip(axes[keep:], ranges, strict=True)), axes
