"""Correlation in the loop IR: a sum over channels and the places of a filter, all indices affine."""

from __future__ import annotations

from typing import Any

from tcore.codegen.expr import Axis, Expr, Fn, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.half import computed_in
from tcore.codegen.lowering import Operand, Target, axes_of, lowers
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Demand, Reduce, Stage
from tcore_nnet.correlation import Correlate
from tcore_nnet.lowering.windows import LOOP

__all__ = ["LOWERINGS"]


@lowers(Correlate)
def lower_correlate(op: Any, out: Target, x: Operand, filters: Operand) -> list[Stage]:
    """``out[b, f, i] = sum over c, k of x[b, c, i * stride + k * dilation] * filters[f, c, k]``."""
    conditions: list[Expr] = []
    if not (x.broadcastable[1] and filters.broadcastable[1]):
        conditions.append(apply_function("eq", (x.shape[1], filters.shape[1]), "bool"))
    counts: list[Expr] = []
    for n, m, s, d in zip(x.shape[2:], filters.shape[2:], op.stride, op.dilation, strict=True):
        span = (m - 1) * d + 1
        conditions += [apply_function("ge", (m, index_const(1)), "bool"), apply_function("le", (span, n), "bool")]
        counts.append(LOOP.floor_div(n - span, s) + 1)
    batch, number, *positions = out.over((x.shape[0], filters.shape[0], *counts))
    channel, *offsets = axes_of(filters, range(1, filters.ndim))
    index = [_place(i, s, k, d) for i, s, k, d in zip(positions, op.stride, offsets, op.dilation, strict=True)]
    product = apply_function("mul", (x[(batch, channel, *index)], filters[(number, channel, *offsets)]), computed_in(out.dtype))
    reduce = Reduce((out.buffer,), (batch, number, *positions), (channel, *offsets), Reduction("sum", out.dtype, (out.dtype,)), (product,))
    return [Demand(tuple(conditions)), reduce]


def _place(position: Axis, stride: int, offset: Axis, dilation: int) -> Expr:
    return Fn("add", (position * stride, offset * dilation), "int64")


LOWERINGS = (lower_correlate,)
