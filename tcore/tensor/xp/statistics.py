"""Reductions, sums up to each element, and differences of neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.tensor._axes import checked_axis
from tcore.tensor.numpy_protocols import FUNCTIONS
from tcore.tensor.reductions import checked_axes

__all__ = ["all", "any", "count_nonzero", "cumulative_prod", "cumulative_sum", "diff", "max", "mean", "min", "prod", "std", "sum", "var"]


def all(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether all elements over ``axis`` are true."""
    return T.all(x, axis, keepdims)


def any(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """Whether any element over ``axis`` is true."""
    return T.any(x, axis, keepdims)


def max(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The largest element over ``axis``."""
    return T.max(x, axis, keepdims)


def min(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The smallest element over ``axis``."""
    return T.min(x, axis, keepdims)


def mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean over ``axis``."""
    return T.mean(x, axis, keepdims=keepdims)


def prod(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The product over ``axis``; of integers in 64 bits unless ``dtype`` says otherwise."""
    return FUNCTIONS[np.prod](x, axis=axis, dtype=dtype, keepdims=keepdims)


def sum(x: Any, /, *, axis: Any = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The sum over ``axis``; of integers in 64 bits unless ``dtype`` says otherwise."""
    return FUNCTIONS[np.sum](x, axis=axis, dtype=dtype, keepdims=keepdims)


def var(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The variance over ``axis``: squared distances from the mean, over the number of elements less ``correction``."""
    x = T.as_tensor_variable(x)
    if float(correction).is_integer():
        return T.var(x, axis, int(correction), keepdims)
    result: Any = T.var(x, axis, keepdims=keepdims)
    count: Any = np.asarray(1, result.type.dtype)
    for place in checked_axes(axis, x.type.ndim):
        count = count * T.cast(x.shape[place], result.type.dtype)
    return result * (count / T.maximum(count - np.asarray(correction, result.type.dtype), 0))


def std(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The standard deviation over ``axis``: the root of :func:`var`."""
    return T.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def count_nonzero(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    """How many elements over ``axis`` are not zero."""
    return FUNCTIONS[np.count_nonzero](x, axis=axis, keepdims=keepdims)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """The sums of all elements up to each along ``axis``, which only a vector may leave out; with the 0 before the first if asked for."""
    return _cumulative("cumulative_sum", T.sum, T.cumsum, 0, x, axis, dtype, include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """The products of all elements up to each along ``axis``, which only a vector may leave out; with the 1 before the first if asked for."""
    return _cumulative("cumulative_prod", T.prod, T.cumprod, 1, x, axis, dtype, include_initial)


def _cumulative(name: str, total: Any, cumulate: Any, initial: int, x: Any, axis: int | None, dtype: Any, include_initial: bool) -> Any:
    x = T.as_tensor_variable(x)
    if axis is None and x.type.ndim != 1:
        raise ValueError(f"{name}: {x} has {x.type.ndim} dimensions, so it needs an axis")
    place = checked_axis(name, 0 if axis is None else axis, x)
    wanted = total(x).type.dtype if dtype is None else np.dtype(dtype).name
    cumulated = cumulate(T.cast(x, wanted), place)
    if not include_initial:
        return cumulated
    lengths = [1 if other == place else x.shape[other] for other in range(x.type.ndim)]
    return T.concatenate([T.alloc(np.asarray(initial, wanted), *lengths), cumulated], axis=place)


def diff(x: Any, /, *, axis: int = -1, n: int = 1, prepend: Any = None, append: Any = None) -> Any:
    """The ``n``-th differences of neighbours along ``axis``, of ``x`` between ``prepend`` and ``append``."""
    parts = [T.as_tensor_variable(part) for part in (prepend, x, append) if part is not None]
    return T.diff(parts[0] if len(parts) == 1 else T.concatenate(parts, axis=axis), n, axis)
