"""Cross-entropies as row programs: they run, fused, on every backend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.building import cast, select
from tcore.codegen.expr import Axis, Buffer, Expr, Fn, Load, const, load
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import Operand, Target, axes_of, lowers
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Map, Reduce, Stage
from tcore_nnet.crossentropy import CrossentropyCategorical1Hot, CrossentropyCategorical1HotGrad
from tcore_nnet.softmax_crossentropy import CrossentropySoftmax1HotWithBiasDx, CrossentropySoftmaxArgmax1HotWithBias

__all__ = ["LOWERINGS"]


def _place(y: Operand, row: Axis, length: Expr) -> Expr:
    """The column of a row's 1; an IndexError outside."""
    return Fn("bounded", (cast(y[row], "int64"), length), "int64")


def _apply(name: str, dtype: str, *args: Expr) -> Expr:
    return apply_function(name, args, dtype)


def _is_one(y: Operand, row: Axis, column: Axis, length: Expr) -> Expr:
    return apply_function("eq", (column, _place(y, row, length)), "bool")


@lowers(CrossentropyCategorical1Hot)
def lower_categorical(op: Any, out: Target, coding: Operand, y: Operand) -> Map:
    """``out[i] = -log(coding[i, y[i]])``."""
    (row,) = out.over((coding.shape[0],))
    chosen = coding[row, _place(y, row, coding.shape[1])]
    return Map((out.buffer,), (row,), (_apply("neg", out.dtype, _apply("log", out.dtype, chosen)),))


@lowers(CrossentropyCategorical1HotGrad)
def lower_categorical_grad(op: Any, out: Target, g: Operand, coding: Operand, y: Operand) -> Map:
    """``out[i, j] = -g[i] / coding[i, j]`` where j is y[i], else 0."""
    row, column = out.over(coding.shape)
    value = _apply("neg", out.dtype, _apply("true_div", out.dtype, g[row], coding[row, column]))
    return Map((out.buffer,), (row, column), (select(_is_one(y, row, column, coding.shape[1]), value, const(0, out.dtype)),))


@lowers(CrossentropySoftmaxArgmax1HotWithBias)
def lower_softmax_argmax(
    op: Any, out: tuple[Target, Target, Target], x: Operand, b: Operand, y: Operand
) -> Sequence[Stage]:
    """z = x + b; m = max z; s = sum exp(z - m); out log(s) - (z[y] - m), exp(z - m) / s, argmax z."""
    cost, softmax, place = out
    dtype = cost.dtype
    row, column = axes_of(x)
    flag = x.broadcastable[0]

    def z(at: Expr) -> Expr:
        return _apply("add", dtype, x[row, at], b[at])

    def reduced(name: str, idiom: str, element: Expr, result: str) -> tuple[Reduce, Load]:
        buffer = Buffer(name, result, (flag,))
        stage = Reduce((buffer,), (row,), (column,), Reduction(idiom, element.dtype, (result,)), (element,))
        return stage, load(buffer, (row,))

    largest, m = reduced("m", "max", z(column), dtype)
    first, a = reduced("a", "argmax", z(column), "int64")
    e = _apply("exp", dtype, _apply("sub", dtype, z(column), m))
    total, s = reduced("s", "sum", e, dtype)
    at_one = _apply("sub", dtype, z(_place(y, row, x.shape[1])), m)
    return (
        largest,
        first,
        total,
        Map((cost.buffer,), (row,), (_apply("sub", dtype, _apply("log", dtype, s), at_one),)),
        Map((place.buffer,), (row,), (cast(a, place.dtype),)),
        Map((softmax.buffer,), (row, column), (_apply("true_div", dtype, e, s),)),
    )


@lowers(CrossentropySoftmax1HotWithBiasDx)
def lower_dx(op: Any, out: Target, g: Operand, softmax: Operand, y: Operand) -> Map:
    """``out[i, j] = g[i] * (softmax[i, j] - [j is y[i]])``."""
    row, column = out.over(softmax.shape)
    one = cast(_is_one(y, row, column, softmax.shape[1]), out.dtype)
    scale = g[row] if g.ndim else g.scalar()
    return Map((out.buffer,), (row, column), (_apply("mul", out.dtype, scale, _apply("sub", out.dtype, softmax[row, column], one)),))


LOWERINGS = (lower_categorical, lower_categorical_grad, lower_softmax_argmax, lower_dx)
