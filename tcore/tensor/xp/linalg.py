"""Linear algebra: the extension ``linalg`` of the standard, and its products, which the namespace itself has as well."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

import tcore.tensor as T
from tcore.tensor import linalg as lapack
from tcore.tensor.cumulative import checked_axis
from tcore.tensor.linalg.matrices import adjoint, as_array, as_rows
from tcore.tensor.numpy_protocols import FUNCTIONS
from tcore.tensor.reductions import checked_axes

__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power", "matrix_rank", "matrix_transpose", "outer",
    "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot", "trace", "vecdot", "vector_norm",
]  # fmt: skip


class EighResult(NamedTuple):
    """What :func:`eigh` gives."""

    eigenvalues: Any
    eigenvectors: Any


class QRResult(NamedTuple):
    """What :func:`qr` gives."""

    Q: Any
    R: Any


class SlogdetResult(NamedTuple):
    """What :func:`slogdet` gives."""

    sign: Any
    logabsdet: Any


class SVDResult(NamedTuple):
    """What :func:`svd` gives."""

    U: Any
    S: Any
    Vh: Any


# ---------------------------------------------------------------------------------------------------------- products


def matmul(x1: Any, x2: Any, /) -> Any:
    """The product of matrices, or of stacks of them; vectors count as rows on the left and columns on the right."""
    return T.matmul(x1, x2)


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    return T.swapaxes(x, -2, -1)


def outer(x1: Any, x2: Any, /) -> Any:
    """The products of each element of a vector with each of another."""
    return FUNCTIONS[np.outer](x1, x2)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    """Products summed over pairs of axes: as many last and first ones, or two sequences of them."""
    return FUNCTIONS[np.tensordot](x1, x2, axes)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The inner products of vectors along ``axis``, the first conjugated."""
    return T.vecdot(x1, x2, axis)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """The vectors at right angles to pairs of vectors of three components along ``axis``."""
    x, y = T.as_tensor_variable(x1), T.as_tensor_variable(x2)
    ndim = max(x.type.ndim, y.type.ndim)
    place = checked_axis("cross", axis, x if x.type.ndim == ndim else y) - ndim
    (a, b, c), (p, q, r) = _components(x, place), _components(y, place)
    return T.stack([b * r - c * q, c * p - a * r, a * q - b * p], axis=place)


def _components(x: Any, axis: int) -> list[Any]:
    place = checked_axis("cross", axis, x)
    x = T.Assert("cross: vectors have three components", ValueError)(x, T.eq(x.shape[place], 3))
    return [x[(*[slice(None)] * place, index)] for index in range(3)]


