"""Gradients of pooling in the loop IR: each element gets the sum of what its windows give to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from tcore.codegen.building import cast, select
from tcore.codegen.expr import INDEX, Axis, Expr, Fn, const, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.half import HALF, computed_in
from tcore.codegen.lowering import Operand, Target, lowers
from tcore.codegen.reductions import Reduction
from tcore.codegen.stages import Demand, Reduce, Region, Regions, Stage
from tcore.records import frozen
from tcore_nnet.lowering.windows import LOOP, all_of, box_of, clipped, inside, known_numbers, ringed, shifted
from tcore_nnet.pooling import PoolPut, PoolSpread
from tcore_nnet.windows import count, pooled_length

__all__ = ["LOWERINGS"]

_BOXES = 64
"""Elements of a window up to which each of its places is a pass over the result, where the windows of an element are too many to write out."""
_GATHERED = 12
"""Windows that hold an element, up to which they are written out: 3 by 3 of stride 1, or 6 by 6 of stride 2."""


@frozen(eq=False)
class _Shares:
    """What windows give to their elements.

    Attributes
    ----------
    out : Target
    leading, own : sequence of Expr
        Lengths of the result: of the first axes, and of those that windows go over.
    available : sequence of Expr
        How many windows there are along each of the latter.
    geometry : sequence of (int, int, int)
        Along each, the length of a window, the stride, and the padding.
    value : callable
        ``value(leading, positions, k)`` is what the window at ``positions`` gives to its element k.
    """

    out: Target
    leading: Sequence[Expr]
    own: Sequence[Expr]
    available: Sequence[Expr]
    geometry: Sequence[Sequence[int]]
    value: Callable[..., Expr]

    def guarded(self, leading: Sequence[Expr], positions: Sequence[Expr], k: Expr, *tests: Expr) -> Expr:
        """The same of a window that may not be there, or that some tests deny: then it gives 0."""
        there = [inside(*each) for each in zip(positions, self.available, strict=True)]
        # both sides of a choice are computed: what is read must be there
        nearest = [clipped(*each) for each in zip(positions, self.available, strict=True)]
        given = self.value(leading, nearest, k)
        return select(all_of([*there, *tests]), given, const(0, given.dtype))


@lowers(PoolSpread)
def lower_pool_spread(op: Any, out: Target, g: Operand, lengths: Operand, *vectors: Operand) -> list[Stage]:
    """``out[j] = sum of g[i] over the windows i that hold j``, divided by their numbers of elements for averages."""
    own = out.shape[g.ndim - op.ndim :]
    work = computed_in(out.dtype)

    def divided(positions: Sequence[Expr], value: Expr) -> Expr:
        if op.mode == "sum":
            return value
        size: Expr = index_const(1)
        for position, n, w, s, p in zip(positions, own, *map(known_numbers, vectors), strict=True):
            size = size * count(position, n, w, s, p, op.mode == "average_inc_pad", LOOP)
        return apply_function("true_div", (value, cast(size, work)), work)

    return _spread(op, out, g, lengths, vectors, lambda leading, positions, _k: divided(positions, g[(*leading, *positions)]))


@lowers(PoolPut)
def lower_pool_put(op: Any, out: Target, g: Operand, chosen: Operand, lengths: Operand, *vectors: Operand) -> list[Stage]:
    """``out[j] = sum of g[i] over the windows i whose place is j``."""

    def given(leading: Sequence[Expr], positions: Sequence[Expr], k: Expr) -> Expr:
        index = (*leading, *positions)
        # a zero gives nothing; to ask for it reads the element outside of the choice, where no test need guard it
        some = apply_function("ne", (g[index], const(0, out.dtype)), "bool")
        return select(Fn("and", (apply_function("eq", (chosen[index], k), "bool"), some), "bool"), g[index], const(0, out.dtype))

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
    shares = _Shares(out, g.shape[:keep], own, available, geometry, value)
    if prod(-(-w // s) for w, s, _ in geometry) <= _GATHERED:
        return [Demand(tuple(conditions)), _gathered(shares)]
    # additions to elements of half precision would round each sum on the way
    in_boxes = prod(w for w, _, _ in geometry) <= _BOXES and out.dtype != HALF
    return [Demand(tuple(conditions)), _boxes(shares) if in_boxes else _sought(shares)]


def _gathered(shares: _Shares) -> Stage:
    """Each element by itself, the sum of what its windows give; elements that are a stride apart stand in windows alike, and are boxes.

    Window ``t - b`` holds element ``s * t + r - p`` at its place ``r + s * b``, for every ``b`` that keeps this below its width.
    """
    regions = []
    for residues in itertools.product(*(range(s) for _, s, _ in shares.geometry)):
        parts = list(zip(residues, shares.geometry, strict=True))
        depths = [len(range(r, w, s)) for r, (w, s, _) in parts]
        ranges = [(index_const(-((r - p) // s)), LOOP.floor_div(n + (p - r + s - 1), s)) for n, (r, (_, s, p)) in zip(shares.own, parts, strict=True)]
        inner = [(depth - 1, windows) for depth, windows in zip(depths, shares.available, strict=True)] if all(depths) else [None] * len(ranges)
        for box, at_border in ringed(ranges, inner):
            lead, last, axes = box_of(shares.leading, box)
            index = [s * t + (r - p) for t, (r, (_, s, p)) in zip(last, parts, strict=True)]
            given = []
            for back in itertools.product(*map(range, depths)):
                k = index_const(0)
                for b, (r, (w, s, _)) in zip(back, parts, strict=True):
                    k = k * w + (r + s * b)  # type: ignore[assignment]
                positions = [shifted(t, 1, -b) for t, b in zip(last, back, strict=True)]
                given.append((shares.guarded if at_border else shares.value)(lead, positions, k))
            regions.append(Region(axes, (*lead, *index), _added(given, shares.out.dtype)))
    return Regions(shares.out.buffer, tuple(regions))


def _added(terms: Sequence[Expr], dtype: str) -> Expr:
    """The sum of terms, one after the other; rounded once."""
    if not terms:
        return const(0, dtype)
    work = computed_in(dtype)
    total = cast(terms[0], work)
    for each in terms[1:]:
        total = apply_function("add", (total, cast(each, work)), work)
    return cast(total, dtype)


def _boxes(shares: _Shares) -> Stage:
    """Zeros, then an addition for each place of a window, to the box of all elements at that place."""
    everywhere = shares.out.over((*shares.leading, *shares.own))
    regions = [Region(everywhere, everywhere, const(0, shares.out.dtype))]
    for k, offset in enumerate(itertools.product(*(range(w) for w, _, _ in shares.geometry))):
        axes = [Axis.fresh(f"r{number}", length) for number, length in enumerate(shares.leading)]
        positions, index = [], []
        for o, n, windows, (_, s, p) in zip(offset, shares.own, shares.available, shares.geometry, strict=True):
            # the windows whose place lies within the array
            first = max(-((o - p) // s), 0)
            behind = LOOP.minimum(LOOP.floor_div(n + (p - o + s - 1), s), windows)
            axis = Axis.fresh(f"r{len(axes)}", LOOP.maximum(behind - first, 0))
            axes.append(axis)
            positions.append(shifted(axis, 1, first))
            index.append(shifted(axis, s, first * s + o - p))
        lead = axes[: len(shares.leading)]
        regions.append(Region(tuple(axes), (*lead, *index), shares.value(lead, positions, index_const(k)), accumulate=True))
    return Regions(shares.out.buffer, tuple(regions))


def _sought(shares: _Shares) -> Stage:
    """A sum over the windows that may hold an element: the last one that begins before it, and those in front of that."""
    axes = shares.out.over((*shares.leading, *shares.own))
    lead, elements = axes[: len(shares.leading)], axes[len(shares.leading) :]
    back = tuple(Axis.fresh(f"b{k}", index_const(-(-w // s))) for k, (w, s, _) in enumerate(shares.geometry))
    positions, tests, k = [], [], index_const(0)
    for j, b, (w, s, p) in zip(elements, back, shares.geometry, strict=True):
        position = LOOP.floor_div(j + p, s) - b
        offset = j + p - position * s
        tests.append(apply_function("lt", (offset, index_const(w)), "bool"))
        positions.append(position)
        k = k * w + offset  # type: ignore[assignment]
    given = shares.guarded(lead, positions, k, *tests)
    return Reduce((shares.out.buffer,), axes, back, Reduction("sum", shares.out.dtype, (shares.out.dtype,)), (given,))


LOWERINGS = (lower_pool_spread, lower_pool_put)
