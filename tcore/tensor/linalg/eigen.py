"""Eigenvalues and eigenvectors: ``eig``, ``eigh``, ``eigvalsh``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import field
from attrs.validators import in_

from tcore.graph import Apply, FieldlessOp, Op, Variable
from tcore.graph.null_type import DisconnectedType, grad_not_implemented
from tcore.records import frozen
from tcore.scalar.dtypes import upcast
from tcore.tensor.dot import dot, matrix_dot
from tcore.tensor.gradients import as_gradient_of, or_zeros
from tcore.tensor.linalg.cholesky import cholesky
from tcore.tensor.linalg.inverse import matrix_inverse
from tcore.tensor.linalg.matrices import (
    adjoint,
    as_array,
    as_matrix,
    check_square,
    diagonal_matrix,
    diagonal_of,
    real_dtype,
    reciprocal_gaps,
    triangle_gradient,
)
from tcore.tensor.linalg.solve import solve_lower_triangular, solve_upper_triangular
from tcore.tensor.math import cast, conj, real
from tcore.tensor.triangles import tril, triu
from tcore.tensor.type import TensorType
from tcore.tensor.type_other import NoneConst

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Eig", "Eigh", "EighGrad", "Eigvalsh", "EigvalshGrad", "eig", "eigh", "eigvalsh"]


class Eig(FieldlessOp):
    """Eigenvalues and right eigenvectors, of length 1, of a square matrix: both are complex, in no fixed order."""

    nin = 1

    def make_node(self, x: Any) -> Apply:
        x = as_matrix("eig", x)
        dtype = upcast(x.type.dtype, "complex64")
        return Apply(self, [x], [TensorType(dtype, (False,))(), TensorType(dtype, (False, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        check_square("eig", inputs[0])
        for cell, output, value in zip(output_storage, node.outputs, np.linalg.eig(inputs[0]), strict=True):
            cell[0] = np.asarray(value, output.type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(shapes[0][0],), shapes[0]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """For costs that do not depend on the phases of eigenvectors, which are arbitrary; of different eigenvalues."""
        (x,), (w, v) = inputs, outputs
        gw, gv = or_zeros(output_grads[0], w), or_zeros(output_grads[1], v)
        turned = dot(adjoint(v), gv)
        # vectors keep the length 1: what changes it is taken away
        kept = turned - dot(dot(adjoint(v), v), diagonal_matrix(cast(diagonal_of(turned).real, v.type.dtype)))  # type: ignore[attr-defined]
        inner = diagonal_matrix(gw) + conj(reciprocal_gaps(w)) * kept
        back = adjoint(matrix_inverse(v))
        return [as_gradient_of(x, matrix_dot(back, inner, adjoint(v)))]

    def __str__(self) -> str:
        return "Eig"


@frozen
class Eigh(Op):
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix, of which one triangle is read."""

    UPLO: Literal["L", "U"] = field(default="L", validator=in_(("L", "U")))

    def make_node(self, x: Any) -> Apply:
        x = as_matrix("eigh", x)
        return Apply(self, [x], [TensorType(real_dtype(x.type.dtype), (False,))(), TensorType(x.type.dtype, (False, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        check_square("eigh", inputs[0])
        for cell, value in zip(output_storage, np.linalg.eigh(inputs[0], self.UPLO), strict=True):
            cell[0] = np.asarray(value)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(shapes[0][0],), shapes[0]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        r"""The documented sum, as products of matrices, for the triangle that is read.

        With ``W``, ``V`` the gradients of the eigenvalues ``w`` and eigenvectors ``v`` it is
        ``v (diag(W) + F ∘ vᴴV) vᴴ``, with ``F[i, j] = 1 / (w[j] - w[i])`` off the diagonal.
        """
        (x,), (w, v) = inputs, outputs
        inner = or_zeros(output_grads[0], w)
        full: Any = diagonal_matrix(cast(inner, x.type.dtype))  # type: ignore[attr-defined]
        if not isinstance(output_grads[1].type, DisconnectedType):
            full = full + reciprocal_gaps(w) * dot(adjoint(v), output_grads[1])
        return [triangle_gradient(matrix_dot(v, full, adjoint(v)), self.UPLO == "L")]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """Perturbation theory: ``w' = diag(vᴴX'v)``, ``v' = v (F ∘ vᴴX'v)``."""
        if eval_points[0] is None:
            return [None, None]
        w, v = self(inputs[0])
        d: Any = eval_points[0]
        triangle = tril(d) if self.UPLO == "L" else triu(d)
        diagonal = diagonal_of(d)
        meant = triangle + adjoint(triangle) - diagonal_matrix(conj(diagonal))
        inner = matrix_dot(adjoint(v), meant, v)
        return [diagonal_of(inner).real, dot(v, reciprocal_gaps(w) * inner)]

    def __str__(self) -> str:
        return f"Eigh{{UPLO={self.UPLO!r}}}"


@frozen
class EighGrad(Op):
    """The gradient of :class:`Eigh` as one numeric op: (x, w, v, gradient of w, gradient of v) -> gradient of x.

    :meth:`Eigh.L_op` does not use it: its expression can be differentiated again.
    """

    UPLO: Literal["L", "U"] = field(default="L", validator=in_(("L", "U")))

    def make_node(self, x: Any, w: Any, v: Any, gw: Any, gv: Any) -> Apply:
        x, v, gv = (as_matrix("EighGrad", each) for each in (x, v, gv))
        w, gw = (_as_vector(each) for each in (w, gw))
        return Apply(self, [x, w, v, gw, gv], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, w, v, gw, gv = inputs
        gaps = w[None, :] - w[:, None]
        off = ~np.eye(len(w), dtype=bool)
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = np.where(off, (v.conj().T @ gv) / np.where(off, gaps, 1), 0) + np.diag(gw)
        full = v @ inner @ v.conj().T
        both = full + full.conj().T
        triangle = np.tril(both) if self.UPLO == "L" else np.triu(both)
        output_storage[0][0] = np.asarray(triangle - np.diag(np.diag(both)) / 2, x.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def __str__(self) -> str:
        return f"EighGrad{{UPLO={self.UPLO!r}}}"


def _as_vector(value: Any) -> Any:
    v = as_array("EighGrad", value)
    if v.type.ndim != 1:
        raise TypeError(f"EighGrad takes vectors of eigenvalues, got {v} with {v.type.ndim} dimensions")
    return v


@frozen
class Eigvalsh(Op):
    """Eigenvalues, ascending, of a Hermitian matrix ``a``, or of ``a · v = w · b · v`` with a positive definite ``b``."""

    lower: bool = field(default=True, converter=bool)

    def make_node(self, a: Any, b: Any = None) -> Apply:
        a = as_matrix("eigvalsh", a)
        if b is None or b is NoneConst:
            return Apply(self, [a, NoneConst], [TensorType(real_dtype(a.type.dtype), (False,))()])
        b = as_matrix("eigvalsh", b)
        return Apply(self, [a, b], [TensorType(real_dtype(upcast(a.type.dtype, b.type.dtype)), (False,))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = inputs
        w, _ = _generalized(a, b, self.lower)
        output_storage[0][0] = np.asarray(w, node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(shapes[0][0],)]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``v · diag(W) · vᴴ`` for ``a``, ``-v · diag(W ∘ w) · vᴴ`` for ``b``, with W the gradient of the eigenvalues."""
        (a, b), (w,), (gw,) = inputs, outputs, output_grads
        v = self._vectors(a, b)

        def gradient(weights: Any, matrix: Any) -> Any:
            full = matrix_dot(v, diagonal_matrix(cast(weights, v.type.dtype)), adjoint(v))
            return as_gradient_of(matrix, triangle_gradient(full, self.lower))

        if not _is_matrix(b):
            return [gradient(gw, a), DisconnectedType()()]
        return [gradient(gw, a), gradient(-gw * w, b)]  # type: ignore[operator]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """``w' = diag(vᴴ (a' - w b') v)``."""
        (a, b), (da, db) = inputs, eval_points
        if da is None and (db is None or not _is_matrix(b)):
            return [None]
        v = self._vectors(a, b)

        def inner(direction: Any) -> Any:
            return diagonal_of(matrix_dot(adjoint(v), self._meant(direction), v))

        moved: Any = None if da is None else inner(da)
        if db is not None and _is_matrix(b):
            turned = -self(a, b) * inner(db)  # type: ignore[operator]
            moved = turned if moved is None else moved + turned
        return [real(moved)]

    def _meant(self, x: Any) -> Any:
        """The Hermitian matrix that is given by the triangle that is read."""
        triangle = tril(x) if self.lower else triu(x)
        return triangle + adjoint(triangle) - diagonal_matrix(conj(diagonal_of(x)))

    def _vectors(self, a: Any, b: Any) -> Any:
        """The eigenvectors, with ``vᴴ · b · v = I``: of ``L⁻¹ a L⁻ᴴ`` with ``b = L Lᴴ`` they are ``Lᴴ v``."""
        if not _is_matrix(b):
            return Eigh("L" if self.lower else "U")(a)[1]  # type: ignore[index]
        factor: Any = cholesky(self._meant(b))
        left: Any = solve_lower_triangular(factor, self._meant(a))
        reduced = adjoint(solve_lower_triangular(factor, adjoint(left)))
        return solve_upper_triangular(adjoint(factor), Eigh("L")(reduced)[1])  # type: ignore[index]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """To both matrices; to None not."""
        return [[True], [_is_matrix(node.inputs[1])]]

    def __str__(self) -> str:
        return f"Eigvalsh{{lower={self.lower}}}"


@frozen
class EigvalshGrad(Op):
    """The gradients of :class:`Eigvalsh` as one numeric op: (a, b, gradient of w) -> gradients of a and, where there is one, of b.

    :meth:`Eigvalsh.L_op` does not use it: its expression can be differentiated again.
    """

    lower: bool = field(default=True, converter=bool)

    def make_node(self, a: Any, b: Any, gw: Any) -> Apply:
        a = as_matrix("EigvalshGrad", a)
        if b is None or (not hasattr(getattr(b, "type", b), "ndim") and not isinstance(b, np.ndarray)):
            return Apply(self, [a, NoneConst, gw], [a.type()])
        b = as_matrix("EigvalshGrad", b)
        return Apply(self, [a, b, gw], [a.type(), b.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b, gw = inputs
        w, v = _generalized(a, b, self.lower)
        for cell, output, weights in zip(output_storage, node.outputs, (gw, -gw * w), strict=False):
            both = 2 * (v * weights) @ v.conj().T
            triangle = np.tril(both) if self.lower else np.triu(both)
            cell[0] = np.asarray(triangle - np.diag(np.diag(both)) / 2, output.type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0], shapes[1]][: len(node.outputs)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        return [grad_not_implemented(self, place, x, "the gradient that grad gives for Eigvalsh can be differentiated") for place, x in enumerate(inputs)]

    def __str__(self) -> str:
        return f"EigvalshGrad{{lower={self.lower}}}"


def _is_matrix(b: Any) -> bool:
    return hasattr(b.type, "ndim")


def _generalized(a: np.ndarray, b: np.ndarray | None, lower: bool) -> Any:
    """Eigenvalues, and eigenvectors with ``vᴴ · b · v = I``."""
    # SciPy's linear algebra is large, and every compilation knows these ops
    from scipy.linalg import eigh

    check_square("eigvalsh", a)
    if b is not None and b.shape != a.shape:
        raise ValueError(f"eigvalsh takes two matrices of one shape, got {a.shape} and {b.shape}")
    if not a.size:
        return np.zeros(0, a.dtype), a
    return eigh(a, b, lower=lower, check_finite=False)


_eig = Eig()


def eig(x: Any) -> list[Variable]:
    """Eigenvalues and right eigenvectors, both complex, of a square matrix: see :class:`Eig`."""
    return _eig(x)  # type: ignore[return-value]


def eigh(a: Any, UPLO: Literal["L", "U"] = "L") -> list[Variable]:
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix, of which the lower ('L') or upper ('U') triangle is read."""
    return Eigh(UPLO)(a)  # type: ignore[return-value]


def eigvalsh(a: Any, b: Any = None, lower: bool = True) -> Variable:
    """Eigenvalues, ascending, of a Hermitian matrix ``a``, or of ``a · v = w · b · v`` with a positive definite ``b``."""
    return Eigvalsh(lower)(a, b)  # type: ignore[return-value]
