"""QR and singular value decompositions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import field
from attrs.validators import in_

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import DisconnectedType, grad_undefined
from tcore.records import frozen
from tcore.tensor._lengths import least
from tcore.tensor.alloc import zeros_like
from tcore.tensor.gradients import or_zeros
from tcore.tensor.join import join
from tcore.tensor.linalg.matrices import adjoint, as_matrices, as_rows, diagonal_matrix, diagonal_of, hermitian, product, real_dtype, reciprocal_gaps
from tcore.tensor.linalg.solve import solve_upper_triangular
from tcore.tensor.math import cast, conj
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SVD", "QRFull", "QRIncomplete", "qr", "svd"]

_MODES = ("reduced", "complete", "r", "raw")


def _qr_gradient(a: Any, q: Any, r: Any, gq: Any, gr: Any) -> Any:
    """The gradient of the reduced decomposition, whose first columns have full rank (Walter and Lehmann, 2018).

    A matrix with more columns than rows is ``[X Y]`` with a square ``X = q · u`` and ``Y = q · v``.
    """
    k = q.shape[-1]
    y = a[..., k:]
    u, gu, gv = r[..., :k], gr[..., :k], gr[..., k:]
    gq = gq + product(y, adjoint(gv))
    inner = hermitian(product(u, adjoint(gu)) - product(adjoint(gq), q), lower=True)
    gx = adjoint(solve_upper_triangular(u, adjoint(gq + product(q, inner))))
    return join(a.type.ndim - 1, gx, product(q, gv))


@frozen
class QRFull(Op):
    """A matrix as ``q · r``: ``q`` has orthonormal columns, ``r`` is an upper triangle. ``mode`` as in :func:`qr`, but not 'r'."""

    mode: Literal["reduced", "complete", "raw"] = field(validator=in_(("reduced", "complete", "raw")))

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("qr", x)
        front = x.type.broadcastable[:-2]
        matrix = TensorType(x.type.dtype, (*front, False, False))
        return Apply(self, [x], [matrix(), TensorType(x.type.dtype, (*front, False))() if self.mode == "raw" else matrix()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        for cell, value in zip(output_storage, np.linalg.qr(inputs[0], self.mode), strict=True):
            cell[0] = np.asarray(value, inputs[0].dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        (*front, rows, columns) = shapes[0]
        few = least(rows, columns)
        own = {"reduced": [(rows, few), (few, columns)], "complete": [(rows, rows), (rows, columns)], "raw": [(columns, rows), (few,)]}
        return [(*front, *lengths) for lengths in own[self.mode]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        if self.mode != "reduced":
            return [grad_undefined(self, 0, inputs[0], "only the reduced decomposition is a function of the matrix; use mode='reduced'")]
        q, r = outputs
        gq, gr = (or_zeros(g, output) for g, output in zip(output_grads, outputs, strict=True))
        return [_qr_gradient(inputs[0], q, r, gq, gr)]

    def __str__(self) -> str:
        return f"QRFull{{mode={self.mode!r}}}"


@frozen
class QRIncomplete(Op):
    """The upper triangle ``r`` of a matrix ``q · r`` alone."""

    mode: Literal["r"] = field(default="r", validator=in_(("r",)))

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("qr", x)
        return Apply(self, [x], [TensorType(x.type.dtype, (*x.type.broadcastable[:-2], False, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.asarray(np.linalg.qr(inputs[0], "r"), inputs[0].dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        (*front, rows, columns) = shapes[0]
        return [(*front, least(rows, columns), columns)]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Needs ``q`` as well, so the matrix is decomposed again."""
        q, r = QRFull("reduced")(inputs[0])
        return [_qr_gradient(inputs[0], q, r, zeros_like(q), output_grads[0])]

    def __str__(self) -> str:
        return f"QRIncomplete{{mode={self.mode!r}}}"


def qr(a: Any, mode: Literal["reduced", "complete", "r", "raw"] = "reduced") -> Any:
    """A matrix of shape (M, N) as the product of one with orthonormal columns and an upper triangle; ``K = min(M, N)``.

    Parameters
    ----------
    a : matrix
        Integers are taken as floatX.
    mode : str
        'reduced' gives ``q, r`` of shapes (M, K), (K, N); 'complete' of (M, M), (M, N); 'r' only ``r``, of (K, N); 'raw' gives what LAPACK
        computes, ``h, tau`` of (N, M), (K,), with ``h`` transposed.

    Returns
    -------
    list of two variables, for 'r' one variable
        Differentiable in the modes 'reduced' and 'r', where the first K columns of ``a`` are independent.
    """
    if mode not in _MODES:
        raise ValueError(f"the mode of qr is one of {', '.join(_MODES)}, got {mode!r}")
    return QRIncomplete("r")(a) if mode == "r" else QRFull(mode)(a)  # type: ignore[arg-type]


