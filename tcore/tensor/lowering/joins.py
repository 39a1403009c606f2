"""Lowerings of joins and splits: stores to disjoint boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.building import cast
from tcore.codegen.expr import Axis, Const, Expr, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import NotLowered, Operand, Target, lowers
from tcore.codegen.stages import Demand, Map, Region, Regions, Stage
from tcore.tensor.join import Join, MakeVector, Split

__all__ = ["LOWERINGS"]


def _known_axis(axis: Operand, ndim: int) -> int:
    value = axis.scalar()
    if not isinstance(value, Const):
        raise NotLowered("joins along a symbolic axis")
    return int(value.value) % ndim


@lowers(Join)
def lower_join(op: Any, out: Target, axis: Operand, *tensors: Operand) -> Stage | Sequence[Stage]:
    """``out[offset + i, j] = x[i, j]`` for each tensor."""
    place = _known_axis(axis, out.ndim)
    offset: Expr = index_const(0)
    regions = []
    others = [k for k in range(out.ndim) if k != place]
    # a tensor that is known to have length 1 there is not repeated: the others must have it, too
    ones = [k for k in others if any(t.broadcastable[k] for t in tensors)]
    unsure = [apply_function("eq", (t.shape[k], index_const(1)), "bool") for k in ones for t in tensors if not t.broadcastable[k]]
    for number, x in enumerate(tensors):
        shape = list(x.shape)
        for k in others:
            shape[k] = index_const(1) if k in ones else tensors[0].shape[k]
        axes = tuple(Axis.fresh(f"r{number}_{k}", length) for k, length in enumerate(shape))
        index = tuple(offset + axes[k] if k == place else axes[k] for k in range(out.ndim))
        regions.append(Region(axes, index, cast(x[axes], out.dtype)))
        offset = offset + x.shape[place]
    joined = Regions(out.buffer, tuple(regions))
    return [Demand(tuple(unsure)), joined] if unsure else joined


@lowers(Split)
def lower_split(op: Any, out: Target | tuple[Target, ...], x: Operand, axis: Operand, splits: Operand) -> Sequence[Stage]:
    """``out[i, j] = x[offset + i, j]`` for each piece."""
    outs = out if isinstance(out, tuple) else (out,)
    place = _known_axis(axis, x.ndim)
    offset: Expr = index_const(0)
    total: Expr = index_const(0)
    conditions: list[Expr] = []
    stages: list[Stage] = []
    if splits.value is None:
        conditions.append(apply_function("eq", (splits.shape[0], index_const(len(outs))), "bool"))
    elif min(splits.value, default=0) < 0:
        raise NotLowered("a piece of negative length")
    for number, target in enumerate(outs):
        if splits.value is None:
            wanted = cast(splits[index_const(number)], "int64")
            conditions.append(apply_function("ge", (wanted, index_const(0)), "bool"))
            # the length that the piece was given: no element is read for it, and it says nothing about that of the array
            made = target.axes[place].extent
            length = apply_function("maximum", (made, index_const(0)), "int64")
        else:
            length = made = wanted = index_const(int(splits.value[number]))
        axes = target.over(length if k == place else x.shape[k] for k in range(x.ndim))
        index = tuple(offset + axes[k] if k == place else axes[k] for k in range(x.ndim))
        stages.append(Regions(target.buffer, (Region(axes, axes, x[index]),)))
        offset, total = offset + made, total + wanted
    # with the others it says that no piece reaches beyond the array
    conditions.append(apply_function("eq", (total, x.shape[place]), "bool"))
    return [Demand(tuple(conditions)), *stages]


@lowers(MakeVector)
def lower_make_vector(op: Any, out: Target, *scalars: Operand) -> Stage:
    """``out[k] = x_k``."""
    if not scalars:
        raise NotLowered("an empty vector")
    if len(scalars) == 1:
        return Map((out.buffer,), out.axes, (cast(scalars[0].scalar(), out.dtype),))
    regions = tuple(
        Region((), (index_const(k),), cast(scalar.scalar(), out.dtype)) for k, scalar in enumerate(scalars)
    )
    return Regions(out.buffer, regions)


LOWERINGS = (lower_join, lower_split, lower_make_vector)
