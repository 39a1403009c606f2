"""The exponential of square matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Apply, FieldlessOp, Variable
from tcore.scalar.dtypes import upcast
from tcore.tensor.join import join
from tcore.tensor.linalg.matrices import adjoint, as_matrices, check_square, on_each, same_stack
from tcore.tensor.math import cast
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Expm", "ExpmGrad", "expm"]


class Expm(FieldlessOp):
    """The matrix exponential of a square matrix."""

    def make_node(self, A: Any) -> Apply:
        A = as_matrices("expm", A)
        return Apply(self, [A], [A.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        # SciPy's linear algebra is large, and every compilation knows this op
        from scipy.linalg import expm

        check_square("expm", inputs[0])
        output_storage[0][0] = np.asarray(expm(inputs[0]), inputs[0].dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        return [ExpmGrad()(inputs[0], output_grads[0])]  # type: ignore[list-item]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """The derivative in a direction is the gradient at the adjoint."""
        return [None if eval_points[0] is None else ExpmGrad()(adjoint(inputs[0]), eval_points[0])]  # type: ignore[list-item]

    def __str__(self) -> str:
        return "Expm"


class ExpmGrad(FieldlessOp):
    """The gradient of the exponential: (A, gradient of exp(A)) -> gradient of A.

    It is the Fréchet derivative of the exponential at the adjoint of A (Al-Mohy and Higham, 2009).
    """

    def make_node(self, A: Any, gw: Any) -> Apply:
        A, gw = same_stack(as_matrices("ExpmGrad", A), as_matrices("ExpmGrad", gw))
        dtype = upcast(A.type.dtype, gw.type.dtype)
        return Apply(self, [cast(A, dtype), cast(gw, dtype)], [TensorType(dtype, A.type.broadcastable)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        from scipy.linalg import expm_frechet

        a, g = inputs
        check_square("ExpmGrad", a)
        if g.shape != a.shape:
            raise ValueError(f"ExpmGrad: the matrix has shape {a.shape}, the gradient of its exponential {g.shape}")

        def derivative(a: np.ndarray, g: np.ndarray) -> np.ndarray:
            return np.asarray(expm_frechet(a.conj().T, g, compute_expm=False))

        output_storage[0][0] = on_each(derivative, a.dtype, a, g) if a.size else np.zeros(a.shape, a.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The Fréchet derivative is a block of the exponential of a matrix of four blocks, so its gradients are blocks of a gradient."""
        (a, g), (h,) = inputs, output_grads
        block = _with_corner(adjoint(a), g)
        gradient: Any = ExpmGrad()(block, _with_corner(a.zeros_like(), h))  # type: ignore[attr-defined]
        n = a.shape[-1]  # type: ignore[attr-defined]
        return [adjoint(gradient[..., :n, :n] + gradient[..., n:, n:]), gradient[..., :n, n:]]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """Blocks again: the derivative of a corner in the direction of the whole."""
        (a, g), (da, dg) = inputs, eval_points
        if da is None:
            return [None if dg is None else self(a, dg)]  # type: ignore[list-item]
        turned = adjoint(da)
        direction = _block(turned, g.zeros_like() if dg is None else dg, turned)  # type: ignore[attr-defined]
        n = a.shape[-1]  # type: ignore[attr-defined]
        return [ExpmGrad()(adjoint(_with_corner(adjoint(a), g)), direction)[..., :n, n:]]  # type: ignore[index]

    def __str__(self) -> str:
        return "ExpmGrad"


def _block(diagonal: Any, corner: Any, last: Any) -> Any:
    return join(-2, join(-1, diagonal, corner), join(-1, diagonal.zeros_like(), last))


def _with_corner(diagonal: Any, corner: Any) -> Any:
    return _block(diagonal, corner, diagonal)


expm = Expm()
