"""Triangles of matrices: ``tri``, ``tril``, ``triu``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.configuration import config
from tcore.graph import Variable
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast, ge, le, switch
from tcore.tensor.ranges import arange

__all__ = ["tri", "tril", "triu"]


def _difference(rows: Any, columns: Any) -> Variable:
    """Column number minus row number, for each place of a matrix."""
    return arange(columns).dimshuffle("x", 0) - arange(rows).dimshuffle(0, "x")  # type: ignore[no-any-return]


def tri(N: Any, M: Any = None, k: Any = 0, dtype: Any = None) -> Variable:
    """A matrix of ``N`` rows and ``M`` columns with ones at and below its ``k``-th diagonal, and zeros above it.

    Parameters
    ----------
    N, M : integers or integer scalars
        As many columns as rows when ``M`` is omitted.
    k : integer or integer scalar
        0 is the main diagonal, positive ones are above it.
    dtype : str, optional
        Default: floatX.
    """
    below = le(_difference(integer_scalar(N, "N of tri"), integer_scalar(N if M is None else M, "M of tri")), integer_scalar(k, "k of tri"))
    return cast(below, config.floatX if dtype is None else np.dtype(dtype).name)


def _matrices(name: str, m: Any) -> Any:
    m = as_tensor_variable(m)
    if m.type.ndim < 2:
        raise ValueError(f"{name} takes a matrix or a stack of matrices, got {m} with {m.type.ndim} dimensions")
    return m


def _kept(m: Any, inside: Variable) -> Variable:
    front = ["x"] * (m.type.ndim - 2)
    return switch(inside.dimshuffle(*front, 0, 1), m, np.array(0, m.type.dtype))


def tril(m: Any, k: Any = 0) -> Variable:
    """``m`` with zeros above its ``k``-th diagonal; of a stack, each matrix (the last two axes)."""
    m = _matrices("tril", m)
    return _kept(m, le(_difference(m.shape[-2], m.shape[-1]), integer_scalar(k, "k of tril")))


def triu(m: Any, k: Any = 0) -> Variable:
    """``m`` with zeros below its ``k``-th diagonal; of a stack, each matrix (the last two axes)."""
    m = _matrices("triu", m)
    return _kept(m, ge(_difference(m.shape[-2], m.shape[-1]), integer_scalar(k, "k of triu")))
