"""Lowerings of joins and splits: stores to disjoint boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.codegen.expr import Axis, Const, Expr, Fn, cast, index_const
from tcore.codegen.lowering import NotLowered, Operand, Target, lowers
from tcore.codegen.stages import Map, Region, Regions, Stage
from tcore.tensor.join import Join, MakeVector, Split

__all__ = ["LOWERINGS"]


def _known_axis(axis: Operand, ndim: int) -> int:
    value = axis.scalar()
    if not isinstance(value, Const):
        raise NotLowered("joins along a symbolic axis")
    return int(value.value) % ndim


@lowers(Join)
def lower_join(op: Any, out: Target, axis: Operand, *tensors: Operand) -> Regions:
    """``out[offset + i, j] = x[i, j]`` for each tensor."""
    place = _known_axis(axis, out.ndim)
    offset: Expr = index_const(0)
    regions = []
    for number, x in enumerate(tensors):
        shape = list(x.shape)
        for k in range(out.ndim):
            if k != place:
                shape[k] = next((t.shape[k] for t in tensors if not t.broadcastable[k]), shape[k])
        axes = tuple(Axis.fresh(f"r{number}_{k}", length) for k, length in enumerate(shape))
        index = tuple(offset + axes[k] if k == place else axes[k] for k in range(out.ndim))
        regions.append(Region(axes, index, cast(x[axes], out.dtype)))
        offset = offset + x.shape[place]
    return Regions(out.buffer, tuple(regions))


@lowers(Split)
def lower_split(op: Any, out: Target | tuple[Target, ...], x: Operand, axis: Operand, splits: Operand) -> Sequence[Stage]:
    """``out[i, j] = x[offset + i, j]`` for each piece."""
    outs = out if isinstance(out, tuple) else (out,)
    place = _known_axis(axis, x.ndim)
    offset: Expr = index_const(0)
    stages = []
    pieces = [cast(splits[index_const(number)], "int64") for number in range(len(outs))]
    known = all(isinstance(piece, Const) for piece in pieces)
    for number, target in enumerate(outs):
        lengths = [target.axes[k].extent if k == place else x.shape[k] for k in range(x.ndim)]
        axes = target.over(lengths)
        # computed lengths may reach beyond the array, and the axis itself has not the length of the piece's
        at = offset + axes[place] if known else Fn("bounded", (offset + axes[place], x.shape[place]), "int64")
        index = tuple(at if k == place else axes[k] for k in range(x.ndim))
        stages.append(Regions(target.buffer, (Region(axes, axes, x[index]),)))
        offset = offset + pieces[number]
    return stages


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
