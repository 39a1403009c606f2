"""Lowerings of what is carried along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.expr import Param, cast, const, index_const, select
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import Operand, Target, lowers
from tcore.codegen.stages import Prefix, Stage
from tcore.tensor.cumulative import CumOp, LinearRecurrence
from tcore.tensor.lowering.views import fits

__all__ = ["LOWERINGS"]


@lowers(CumOp)
def lower_cumulative(op: Any, out: Target, x: Operand) -> Sequence[Stage]:
    """``state + x`` or ``state * x``."""
    axes = out.over(x.shape)
    state = Param("state", x.dtype)
    step = apply_function(op.mode, (state, x[axes]), x.dtype)
    return (Prefix((out.buffer,), axes, axes[op.axis], (state,), (const(0 if op.mode == "add" else 1, x.dtype),), (step,)),)


@lowers(LinearRecurrence)
def lower_recurrence(op: Any, out: Target, a: Operand, b: Operand) -> Sequence[Stage]:
    """``a * state + b``."""
    axes = out.over(b.shape)
    dtype = out.dtype
    state = Param("state", dtype)
    step = apply_function("add", (apply_function("mul", (a[axes], state), dtype), b[axes]), dtype)
    # the first coefficient has nothing to scale: infinity times 0 would be NaN
    first = apply_function("eq", (axes[op.axis], index_const(0)), "bool")
    step = select(first, cast(b[axes], dtype), step)
    prefix = Prefix((out.buffer,), axes, axes[op.axis], (state,), (const(0, dtype),), (step,))
    return (*fits(a, b.shape), prefix)


LOWERINGS = (lower_cumulative, lower_recurrence)
