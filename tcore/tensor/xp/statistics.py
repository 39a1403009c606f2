"""Reductions, and sums up to each element."""

from __future__ import annotations

from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.tensor.cumulative import checked_axis
from tcore.tensor.numpy_protocols import FUNCTIONS
from tcore.tensor.reductions import checked_axes

__all__ = ["all", "any", "cumulative_sum", "max", "mean", "min", "prod", "std", "sum", "var"]


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
    count: Any = T.cast(T.prod(T.stack([x.shape[place] for place in checked_axes(axis, x.type.ndim)])), result.type.dtype)
    return result * (count / (count - np.asarray(correction, result.type.dtype)))


def std(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    """The standard deviation over ``axis``: the root of :func:`var`."""
    return T.sqrt(var(x, axis=axis, correction=correction, keepdims=keepdims))


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """The sums of all elements up to each along ``axis``, which only a vector may leave out; with the 0 before the first if asked for."""
    x = T.as_tensor_variable(x)
    if axis is None and x.type.ndim != 1:
        raise ValueError(f"cumulative_sum: {x} has {x.type.ndim} dimensions, so it needs an axis")
    place = checked_axis("cumulative_sum", 0 if axis is None else axis, x)
    wanted = T.sum(x).type.dtype if dtype is None else np.dtype(dtype).name
    sums = T.cumsum(T.cast(x, wanted), place)
    if not include_initial:
        return sums
    lengths = [1 if other == place else x.shape[other] for other in range(x.type.ndim)]
    return T.concatenate([T.alloc(np.asarray(0, wanted), *lengths), sums], axis=place)
