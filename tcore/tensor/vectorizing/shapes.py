"""Rules of ops about shapes: lengths belong to one item, and are those of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.graph import Apply
from tcore.tensor.alloc import Alloc, AllocEmpty, Eye, alloc
from tcore.tensor.constants import constant_int
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.join import Join, MakeVector, Split, join
from tcore.tensor.manipulation import Repeat
from tcore.tensor.ranges import ARange
from tcore.tensor.rebroadcast import Rebroadcast, patternbroadcast
from tcore.tensor.reshape import Reshape, reshape
from tcore.tensor.shape import Shape, Shape_i, SpecifyShape, specify_shape
from tcore.tensor.type import TensorType
from tcore.tensor.vectorizing.batch import Batch, Item, vectorizes

__all__: list[str] = []


def _shared(op: Any, item: Item) -> Any:
    """The variable, which says how long something is.

    Raises
    ------
    ValueError
        If it differs between items.
    """
    if item.batched:
        raise ValueError(f"vectorize: a length of {op} depends on the item, so items would be arrays of different shapes; only values may differ: {item.variable}")
    return item.variable


@vectorizes(Shape)
def _shape(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    return [Item(items[0].variable.shape[batch.ndim :], batched=False)]


@vectorizes(Shape_i)
def _length(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    return [Item(Shape_i(op.i + batch.ndim)(items[0].variable), batched=False)]


@vectorizes(SpecifyShape)
def _specify(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    x, lengths = items
    vector = _shared(op, lengths)
    own = [x.variable.shape[axis] for axis in range(batch.ndim)]
    return [specify_shape(x.variable, [*own, *(vector[axis] for axis in range(batch.own(x)))])]


@vectorizes(DimShuffle)
def _dimshuffle(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    order = ["x" if entry == "x" else entry + batch.ndim for entry in op.new_order]
    return [items[0].variable.dimshuffle(*range(batch.ndim), *order)]


@vectorizes(Rebroadcast)
def _rebroadcast(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    return [Rebroadcast(*((axis + batch.ndim, mark) for axis, mark in op.axis))(items[0].variable)]


@vectorizes(Reshape)
def _reshape(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """The entry -1 is worked out for one item: of an empty batch nothing could be."""
    x, shape = items
    lengths = _shared(op, shape)
    core = op.make_node(TensorType(x.variable.type.dtype, x.variable.type.broadcastable[batch.ndim :])(), lengths)
    own = tuple(x.variable.shape[axis] for axis in range(batch.ndim, x.variable.type.ndim))
    (wanted,) = op.infer_shape(core, [own, (op.ndim,)])
    marks = node.outputs[0].type.broadcastable  # type: ignore[attr-defined]
    found = reshape(x.variable, [*_front(batch, x), *(1 if mark else length for mark, length in zip(marks, wanted, strict=True))], ndim=batch.ndim + op.ndim)
    return [_marked(found, batch, x, marks)]


def _front(batch: Batch, x: Item) -> list[Any]:
    """The lengths of the axes of the batch that ``x`` has."""
    return [1 if x.variable.type.broadcastable[axis] else x.variable.shape[axis] for axis in range(batch.ndim)]


def _marked(found: Any, batch: Batch, x: Item, marks: Sequence[bool]) -> Any:
    return patternbroadcast(found, (*x.variable.type.broadcastable[: batch.ndim], *marks))


@vectorizes(Alloc)
def _alloc(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    value, *lengths = items
    shape = [_shared(op, item) for item in lengths]
    if not value.batched:
        return [Item(op(value.variable, *shape), batched=False)]
    return [alloc(batch.spread(value, len(shape)), *_front(batch, value), *shape)]


@vectorizes(Join)
def _join(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    axis, *parts = items
    own = len(node.outputs[0].type.broadcastable)  # type: ignore[attr-defined]
    known = constant_int(_shared(op, axis))
    place = axis.variable + batch.ndim if known is None else known % own + batch.ndim
    return [join(place, *[batch.full(part) for part in parts])]


@vectorizes(MakeVector)
def _make_vector(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """The numbers of all items, along a last axis."""
    columns: list[Any] = [batch.full(item) for item in items]
    return [join(batch.ndim, *[column.dimshuffle(*range(batch.ndim), "x") for column in columns])]


@vectorizes(Split)
def _split(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    x, axis, lengths = items
    known = constant_int(_shared(op, axis))
    place = axis.variable + batch.ndim if known is None else known % batch.own(x) + batch.ndim
    return op(x.variable, place, _shared(op, lengths), return_list=True)  # type: ignore[no-any-return]


@vectorizes(ARange, Eye, AllocEmpty)
def _of_a_length(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """Never: an input is batched, and all of them are lengths."""
    return [_shared(op, item) for item in items]


@vectorizes(Repeat)
def _repeat(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    x, counts = items
    if op.axis is None:
        flat = reshape(x.variable, [*_front(batch, x), -1], ndim=batch.ndim + 1)
        return [Repeat(batch.ndim)(_marked(flat, batch, x, (False,)), _shared(op, counts))]
    return [Repeat(op.axis % batch.own(x) + batch.ndim)(x.variable, _shared(op, counts))]
