"""Lowerings of row programs: several passes over each row of a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.expr import Axis, Buffer, Expr, Load, load
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import Operand, Target, axes_of, lowers
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Map, Reduce, Stage
from tcore.tensor.softmax import LogSoftmax, Softmax, SoftmaxGrad

__all__ = ["LOWERINGS"]


def _per_row(name: str, idiom: str, element: Expr, row: Axis, column: Axis, flag: bool) -> tuple[Reduce, Load]:
    """A reduction of each row, and how to read its result."""
    buffer = Buffer(name, element.dtype, (flag,))
    stage = Reduce((buffer,), (row,), (column,), Reduction(idiom, element.dtype, (element.dtype,)), (element,))
    return stage, load(buffer, (row,))


def _apply(name: str, dtype: str, *args: Expr) -> Expr:
    return apply_function(name, args, dtype)


@lowers(Softmax)
def lower_softmax(op: Any, out: Target, x: Operand) -> Sequence[Stage]:
    """``exp(x - max) / sum(exp(x - max))`` for each row."""
    row, column = axes_of(x)
    flag, dtype = x.broadcastable[0], x.dtype
    largest, m = _per_row("m", "max", x[row, column], row, column, flag)
    e = _apply("exp", dtype, _apply("sub", dtype, x[row, column], m))
    total, s = _per_row("s", "sum", e, row, column, flag)
    return largest, total, Map((out.buffer,), (row, column), (_apply("true_div", dtype, e, s),))


@lowers(LogSoftmax)
def lower_log_softmax(op: Any, out: Target, x: Operand) -> Sequence[Stage]:
    """``(x - max) - log(sum(exp(x - max)))`` for each row."""
    row, column = axes_of(x)
    flag, dtype = x.broadcastable[0], x.dtype
    largest, m = _per_row("m", "max", x[row, column], row, column, flag)
    shifted = _apply("sub", dtype, x[row, column], m)
    total, s = _per_row("s", "sum", _apply("exp", dtype, shifted), row, column, flag)
    value = _apply("sub", dtype, shifted, _apply("log", dtype, s))
    return largest, total, Map((out.buffer,), (row, column), (value,))


@lowers(SoftmaxGrad)
def lower_softmax_grad(op: Any, out: Target, dy: Operand, sm: Operand) -> Sequence[Stage]:
    """``dy * sm - sum(dy * sm) * sm`` for each row."""
    row, column = axes_of(sm)
    dtype = out.dtype
    weighted = _apply("mul", dtype, dy[row, column], sm[row, column])
    total, s = _per_row("s", "sum", weighted, row, column, sm.broadcastable[0])
    value = _apply("sub", dtype, weighted, _apply("mul", dtype, s, sm[row, column]))
    return total, Map((out.buffer,), (row, column), (value,))


LOWERINGS = (lower_softmax, lower_log_softmax, lower_softmax_grad)
