"""What ops on matrices share: their operands, the adjoint, and the routines of LAPACK."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.configuration import config
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.alloc import identity_like
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.diagonals import AllocDiag, ExtractDiag
from tcore.tensor.math import cast, conj, eq, switch
from tcore.tensor.triangles import tril, triu

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "adjoint",
    "as_array",
    "as_matrix",
    "check_square",
    "diagonal_matrix",
    "diagonal_of",
    "half_lower",
    "lapack",
    "real_dtype",
    "reciprocal_gaps",
    "triangle_gradient",
]


def as_array(name: str, value: Any) -> Any:
    """``value`` in a dtype that LAPACK computes in: integers as floatX, half precision as single."""
    x = as_tensor_variable(value)
    if x.type.dtype in discrete_dtypes:
        return cast(x, config.floatX if config.floatX != "float16" else "float32")
    return cast(x, "float32") if x.type.dtype == "float16" else x


def as_matrix(name: str, value: Any) -> Any:
    """:func:`as_array` of a matrix.

    Raises
    ------
    TypeError
        If it has another number of dimensions.
    """
    x = as_array(name, value)
    if x.type.ndim != 2:
        raise TypeError(f"{name} takes a matrix, got {x} with {x.type.ndim} dimensions")
    return x


def check_square(name: str, x: np.ndarray) -> None:
    """Fail unless ``x`` has as many rows as columns.

    Raises
    ------
    numpy.linalg.LinAlgError
    """
    if x.shape[0] != x.shape[1]:
        raise np.linalg.LinAlgError(f"{name} takes a square matrix, got one of shape {x.shape}")


def real_dtype(dtype: str) -> str:
    """The dtype of real and imaginary parts."""
    return np.empty(0, dtype).real.dtype.name


def adjoint(x: Any) -> Any:
    """The transpose, of complex matrices conjugated."""
    return conj(x.T)


def diagonal_of(x: Any) -> Any:
    """The main diagonal of a matrix."""
    return ExtractDiag()(x)


def diagonal_matrix(v: Any) -> Any:
    """A matrix with ``v`` on its diagonal."""
    return AllocDiag()(v)


def reciprocal_gaps(w: Any) -> Any:
    """``1 / (w[j] - w[i])``, and 0 on the diagonal."""
    gaps = w.dimshuffle("x", 0) - w.dimshuffle(0, "x")
    same = eq(identity_like(gaps), 1)
    one = np.array(1, w.type.dtype)
    return switch(same, np.array(0, w.type.dtype), one / switch(same, one, gaps))


def half_lower(x: Any) -> Any:
    """The lower triangle, with half the diagonal."""
    return tril(x) - diagonal_matrix(diagonal_of(x)) / np.array(2, real_dtype(x.type.dtype))


def triangle_gradient(full: Any, lower: bool) -> Any:
    """The gradient with respect to one triangle, for a function that takes a Hermitian matrix and reads that triangle only.

    ``full`` is the gradient with respect to all entries as if they were independent.
    """
    both = full + adjoint(full)
    triangle = tril(both) if lower else triu(both)
    return triangle - diagonal_matrix(diagonal_of(both)) / np.array(2, real_dtype(full.type.dtype))


@lru_cache(maxsize=64)
def lapack(name: str, dtype: str) -> Callable[..., Any]:
    """The routine ``name`` of SciPy's LAPACK for arrays of ``dtype``."""
    # SciPy's linear algebra is large, and every compilation knows the ops that call it
    from scipy.linalg import get_lapack_funcs

    (routine,) = get_lapack_funcs((name,), dtype=np.dtype(dtype))
    return routine
