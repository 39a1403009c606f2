"""The determinant of a square matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Apply, FieldlessOp, Variable
from tcore.tensor.dot import dot
from tcore.tensor.linalg.inverse import matrix_inverse
from tcore.tensor.linalg.matrices import adjoint, as_matrix, check_square, diagonal_of
from tcore.tensor.math import conj
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Det", "det"]


class Det(FieldlessOp):
    """The determinant of a square matrix; its derivatives need the inverse."""

    def make_node(self, x: Any) -> Apply:
        x = as_matrix("det", x)
        return Apply(self, [x], [TensorType(x.type.dtype, ())()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        check_square("det", inputs[0])
        output_storage[0][0] = np.asarray(np.linalg.det(inputs[0]))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [()]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``g · det(X)* · X⁻ᴴ``."""
        (x,), (value,), (g,) = inputs, outputs, output_grads
        return [g * conj(value) * adjoint(matrix_inverse(x))]  # type: ignore[list-item, operator]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """``det(X) · trace(X⁻¹ V)``."""
        (x,), (v,) = inputs, eval_points
        if v is None:
            return [None]
        return [self(x) * diagonal_of(dot(matrix_inverse(x), v)).sum()]  # type: ignore[list-item, operator]

    def __str__(self) -> str:
        return "Det"


det = Det()
