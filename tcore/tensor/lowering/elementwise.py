"""Lowering of Elemwise, the scalar op at each index, and of scalar ops on numbers."""

from __future__ import annotations

from typing import Any

from tcore.codegen.expr import Expr
from tcore.codegen.lowering import Operand, Target, lowers
from tcore.codegen.scalar_ops import scalar_values
from tcore.codegen.stages import Map
from tcore.scalar.op import ScalarOp
from tcore.tensor.elemwise import Elemwise

__all__ = ["LOWERINGS", "common_shape"]


def common_shape(inputs: tuple[Operand, ...]) -> tuple[Expr, ...]:
    """Lengths of operands that broadcast against one another: of the first that is not broadcastable there."""
    return tuple(
        next((x.shape[k] for x in inputs if not x.broadcastable[k]), inputs[0].shape[k]) for k in range(inputs[0].ndim)
    )


@lowers(Elemwise)
def lower_elemwise(op: Any, out: Target | tuple[Target, ...], *inputs: Operand) -> Map:
    """``out[i] = scalar_op(x[i], y[i], …)``."""
    outs = out if isinstance(out, tuple) else (out,)
    axes = outs[0].over(common_shape(inputs)) if inputs else outs[0].axes
    values = scalar_values(op.scalar_op, [x[axes] for x in inputs], [target.dtype for target in outs])
    return Map(tuple(target.buffer for target in outs), axes, values)


@lowers(ScalarOp)
def lower_scalar_op(op: Any, out: Target | tuple[Target, ...], *inputs: Operand) -> Map:
    """``out = scalar_op(x, y, …)``, in graphs of numbers that no Elemwise wraps."""
    outs = out if isinstance(out, tuple) else (out,)
    values = scalar_values(op, [x.scalar() for x in inputs], [target.dtype for target in outs])
    return Map(tuple(target.buffer for target in outs), (), values)


LOWERINGS = (lower_elemwise, lower_scalar_op)
