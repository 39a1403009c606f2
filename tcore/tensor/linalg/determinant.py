"""Determinants of square matrices: ``det``, ``slogdet``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Apply, FieldlessOp, Variable
from tcore.scalar.dtypes import complex_dtypes
from tcore.tensor.alloc import zeros_like
from tcore.tensor.contraction import matmul
from tcore.tensor.gradients import or_zeros
from tcore.tensor.linalg.inverse import matrix_inverse
from tcore.tensor.linalg.matrices import adjoint, as_matrices, check_square, diagonal_of, real_dtype
from tcore.tensor.math import cast, conj, imag, real
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Det", "SLogDet", "det", "slogdet"]


class Det(FieldlessOp):
    """The determinant of a square matrix; its derivatives need the inverse."""

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("det", x)
        return Apply(self, [x], [TensorType(x.type.dtype, x.type.broadcastable[:-2])()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        check_square("det", inputs[0])
        with np.errstate(all="ignore"):
            output_storage[0][0] = np.asarray(np.linalg.det(inputs[0]))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0][:-2]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``g · det(X)* · X⁻ᴴ``."""
        (x,), (value,), (g,) = inputs, outputs, output_grads
        return [_at_each(g * conj(value)) * adjoint(matrix_inverse(x))]  # type: ignore[operator]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """``det(X) · trace(X⁻¹ V)``."""
        (x,), (v,) = inputs, eval_points
        if v is None:
            return [None]
        return [self(x) * _trace(matmul(matrix_inverse(x), v))]  # type: ignore[operator]

    def __str__(self) -> str:
        return "Det"


class SLogDet(FieldlessOp):
    """The sign of the determinant and the logarithm of its size, which cannot overflow.

    The sign is 0 and the logarithm -inf for a singular matrix; of a complex matrix the sign is a complex number of size 1.
    """

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("slogdet", x)
        front = x.type.broadcastable[:-2]
        return Apply(self, [x], [TensorType(x.type.dtype, front)(), TensorType(real_dtype(x.type.dtype), front)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        check_square("slogdet", inputs[0])
        with np.errstate(all="ignore"):
            found = np.linalg.slogdet(inputs[0])
        for cell, value in zip(output_storage, found, strict=True):
            cell[0] = np.asarray(value)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0][:-2]] * 2

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``gˡ · X⁻ᴴ`` for the logarithm; only that of a complex matrix has a sign that changes: its angle is the imaginary part."""
        (x,), (sign, logarithm) = inputs, outputs
        turn = or_zeros(output_grads[1], logarithm)
        if x.type.dtype in complex_dtypes:  # type: ignore[attr-defined]
            turn = cast(turn, x.type.dtype) + imag(or_zeros(output_grads[0], sign) * conj(sign)) * np.array(1j, x.type.dtype)  # type: ignore[attr-defined, operator]
        return [_at_each(turn) * adjoint(matrix_inverse(x))]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """``trace(X⁻¹ V)``: its real part for the logarithm, its imaginary part for the angle of the sign."""
        (x,), (v,) = inputs, eval_points
        if v is None:
            return [None, None]
        sign: Any = self(x)[0]  # type: ignore[index]
        moved: Any = _trace(matmul(matrix_inverse(x), v))
        if x.type.dtype in complex_dtypes:  # type: ignore[attr-defined]
            return [sign * imag(moved) * np.array(1j, x.type.dtype), real(moved)]  # type: ignore[attr-defined]
        return [zeros_like(sign), moved]

    def __str__(self) -> str:
        return "SLogDet"


def _at_each(value: Any) -> Any:
    """A number of each matrix as a matrix of one entry."""
    return value.dimshuffle(*range(value.type.ndim), "x", "x")


def _trace(x: Any) -> Any:
    return diagonal_of(x).sum(axis=-1)


det = Det()
_slogdet = SLogDet()


def slogdet(x: Any) -> list[Variable]:
    """The sign of the determinant and the logarithm of its size: ``det(x) == sign * exp(logarithm)``.

    Parameters
    ----------
    x : tensor of shape (..., M, M)
        Integers are taken as floatX.

    Returns
    -------
    list of two tensors of shape (...,)
        0 and -inf for a singular matrix.
    """
    return _slogdet(x)  # type: ignore[return-value]
