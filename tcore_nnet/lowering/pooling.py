"""Pooling in the loop IR: reductions over windows; small windows are written out, and vectorize over their neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

import numpy as np

from tcore.codegen.building import cast, select
from tcore.codegen.expr import INDEX, Axis, Buffer, Expr, const, index_const, load
from tcore.codegen.functions import apply_function
from tcore.codegen.half import computed_in
from tcore.codegen.lowering import Operand, Target, lowers
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Map, Reduce, Region, Regions, Stage
from tcore.records import frozen
from tcore_nnet.lowering.windows import LOOP, box_of, clipped, element, known_numbers, ringed, shifted
from tcore_nnet.pooling import Pool, PoolPositions, lowest
from tcore_nnet.windows import count, pooled_length

__all__ = ["LOWERINGS"]

_WRITTEN_OUT = 25
"""Elements of a window up to which there is no loop over them: 5 by 5."""


@frozen(eq=False)
class _Box:
    """Some windows, and along which axes they may reach beyond the array."""

    leading: tuple[Axis, ...]
    positions: tuple[Expr, ...]
    guarded: tuple[bool, ...]
    axes: tuple[Axis, ...]


class _Windows:
    """The windows over the last axes of an operand: the boxes of them, and the elements of a window."""

    def __init__(self, op: Any, out: Target, lengths: Sequence[Expr], leading: Sequence[Expr], *vectors: Operand) -> None:
        self.ws, self.stride, self.pad = (known_numbers(vector) for vector in vectors)
        self.out, self.lengths, self.leading = out, lengths, leading
        self.counts = [pooled_length(*each, op.ignore_border, LOOP) for each in zip(lengths, self.ws, self.stride, self.pad, strict=True)]
        self.guarded = tuple(p > 0 or not op.ignore_border for p in self.pad)

    def all(self) -> _Box:
        """All windows."""
        axes = self.out.over((*self.leading, *self.counts))
        keep = len(self.leading)
        return _Box(axes[:keep], axes[keep:], self.guarded, axes)

    def each(self, value: Callable[[_Box], Expr]) -> Stage:
        """``value`` of every window; those that lie within the array are not asked whether their elements do."""
        if not any(self.guarded):
            box = self.all()
            return Map((self.out.buffer,), box.axes, (value(box),))
        regions = []
        for ranges, at_border in ringed([(index_const(0), number) for number in self.counts], self.within()):
            leading, positions, axes = box_of(self.leading, ranges)
            box = _Box(leading, positions, self.guarded if at_border else (False,) * len(positions), axes)
            regions.append(Region(axes, (*leading, *positions), value(box)))
        return Regions(self.out.buffer, tuple(regions))

    def within(self) -> list[tuple[int, Expr] | None]:
        """Along each axis the first window that lies within the array, and the one behind the last; None where all do."""
        parts = zip(self.guarded, self.lengths, self.ws, self.stride, self.pad, strict=True)
        return [(-(-p // s), LOOP.floor_div(n + (p - w), s) + 1) if guard else None for guard, n, w, s, p in parts]

    def places(self, box: _Box, offsets: Sequence[Expr]) -> list[Expr]:
        """Where in the array the element at ``offsets`` of a window stands."""
        parts = zip(box.positions, self.stride, self.pad, offsets, strict=True)
        return [shifted(position, s, offset - p) for position, s, p, offset in parts]

    def offsets(self) -> tuple[Axis, ...]:
        """Axes over a window."""
        return tuple(Axis.fresh(f"w{k}", index_const(w)) for k, w in enumerate(self.ws))

    def divided(self, box: _Box, value: Expr, mode: str, dtype: str) -> Expr:
        """The average, of the sum of a window."""
        if not any(box.guarded):
            return apply_function("true_div", (value, const(prod(self.ws), dtype)), dtype)
        total: Expr = index_const(1)
        for each in zip(box.positions, self.lengths, self.ws, self.stride, self.pad, strict=True):
            total = total * count(*each, mode == "average_inc_pad", LOOP)
        return apply_function("true_div", (value, cast(total, dtype)), dtype)


@lowers(Pool)
def lower_pool(op: Any, out: Target, x: Operand, *vectors: Operand) -> list[Stage]:
    """``out[i] = max over k of x[i * stride + k - pad]``, or the sum, divided by the number of elements for an average."""
    keep = x.ndim - op.ndim
    windows = _Windows(op, out, x.shape[keep:], x.shape[:keep], *vectors)
    function, idiom, nothing = ("maximum", "max", lowest(x.dtype)) if op.mode == "max" else ("add", "sum", 0)
    work = computed_in(out.dtype)

    def at(box: _Box, offsets: Sequence[Expr]) -> Expr:
        return element(x, box.leading, windows.places(box, offsets), box.guarded, const(nothing, x.dtype))

    def finish(box: _Box, value: Expr) -> Expr:
        return cast(value if op.mode in ("max", "sum") else windows.divided(box, value, op.mode, work), out.dtype)

    if prod(windows.ws) <= _WRITTEN_OUT:
        dtype = x.dtype if op.mode == "max" else work
        return [windows.each(lambda box: finish(box, _folded(function, dtype, windows.ws, partial(at, box))))]
    box, offsets = windows.all(), windows.offsets()
    if op.mode in ("max", "sum"):
        return [Reduce((out.buffer,), box.axes, offsets, Reduction(idiom, x.dtype, (out.dtype,)), (at(box, offsets),))]
    total = Buffer("total", work, out.broadcastable)
    reduce = Reduce((total,), box.axes, offsets, Reduction(idiom, work, (work,)), (at(box, offsets),))
    return [reduce, Map((out.buffer,), box.axes, (finish(box, load(total, box.axes)),))]


def _folded(function: str, dtype: str, ws: Sequence[int], at: Callable[[Sequence[Expr]], Expr]) -> Expr:
    """The elements of a window combined one after the other."""
    elements = [at([index_const(k) for k in offset]) for offset in itertools.product(*map(range, ws))]
    result = elements[0]
    for each in elements[1:]:
        result = apply_function(function, (result, each), dtype)
    return result


@lowers(PoolPositions)
def lower_pool_positions(op: Any, out: Target, x: Operand, *vectors: Operand) -> list[Stage]:
    """``out[i] = the k that gives max x[i * stride + k - pad]``."""
    keep = x.ndim - op.ndim
    windows = _Windows(op, out, x.shape[keep:], x.shape[:keep], *vectors)
    nothing = const(lowest(x.dtype), x.dtype)

    def at(box: _Box, offsets: Sequence[Expr]) -> Expr:
        return element(x, box.leading, windows.places(box, offsets), box.guarded, nothing)

    if prod(windows.ws) <= _WRITTEN_OUT:
        return [windows.each(lambda box: _unpadded(_first_largest(windows.ws, partial(at, box)), windows, box))]
    box, offsets = windows.all(), windows.offsets()
    first = out.buffer if not any(windows.guarded) else Buffer("first", INDEX, out.broadcastable)
    reduce = Reduce((first,), box.axes, offsets, Reduction("argmax", x.dtype, (INDEX,)), (at(box, offsets),))
    if first is out.buffer:
        return [reduce]
    return [reduce, Map((out.buffer,), box.axes, (_unpadded(load(first, box.axes), windows, box),))]


def _first_largest(ws: Sequence[int], at: Callable[[Sequence[Expr]], Expr]) -> Expr:
    """Which element of a window is its first largest, or its first NaN."""
    values = [at([index_const(k) for k in offset]) for offset in itertools.product(*map(range, ws))]
    # numbers as wide as the values are: then they are compared and chosen in vectors of one kind
    counted = f"int{8 * max(np.dtype(values[0].dtype).itemsize, 2)}"
    best = values[0]
    where: Expr = const(0, counted)
    for number, value in enumerate(values[1:], 1):
        wins = apply_function("gt", (value, best), "bool")
        best, where = select(wins, value, best), select(wins, const(number, counted), where)
    if values[0].dtype.startswith("float"):
        # nothing is larger than a NaN, and it is larger than nothing: the first one is looked for by itself
        none: Expr = const(len(values), counted)
        first = none
        for number, value in enumerate(values):
            found = select(apply_function("isnan", (value,), "bool"), const(number, counted), none)
            first = apply_function("minimum", (first, found), counted)
        where = select(apply_function("lt", (first, none), "bool"), first, where)
    return cast(where, INDEX)


def _unpadded(where: Expr, windows: _Windows, box: _Box) -> Expr:
    """A place of an element: padding is as low as the lowest one; where it is found, all are equal, and the first is meant."""
    if not any(box.guarded):
        return where
    found: list[Expr] = []
    for k, w in reversed(list(enumerate(windows.ws))):
        found.insert(0, apply_function("mod", (where, index_const(w)), INDEX) if k else where)
        where = apply_function("floor_div", (where, index_const(w)), INDEX)
    begin = windows.places(box, [index_const(0)] * len(windows.ws))
    place: Expr = index_const(0)
    for start, offset, length, w in zip(begin, found, windows.lengths, windows.ws, strict=True):
        place = place * w + (clipped(start + offset, length) - start)
    return place


LOWERINGS = (lower_pool, lower_pool_positions)
