"""Windows in the loop IR: lengths, places, and elements that lie outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.expr import INDEX, Const, Expr, Fn, index_const, select
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import NotLowered, Operand
from tcore_nnet.windows import Arithmetic

__all__ = ["LOOP", "all_of", "clipped", "element", "inside", "known_numbers", "shifted"]


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
