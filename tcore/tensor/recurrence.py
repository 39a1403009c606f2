"""``Recurrence``: a loop over numbers whose step is one scalar op."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field

from tcore.graph import Apply, Op
from tcore.graph.floating import floating_point_errors
from tcore.records import frozen
from tcore.scalar import get_scalar_type
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Recurrence"]


@frozen
class Recurrence(Op):
    """States that are numbers, step by step: ``Recurrence(scalar_op, n_states, n_seqs)(*first_states, *sequences, *values)``.

    At step t, ``scalar_op`` of the states, of element t of each sequence, and of the values gives the new states, then further results. The
    outputs are vectors of these. The optimizer makes it of a ``Scan``, after gradients are taken; kernels run it without a call in a step.

    Attributes
    ----------
    scalar_op : ScalarOp
    n_states, n_seqs : int
        At least one sequence, which tells the number of steps; all have one length.
    """

    scalar_op: Any
    n_states: int = field(converter=int)
    n_seqs: int = field(converter=int)

    def make_node(self, *inputs: Any) -> Apply:
        variables = [as_tensor_variable(value) for value in inputs]
        ndims = [variable.type.ndim for variable in variables]
        if self.n_seqs < 1 or len(variables) < self.n_states + self.n_seqs:
            raise ValueError(f"{self} takes {self.n_states} states and {self.n_seqs} sequences, at least one, got {len(variables)} inputs")
        if any(ndim != (self.n_states <= k < self.n_states + self.n_seqs) for k, ndim in enumerate(ndims)):
            raise TypeError(f"{self} takes numbers for states and values, and vectors for sequences, got {', '.join(str(v.type) for v in variables)}")
        made = self.scalar_op.make_node(*[get_scalar_type(variable.type.dtype)() for variable in variables])
        states, new = variables[: self.n_states], made.outputs[: self.n_states]
        if any(state.type.dtype != output.type.dtype for state, output in zip(states, new, strict=True)):
            raise TypeError(f"{self} makes states of other dtypes than those that it begins with: {[str(v.type) for v in new]}, {[str(v.type) for v in states]}")
        return Apply(self, variables, [TensorType(output.type.dtype, (False,))() for output in made.outputs])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        split = self.n_states + self.n_seqs
        states, seqs, values = list(inputs[: self.n_states]), inputs[self.n_states : split], inputs[split:]
        if len({len(seq) for seq in seqs}) > 1:
            raise ValueError(f"Input dimension mis-match: the sequences of {self} have the lengths {[len(seq) for seq in seqs]}")
        dtypes: list[str] = [output.type.dtype for output in node.outputs]  # type: ignore[attr-defined]
        rows = [np.empty(len(seqs[0]), dtype) for dtype in dtypes]
        nothing: list[Any] = [None] * len(rows)
        with floating_point_errors():
            for t in range(len(seqs[0])):
                results = self.scalar_op.on_arrays([*states, *(seq[t, ...] for seq in seqs), *values], dtypes, list(nothing))
                for row, result in zip(rows, results, strict=True):
                    row[t] = result
                states = results[: self.n_states]
        for cell, row in zip(output_storage, rows, strict=True):
            cell[0] = row

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(shapes[self.n_states])] * len(node.outputs)

    def __str__(self) -> str:
        return f"Recurrence{{{self.scalar_op}}}"
