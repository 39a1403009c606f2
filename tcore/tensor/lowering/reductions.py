"""Lowerings of reductions to the fixed idioms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.building import select
from tcore.codegen.expr import Axis, Const, Expr, const, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import NotLowered, Operand, Target, axes_of, lowers, merge
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Demand, Reduce, Stage
from tcore.tensor.careduce import CAReduce, Supremum
from tcore.tensor.extremes import Argmax, Argmin, MaxAndArgmax
from tcore.tensor.products import ProdWithoutZeros

__all__ = ["LOWERINGS"]

_IDIOMS = {"add": "sum", "mul": "prod", "maximum": "max", "minimum": "min", "and": "and", "or": "or", "xor": "xor"}


def _kept(out: Target, x: Operand, axes: tuple[int, ...]) -> Any:
    return out.over(length for k, length in enumerate(x.shape) if k not in axes)


def _normal(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else tuple(sorted({k % ndim for k in axis}))


def _some(reduced: Sequence[Axis]) -> list[Stage]:
    """An extreme of no elements does not exist, whatever the number of results that have none."""
    count: Expr = index_const(1)
    for axis in reduced:
        count = count * axis.extent
    return [] if isinstance(count, Const) else [Demand((apply_function("ne", (count, index_const(0)), "bool"),))]


@lowers(CAReduce)
def lower_careduce(op: Any, out: Target, x: Operand) -> list[Stage]:
    """``out[i] = x[i, 0] + x[i, 1] + …`` in the accumulator's dtype."""
    name = _IDIOMS.get(op.scalar_op.loop_name)
    if name is None:
        raise NotLowered(f"reducing by {op.scalar_op} is no fixed idiom")
    if out.dtype == "bool":
        name = {"and": "all", "or": "any"}.get(name, name)
    accumulator = getattr(op, "acc_dtype", None) or out.dtype
    axes = _normal(op.axis, x.ndim)
    kept, reduced = _kept(out, x, axes), axes_of(x, axes)
    demands = _some(reduced) if name in ("max", "min") and not isinstance(op, Supremum) else []
    element = x[merge(kept, reduced, axes)]
    if isinstance(op, ProdWithoutZeros):
        element = select(apply_function("eq", (element, const(0, x.dtype)), "bool"), const(1, x.dtype), element)
    return [*demands, Reduce((out.buffer,), kept, reduced, Reduction(name, accumulator, (out.dtype,)), (element,))]


@lowers(MaxAndArgmax)
def lower_max_and_argmax(op: Any, out: tuple[Target, Target], x: Operand) -> list[Stage]:
    """Largest element and its first position, in one pass."""
    axes = _normal(op.axis, x.ndim)
    kept, reduced = _kept(out[0], x, axes), axes_of(x, axes)
    reduction = Reduction("maxandargmax", x.dtype, tuple(target.dtype for target in out))
    return [*_some(reduced), Reduce(tuple(t.buffer for t in out), kept, reduced, reduction, (x[merge(kept, reduced, axes)],))]


@lowers(Argmax, Argmin)
def lower_argmax(op: Any, out: Target, x: Operand) -> list[Stage]:
    """First position of the extreme element."""
    name = "argmin" if isinstance(op, Argmin) else "argmax"
    axes = _normal(op.axis, x.ndim)
    kept, reduced = _kept(out, x, axes), axes_of(x, axes)
    return [*_some(reduced), Reduce((out.buffer,), kept, reduced, Reduction(name, x.dtype, (out.dtype,)), (x[merge(kept, reduced, axes)],))]


LOWERINGS = (lower_careduce, lower_max_and_argmax, lower_argmax)
