"""Inverses: ``matrix_inverse``, ``pinv``, ``tensorinv``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import field
from attrs.validators import ge

from tcore.graph import Apply, FieldlessOp, Op, Variable
from tcore.records import frozen
from tcore.tensor import _lengths
from tcore.tensor.alloc import eye
from tcore.tensor.linalg.matrices import adjoint, as_array, as_matrices, check_square, product
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MatrixInverse", "MatrixPinv", "TensorInv", "matrix_inverse", "pinv", "tensorinv"]


class MatrixInverse(FieldlessOp):
    """The inverse of a square matrix, or of each of a stack.

    Products with it are computed as solutions of linear equations where the optimizer sees them.

    Raises
    ------
    numpy.linalg.LinAlgError
        When it runs, for a matrix that is singular or not square.
    """

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("matrix_inverse", x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        check_square("matrix_inverse", inputs[0])
        output_storage[0][0] = np.linalg.inv(inputs[0])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``-(X⁻¹ · gᴴ · X⁻¹)ᴴ``, from the inverse that is there."""
        back = adjoint(outputs[0])
        return [-product(back, output_grads[0], back)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """``-X⁻¹ · V · X⁻¹``."""
        if eval_points[0] is None:
            return [None]
        inverse = self(inputs[0])
        return [-product(inverse, eval_points[0], inverse)]

    def __str__(self) -> str:
        return "MatrixInverse"


class MatrixPinv(FieldlessOp):
    """The Moore-Penrose pseudo-inverse of a matrix of any shape, or of each of a stack.

    Its gradient holds where the rank does not change.
    """

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("pinv", x)
        return Apply(self, [x], [TensorType(x.type.dtype, (*x.type.broadcastable[:-2], *x.type.broadcastable[:-3:-1]))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.asarray(np.linalg.pinv(inputs[0]), inputs[0].dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(*shapes[0][:-2], *shapes[0][:-3:-1])]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``(-X⁺gᴴX⁺ + X⁺X⁺ᴴg(I - XX⁺) + (I - X⁺X)gX⁺ᴴX⁺)ᴴ``."""
        (x,), (inverse,), (g,) = inputs, outputs, output_grads
        back = adjoint(inverse)
        outside, inside = product(x, inverse), product(inverse, x)
        total = (
            product(inverse, back, g, _identity(outside) - outside)
            + product(_identity(inside) - inside, g, back, inverse)
            - product(inverse, adjoint(g), inverse)
        )
        return [adjoint(total)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """The same formula, in the direction of the matrix."""
        (x,), (v,) = inputs, eval_points
        if v is None:
            return [None]
        inverse = self(x)
        back, turned = adjoint(inverse), adjoint(v)
        outside, inside = product(x, inverse), product(inverse, x)
        return [
            product(inverse, back, turned, _identity(outside) - outside)
            + product(_identity(inside) - inside, turned, back, inverse)
            - product(inverse, v, inverse)
        ]

    def __str__(self) -> str:
        return "MatrixPinv"


def _identity(x: Any) -> Any:
    return eye(x.shape[-2], dtype=x.type.dtype)


@frozen
class TensorInv(Op):
    """The inverse for ``tensordot``; ``ind`` axes stand for the rows."""

    ind: int = field(default=2, converter=int, validator=ge(1))

    def make_node(self, a: Any) -> Apply:
        a = as_array(a)
        if a.type.ndim < self.ind:
            raise TypeError(f"tensorinv: {a} has {a.type.ndim} dimensions, ind={self.ind} needs that many")
        marks = a.type.broadcastable
        return Apply(self, [a], [TensorType(a.type.dtype, (*marks[self.ind :], *marks[: self.ind]))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (a,) = inputs
        rows, columns = a.shape[: self.ind], a.shape[self.ind :]
        if math.prod(rows) != math.prod(columns):
            raise np.linalg.LinAlgError(f"tensorinv: {rows} and {columns}, the lengths before and after axis {self.ind}, have different products")
        output_storage[0][0] = np.linalg.tensorinv(a, self.ind)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        (shape,) = shapes
        return [(*shape[self.ind :], *shape[: self.ind])]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """That of the inverse of the matrix that the axes before and after ``ind`` make."""
        (a,), (inverse,), (g,) = inputs, outputs, output_grads
        back = adjoint(self._as_matrix(inverse))
        return [-product(back, self._as_matrix(g), back).reshape(a.shape, ndim=a.type.ndim)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        (a,), (v,) = inputs, eval_points
        if v is None:
            return [None]
        inverse = self(a)
        matrix = self._as_matrix(inverse)
        moved = v.reshape((matrix.shape[1], matrix.shape[0]))  # type: ignore[attr-defined]
        return [-product(matrix, moved, matrix).reshape(inverse.shape, ndim=inverse.type.ndim)]  # type: ignore[union-attr]

    def of_matrices(self, a: Any) -> Any:
        """The inverse by that of a matrix, as an expression."""
        rows = _lengths.product([a.shape[axis] for axis in range(self.ind)])
        columns = _lengths.product([a.shape[axis] for axis in range(self.ind, a.type.ndim)])
        lengths = [a.shape[axis] for axis in (*range(self.ind, a.type.ndim), *range(self.ind))]
        found: Any = matrix_inverse(a.reshape((rows, columns), ndim=2))
        return found.reshape(lengths, ndim=a.type.ndim)

    def _as_matrix(self, inverse: Any) -> Any:
        front = inverse.type.ndim - self.ind
        rows = _lengths.product([inverse.shape[axis] for axis in range(front)])
        columns = _lengths.product([inverse.shape[axis] for axis in range(front, inverse.type.ndim)])
        return inverse.reshape((rows, columns), ndim=2)

    def __str__(self) -> str:
        return f"TensorInv{{ind={self.ind}}}"


matrix_inverse = MatrixInverse()
pinv = MatrixPinv()


def tensorinv(a: Any, ind: int = 2) -> Variable:
    """The inverse of a tensor for :func:`~tcore.tensor.tensordot`: ``tensordot(tensorinv(a, ind), a, ind)`` is the identity.

    Parameters
    ----------
    a : tensor
        With ``prod(a.shape[:ind]) == prod(a.shape[ind:])``. Integers are taken as floatX.
    ind : int
        A positive number of axes.

    Returns
    -------
    tensor of shape ``a.shape[ind:] + a.shape[:ind]``

    Raises
    ------
    numpy.linalg.LinAlgError
        When the function runs, if ``a`` is singular or not square in this sense.
    """
    return TensorInv(ind)(a)  # type: ignore[return-value]
