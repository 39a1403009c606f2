"""The graph of one item turned into that of a batch, node by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tcore.graph import Variable
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast
from tcore.tensor.vectorizing.batch import Batch, Item
from tcore.tensor.vectorizing.walk import batched_items

__all__ = ["vectorize_graph"]


def vectorize_graph(outputs: Any, replace: Mapping[Variable, Any]) -> Any:
    """The outputs for a batch of items, from the graph of one.

    Parameters
    ----------
    outputs : Variable, or list or tuple of them
    replace : mapping
        Variables of the graph -> what stands for them: the same axes, and before them those of the batch. Batches broadcast against one another as tensors do: where
        one has length 1 and is marked broadcastable, or fewer axes.

    Returns
    -------
    Variable, list or tuple
        In the form of ``outputs``, with the axes of the batch first.

    Notes
    -----
    There is no loop where ops have a batched form; those that have none are run item by item. Parts that do not depend on what is replaced, random draws among them,
    are computed once for all items.
    """
    single = isinstance(outputs, Variable)
    wanted: list[Any] = [outputs] if single else list(outputs)
    items = _operands(replace)
    ndim = max((items[core].variable.type.ndim - core.type.ndim for core in items), default=0)  # type: ignore[attr-defined]
    batch = Batch(_shape([item.variable for item in items.values() if item.batched], ndim))
    found = [batch.full(item) for item in batched_items(wanted, items, batch)]
    return found[0] if single else type(outputs)(found) if isinstance(outputs, (list, tuple)) else found


def _operands(replace: Mapping[Variable, Any]) -> dict[Variable, Item]:
    given: dict[Any, Any] = {core: as_tensor_variable(value) for core, value in replace.items()}
    for core, value in given.items():
        if value.type.ndim < core.type.ndim:
            raise ValueError(f"an item of {core} has {core.type.ndim} axes, so a batch of them cannot have {value.type.ndim}: {value}")
        if value.type.dtype != core.type.dtype:
            raise TypeError(f"{core} has dtype {core.type.dtype}, what stands for it must have it too, got {value} of {value.type.dtype}: cast it")
        marks = value.type.broadcastable[value.type.ndim - core.type.ndim :]
        if any(mark and not own for mark, own in zip(core.type.broadcastable, marks, strict=True)):
            raise TypeError(f"{core} is broadcastable where {value} is not: {core.type} and {value.type}")
    ndim = max((value.type.ndim - core.type.ndim for core, value in given.items()), default=0)
    items = {}
    for core, value in given.items():
        own = value.type.ndim - core.type.ndim
        front = ["x"] * (ndim - own)
        items[core] = Item(value.dimshuffle(*front, *range(value.type.ndim)) if front and own else value, batched=own > 0)
    return items


def _shape(variables: Sequence[Any], ndim: int) -> tuple[Any, ...]:
    """The length of each axis of the batch: that of the first operand that does not stretch there."""
    found: list[Any] = []
    for axis in range(ndim):
        source = next((variable for variable in variables if not variable.type.broadcastable[axis]), None)
        found.append(1 if source is None else cast(source.shape[axis], "int64"))
    return tuple(found)
