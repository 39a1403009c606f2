"""Lowerings of reductions to the fixed idioms."""

from __future__ import annotations

from typing import Any

from tcore.codegen.lowering import NotLowered, Operand, Target, axes_of, lowers, merge
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Reduce
from tcore.tensor.careduce import CAReduce
from tcore.tensor.extremes import Argmax, Argmin, MaxAndArgmax

__all__ = ["LOWERINGS"]

_IDIOMS = {"add": "sum", "mul": "prod", "maximum": "max", "minimum": "min", "and": "and", "or": "or", "xor": "xor"}


def _kept(out: Target, x: Operand, axes: tuple[int, ...]) -> Any:
    return out.over(length for k, length in enumerate(x.shape) if k not in axes)


def _normal(axis: Any, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None else tuple(sorted({k % ndim for k in axis}))


@lowers(CAReduce)
def lower_careduce(op: Any, out: Target, x: Operand) -> Reduce:
    """``out[i] = x[i, 0] + x[i, 1] + …`` in the accumulator's dtype."""
    name = _IDIOMS.get(op.scalar_op.loop_name)
    if name is None:
        raise NotLowered(f"reducing by {op.scalar_op} is no fixed idiom")
    if out.dtype == "bool":
        name = {"and": "all", "or": "any"}.get(name, name)
    accumulator = getattr(op, "acc_dtype", None) or out.dtype
    axes = _normal(op.axis, x.ndim)
    kept, reduced = _kept(out, x, axes), axes_of(x, axes)
    return Reduce((out.buffer,), kept, reduced, Reduction(name, accumulator, (out.dtype,)), (x[merge(kept, reduced, axes)],))


@lowers(MaxAndArgmax)
def lower_max_and_argmax(op: Any, out: tuple[Target, Target], x: Operand) -> Reduce:
    """Largest element and its first position, in one pass."""
    axes = _normal(op.axis, x.ndim)
    kept, reduced = _kept(out[0], x, axes), axes_of(x, axes)
    reduction = Reduction("maxandargmax", x.dtype, tuple(target.dtype for target in out))
    return Reduce(tuple(t.buffer for t in out), kept, reduced, reduction, (x[merge(kept, reduced, axes)],))


@lowers(Argmax, Argmin)
def lower_argmax(op: Any, out: Target, x: Operand) -> Reduce:
    """First position of the extreme element."""
    name = "argmin" if isinstance(op, Argmin) else "argmax"
    axes = _normal(op.axis, x.ndim)
    kept, reduced = _kept(out, x, axes), axes_of(x, axes)
    return Reduce((out.buffer,), kept, reduced, Reduction(name, x.dtype, (out.dtype,)), (x[merge(kept, reduced, axes)],))


LOWERINGS = (lower_careduce, lower_max_and_argmax, lower_argmax)
