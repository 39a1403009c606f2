"""Rules of ops that treat elements, or go along axes: what one item has there, the batch has behind its own axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from tcore.compile.copy_ops import ViewOp
from tcore.graph import Apply
from tcore.scalar.op import ScalarOp
from tcore.tensor.assertion import Assert
from tcore.tensor.careduce import CAReduce, normal_axes
from tcore.tensor.cumulative import CumOp
from tcore.tensor.diagonals import ExtractDiag
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.extremes import Argmax, Argmin, MaxAndArgmax
from tcore.tensor.reductions import all as all_true
from tcore.tensor.reductions import min as least
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar, tensor_from_scalar
from tcore.tensor.softmax import LogSoftmax, Softmax, SoftmaxGrad
from tcore.tensor.sorting import ArgSortOp, SortOp
from tcore.tensor.type import TensorType
from tcore.tensor.vectorizing.batch import Batch, Item, vectorizes

__all__: list[str] = []


@vectorizes(Elemwise)
def _elemwise(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """Items of fewer axes than another get those of length 1 behind the batch's."""
    most = max(batch.own(item) for item in items)
    plain = Elemwise(op.scalar_op, name=op.name)
    return plain(*[batch.spread(item, most) if item.batched else item.variable for item in items], return_list=True)  # type: ignore[no-any-return]


@vectorizes(ScalarOp)
def _on_numbers(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """Numbers outside of arrays: a batch of them is an array."""
    arrays = [item.variable if isinstance(item.variable.type, TensorType) else tensor_from_scalar(item.variable) for item in items]
    return Elemwise(op)(*arrays, return_list=True)  # type: ignore[no-any-return]


@vectorizes(ScalarFromTensor, TensorFromScalar)
def _number(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    return [items[0]]


@vectorizes(ViewOp)
def _itself(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """What hands on its input, and changes gradients at most."""
    return [op(items[0].variable)]


@vectorizes(Assert)
def _assert(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """The conditions hold for all items; of numbers that differ from item to item, the message shows the least."""
    value, *others = items
    last = len(others) - op.shown
    reduced = [(all_true if place < last else least)(item.variable) if item.batched else item.variable for place, item in enumerate(others)]
    return [Item(op(value.variable, *reduced), value.batched)]


@vectorizes(CAReduce)
def _reduction(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    (x,) = items
    return [op.clone(axis=_behind(batch, normal_axes(op.axis, batch.own(x))))(x.variable)]


@vectorizes(MaxAndArgmax, Argmax, Argmin)
def _extreme(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    return evolve(op, axis=_behind(batch, op.axis))(items[0].variable, return_list=True)  # type: ignore[no-any-return]


@vectorizes(CumOp, SortOp, ArgSortOp)
def _along_an_axis(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    return [evolve(op, axis=op.axis + batch.ndim)(items[0].variable)]


@vectorizes(ExtractDiag)
def _diagonal(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    own = batch.own(items[0])
    first, second = (axis % own + batch.ndim for axis in (op.axis1, op.axis2))
    return [evolve(op, axis1=first, axis2=second)(items[0].variable)]


@vectorizes(Softmax, LogSoftmax, SoftmaxGrad)
def _rows(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """The rows of all items are rows of one matrix."""
    arrays: list[Any] = [batch.full(item, 2) for item in items]
    (whole,) = arrays[:1]
    rows = op(*[array.reshape((-1, array.shape[-1])) for array in arrays])
    shaped = rows.reshape([1 if mark else whole.shape[axis] for axis, mark in enumerate(whole.type.broadcastable)])
    return [shaped]


def _behind(batch: Batch, axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(axis + batch.ndim for axis in axes)
