"""Lowerings of integer-array indexing and of writing into parts of arrays: gathers, regions, scatters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from tcore.codegen.building import cast
from tcore.codegen.expr import Axis, Const, Expr, Fn, index_const
from tcore.codegen.functions import apply_function
from tcore.codegen.lowering import NotLowered, Operand, Target, lowers
from tcore.codegen.stages import Demand, Map, Region, Regions, Scatter, Stage
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor, AdvancedIncSubtensor1
from tcore.tensor.advanced_subtensor import AdvancedSubtensor, AdvancedSubtensor1
from tcore.tensor.incsubtensor import IncSubtensor
from tcore.tensor.lowering.views import basic_index, fits, part, slice_parts

__all__ = ["LOWERINGS"]


def _bounded(index: Expr, length: Expr) -> Expr:
    return Fn("bounded", (cast(index, "int64"), length), "int64")


def _looked_up(x: Operand, axis: int, index: Operand) -> None:
    """Refuse indices that no loop would look at: an axis that is known to have length 1 is read at 0, whatever they are."""
    if x.broadcastable[axis] and (index.value is None or not set(index.value.ravel().tolist()) <= {0, -1}):
        raise NotLowered("computed indices of an axis of length 1")


@lowers(AdvancedSubtensor1)
def lower_advanced_subtensor1(op: Any, out: Target, x: Operand, index: Operand) -> list[Stage]:
    """``out[i, j] = x[index[i], j]``."""
    _looked_up(x, 0, index)
    axes = out.over((*index.shape, *x.shape[1:]))
    place = _bounded(index[axes[0]], x.shape[0])
    return [*_looked_at(index.shape, x.shape[1:]), Map((out.buffer,), axes, (x[(place, *axes[1:])],))]


def _looked_at(made: Sequence[Expr], kept: Sequence[Expr]) -> list[Demand]:
    """Indices count, too, where the result has no elements for the lengths of other axes: no loop would look at them.

    ``made`` are the lengths of the index arrays, ``kept`` those of the axes that stay.
    """
    made, kept = ([n for n in lengths if not isinstance(n, Const)] for lengths in (made, kept))
    if not kept:
        return []
    some = [apply_function("ne", (n, index_const(0)), "bool") for n in kept]
    none = [apply_function("eq", (n, index_const(0)), "bool") for n in made]
    fine = reduce(lambda a, b: apply_function("and", (a, b), "bool"), some)
    return [Demand((reduce(lambda a, b: apply_function("or", (a, b), "bool"), none, fine),), doubtful=True)]


@lowers(AdvancedSubtensor)
def lower_advanced_subtensor(op: Any, out: Target, x: Operand, *entries: Operand) -> list[Stage]:
    """``out[a, i, b] = x[a, index[i], b]``, and with several index arrays, which broadcast."""
    plan = _AdvancedIndex(x.shape, entries)
    for axis in plan.arrays:
        _looked_up(x, axis, entries[axis])
    axes = out.over(plan.lengths)
    return [*_looked_at(plan.made, plan.kept), Map((out.buffer,), axes, (x[plan.place(axes, checked=True)],))]


class _AdvancedIndex:
    """A NumPy index of integer arrays and known slices: lengths of the result, and the place of an index."""

    def __init__(self, shape: tuple[Expr, ...], entries: tuple[Operand, ...]) -> None:
        self.shape, self.entries = shape, entries
        self.arrays = [k for k, entry in enumerate(entries) if entry.buffer is not None]
        if not self.arrays:
            raise NotLowered("an advanced index without arrays")
        together = self.arrays == list(range(self.arrays[0], self.arrays[-1] + 1))
        self.first = self.arrays[0] if together else 0
        self.ndim = max(entries[k].ndim for k in self.arrays)
        self.made = [self._made(axis) for axis in range(self.ndim)]
        self.slices: dict[int, tuple[Expr, int, bool]] = {}
        self.kept: list[Expr] = []
        for axis, length in enumerate(shape):
            if axis in self.arrays:
                continue
            start, step, count = self._slice(axis, length)
            self.slices[axis] = (start, step, count is length)
            self.kept.append(count)
        self.lengths = [*self.kept[: self.first], *self.made, *self.kept[self.first :]]

    def _made(self, axis: int) -> Expr:
        """Length of an axis of the broadcast index arrays."""
        for k in self.arrays:
            own = axis - (self.ndim - self.entries[k].ndim)
            if own >= 0 and not self.entries[k].broadcastable[own]:
                return self.entries[k].shape[own]
        return index_const(1)

    def _slice(self, axis: int, length: Expr) -> tuple[Expr, int, Expr]:
        if axis >= len(self.entries):
            return index_const(0), 1, length
        value = self.entries[axis].value
        if not isinstance(value, slice):
            raise NotLowered("an advanced index with a symbolic slice")
        start, stop, step = (None if v is None else index_const(v) for v in (value.start, value.stop, value.step))
        return slice_parts(start, stop, step, length)

    def place(self, axes: Sequence[Axis], *, checked: bool) -> list[Expr]:
        """The index of the array for an index of the result."""
        made = axes[self.first : self.first + self.ndim]
        rest = iter([*axes[: self.first], *axes[self.first + self.ndim :]])
        place: list[Expr] = []
        for axis, length in enumerate(self.shape):
            if axis in self.arrays:
                entry = self.entries[axis]
                index = entry[made[self.ndim - entry.ndim :]]
                place.append(_bounded(index, length) if checked else cast(index, "int64"))
            else:
                start, step, whole = self.slices[axis]
                place.append(part(next(rest), start=start, step=step, whole=whole))
        return place


@lowers(IncSubtensor)
def lower_inc_subtensor(op: Any, out: Target, x: Operand, y: Operand, *numbers: Operand) -> list[Stage]:
    """A copy of ``x`` (or its memory), then ``out[start + i * step] = y[i]`` or ``+=``."""
    index, lengths = basic_index(op.idx_list, x.shape, numbers)
    axes = tuple(Axis.fresh(f"r{k}", length) for k, length in enumerate(lengths))
    left = iter(axes)
    place = tuple(make(next(left) if keeps else index_const(0)) for keeps, make in index)
    value = cast(y[axes[len(axes) - y.ndim :]], out.dtype)
    region = Region(axes, place, value, accumulate=not op.set_instead_of_inc)
    return [*fits(y, lengths), Regions(out.buffer, (region,), x.buffer, op.inplace)]


@lowers(AdvancedIncSubtensor1)
def lower_advanced_inc_subtensor1(op: Any, out: Target, x: Operand, y: Operand, index: Operand) -> list[Stage]:
    """A copy of ``x``, then ``out[index[i], j] += y[i, j]`` (or ``=``), in the order of i."""
    lengths = (*index.shape, *x.shape[1:])
    axes = tuple(Axis.fresh(f"r{k}", n) for k, n in enumerate(lengths))
    place = (cast(index[axes[0]], "int64"), *axes[1:])
    value = cast(y[axes[len(axes) - y.ndim :]], out.dtype)
    combine = "set" if op.set_instead_of_inc else "inc"
    scatter = Scatter(out.buffer, axes, place, value, combine, ((0, x.shape[0]),), x.buffer, op.inplace)  # type: ignore[arg-type]
    return [*fits(y, lengths), scatter]


@lowers(AdvancedIncSubtensor)
def lower_advanced_inc_subtensor(op: Any, out: Target, x: Operand, y: Operand, *entries: Operand) -> list[Stage]:
    """The same for any index of integer arrays and known slices."""
    plan = _AdvancedIndex(x.shape, entries)
    axes = tuple(Axis.fresh(f"r{k}", n) for k, n in enumerate(plan.lengths))
    value = cast(y[axes[len(axes) - y.ndim :]], out.dtype)
    checked = tuple((k, x.shape[k]) for k in plan.arrays)
    combine = "set" if op.set_instead_of_inc else "inc"
    place = tuple(plan.place(axes, checked=False))
    scatter = Scatter(out.buffer, axes, place, value, combine, checked, x.buffer, op.inplace)  # type: ignore[arg-type]
    return [*fits(y, plan.lengths), scatter]


LOWERINGS = (
    lower_advanced_subtensor1,
    lower_advanced_subtensor,
    lower_inc_subtensor,
    lower_advanced_inc_subtensor1,
    lower_advanced_inc_subtensor,
)
