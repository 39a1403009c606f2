"""The Cholesky factors of positive definite matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import evolve, field
from attrs.validators import in_

from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar.dtypes import complex_dtypes, upcast
from tcore.tensor.linalg.matrices import adjoint, as_matrices, check_square, half_lower, hermitian, lapack, on_each, product, same_stack, triangle_gradient
from tcore.tensor.linalg.solve import solve_lower_triangular, solve_upper_triangular
from tcore.tensor.triangles import tril
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Cholesky", "CholeskyGrad", "cholesky"]


@frozen
class Cholesky(Op):
    """The triangle ``L`` with ``L · Lᴴ = X`` for a positive definite ``X``, or ``U`` with ``Uᴴ · U = X``.

    Only the triangle of ``X`` on the same side is read.

    Parameters
    ----------
    lower : bool
        Which of the two.
    on_error : 'raise' or 'nan'
        Whether a matrix that is not positive definite raises LinAlgError, or gives NaN everywhere.
    destructive : bool
        Whether the memory of ``X`` may become that of the result.
    """

    lower: bool = field(default=True, converter=bool)
    on_error: Literal["raise", "nan"] = field(default="raise", validator=in_(("raise", "nan")))
    destructive: bool = field(default=False, converter=bool)

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """Where it may."""
        return {0: [0]} if self.destructive else {}

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("cholesky", x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        check_square("cholesky", x)
        dtype = node.outputs[0].type.dtype
        output_storage[0][0] = on_each(self._factor, dtype, x) if x.size else np.zeros(x.shape, dtype)

    def _factor(self, x: np.ndarray) -> np.ndarray:
        factor, info = lapack("potrf", x.dtype.name)(x, lower=self.lower, clean=True, overwrite_a=self.destructive)
        if info > 0:
            if self.on_error == "raise":
                raise np.linalg.LinAlgError(f"cholesky: the matrix is not positive definite (its leading minor of order {info} is not)")
            return np.full(x.shape, np.nan, x.dtype)
        return factor  # type: ignore[no-any-return]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Symbolic reverse mode, from the factor, for the triangle that is read."""
        return [_factor_gradient(outputs[0], output_grads[0], self.lower)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """``L · Φ(L⁻¹ X' L⁻ᴴ)``, where Φ takes the lower triangle and half the diagonal."""
        if eval_points[0] is None:
            return [None]
        factor: Any = evolve(self, destructive=False)(inputs[0])
        v: Any = eval_points[0]
        if not self.lower:
            factor, v = adjoint(factor), adjoint(v)
        meant = hermitian(v, lower=True)
        left: Any = solve_lower_triangular(factor, meant)
        moved = product(factor, half_lower(adjoint(solve_lower_triangular(factor, adjoint(left)))))
        return [moved if self.lower else adjoint(moved)]

    def __str__(self) -> str:
        return f"Cholesky{{lower={self.lower}, destructive={self.destructive}, on_error={self.on_error!r}}}"


@frozen
class CholeskyGrad(Op):
    """The gradient of the Cholesky factor as one numeric op: (x, factor, gradient of the factor) -> gradient of x.

    It goes backwards through the columns of the factorization (Smith, 1995), for real matrices. :meth:`Cholesky.L_op` does not use it: its
    expression can be differentiated again, and takes the place of this op where the optimizer sees it.
    """

    lower: bool = field(default=True, converter=bool)

    def make_node(self, x: Any, l: Any, dz: Any) -> Apply:  # noqa: E741 - the documented names
        operands = same_stack(*(as_matrices("CholeskyGrad", operand) for operand in (x, l, dz)))
        dtype = upcast(*[operand.type.dtype for operand in operands])
        if dtype in complex_dtypes:
            raise TypeError(f"CholeskyGrad takes real matrices, got {', '.join(operand.type.dtype for operand in operands)}")
        return Apply(self, operands, [TensorType(dtype, operands[0].type.broadcastable)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, factor, dz = inputs
        check_square("CholeskyGrad", x)
        if not x.shape == factor.shape == dz.shape:
            raise ValueError(f"CholeskyGrad takes three matrices of one shape, got {x.shape}, {factor.shape} and {dz.shape}")
        dtype = node.outputs[0].type.dtype
        output_storage[0][0] = on_each(self._backwards, dtype, factor, dz) if x.size else np.zeros(x.shape, dtype)

    def formula(self, inputs: Sequence[Variable]) -> Variable:
        """The same as an expression of ops that have native forms."""
        return _factor_gradient(inputs[1], inputs[2], self.lower)  # type: ignore[no-any-return]

    def _backwards(self, factor: np.ndarray, dz: np.ndarray) -> np.ndarray:
        if not self.lower:
            factor, dz = factor.T, dz.T
        gradient = np.tril(dz).astype(np.result_type(factor, dz))
        for k in reversed(range(len(factor))):
            below = factor[k + 1 :, k]
            update = np.tril(gradient[k + 1 :, k + 1 :])
            gradient[k + 1 :, k] -= update @ below + update.T @ below
            gradient[k + 1 :, k] /= factor[k, k]
            gradient[k, k] = (gradient[k, k] - below @ gradient[k + 1 :, k]) / (2 * factor[k, k])
        return gradient if self.lower else np.ascontiguousarray(gradient.T)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def __str__(self) -> str:
        return f"CholeskyGrad{{lower={self.lower}}}"


def _factor_gradient(factor: Any, g: Any, lower: bool) -> Any:
    """The gradient of a matrix from that of its factor (Murray, 2016, equations 8 to 10), as an expression."""
    if not lower:
        factor, g = adjoint(factor), adjoint(g)
    inner = half_lower(product(adjoint(factor), tril(g)))
    # L⁻ᴴ · inner · L⁻¹
    right: Any = solve_upper_triangular(adjoint(factor), inner)
    full = adjoint(solve_upper_triangular(adjoint(factor), adjoint(right)))
    gradient = triangle_gradient(full, lower=True)
    return gradient if lower else adjoint(gradient)


cholesky = Cholesky()
