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
from tcore.tensor.alloc import sum_to_type
from tcore.tensor.gradients import as_gradient_of, or_zeros
from tcore.tensor.linalg.cholesky import cholesky
from tcore.tensor.linalg.inverse import matrix_inverse
from tcore.tensor.linalg.matrices import (
    adjoint,
    as_array,
    as_matrices,
    as_rows,
    check_square,
    check_stack,
    diagonal_matrix,
    diagonal_of,
    hermitian,
    on_each,
    product,
    real_dtype,
    reciprocal_gaps,
    same_stack,
    triangle_gradient,
)  # fmt: skip
from tcore.tensor.linalg.solve import solve_lower_triangular, solve_upper_triangular
from tcore.tensor.math import cast, conj, real
from tcore.tensor.type import TensorType
from tcore.tensor.type_other import NoneConst

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Eig", "Eigh", "EighGrad", "Eigvalsh", "EigvalshGrad", "eig", "eigh", "eigvalsh"]


class Eig(FieldlessOp):
    """Eigenvalues and right eigenvectors, of length 1, of a square matrix: both are complex, in no fixed order."""

    nin = 1

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("eig", x)
        dtype, front = upcast(x.type.dtype, "complex64"), x.type.broadcastable[:-2]
        return Apply(self, [x], [TensorType(dtype, (*front, False))(), TensorType(dtype, (*front, False, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        check_square("eig", inputs[0])
        for cell, output, value in zip(output_storage, node.outputs, np.linalg.eig(inputs[0]), strict=True):
            cell[0] = np.asarray(value, output.type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0][:-1], shapes[0]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """For costs that do not depend on the phases of eigenvectors, which are arbitrary; of different eigenvalues."""
        (x,), (w, v) = inputs, outputs
        gw, gv = or_zeros(output_grads[0], w), or_zeros(output_grads[1], v)
        turned = product(adjoint(v), gv)
        # vectors keep the length 1: what changes it is taken away
        kept = turned - product(adjoint(v), v) * as_rows(cast(diagonal_of(turned).real, v.type.dtype))  # type: ignore[attr-defined]
        inner = diagonal_matrix(gw) + conj(reciprocal_gaps(w)) * kept
        back = adjoint(matrix_inverse(v))
        return [as_gradient_of(x, product(back, inner, adjoint(v)))]

    def __str__(self) -> str:
        return "Eig"


@frozen
class Eigh(Op):
    """Eigenvalues, ascending, and eigenvectors of a Hermitian matrix, of which one triangle is read."""

    UPLO: Literal["L", "U"] = field(default="L", validator=in_(("L", "U")))

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("eigh", x)
        front = x.type.broadcastable[:-2]
        return Apply(self, [x], [TensorType(real_dtype(x.type.dtype), (*front, False))(), TensorType(x.type.dtype, (*front, False, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        check_square("eigh", inputs[0])
        for cell, value in zip(output_storage, np.linalg.eigh(inputs[0], self.UPLO), strict=True):
            cell[0] = np.asarray(value)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0][:-1], shapes[0]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        r"""The documented sum, as products of matrices, for the triangle that is read.

        With ``W``, ``V`` the gradients of the eigenvalues ``w`` and eigenvectors ``v`` it is
        ``v (diag(W) + F ∘ vᴴV) vᴴ``, with ``F[i, j] = 1 / (w[j] - w[i])`` off the diagonal.
        """
        w, v = outputs
        return [_decomposition_gradient(w, v, or_zeros(output_grads[0], w), output_grads[1], self.UPLO == "L")]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """Perturbation theory: ``w' = diag(vᴴX'v)``, ``v' = v (F ∘ vᴴX'v)``."""
        if eval_points[0] is None:
            return [None, None]
        w, v = self(inputs[0])
        d: Any = eval_points[0]
        meant = hermitian(d, self.UPLO == "L")
        inner = product(adjoint(v), meant, v)
        return [diagonal_of(inner).real, product(v, reciprocal_gaps(w) * inner)]

    def __str__(self) -> str:
        return f"Eigh{{UPLO={self.UPLO!r}}}"


def _decomposition_gradient(w: Any, v: Any, gw: Any, gv: Any, lower: bool) -> Any:
    full: Any = diagonal_matrix(cast(gw, v.type.dtype))
    if not isinstance(gv.type, DisconnectedType):
        full = full + reciprocal_gaps(w) * product(adjoint(v), gv)
    return triangle_gradient(product(v, full, adjoint(v)), lower)


@frozen
class EighGrad(Op):
    """The gradient of :class:`Eigh` as one numeric op: (x, w, v, gradient of w, gradient of v) -> gradient of x.

    :meth:`Eigh.L_op` does not use it: its expression can be differentiated again, and takes the place of this op where the optimizer sees it.
    """

    UPLO: Literal["L", "U"] = field(default="L", validator=in_(("L", "U")))

    def make_node(self, x: Any, w: Any, v: Any, gw: Any, gv: Any) -> Apply:
        x, v, gv = same_stack(*(as_matrices("EighGrad", each) for each in (x, v, gv)))
        w, gw = map(as_array, (w, gw))
        for each in (w, gw):
            if each.type.ndim != x.type.ndim - 1:
                raise TypeError(f"EighGrad takes vectors of eigenvalues, got {each} with {each.type.ndim} dimensions")
        return Apply(self, [x, w, v, gw, gv], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, w, v, gw, gv = inputs
        output_storage[0][0] = on_each(self._gradient, x.dtype, w, v, gw, gv, core=(1, 2, 1, 2)) if x.size else np.zeros(x.shape, x.dtype)

    def _gradient(self, w: np.ndarray, v: np.ndarray, gw: np.ndarray, gv: np.ndarray) -> np.ndarray:
        gaps = w[None, :] - w[:, None]
        off = ~np.eye(len(w), dtype=bool)
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = np.where(off, (v.conj().T @ gv) / np.where(off, gaps, 1), 0) + np.diag(gw)
        full = v @ inner @ v.conj().T
        return _triangle(full + full.conj().T, self.UPLO == "L")

    def formula(self, inputs: Sequence[Variable]) -> Variable:
        """The same as an expression of ops that have native forms."""
        _, w, v, gw, gv = inputs
        return _decomposition_gradient(w, v, gw, gv, self.UPLO == "L")  # type: ignore[no-any-return]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def __str__(self) -> str:
        return f"EighGrad{{UPLO={self.UPLO!r}}}"


def _triangle(both: np.ndarray, lower: bool) -> np.ndarray:
    """What belongs to one triangle of the gradient for a Hermitian matrix."""
    return (np.tril(both) if lower else np.triu(both)) - np.diag(np.diag(both)) / 2


@frozen
class Eigvalsh(Op):
    """Eigenvalues, ascending, of a Hermitian matrix ``a``, or of ``a · v = w · b · v`` with a positive definite ``b``."""

    lower: bool = field(default=True, converter=bool)

    def make_node(self, a: Any, b: Any = None) -> Apply:
        a = as_matrices("eigvalsh", a)
        if _is_none(b):
            return Apply(self, [a, NoneConst], [TensorType(real_dtype(a.type.dtype), (*a.type.broadcastable[:-2], False))()])
        a, b = same_stack(a, as_matrices("eigvalsh", b))
        dtype = upcast(a.type.dtype, b.type.dtype)
        front = [one and other for one, other in zip(a.type.broadcastable[:-2], b.type.broadcastable[:-2], strict=True)]
        return Apply(self, [cast(a, dtype), cast(b, dtype)], [TensorType(real_dtype(dtype), (*front, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = _checked_pair(node, inputs)
        dtype = node.outputs[0].type.dtype
        if not a.size:
            output_storage[0][0] = np.zeros(np.broadcast_shapes(*(x.shape[:-1] for x in (a, b) if x is not None)), dtype)
        elif b is None:
            output_storage[0][0] = np.asarray(np.linalg.eigvalsh(a, "L" if self.lower else "U"), dtype)
        else:
            output_storage[0][0] = on_each(lambda a, b: _generalized(a, b, self.lower, values=True), dtype, a, b)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        if not _is_matrix(node.inputs[1]):
            return [shapes[0][:-1]]
        marks = zip(node.inputs[0].type.broadcastable[:-1], *(shape[:-1] for shape in shapes), strict=True)
        return [tuple(other if one else own for one, own, other in marks)]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``v · diag(W) · vᴴ`` for ``a``, ``-v · diag(W ∘ w) · vᴴ`` for ``b``, with W the gradient of the eigenvalues."""
        (a, b), (w,), (gw,) = inputs, outputs, output_grads
        v = self._vectors(a, b)

        def gradient(weights: Any, matrix: Any) -> Any:
            full = product(v * as_rows(cast(weights, v.type.dtype)), adjoint(v))
            return as_gradient_of(matrix, sum_to_type(triangle_gradient(full, self.lower), matrix))

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
            return diagonal_of(product(adjoint(v), hermitian(direction, self.lower), v))

        moved: Any = None if da is None else inner(da)
        if db is not None and _is_matrix(b):
            turned = -self(a, b) * inner(db)  # type: ignore[operator]
            moved = turned if moved is None else moved + turned
        return [real(moved)]

    def _vectors(self, a: Any, b: Any) -> Any:
        """The eigenvectors, with ``vᴴ · b · v = I``: of ``L⁻¹ a L⁻ᴴ`` with ``b = L Lᴴ`` they are ``Lᴴ v``."""
        if not _is_matrix(b):
            return Eigh("L" if self.lower else "U")(a)[1]  # type: ignore[index]
        factor: Any = cholesky(hermitian(b, self.lower))
        left: Any = solve_lower_triangular(factor, hermitian(a, self.lower))
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

    :meth:`Eigvalsh.L_op` does not use it: its expression can be differentiated again, and takes the place of this op where the optimizer sees it.
    """

    lower: bool = field(default=True, converter=bool)

    def make_node(self, a: Any, b: Any, gw: Any) -> Apply:
        a, gw = as_matrices("EigvalshGrad", a), as_array(gw)
        if _is_none(b):
            return Apply(self, [a, NoneConst, gw], [a.type()])
        a, b = same_stack(a, as_matrices("EigvalshGrad", b))
        return Apply(self, [a, b, gw], [a.type(), b.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = _checked_pair(node, inputs)
        if not a.size:
            for cell, output, x in zip(output_storage, node.outputs, (a, b), strict=False):
                cell[0] = np.zeros(x.shape, output.type.dtype)
            return
        pair = (a,) if b is None else (a, b)
        found = on_each(self._gradients, np.result_type(*pair), *pair, inputs[2], core=(*[2] * len(pair), 1))
        for cell, output, own in zip(output_storage, node.outputs, np.moveaxis(found, -3, 0), strict=True):
            cell[0] = np.ascontiguousarray(own, output.type.dtype)

    def _gradients(self, a: np.ndarray, *rest: np.ndarray) -> list[np.ndarray]:
        *b, gw = rest
        w, v = _generalized(a, b[0] if b else None, self.lower)
        weights = (gw, -gw * w) if b else (gw,)
        return [_triangle(2 * (v * each) @ v.conj().T, self.lower) for each in weights]

    def formula(self, inputs: Sequence[Variable]) -> list[Variable]:
        """The same as expressions of ops that have native forms."""
        a, b, gw = inputs
        w: Any = Eigvalsh(self.lower)(a, b)
        return [g for g in Eigvalsh(self.lower).L_op([a, b], [w], [gw]) if not isinstance(g.type, DisconnectedType)]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0], shapes[1]][: len(node.outputs)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        return [grad_not_implemented(self, place, x, "the gradient that grad gives for Eigvalsh can be differentiated") for place, x in enumerate(inputs)]

    def __str__(self) -> str:
        return f"EigvalshGrad{{lower={self.lower}}}"


def _is_none(b: Any) -> bool:
    return b is None or getattr(b, "type", None) == NoneConst.type


def _is_matrix(b: Any) -> bool:
    return hasattr(b.type, "ndim")


def _checked_pair(node: Apply, inputs: Sequence[Any]) -> tuple[Any, Any]:
    """The matrices of a node, square, and of one size where there are two."""
    a, b = inputs[:2]
    check_square("eigvalsh", a)
    if b is not None:
        if b.shape[-2:] != a.shape[-2:]:
            raise ValueError(f"eigvalsh takes two matrices of one shape, got {a.shape} and {b.shape}")
        check_stack("eigvalsh", node, (a, b))
    return a, b


def _generalized(a: np.ndarray, b: np.ndarray | None, lower: bool, values: bool = False) -> Any:
    """Eigenvalues, and eigenvectors with ``vᴴ · b · v = I`` unless only ``values`` are wanted."""
    # SciPy's linear algebra is large, and every compilation knows these ops
    from scipy.linalg import eigh

    options: dict[str, Any] = {"lower": lower, "check_finite": False, "eigvals_only": values}
    return eigh(a, b, **options)


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