@frozen
class SVD(Op):
    """Singular value decomposition: ``x = u · diag(s) · vh``, ``s`` descending.

    Parameters
    ----------
    full_matrices : bool
        True gives ``u``, ``vh`` of shapes (M, M), (N, N), False of (M, K), (K, N), with ``K = min(M, N)``.
    compute_uv : bool
        False gives only ``s``.
    """

    full_matrices: int = field(default=1, converter=lambda flag: int(bool(flag)))
    compute_uv: int = field(default=1, converter=lambda flag: int(bool(flag)))

    def make_node(self, x: Any) -> Apply:
        x = as_matrices("svd", x)
        front = x.type.broadcastable[:-2]
        singular = TensorType(real_dtype(x.type.dtype), (*front, False))
        if not self.compute_uv:
            return Apply(self, [x], [singular()])
        matrix = TensorType(x.type.dtype, (*front, False, False))
        return Apply(self, [x], [matrix(), singular(), matrix()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        found: Any = np.linalg.svd(inputs[0], full_matrices=bool(self.full_matrices), compute_uv=bool(self.compute_uv))  # type: ignore[call-overload]
        for cell, value in zip(output_storage, found if self.compute_uv else [found], strict=True):
            cell[0] = np.asarray(value)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        (*front, rows, columns) = shapes[0]
        few = least(rows, columns)
        if not self.compute_uv:
            return [(*front, few)]
        full = self.full_matrices
        return [(*front, rows, rows if full else few), (*front, few), (*front, columns if full else few, columns)]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """For different singular values that are not zero; phases of complex vectors must not matter."""
        x = inputs[0]
        if not self.compute_uv:
            u, _, vh = svd(x, full_matrices=False)
            return [product(u * _scales(output_grads[0], u), vh)]
        gu, gs, gv = output_grads
        only_values = isinstance(gu.type, DisconnectedType) and isinstance(gv.type, DisconnectedType)
        if self.full_matrices and not only_values:
            return [grad_undefined(self, 0, x, "the vectors beyond min(M, N) are arbitrary; use full_matrices=False")]
        u, s, vh = outputs if not self.full_matrices else svd(x, full_matrices=False)
        if only_values:
            return [product(u * _scales(gs, u), vh)]
        return [_svd_gradient(u, s, adjoint(vh), or_zeros(gu, u), or_zeros(gs, s), adjoint(or_zeros(gv, vh)))]

    def __str__(self) -> str:
        return f"SVD{{full_matrices={self.full_matrices}, compute_uv={self.compute_uv}}}"


def _scales(s: Any, u: Any) -> Any:
    """Real numbers as factors of the columns of ``u``."""
    return cast(as_rows(s), u.type.dtype)


def _svd_gradient(u: Any, s: Any, v: Any, gu: Any, gs: Any, gv: Any) -> Any:
    """Reverse mode of ``u · diag(s) · vᴴ`` (Wan and Zhang, 2019)."""
    one, reciprocal = np.array(1, s.type.dtype), reciprocal_gaps(s * s)
    right_scales, inverse = _scales(s, u), _scales(one / s, u)
    left_scales = right_scales.dimshuffle(*range(u.type.ndim - 2), u.type.ndim - 1, u.type.ndim - 2)
    left, right = product(adjoint(u), gu), product(adjoint(v), gv)
    j, k = reciprocal * left, reciprocal * right
    inner = (j + adjoint(j)) * right_scales + left_scales * (k + adjoint(k)) + diagonal_matrix(cast(gs, u.type.dtype))
    if u.type.dtype != s.type.dtype:  # complex: the common phase of a pair of vectors
        phase = diagonal_of(right)
        inner = inner + diagonal_matrix((conj(phase) - phase) / cast(s, u.type.dtype)) / np.array(2, s.type.dtype)
    outside_u = (gu - product(u, left)) * inverse
    outside_v = (gv - product(v, right)) * inverse
    return product(u, inner, adjoint(v)) + product(outside_u, adjoint(v)) + product(u, adjoint(outside_v))


def svd(a: Any, full_matrices: Any = 1, compute_uv: Any = 1) -> Any:
    """The singular value decomposition of a matrix of shape (M, N): ``[u, s, vh]`` with ``a = u · diag(s) · vh``, or ``s`` alone.

    Parameters
    ----------
    a : matrix
        Integers are taken as floatX.
    full_matrices : bool
        True gives ``u``, ``vh`` of shapes (M, M), (N, N), False of (M, K), (K, N), with ``K = min(M, N)``. Only the latter have
        gradients; ``s`` always has.
    compute_uv : bool
        False gives only ``s``.
    """
    return SVD(full_matrices, compute_uv)(a)