# ------------------------------------------------------------------------------------------------- parts and norms


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    """The diagonal of each matrix, as the last axis."""
    x = T.as_tensor_variable(x)
    return T.diagonal(x, offset, x.type.ndim - 2, x.type.ndim - 1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of the diagonal of each matrix."""
    return FUNCTIONS[np.sum](diagonal(x, offset=offset), axis=-1, dtype=dtype)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: float = 2) -> Any:
    """The norm over ``axis``: the ``ord``-th root of the sum of that power; for ±inf the largest or smallest size, for 0 how many are not 0."""
    sizes: Any = abs(as_array(x))
    axes = checked_axes(axis, sizes.type.ndim)
    if ord == math.inf:
        return T.max(sizes, axes, keepdims)
    if ord == -math.inf:
        return T.min(sizes, axes, keepdims)
    if ord == 0:
        return T.sum(T.cast(T.neq(sizes, 0), sizes.type.dtype), axes, keepdims=keepdims)
    if ord == 1:
        return T.sum(sizes, axes, keepdims=keepdims)
    if ord == 2:
        return T.sqrt(T.sum(T.sqr(sizes), axes, keepdims=keepdims))
    power = np.asarray(ord, sizes.type.dtype)
    return T.sum(sizes**power, axes, keepdims=keepdims) ** (1 / power)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of each matrix: ``"fro"``, 1, -1, inf and -inf; ``"nuc"``, 2 and -2 by singular values."""
    x = as_array(x)
    if x.type.ndim < 2:
        raise ValueError(f"matrix_norm takes a matrix or a stack of matrices, got {x} with {x.type.ndim} dimensions")
    if ord == "fro":
        return vector_norm(x, axis=(-2, -1), keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        values = svdvals(x)
        norm: Any = (T.sum if ord == "nuc" else T.max if ord == 2 else T.min)(values, axis=-1)
        return norm.dimshuffle(*range(norm.type.ndim), "x", "x") if keepdims else norm
    if ord not in (1, -1, math.inf, -math.inf):
        raise ValueError(f"matrix_norm: ord is 'fro', 'nuc', 1, -1, 2, -2, inf or -inf, got {ord!r}")
    summed, other = (-2, -1) if abs(ord) == 1 else (-1, -2)
    lines = T.sum(abs(x), axis=summed, keepdims=True)
    norm = (T.max if ord > 0 else T.min)(lines, axis=other, keepdims=True)
    return norm if keepdims else norm.dimshuffle(*range(x.type.ndim - 2))


# --------------------------------------------------------------------------------------- decompositions and equations


def cholesky(x: Any, /, *, upper: bool = False) -> Any:
    """The triangle ``L`` with ``L · Lᴴ = x``, or the upper one ``U`` with ``Uᴴ · U = x``."""
    return lapack.Cholesky(lower=not upper)(x)


def det(x: Any, /) -> Any:
    """The determinant."""
    return lapack.det(x)


def slogdet(x: Any, /) -> SlogdetResult:
    """The sign of the determinant (a complex number of size 1 for complex matrices) and the logarithm of its size, which cannot overflow."""
    return SlogdetResult(*lapack.slogdet(x))


def eigh(x: Any, /) -> EighResult:
    """Eigenvalues, ascending, and eigenvectors (columns) of a symmetric or Hermitian matrix, of which the lower triangle is read."""
    return EighResult(*lapack.eigh(x))


def eigvalsh(x: Any, /) -> Any:
    """The eigenvalues of a symmetric or Hermitian matrix, ascending."""
    return lapack.eigvalsh(x)


def inv(x: Any, /) -> Any:
    """The inverse."""
    return lapack.matrix_inverse(x)


def matrix_power(x: Any, n: int, /) -> Any:
    """The product of ``n`` times ``x``; for negative ``n`` that of its inverse."""
    return lapack.matrix_power(x, n)


def pinv(x: Any, /, *, rtol: Any = None) -> Any:
    """The pseudo-inverse; singular values up to ``rtol`` times the largest count as zero."""
    if rtol is None:
        return lapack.pinv(x)
    u, s, vh = svd(x, full_matrices=False)
    kept = T.gt(s, rtol * T.max(s, axis=-1, keepdims=True))
    reciprocal = T.switch(kept, 1 / T.switch(kept, s, 1), np.asarray(0, s.type.dtype))
    return matmul(adjoint(vh) * as_rows(reciprocal), adjoint(u))


def matrix_rank(x: Any, /, *, rtol: Any = None) -> Any:
    """How many singular values are larger than ``rtol`` (default: the longer side times the precision of the dtype) times the largest."""
    x = as_array(x)
    values = svdvals(x)
    if rtol is None:
        rtol = T.cast(T.max(x.shape[-2:]), values.type.dtype) * np.finfo(values.type.dtype).eps
    # singular values are not negative: a zero beside them is the largest only where a side of the matrix has no length
    zero = T.zeros((*[values.shape[axis] for axis in range(values.type.ndim - 1)], 1), values.type.dtype)
    largest = T.max(T.concatenate([values, zero], axis=-1), axis=-1, keepdims=True)
    return T.sum(T.gt(values, rtol * largest), axis=-1)


def qr(x: Any, /, *, mode: Any = "reduced") -> QRResult:
    """``Q`` with orthonormal columns and an upper triangle ``R``, whose product is ``x``; "reduced" or "complete"."""
    if mode not in ("reduced", "complete"):
        raise ValueError(f"qr: mode is 'reduced' or 'complete', got {mode!r}")
    return QRResult(*lapack.qr(x, mode))


def solve(x1: Any, x2: Any, /) -> Any:
    """The solution of ``x1 · X = x2``."""
    return lapack.solve(x1, x2)


def svd(x: Any, /, *, full_matrices: bool = True) -> SVDResult:
    """``U``, the singular values, descending, and ``Vᴴ``, whose product is ``x``."""
    return SVDResult(*lapack.svd(x, full_matrices))


def svdvals(x: Any, /) -> Any:
    """The singular values, descending."""
    return lapack.svd(x, full_matrices=False, compute_uv=False)
