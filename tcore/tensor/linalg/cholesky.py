"""The Cholesky factors of positive definite matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import evolve, field
from attrs.validators import in_

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import DisconnectedType
from tcore.records import frozen
from tcore.scalar.dtypes import complex_dtypes, upcast
from tcore.tensor.alloc import zeros_like
from tcore.tensor.linalg.matrices import (
    adjoint,
    as_matrices,
    check_square,
    half_lower,
    hermitian,
    lapack,
    on_each,
    product,
    same_stack,
    transpose,
    triangle_gradient,
)
from tcore.tensor.linalg.solve import solve_lower_triangular, solve_upper_triangular
from tcore.tensor.triangles import tril
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Cholesky", "CholeskyGrad", "cholesky"]

_BLOCK = 64
"""Columns that the gradient takes one by one; between blocks of them there are products."""


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
        """Reverse mode, from the factor, for the triangle that is read."""
        (x,), (factor,), (g,) = inputs, outputs, output_grads
        if x.type.dtype in complex_dtypes:  # type: ignore[attr-defined]
            return [_factor_gradient(factor, g, self.lower)]
        return [CholeskyGrad(self.lower)(x, factor, g)]

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

    It goes backwards through the factorization, block by block (Murray, 2016, section 4.3), for real matrices. Of each operand only the
    triangle of the factor is read, and of ``x`` nothing.
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
        output_storage[0][0] = on_each(self._backwards, dtype, factor.astype(dtype), dz.astype(dtype)) if x.size else np.zeros(x.shape, dtype)

    def _backwards(self, factor: np.ndarray, dz: np.ndarray) -> np.ndarray:
        if not self.lower:
            factor, dz = factor.T, dz.T
        gradient, solve = np.tril(dz), lapack("trtrs", factor.dtype.name)
        for start in reversed(range(0, len(factor), _BLOCK)):
            own = slice(start, start + _BLOCK)
            done, below = slice(start), slice(own.stop, None)
            square, block = factor[own, own], gradient[own, own]
            if below.start < len(factor):
                gradient[below, own] = solve(square, gradient[below, own].T, lower=1, trans=1)[0].T
                gradient[below, done] -= gradient[below, own] @ factor[own, done]
                block -= np.tril(gradient[below, own].T @ factor[below, own])
            _columns_backwards(square, block)
            gradient[own, done] -= gradient[below, own].T @ factor[below, done] + (block + block.T) @ factor[own, done]
        return gradient if self.lower else np.ascontiguousarray(gradient.T)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """All that is needed of ``x`` is in its factor."""
        return [[False], [True], [True]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """From the formula ``L⁻ᵀ · Φ(Lᵀ · dz) · L⁻¹``, symmetric parts only; Φ takes the lower triangle and half the diagonal."""
        factor, dz, gradient, g = self._lower_forms(*inputs[1:], *outputs, *output_grads)
        doubled, g = _with_transpose(gradient), _with_transpose(half_lower(g))
        left: Any = solve_lower_triangular(factor, g)
        inner = half_lower(solve_lower_triangular(factor, transpose(left)))
        of_factor = tril(product(tril(dz), transpose(inner)) - product(doubled, transpose(left)))
        of_dz = tril(product(tril(factor), inner))
        return [DisconnectedType()(), *self._lower_forms(of_factor, of_dz)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """The derivative of the same formula."""
        if eval_points[1] is None and eval_points[2] is None:
            return [None]
        points = [zeros_like(x) if point is None else point for x, point in zip(inputs[1:], eval_points[1:], strict=True)]
        factor, dz, gradient, moved, moved_dz = self._lower_forms(*inputs[1:], self(*inputs), *points)
        factor, moved = tril(factor), tril(moved)
        inner = half_lower(product(transpose(moved), tril(dz)) + product(transpose(factor), tril(moved_dz)))
        inner = _with_transpose(inner - product(transpose(factor), _with_transpose(gradient), moved))
        left: Any = solve_upper_triangular(transpose(factor), inner)
        found = half_lower(solve_upper_triangular(transpose(factor), transpose(left)))
        return [found if self.lower else transpose(found)]

    def _lower_forms(self, *matrices: Any) -> list[Any]:
        """Matrices as they would be for a lower factor, or back."""
        return [x if self.lower else transpose(x) for x in matrices]

    def __str__(self) -> str:
        return f"CholeskyGrad{{lower={self.lower}}}"


def _columns_backwards(factor: np.ndarray, gradient: np.ndarray) -> None:
    """In the place of the gradient of a small factor that of its matrix, lower triangles both (Smith, 1995)."""
    for k in reversed(range(len(factor))):
        below = factor[k + 1 :, k]
        update = np.tril(gradient[k + 1 :, k + 1 :])
        gradient[k + 1 :, k] -= update @ below + update.T @ below
        gradient[k + 1 :, k] /= factor[k, k]
        gradient[k, k] = (gradient[k, k] - below @ gradient[k + 1 :, k]) / (2 * factor[k, k])


def _with_transpose(x: Any) -> Any:
    return x + transpose(x)


def _factor_gradient(factor: Any, g: Any, lower: bool) -> Any:
    """The gradient of a complex matrix from that of its factor (Murray, 2016, equations 8 to 10), as an expression."""
    if not lower:
        factor, g = adjoint(factor), adjoint(g)
    inner = half_lower(product(adjoint(factor), tril(g)))
    # L⁻ᴴ · inner · L⁻¹
    right: Any = solve_upper_triangular(adjoint(factor), inner)
    full = adjoint(solve_upper_triangular(adjoint(factor), adjoint(right)))
    gradient = triangle_gradient(full, lower=True)
    return gradient if lower else adjoint(gradient)


cholesky = Cholesky()
