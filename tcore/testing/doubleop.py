"""An op to copy: small and whole, as the documentation's example of a docstring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.tensor import as_tensor_variable

__all__ = ["DoubleOp"]


@frozen
class DoubleOp(Op):
    """Double each element of a tensor.

    Parameters
    ----------
    x : tensor
        Input tensor, of numbers.

    Returns
    -------
    tensor
        A tensor of the same shape and dtype as the input with all values doubled.

    Notes
    -----
    Integers that do not fit into their dtype wrap around, as in NumPy.

    See Also
    --------
    :class:`~tcore.tensor.elemwise.Elemwise` : ``x * 2`` with a variable ``x`` does the same, on every backend.
    """

    def make_node(self, x: Any) -> Apply:
        """Checks and converts; truth values have no double."""
        x = as_tensor_variable(x)
        if x.type.dtype == "bool":
            raise TypeError(f"{self} doubles numbers, got {x} of type {x.type}: cast it first")
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """By NumPy."""
        output_storage[0][0] = np.asarray(inputs[0] + inputs[0])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> Sequence[Any]:
        """That of the input."""
        return shapes

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """Twice the gradient of the output; zeros for integers."""
        (x,) = inputs
        return [x.zeros_like(dtype="floatX") if "int" in x.type.dtype else output_grads[0] * 2]  # type: ignore[attr-defined, operator]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Any]:
        """It is linear."""
        return [None] if eval_points[0] is None else [self(eval_points[0])]
