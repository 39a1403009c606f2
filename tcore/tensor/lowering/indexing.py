"""Lowerings of integer-array indexing and of writing into parts of arrays: gathers, regions, scatters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from tcore.codegen.building import cast, select
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
    return [*_looked_at([index], x.shape[1:]), Map((out.buffer,), axes, (x[(place, *axes[1:])],))]


def _test(name: str, left: Expr, right: Expr) -> Expr:
    return apply_function(name, (left, right), "bool")


def _both(conditions: Sequence[Expr]) -> Expr:
    return reduce(lambda a, b: _test("and", a, b), conditions)


def _looked_at(arrays: Sequence[Operand], kept: Sequence[Expr]) -> list[Demand]:
    """Indices count, too, where the result has no elements for the lengths of other axes: no loop would look at them.

    ``arrays`` are those of the index, which may be of no elements, too; ``kept`` the lengths of the axes that stay.
    """
    other = [n for n in kept if not isinstance(n, Const)]
    if len(arrays) == 1 and not other:
        return []
    lengths = [[n for n in array.shape if not isinstance(n, Const)] for array in arrays]
    zero = index_const(0)
    alike: list[Expr] = []
    if any(lengths) and all(lengths):  # nothing is left out where no array has elements
        alike = [_both([reduce(lambda a, b: _test("or", a, b), [_test("eq", n, zero) for n in own]) for own in lengths])]
    some = [_test("ne", n, zero) for n in (*other, *(n for own in lengths for n in own if len(arrays) > 1))]
    if not some:
        return []
    return [Demand((reduce(lambda a, b: _test("or", a, b), alike, _both(some)),), doubtful=True)]


@lowers(AdvancedSubtensor)
def lower_advanced_subtensor(op: Any, out: Target, x: Operand, *entries: Operand) -> list[Stage]:
    """``out[a, i, b] = x[a, index[i], b]``, and with several index arrays, which broadcast."""
    plan = _AdvancedIndex(x.shape, entries)
    for axis in plan.arrays:
        _looked_up(x, axis, entries[axis])
    axes = out.over(plan.lengths)
    return [*plan.demands, Map((out.buffer,), axes, (x[plan.place(axes, checked=True)],))]


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
        # NumPy stretches an index array of length 1 whatever its mark says
        fits = [self._fits(k, axis) for k in self.arrays for axis in range(self.ndim) if self._may_stretch(k, axis)]
        self.slices: dict[int, tuple[Expr, int, bool]] = {}
        self.kept: list[Expr] = []
        for axis, length in enumerate(shape):
            if axis in self.arrays:
                continue
            start, step, count = self._slice(axis, length)
            self.slices[axis] = (start, step, count is length)
            self.kept.append(count)
        self.lengths = [*self.kept[: self.first], *self.made, *self.kept[self.first :]]
        self.demands = [*([Demand(tuple(fits))] if fits else []), *_looked_at([entries[k] for k in self.arrays], self.kept)]

    def _length(self, k: int, axis: int) -> Expr | None:
        """Length of an index array along an axis of all of them together, None where it is marked to stretch."""
        own = axis - (self.ndim - self.entries[k].ndim)
        return None if own < 0 or self.entries[k].broadcastable[own] else self.entries[k].shape[own]

    def _made(self, axis: int) -> Expr:
        """Length of an axis of the broadcast index arrays."""
        found = [n for k in self.arrays if (n := self._length(k, axis)) is not None]
        length = found[-1] if found else index_const(1)
        for other in reversed(found[:-1]):
            length = select(_test("eq", other, index_const(1)), length, other)
        return length

    def _may_stretch(self, k: int, axis: int) -> bool:
        """Whether an index array has no mark along an axis along which another has none."""
        return self._length(k, axis) is not None and any(self._length(other, axis) is not None for other in self.arrays if other != k)

    def _fits(self, k: int, axis: int) -> Expr:
        own: Any = self._length(k, axis)
        return _test("or", _test("eq", own, index_const(1)), _test("eq", own, self.made[axis]))

    def _read(self, k: int, made: Sequence[Axis]) -> Expr:
        """The element of an index array for an index of all of them together."""
        place: list[Expr] = list(made)
        for axis in range(self.ndim):
            if self._may_stretch(k, axis):
                longer = _test("ne", self._length(k, axis), index_const(1))  # type: ignore[arg-type]
                place[axis] = made[axis] * cast(longer, "int64")
        return self.entries[k][place[self.ndim - self.entries[k].ndim :]]

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
                index = self._read(axis, made)
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
    return [*plan.demands, *fits(y, plan.lengths), scatter]


LOWERINGS = (
    lower_advanced_subtensor1,
    lower_advanced_subtensor,
    lower_inc_subtensor,
    lower_advanced_inc_subtensor1,
    lower_advanced_inc_subtensor,
)
