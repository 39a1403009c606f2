"""What ops on matrices share: their operands, the adjoint, and the routines of LAPACK."""

from __future__ import annotations

from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.configuration import config
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.contraction import matmul
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.diagonals import ExtractDiag
from tcore.tensor.math import cast, conj, eq, real, switch
from tcore.tensor.ranges import arange
from tcore.tensor.triangles import tril, triu

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.graph import Apply

__all__ = [
    "adjoint", "as_array", "as_matrices", "as_rows", "check_square", "check_stack", "diagonal_matrix", "diagonal_of", "half_lower", "hermitian", "lapack",
    "on_each", "product", "real_dtype", "reciprocal_gaps", "same_stack", "symmetric", "symmetric_gradient", "transpose",
    "triangle_gradient",
]  # fmt: skip


def as_array(value: Any) -> Any:
    """``value`` in a dtype that LAPACK computes in: integers as floatX, half precision as single."""
    x = as_tensor_variable(value)
    if x.type.dtype in discrete_dtypes:
        return cast(x, config.floatX if config.floatX != "float16" else "float32")
    return cast(x, "float32") if x.type.dtype == "float16" else x


def as_matrices(name: str, value: Any) -> Any:
    """:func:`as_array` of a matrix or a stack of matrices, which are the last two axes.

    Raises
    ------
    TypeError
        If it has fewer dimensions.
    """
    x = as_array(value)
    if x.type.ndim < 2:
        raise TypeError(f"{name} takes a matrix or a stack of matrices, got {x} with {x.type.ndim} dimension{'s' * (x.type.ndim != 1)}")
    return x


def same_stack(*operands: Any) -> list[Any]:
    """Stacks of matrices with one number of dimensions, axes of length 1 in front of those that have fewer."""
    ndim = max(x.type.ndim for x in operands)
    return [x if x.type.ndim == ndim else x.dimshuffle(*["x"] * (ndim - x.type.ndim), *range(x.type.ndim)) for x in operands]


def check_square(name: str, x: np.ndarray) -> None:
    """Fail unless the matrices of ``x`` have as many rows as columns.

    Raises
    ------
    numpy.linalg.LinAlgError
    """
    if x.shape[-2] != x.shape[-1]:
        raise np.linalg.LinAlgError(f"{name} takes a square matrix, got one of shape {x.shape}")


def real_dtype(dtype: str) -> str:
    """The dtype of real and imaginary parts."""
    return np.empty(0, dtype).real.dtype.name


def transpose(x: Any) -> Any:
    """Each matrix transposed."""
    ndim = x.type.ndim
    return x.T if ndim == 2 else x.dimshuffle(*range(ndim - 2), ndim - 1, ndim - 2)


def adjoint(x: Any) -> Any:
    """The transpose, of complex matrices conjugated."""
    return conj(transpose(x))


def product(*factors: Any) -> Any:
    """The product of matrices, or of stacks of them."""
    return reduce(matmul, factors)


def diagonal_of(x: Any) -> Any:
    """The main diagonal of each matrix."""
    ndim = x.type.ndim
    return ExtractDiag(0, ndim - 2, ndim - 1)(x)


def _is_diagonal(rows: Any, columns: Any) -> Any:
    """Whether a place of a matrix is on the diagonal."""
    return eq(arange(columns).dimshuffle("x", 0), arange(rows).dimshuffle(0, "x"))


def _of_last(mark: Any, ndim: int) -> Any:
    """A matrix of marks for stacks of ``ndim`` dimensions."""
    return mark.dimshuffle(*["x"] * (ndim - 2), 0, 1)


def diagonal_matrix(v: Any) -> Any:
    """Matrices with the vectors of ``v`` on their diagonals; a loop, where ``diag`` would be a step of its own."""
    rows = as_rows(v)
    n = v.shape[-1]
    return switch(_of_last(_is_diagonal(n, n), v.type.ndim + 1), rows, np.array(0, v.type.dtype))


def as_rows(v: Any) -> Any:
    """Vectors as rows: what multiplies the columns of matrices from the right by a diagonal."""
    return v.dimshuffle(*range(v.type.ndim - 1), "x", v.type.ndim - 1)


