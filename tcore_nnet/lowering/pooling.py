"""Pooling in the loop IR: reductions over windows; small windows are written out, and vectorize over their neighbours."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from tcore.codegen.expr import INDEX, Axis, Buffer, Expr, Fn, cast, const, index_const, load, select
from tcore.codegen.functions import apply_function
from tcore.codegen.half import HALF, computed_in
from tcore.codegen.lowering import Operand, Target, lowers
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Demand, Map, Reduce, Region, Regions, Stage
from tcore_nnet.lowering.windows import LOOP, all_of, clipped, element, inside, known_numbers, shifted
from tcore_nnet.pooling import Pool, PoolPositions, PoolPut, PoolSpread, lowest
from tcore_nnet.windows import count, pooled_length

__all__ = ["LOWERINGS"]

_WRITTEN_OUT = 9
"""Elements of a window up to which there is no loop over them: 3 by 3."""


class _Windows:
    """The windows over the last axes of an operand: axes of the result, and the elements of a window."""

    def __init__(self, op: Any, out: Target, lengths: Sequence[Expr], leading: Sequence[Expr], *vectors: Operand) -> None:
        self.ws, self.stride, self.pad = (known_numbers(vector) for vector in vectors)
        self.lengths = lengths
        self.whole = op.ignore_border
        counts = [pooled_length(*each, op.ignore_border, LOOP) for each in zip(lengths, self.ws, self.stride, self.pad, strict=True)]
        self.axes = out.over((*leading, *counts))
        self.leading, self.positions = self.axes[: len(leading)], self.axes[len(leading) :]

    @property
    def guarded(self) -> list[bool]:
        """Along which axes a window may reach beyond the array."""
        return [p > 0 or not self.whole for p in self.pad]

    def places(self, offsets: Sequence[Expr]) -> list[Expr]:
        """Where in the array the element at ``offsets`` of a window stands."""
        parts = zip(self.positions, self.stride, self.pad, offsets, strict=True)
        return [shifted(position, s, offset - p) for position, s, p, offset in parts]

    def offsets(self) -> tuple[Axis, ...]:
        """Axes over a window."""
        return tuple(Axis.fresh(f"w{k}", index_const(w)) for k, w in enumerate(self.ws))

    def size(self, with_padding: bool) -> Expr:
        """By how much the sum of a window is divided."""
        total: Expr = index_const(1)
        for each in zip(self.positions, self.lengths, self.ws, self.stride, self.pad, strict=True):
            total = total * count(*each, with_padding, LOOP)
        return total

    @property
    def constant_size(self) -> int | None:
        """The same where it does not depend on the window."""
        return None if any(self.guarded) else prod(self.ws)


@lowers(Pool)
def lower_pool(op: Any, out: Target, x: Operand, *vectors: Operand) -> list[Stage]:
    """``out[i] = max over k of x[i * stride + k - pad]``, or the sum, divided by the number of elements for an average."""
    keep = x.ndim - op.ndim
    windows = _Windows(op, out, x.shape[keep:], x.shape[:keep], *vectors)
    function, idiom, nothing = ("maximum", "max", lowest(x.dtype)) if op.mode == "max" else ("add", "sum", 0)
    work = computed_in(out.dtype)

    def at(offsets: Sequence[Expr]) -> Expr:
        return element(x, windows.leading, windows.places(offsets), windows.guarded, const(nothing, x.dtype))

    def finish(value: Expr) -> Expr:
        return cast(value if op.mode in ("max", "sum") else _divided(value, windows, op.mode, work), out.dtype)

    # the largest of elements that lie in memory is found by the runtime's own loop, which is faster than any chain of choices
    if prod(windows.ws) <= _WRITTEN_OUT and (op.mode != "max" or any(windows.guarded)):
        return [Map((out.buffer,), windows.axes, (finish(_folded(function, x.dtype if op.mode == "max" else work, windows.ws, at)),))]
    offsets = windows.offsets()
    if op.mode in ("max", "sum"):
        return [Reduce((out.buffer,), windows.axes, offsets, Reduction(idiom, x.dtype, (out.dtype,)), (at(offsets),))]
    total = Buffer("total", work, out.broadcastable)
    reduce = Reduce((total,), windows.axes, offsets, Reduction(idiom, work, (work,)), (at(offsets),))
    return [reduce, Map((out.buffer,), windows.axes, (finish(load(total, windows.axes)),))]


def _folded(function: str, dtype: str, ws: Sequence[int], at: Callable[[Sequence[Expr]], Expr]) -> Expr:
    """The elements of a window combined one after the other."""
    elements = [at([index_const(k) for k in offset]) for offset in itertools.product(*map(range, ws))]
    result = elements[0]
    for each in elements[1:]:
        result = apply_function(function, (result, each), dtype)
    return result


def _divided(value: Expr, windows: _Windows, mode: str, dtype: str) -> Expr:
    size = windows.constant_size
    number = const(size, dtype) if size is not None else cast(windows.size(mode == "average_inc_pad"), dtype)
    return apply_function("true_div", (value, number), dtype)


@lowers(PoolPositions)
def lower_pool_positions(op: Any, out: Target, x: Operand, *vectors: Operand) -> list[Stage]:
    """``out[i] = the k that gives max x[i * stride + k - pad]``."""
    keep = x.ndim - op.ndim
    windows = _Windows(op, out, x.shape[keep:], x.shape[:keep], *vectors)
    nothing = const(lowest(x.dtype), x.dtype)

    def at(offsets: Sequence[Expr]) -> Expr:
        return element(x, windows.leading, windows.places(offsets), windows.guarded, nothing)

    if prod(windows.ws) <= _WRITTEN_OUT:
        return [Map((out.buffer,), windows.axes, (_unpadded(_first_largest(windows.ws, at), windows),))]
    offsets = windows.offsets()
    first = out.buffer if not any(windows.guarded) else Buffer("first", INDEX, out.broadcastable)
    reduce = Reduce((first,), windows.axes, offsets, Reduction("argmax", x.dtype, (INDEX,)), (at(offsets),))
    if first is out.buffer:
        return [reduce]
    return [reduce, Map((out.buffer,), windows.axes, (_unpadded(load(first, windows.axes), windows),))]


def _first_largest(ws: Sequence[int], at: Callable[[Sequence[Expr]], Expr]) -> Expr:
    """Which element of a window is its first largest, or its first NaN."""
    best: Expr | None = None
    where: Expr = index_const(0)
    for number, offset in enumerate(itertools.product(*map(range, ws))):
        value = at([index_const(k) for k in offset])
        if best is None:
            best = value
            continue
        wins = apply_function("gt", (value, best), "bool")
        if value.dtype.startswith("float"):
            calm = apply_function("eq", (best, best), "bool")
            wins = Fn("or", (wins, Fn("and", (apply_function("isnan", (value,), "bool"), calm), "bool")), "bool")
        best, where = select(wins, value, best), select(wins, index_const(number), where)
    return where


def _unpadded(where: Expr, windows: _Windows) -> Expr:
    """A place of an element: padding is as low as the lowest one; where it is found, all are equal, and the first is meant."""
    if not any(windows.guarded):
        return where
    found: list[Expr] = []
    for k, w in reversed(list(enumerate(windows.ws))):
        found.insert(0, apply_function("mod", (where, index_const(w)), INDEX) if k else where)
        where = apply_function("floor_div", (where, index_const(w)), INDEX)
    begin = windows.places([index_const(0)] * len(windows.ws))
    place: Expr = index_const(0)
    for start, offset, length, w in zip(begin, found, windows.lengths, windows.ws, strict=True):
        place = place * w + (clipped(start + offset, length) - start)
    return place


@lowers(PoolSpread)
def lower_pool_spread(op: Any, out: Target, g: Operand, lengths: Operand, *vectors: Operand) -> list[Stage]:
    """``out[j] = sum of g[i] over the windows i that hold j``, divided by their numbers of elements for averages."""
    own = out.shape[g.ndim - op.ndim :]
    work = computed_in(out.dtype)

    def share(positions: Sequence[Expr], value: Expr, k: Expr) -> Expr:
        if op.mode == "sum":
            return value
        size: Expr = index_const(1)
        for position, n, w, s, p in zip(positions, own, *map(known_numbers, vectors), strict=True):
            size = size * count(position, n, w, s, p, op.mode == "average_inc_pad", LOOP)
        return apply_function("true_div", (value, cast(size, work)), work)

    return _spread(op, out, g, lengths, vectors, lambda leading, positions, k: share(positions, g[(*leading, *positions)], k))


@lowers(PoolPut)
def lower_pool_put(op: Any, out: Target, g: Operand, chosen: Operand, lengths: Operand, *vectors: Operand) -> list[Stage]:
    """``out[j] = sum of g[i] over the windows i whose place is j``."""

    def given(leading: Sequence[Expr], positions: Sequence[Expr], k: Expr) -> Expr:
        index = (*leading, *positions)
        return select(apply_function("eq", (chosen[index], k), "bool"), g[index], const(0, out.dtype))

    conditions = [
        apply_function("eq", pair, "bool")
        for pair, one, other in zip(zip(chosen.shape, g.shape, strict=True), chosen.broadcastable, g.broadcastable, strict=True)
        if not (one and other)
    ]
    return [*([Demand(tuple(conditions))] if conditions else []), *_spread(op, out, g, lengths, vectors, given)]


def _spread(op: Any, out: Target, g: Operand, lengths: Operand, vectors: Sequence[Operand], value: Callable[..., Expr]) -> list[Stage]:
    """What windows give to their elements; ``value(leading, positions, k)`` is what one gives to its place k."""
    keep = g.ndim - op.ndim
    geometry = list(zip(*map(known_numbers, vectors), strict=True))
    own, available = out.shape[keep:], g.shape[keep:]
    conditions = [apply_function("eq", (lengths.shape[0], index_const(op.ndim)), "bool")]
    for k, (windows, (w, s, p)) in enumerate(zip(available, geometry, strict=True)):
        wanted = cast(lengths[index_const(k)], INDEX)
        conditions.append(apply_function("ge", (wanted, index_const(0)), "bool"))
        conditions.append(apply_function("eq", (windows, pooled_length(wanted, w, s, p, op.ignore_border, LOOP)), "bool"))
    # additions to elements of half precision would round each sum on the way
    written_out = prod(w for w, _, _ in geometry) <= _WRITTEN_OUT and out.dtype != HALF
    return [Demand(tuple(conditions)), (_boxes if written_out else _sought)(out, g.shape[:keep], own, available, geometry, value)]


def _boxes(
    out: Target, leading: Sequence[Expr], own: Sequence[Expr], available: Sequence[Expr], geometry: Sequence[Sequence[int]], value: Callable[..., Expr]
) -> Stage:
    """Zeros, then an addition for each place of a window, to the box of all elements at that place."""
    everywhere = out.over((*leading, *own))
    regions = [Region(everywhere, everywhere, const(0, out.dtype))]
    for k, offset in enumerate(itertools.product(*(range(w) for w, _, _ in geometry))):
        axes = [Axis.fresh(f"r{number}", length) for number, length in enumerate(leading)]
        positions, index = [], []
        for o, n, windows, (_, s, p) in zip(offset, own, available, geometry, strict=True):
            # the windows whose place lies within the array
            first = max(-((o - p) // s), 0)
            behind = LOOP.minimum(LOOP.floor_div(n + (p - o + s - 1), s), windows)
            axis = Axis.fresh(f"r{len(axes)}", LOOP.maximum(behind - first, 0))
            axes.append(axis)
            positions.append(shifted(axis, 1, first))
            index.append(shifted(axis, s, first * s + o - p))
        lead = axes[: len(leading)]
        regions.append(Region(tuple(axes), (*lead, *index), value(lead, positions, index_const(k)), accumulate=True))
    return Regions(out.buffer, tuple(regions))


def _sought(
    out: Target, leading: Sequence[Expr], own: Sequence[Expr], available: Sequence[Expr], geometry: Sequence[Sequence[int]], value: Callable[..., Expr]
) -> Stage:
    """A sum over the windows that may hold an element: the last one that begins before it, and those in front of that."""
    axes = out.over((*leading, *own))
    lead, elements = axes[: len(leading)], axes[len(leading) :]
    back = tuple(Axis.fresh(f"b{k}", index_const(-(-w // s))) for k, (w, s, _) in enumerate(geometry))
    positions, tests, k = [], [], index_const(0)
    for j, b, windows, (w, s, p) in zip(elements, back, available, geometry, strict=True):
        position = LOOP.floor_div(j + p, s) - b
        offset = j + p - position * s
        tests += [inside(position, windows), apply_function("lt", (offset, index_const(w)), "bool")]
        positions.append(clipped(position, windows))
        k = k * w + offset  # type: ignore[assignment]
    given = value(lead, positions, k)
    element = select(all_of(tests), given, const(0, given.dtype))
    return Reduce((out.buffer,), axes, back, Reduction("sum", out.dtype, (out.dtype,)), (element,))


LOWERINGS = (lower_pool, lower_pool_positions, lower_pool_spread, lower_pool_put)
