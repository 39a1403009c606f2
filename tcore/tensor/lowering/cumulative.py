"""Lowerings of what is carried along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.building import cast, is_complex, select
from tcore.codegen.expr import Param, const, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import Operand, Target, lowers
from tcore.codegen.scalar_ops import scalar_values
from tcore.codegen.stages import Prefix, Stage
from tcore.tensor.cumulative import CumOp, LinearRecurrence
from tcore.tensor.lowering.views import fits
from tcore.tensor.recurrence import Recurrence

__all__ = ["LOWERINGS"]


@lowers(CumOp)
def lower_cumulative(op: Any, out: Target, x: Operand) -> Sequence[Stage]:
    """``state + x`` or ``state * x``."""
    axes = out.over(x.shape)
    state = Param("state", x.dtype)
    step = apply_function(op.mode, (state, x[axes]), x.dtype)
    if op.mode == "mul" and is_complex(x.dtype):  # an infinite number times 1 + 0i is none in both parts
        step = select(apply_function("eq", (axes[op.axis], index_const(0)), "bool"), x[axes], step)
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


@lowers(Recurrence)
def lower_scalar_recurrence(op: Any, out: Target | tuple[Target, ...], *inputs: Operand) -> Sequence[Stage]:
    """``states = f(states, element of each sequence, values)``; what is no state is carried along, and read by nobody."""
    outs = out if isinstance(out, tuple) else (out,)
    split = op.n_states + op.n_seqs
    firsts, seqs, values = inputs[: op.n_states], inputs[op.n_states : split], inputs[split:]
    axes = outs[0].over(seqs[0].shape)
    carried = tuple(Param(f"carried{k}", target.dtype) for k, target in enumerate(outs))
    step = scalar_values(
        op.scalar_op,
        [*carried[: op.n_states], *(seq[axes] for seq in seqs), *(value[()] for value in values)],
        [target.dtype for target in outs],
    )
    initial = (*(first[()] for first in firsts), *(const(0, target.dtype) for target in outs[op.n_states :]))
    checks = [stage for seq in seqs[1:] for stage in fits(seq, seqs[0].shape)]
    return (*checks, Prefix(tuple(target.buffer for target in outs), axes, axes[0], carried, initial, step))


LOWERINGS = (lower_cumulative, lower_recurrence, lower_scalar_recurrence)
