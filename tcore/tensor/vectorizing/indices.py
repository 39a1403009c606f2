"""Rules of indexing: reads and writes at places that may differ between items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.graph import Apply
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor, AdvancedIncSubtensor1
from tcore.tensor.advanced_subtensor import AdvancedSubtensor, AdvancedSubtensor1
from tcore.tensor.incsubtensor import IncSubtensor
from tcore.tensor.indexing import inc_subtensor, set_subtensor
from tcore.tensor.ranges import arange
from tcore.tensor.subtensor import Subtensor, fill_index
from tcore.tensor.vectorizing.batch import Batch, Item, vectorizes

__all__: list[str] = []


@vectorizes(Subtensor)
def _read(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    x, *numbers = items
    if not any(item.batched for item in numbers):
        return [x.variable[_whole(batch, fill_index(op.idx_list, [item.variable for item in numbers]))]]
    return [_Place(batch, x, _entries(op, numbers)).read()]


@vectorizes(AdvancedSubtensor1, AdvancedSubtensor)
def _gather(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    x, *index = items
    return [_Place(batch, x, _advanced_entries(index)).read()]


@vectorizes(IncSubtensor)
def _write(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    x, y, *numbers = items
    if any(item.batched for item in numbers):
        return [_Place(batch, _own(batch, x), _entries(op, numbers)).write(op, y)]
    part = batch.full(x)[_whole(batch, fill_index(op.idx_list, [item.variable for item in numbers]))]  # type: ignore[index]
    return [_writing(op)(part, batch.spread(y, part.type.ndim - batch.ndim))]


@vectorizes(AdvancedIncSubtensor1)
def _write_rows(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    x, y, index = items
    return [_Place(batch, _own(batch, x), _advanced_entries([index])).write(op, y)]


@vectorizes(AdvancedIncSubtensor)
def _scatter(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    x, y, *index = items
    return [_Place(batch, _own(batch, x), _advanced_entries(index)).write(op, y)]


def _own(batch: Batch, x: Item) -> Item:
    """What is written to: an array for each item."""
    return Item(batch.full(x))


def _writing(op: Any) -> Any:
    return set_subtensor if op.set_instead_of_inc else inc_subtensor


def _whole(batch: Batch, index: Sequence[Any]) -> tuple[Any, ...]:
    return (*[slice(None)] * batch.ndim, *index)


def _entries(op: Any, numbers: Sequence[Item]) -> list[Any]:
    """Slices, and items that hold one number."""
    entries = fill_index(op.idx_list, list(numbers))
    for entry in entries:
        if isinstance(entry, slice) and any(isinstance(bound, Item) and bound.batched for bound in (entry.start, entry.stop, entry.step)):
            raise ValueError("vectorize: the bounds of a slice depend on the item, so items would be arrays of different shapes; index with an array of places")
    return [_slice_of(entry) if isinstance(entry, slice) else entry for entry in entries]


def _slice_of(entry: slice) -> slice:
    return slice(*(bound.variable if isinstance(bound, Item) else bound for bound in (entry.start, entry.stop, entry.step)))


def _advanced_entries(index: Sequence[Item]) -> list[Any]:
    """Slices, which are the same for all items, and items that hold arrays."""
    return [item if hasattr(item.variable.type, "ndim") else getattr(item.variable, "data", item.variable) for item in index]


class _Place:
    """The index of the whole batch: numbers of items before the places in them, so that all arrays of indices together make the axes of the batch and one item's."""

    def __init__(self, batch: Batch, x: Item, entries: Sequence[Any]) -> None:
        self.batch = batch
        self.x = Item(batch.full(x)) if x.batched else x
        arrays = [place for place, entry in enumerate(entries) if isinstance(entry, Item)]
        together = arrays == list(range(arrays[0], arrays[-1] + 1))
        self.places = max(batch.own(entries[place]) for place in arrays)
        #: axes of one item's result that come before those of the index
        self.before = arrays[0] if together else 0
        index = [_of_item(batch, entry, self.places) if isinstance(entry, Item) else entry for entry in entries]
        numbers = self._numbers() if x.batched else []
        self.index = (*numbers, *index)
        #: where NumPy puts the axes of the index
        self.front = bool(numbers and self.before) or not together or self.before == 0

    def _numbers(self) -> list[Any]:
        """For each axis of the batch the number of the item, along that axis."""
        found = []
        for axis in range(self.batch.ndim):
            order: list[Any] = ["x"] * (self.batch.ndim + self.places)
            order[axis] = 0
            found.append(arange(self.x.variable.shape[axis]).dimshuffle(*order))
        return found

    def read(self) -> Any:
        """The elements, the axes of the batch first."""
        found = self.x.variable[self.index]
        return found.dimshuffle(*self._order(found.type.ndim))

    def write(self, op: Any, y: Item) -> Any:
        """The array with ``y`` at these places."""
        part = self.x.variable[self.index]
        ndim = part.type.ndim
        order = self._order(ndim)
        value: Any = self.batch.spread(y, ndim - self.batch.ndim)
        back = [order.index(axis) for axis in range(ndim)]
        return _writing(op)(part, value.dimshuffle(*back))

    def _order(self, ndim: int) -> list[int]:
        """The axes of NumPy's result, in the order that one item's has behind the batch's."""
        start = 0 if self.front else self.before
        batch = list(range(start, start + self.batch.ndim))
        index = list(range(start + self.batch.ndim, start + self.batch.ndim + self.places))
        rest = [axis for axis in range(ndim) if axis not in (*batch, *index)]
        return [*batch, *rest[: self.before], *index, *rest[self.before :]]


def _of_item(batch: Batch, entry: Item, places: int) -> Any:
    variable: Any = entry.variable
    return batch.spread(entry, places) if entry.batched else variable
