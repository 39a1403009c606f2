"""Rules of products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.graph import Apply
from tcore.tensor.contraction import matmul
from tcore.tensor.dot import BatchedDot, Dot, dot
from tcore.tensor.vectorizing.batch import Batch, Item, vectorizes

__all__: list[str] = []


@vectorizes(Dot)
def _dot(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """One product of matrices where only one factor differs between items and its rows can be joined, else a product for each item."""
    x, y = items
    own = (batch.own(x), batch.own(y))
    if not y.batched:
        return [dot(x.variable, y.variable)]
    if not x.batched and own[1] == 1:
        return [dot(y.variable, x.variable.T)]
    left: Any = batch.spread(x) if own[0] == 2 else _with_axis(batch.spread(x), -2)
    right: Any = batch.spread(y) if own[1] == 2 else _with_axis(batch.spread(y), -1)
    found: Any = matmul(left, right)
    rows = [] if own[0] == 1 else [batch.ndim]
    columns = [] if own[1] == 1 else [batch.ndim + 1]
    return [found.dimshuffle(*range(batch.ndim), *rows, *columns) if len(rows + columns) < 2 else found]


@vectorizes(BatchedDot)
def _batched_dot(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """The axis of the batch that each item has is one more before those of matrices."""
    x, y = items
    vectors = (batch.own(x) == 2, batch.own(y) == 2)
    left = _with_axis(batch.spread(x), -2) if vectors[0] else batch.spread(x)
    right = _with_axis(batch.spread(y), -1) if vectors[1] else batch.spread(y)
    found: Any = matmul(left, right)
    kept = [batch.ndim + 1 + place for place, vector in enumerate(vectors) if not vector]
    return [found.dimshuffle(*range(batch.ndim + 1), *kept) if any(vectors) else found]


def _with_axis(variable: Any, place: int) -> Any:
    """An axis of length 1 that is the last one, or the last but one."""
    order: list[Any] = list(range(variable.type.ndim))
    order.insert(len(order) + place + 1, "x")
    return variable.dimshuffle(*order)
