"""Item by item: for ops that have no batched form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import field

from tcore.compile.function import function
from tcore.compile.io import In, Out
from tcore.graph import Apply, Constant, Op, Variable
from tcore.graph.null_type import NullType, disconnected_type
from tcore.graph.op import PureOp
from tcore.records import frozen
from tcore.tensor.type import TensorType
from tcore.tensor.vectorizing.batch import Batch, Item, vectorizes
from tcore.tensor.vectorizing.walk import batched_items

__all__ = ["EachItem", "each_item"]


@frozen(eq=False, repr=False, slots=False)
class EachItem(Op):
    """The op of one item, applied to each item of a batch; equal to itself alone, as nodes are.

    Parameters
    ----------
    core : Apply
        The node of one item.
    batched : sequence of bool
        For each of its inputs that are no constants: whether it comes with the axes of the batch.
    ndim : int
        Axes of the batch.
    """

    core: Apply
    batched: tuple[bool, ...] = field(converter=tuple)
    ndim: int

    @cached_property
    def moving(self) -> list[Variable]:
        """The inputs of one item that are no constants."""
        return [variable for variable in self.core.inputs if not isinstance(variable, Constant)]

    @cached_property
    def of_one(self) -> Any:
        """The function of one item, compiled when it is first needed."""
        entries = [In(variable, borrow=True) for variable in self.moving]
        return function(entries, [Out(v, borrow=True) for v in self.core.outputs], on_unused_input="ignore", name=f"one item of {self.core.op}")

    def __getstate__(self) -> dict[str, Any]:
        """Without the function, which is compiled again where it is needed."""
        return {name: value for name, value in self.__dict__.items() if name != "of_one"}

    def make_node(self, *inputs: Any) -> Apply:
        """What stands for the inputs of one item that are no constants."""
        marks = [all(v.type.broadcastable[axis] for v, hit in zip(inputs, self.batched, strict=True) if hit) for axis in range(self.ndim)]
        outputs = [TensorType(out.type.dtype, (*marks, *out.type.broadcastable))() for out in self.core.outputs]  # type: ignore[attr-defined]
        return Apply(self, list(inputs), outputs)

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        fronts = [value.shape[: self.ndim] for value, hit in zip(inputs, self.batched, strict=True) if hit]
        shape = np.broadcast_shapes(*fronts)
        stretched = [
            np.broadcast_to(value, (*shape, *value.shape[self.ndim :])) if hit else value for value, hit in zip(inputs, self.batched, strict=True)
        ]
        results: list[Any] = [None] * len(node.outputs)
        for place in np.ndindex(*shape):
            row = self.of_one(*[np.array(value[place]) if hit else value for value, hit in zip(stretched, self.batched, strict=True)])
            for k, value in enumerate(row):
                if results[k] is None:
                    results[k] = np.empty((*shape, *np.shape(value)), node.outputs[k].type.dtype)  # type: ignore[attr-defined]
                if results[k].shape[self.ndim :] != np.shape(value):
                    raise ValueError(f"{self}: items of one batch give arrays of different shapes, {results[k].shape[self.ndim :]} and {np.shape(value)}")
                results[k][place] = value
        if 0 in shape:
            lengths = self._lengths_of_one(
                [np.zeros(value.shape[self.ndim :], value.dtype) if hit else value for value, hit in zip(inputs, self.batched, strict=True)]
            )
            results = [np.empty((*shape, *own), output.type.dtype) for own, output in zip(lengths, node.outputs, strict=True)]  # type: ignore[attr-defined]
        for cell, result in zip(output_storage, results, strict=True):
            cell[0] = result

    def _lengths_of_one(self, values: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
        """The shapes of the outputs of an item, of which an empty batch has none: from its inputs, zeros where each item has its own."""
        shapes = function(self.moving, [v.shape for v in self.core.outputs], on_unused_input="ignore")(*values)  # type: ignore[attr-defined]
        return [tuple(map(int, lengths)) for lengths in shapes]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """That of the op of one item."""
        pattern = getattr(self.core.op, "connection_pattern", None)
        rows = pattern(self.core) if pattern is not None else [[True] * len(node.outputs)] * len(self.core.inputs)
        return [row for row, variable in zip(rows, self.core.inputs, strict=True) if not isinstance(variable, Constant)]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradients of one item, as a graph, for the whole batch; summed where all items share an input."""
        seeds = [out.type() if hasattr(g.type, "dtype") else g for out, g in zip(self.core.outputs, output_grads, strict=True)]
        found = self.core.op.L_op(self.core.inputs, self.core.outputs, seeds)
        batch = Batch(tuple(1 if mark else outputs[0].shape[axis] for axis, mark in enumerate(outputs[0].type.broadcastable[: self.ndim])))  # type: ignore[attr-defined]
        known = {core: Item(value, hit) for core, value, hit in zip(self.moving, inputs, self.batched, strict=True)}
        known.update((core, Item(value)) for core, value in zip(self.core.outputs, outputs, strict=True))
        known.update((seed, Item(g)) for seed, g in zip(seeds, output_grads, strict=True) if seed is not g)
        return [
            self._gathered(gradient, known[core], known, batch)
            for core, gradient in zip(self.core.inputs, found, strict=True)
            if not isinstance(core, Constant)
        ]

    def _gathered(self, gradient: Any, given: Item, known: dict[Variable, Item], batch: Batch) -> Variable:
        if gradient is None:
            return disconnected_type()
        if isinstance(gradient.type, NullType) or not hasattr(gradient.type, "dtype"):
            return gradient  # type: ignore[no-any-return]
        (item,) = batched_items([gradient], known, batch)
        whole: Any = batch.full(item)
        stretched = [axis for axis in range(batch.ndim) if not given.batched or (given.variable.type.broadcastable[axis] and not whole.type.broadcastable[axis])]
        return whole.sum(axis=stretched, keepdims=given.batched) if stretched else whole  # type: ignore[no-any-return]

    def __str__(self) -> str:
        return f"EachItem{{{self.core.op}}}"


@vectorizes(PureOp)
def each_item(op: Any, node: Apply, batch: Batch, items: Sequence[Item]) -> Sequence[Any]:
    """The rule of ops without one.

    Raises
    ------
    TypeError
        If an input or output is no tensor, such as a generator: no array holds a batch of them.
    """
    strange = [variable for variable in (*node.inputs, *node.outputs) if not isinstance(variable.type, TensorType) and not isinstance(variable, Constant)]
    if strange:
        raise TypeError(f"vectorize: {op} has no form for a batch, and {strange[0]}, of type {strange[0].type}, is no tensor that a loop over items could hold; compute it outside")
    given = [item for item, variable in zip(items, node.inputs, strict=True) if not isinstance(variable, Constant)]
    core = node.clone_with_new_inputs([variable if isinstance(variable, Constant) else variable.type(variable.name) for variable in node.inputs])
    loop = EachItem(core, [item.batched for item in given], batch.ndim)
    return loop(*[item.variable for item in given], return_list=True)  # type: ignore[no-any-return]