def reciprocal_gaps(w: Any) -> Any:
    """``1 / (w[j] - w[i])``, and 0 on the diagonal."""
    gaps = as_rows(w) - w.dimshuffle(*range(w.type.ndim), "x")
    n = w.shape[-1]
    same = _of_last(_is_diagonal(n, n), w.type.ndim + 1)
    one = np.array(1, w.type.dtype)
    return switch(same, np.array(0, w.type.dtype), one / switch(same, one, gaps))


def half_lower(x: Any) -> Any:
    """The lower triangle, with half the diagonal."""
    return _half_diagonal(x, tril(x))


def _half_diagonal(x: Any, triangle: Any) -> Any:
    same = _of_last(_is_diagonal(x.shape[-2], x.shape[-1]), x.type.ndim)
    return switch(same, x * np.array(0.5, real_dtype(x.type.dtype)), triangle)


def hermitian(x: Any, lower: bool) -> Any:
    """The Hermitian matrix that is given by one triangle of ``x``."""
    triangle, n = (tril(x) if lower else triu(x)), x.shape[-1]
    same = _of_last(_is_diagonal(n, n), x.type.ndim)
    return switch(same, cast(real(x), x.type.dtype), triangle + adjoint(triangle))


def symmetric(x: Any, lower: bool) -> Any:
    """The symmetric matrix that is given by one triangle of ``x``."""
    triangle, n = (tril(x) if lower else triu(x)), x.shape[-1]
    return switch(_of_last(_is_diagonal(n, n), x.type.ndim), x, triangle + transpose(triangle))


def symmetric_gradient(full: Any, lower: bool) -> Any:
    """As :func:`triangle_gradient`, for a function that takes a symmetric matrix, also where it is complex."""
    both = full + transpose(full)
    return _half_diagonal(both, tril(both) if lower else triu(both))


def triangle_gradient(full: Any, lower: bool) -> Any:
    """The gradient with respect to one triangle, for a function that takes a Hermitian matrix and reads that triangle only.

    ``full`` is the gradient with respect to all entries as if they were independent.
    """
    both = full + adjoint(full)
    return _half_diagonal(both, tril(both) if lower else triu(both))


@lru_cache(maxsize=64)
def lapack(name: str, dtype: str) -> Callable[..., Any]:
    """The routine ``name`` of SciPy's LAPACK for arrays of ``dtype``."""
    # SciPy's linear algebra is large, and every compilation knows the ops that call it
    from scipy.linalg import get_lapack_funcs

    (routine,) = get_lapack_funcs((name,), dtype=np.dtype(dtype))
    return routine


def check_stack(name: str, node: Apply, inputs: Sequence[np.ndarray], core: Sequence[int] = (2, 2)) -> None:
    """Fail unless the axes of stacks are of equal lengths, or of length 1 by their type; ``core``: the axes of each item.

    Raises
    ------
    ValueError
    """
    lengths: dict[int, int] = {}
    for variable, x, own in zip(node.inputs, inputs, core, strict=False):
        for axis in range(own - x.ndim, 0):
            if not variable.type.broadcastable[axis + x.ndim - own] and lengths.setdefault(axis, x.shape[axis + x.ndim - own]) != x.shape[axis + x.ndim - own]:
                shapes = " and ".join(str(each.shape) for each in inputs)
                raise ValueError(f"{name}: the stacks of matrices of shapes {shapes} do not fit together: lengths before the matrices are equal, or 1 by their type")


def on_each(function: Callable[..., Any], dtype: Any, *stacks: np.ndarray, core: Sequence[int] = ()) -> np.ndarray:
    """The array of what ``function`` gives for each item of stacks that broadcast; ``core``: the axes of an item, two when omitted.

    A stack without items is an error of the caller's.
    """
    own = core or [2] * len(stacks)
    lengths = np.broadcast_shapes(*(x.shape[: x.ndim - c] for x, c in zip(stacks, own, strict=True)))
    if not lengths:
        return np.asarray(function(*stacks), dtype)
    wide = [np.broadcast_to(x, lengths + x.shape[x.ndim - c :]) for x, c in zip(stacks, own, strict=True)]
    found = [np.asarray(function(*(x[index] for x in wide)), dtype) for index in np.ndindex(*lengths)]
    return np.stack(found).reshape(lengths + found[0].shape)
