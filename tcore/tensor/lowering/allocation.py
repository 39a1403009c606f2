"""Lowerings of ops that make arrays: fills, ranges, unit matrices, diagonals, copies."""

from __future__ import annotations

from typing import Any

from tcore.codegen.building import cast
from tcore.codegen.expr import Axis, Const, Expr, Fn, const, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import NotLowered, Operand, Target, lowers
from tcore.codegen.stages import Demand, Map, Region, Regions, Stage
from tcore.tensor.alloc import Alloc, Eye
from tcore.tensor.diagonals import AllocDiag
from tcore.tensor.lowering.views import fits
from tcore.tensor.manipulation import Repeat
from tcore.tensor.ranges import ARange

__all__ = ["LOWERINGS"]


def _length(number: Operand, default: Expr) -> Expr:
    """A length that is a literal, else the default."""
    value = number.scalar()
    return cast(value, "int64") if isinstance(value, Const) else default


@lowers(Alloc)
def lower_alloc(op: Any, out: Target, value: Operand, *lengths: Operand) -> list[Stage]:
    """``out[i, j] = value[j]``."""
    offset = out.ndim - value.ndim
    # along what is not repeated the value tells a computed length: a kernel may have what the value is made of, and no array of this shape
    told = [own if k < offset or value.broadcastable[k - offset] else value.shape[k - offset] for k, own in enumerate(out.shape)]
    axes = out.over(map(_length, lengths, told))
    demands = fits(value, [cast(number.scalar(), "int64") for number in lengths])
    return [*demands, Map((out.buffer,), axes, (value[axes[offset:]],))]


@lowers(Eye)
def lower_eye(op: Any, out: Target, n: Operand, m: Operand, k: Operand) -> Regions:
    """``out[i, j] = 0``, then ``out[i + below, i + above] = 1``: to compare all places takes longer than to fill them."""
    rows, columns = everywhere = out.over((_length(n, out.shape[0]), _length(m, out.shape[1])))
    offset, zero = cast(k.scalar(), "int64"), index_const(0)
    above = apply_function("maximum", (offset, zero), "int64")
    below = apply_function("maximum", (apply_function("neg", (offset,), "int64"), zero), "int64")
    left = apply_function("minimum", (rows.extent - below, columns.extent - above), "int64")
    i = Axis.fresh("i", apply_function("maximum", (left, zero), "int64"))
    zeros = Region(everywhere, everywhere, const(0, out.dtype))
    return Regions(out.buffer, (zeros, Region((i,), (i + below, i + above), const(1, out.dtype))))


@lowers(ARange)
def lower_arange(op: Any, out: Target, start: Operand, stop: Operand, step: Operand) -> list[Stage]:
    """``out[i] = start + i * ((start + step) - start)`` in the output's dtype, as NumPy fills ranges."""
    (axis,) = out.axes
    dtype = out.dtype
    first = cast(start.scalar(), dtype)
    second = cast(_sum(start.scalar(), step.scalar()), dtype)
    difference = apply_function("sub", (second, first), dtype)
    value = apply_function("add", (first, apply_function("mul", (cast(axis, dtype), difference), dtype)), dtype)
    moves = apply_function("ne", (step.scalar(), const(0, step.dtype)), "bool")
    demands = [] if isinstance(step.scalar(), Const) else [Demand((moves,))]
    return [*demands, Map((out.buffer,), out.axes, (value,))]


def _sum(left: Expr, right: Expr) -> Expr:
    """In the operands' common dtype: integers stay exact."""
    wide = "float64" if "float" in left.dtype + right.dtype else "int64"
    return apply_function("add", (left, right), wide)


@lowers(AllocDiag)
def lower_alloc_diag(op: Any, out: Target, diag: Operand) -> Regions:
    """``out[i, j] = 0``, then ``out[i + below, i + above] = diag[i]``."""
    below, above = max(-op.offset, 0), max(op.offset, 0)
    length = diag.shape[0]
    everywhere = out.over([length + below + above] * 2)
    i = Axis.fresh("i", length)
    zeros = Region(everywhere, everywhere, const(0, out.dtype))
    return Regions(out.buffer, (zeros, Region((i,), (i + below, i + above), diag[(i,)])))


@lowers(Repeat)
def lower_repeat(op: Any, out: Target, x: Operand, repeats: Operand) -> list[Stage]:
    """``out[…, i, …] = x[…, i // n, …]`` for one number n for all."""
    if not repeats.broadcastable[0]:
        raise NotLowered("a number for each element: the length is their sum")
    number = cast(repeats[(index_const(0),)], "int64")
    lengths = list(x.shape)
    lengths[op.axis] = Fn("mul", (lengths[op.axis], number), "int64")
    axes = out.over(lengths)
    place: list[Expr] = [*axes]
    place[op.axis] = Fn("floor_div", (axes[op.axis], number), "int64")
    fine = apply_function("ge", (number, index_const(0)), "bool")
    return [Demand((fine,)), Map((out.buffer,), axes, (x[place],))]


LOWERINGS = (lower_alloc, lower_eye, lower_arange, lower_alloc_diag, lower_repeat)
