"""Tensors made from shapes, ranges and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.configuration import config
from tcore.graph import Variable
from tcore.scalar.dtypes import upcast
from tcore.tensor.numpy_protocols import FUNCTIONS
from tcore.tensor.xp.dtypes import dtype_name, on_device
from tcore.tensor.xp.scalars import whole_number

__all__ = [
    "arange", "asarray", "empty", "empty_like", "eye", "from_dlpack", "full", "full_like", "linspace", "meshgrid", "ones", "ones_like", "tril", "triu", "zeros", "zeros_like",
]  # fmt: skip

#: from 2.1 on, NumPy also takes what is not in the memory of the host
_TO_HOST: dict[str, Any] = {"device": "cpu"} if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else {}


def _lengths(shape: Any) -> Any:
    if isinstance(shape, Variable) and shape.type.ndim == 1:
        return shape
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def _name(dtype: Any) -> str | None:
    return None if dtype is None else dtype_name(dtype)


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: Any = None) -> Any:
    """A tensor of a variable, an array, a number or lists of these; Python's numbers are of the default dtypes.

    Raises
    ------
    ValueError
        With ``copy=False`` for what is no variable: constants hold copies.
    """
    if isinstance(obj, Variable) or _has_variables(obj):
        x: Any = T.as_tensor_variable(obj)
        return on_device(x if dtype is None else T.cast(x, dtype_name(dtype)), device)
    if copy is False:
        raise ValueError("asarray: a constant of a graph has its own copy of the data, so copy=False cannot be had")
    value = np.asarray(obj)
    if dtype is not None:
        value = value.astype(dtype_name(dtype))
    elif not hasattr(obj, "dtype") and value.dtype.kind in "fc" and _is_pythons(obj):
        value = value.astype(config.floatX if value.dtype.kind == "f" else upcast(config.floatX, "complex64"))
    return on_device(T.constant(value), device)


def from_dlpack(x: Any, /, *, device: Any = None, copy: Any = None) -> Any:
    """A tensor of the array ``x`` of any library that has ``__dlpack__``: a constant with its own copy of the data. A variable is itself.

    Raises
    ------
    TypeError
        For what has no ``__dlpack__``.
    ValueError
        With ``copy=False`` for what is no variable: constants hold copies.
    """
    if isinstance(x, Variable):
        return on_device(T.as_tensor_variable(x), device)
    if not hasattr(x, "__dlpack__"):
        raise TypeError(f"from_dlpack takes an array with __dlpack__, got {x!r} of type {type(x).__name__}; asarray takes numbers and lists")
    if copy is False:
        raise ValueError("from_dlpack: a constant of a graph has its own copy of the data, so copy=False cannot be had")
    if not isinstance(x, np.ndarray):
        x = np.from_dlpack(x, **_TO_HOST)
    return on_device(T.constant(np.array(x)), device)


def _leaves(obj: Any) -> list[Any]:
    found, stack = [], [obj]
    while stack:
        each = stack.pop()
        if isinstance(each, (list, tuple)):
            stack.extend(each)
        else:
            found.append(each)
    return found


def _has_variables(obj: Any) -> bool:
    return any(isinstance(each, Variable) for each in _leaves(obj))


def _is_pythons(obj: Any) -> bool:
    return all(isinstance(each, (int, float, complex)) and not isinstance(each, np.generic) for each in _leaves(obj))


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Any:
    """The numbers from ``start``, by ``step``, up to ``stop`` without it; from 0 up to ``start`` if it stands alone."""
    return on_device(T.arange(start, stop, step, _name(dtype)), device)


def linspace(start: Any, stop: Any, /, num: Any, *, dtype: Any = None, device: Any = None, endpoint: bool = True) -> Any:
    """``num`` numbers at equal distances from ``start`` to ``stop``, which is one of them unless ``endpoint`` is false."""
    start, stop = T.as_tensor_variable(start), T.as_tensor_variable(stop)
    num = whole_number("linspace", "num", num, 0)
    is_complex = any(end.type.dtype.startswith("complex") for end in (start, stop))
    wanted = dtype_name(dtype) if dtype is not None else upcast(config.floatX, "complex64") if is_complex else config.floatX
    working = wanted if wanted.startswith(("float", "complex")) else "float64"
    start, stop = T.cast(start, working), T.cast(stop, working)
    places = T.arange(num)
    steps = T.maximum(num - 1 if endpoint else num, 1)
    fraction = T.cast(places, "float64") / T.cast(steps, "float64")
    values = start + T.cast(fraction, working) * (stop - start)
    if endpoint:
        values = T.switch(T.eq(places, steps), stop, values)
    return on_device(T.cast(values if working == wanted else T.floor(values), wanted), device)


def meshgrid(*arrays: Any, indexing: str = "xy") -> list[Any]:
    """Coordinates of the points of a grid, from those of each axis; "xy" has the first two axes exchanged."""
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing is 'xy' or 'ij', got {indexing!r}")
    axes = [T.as_tensor_variable(array) for array in arrays]
    for axis in axes:
        if axis.type.ndim != 1:
            raise ValueError(f"meshgrid takes vectors, got {axis} with {axis.type.ndim} dimensions")
    places = list(range(len(axes)))
    if indexing == "xy" and len(axes) > 1:
        places[:2] = [1, 0]
    lengths = [axes[place].shape[0] for place in places]
    patterns = [["x" if other != place else 0 for other in range(len(axes))] for place in places]
    return [T.alloc(axis.dimshuffle(*pattern), *lengths) for axis, pattern in zip(axes, patterns, strict=True)]


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A tensor whose elements are whatever was in its memory."""
    return on_device(T.AllocEmpty(config.floatX if dtype is None else dtype_name(dtype))(*_entries(shape)), device)


def _entries(shape: Any) -> Sequence[Any]:
    lengths = _lengths(shape)
    return [lengths[axis] for axis in range(T.get_vector_length(lengths))] if isinstance(lengths, Variable) else lengths


def empty_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """As :func:`empty`, of the shape of ``x``."""
    x = T.as_tensor_variable(x)
    return empty([x.shape[axis] for axis in range(x.type.ndim)], dtype=x.type.dtype if dtype is None else dtype, device=device)


def eye(n_rows: Any, n_cols: Any = None, /, *, k: Any = 0, dtype: Any = None, device: Any = None) -> Any:
    """A matrix with ones on its ``k``-th diagonal, and zeros."""
    return on_device(T.eye(n_rows, n_cols, k, _name(dtype)), device)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A tensor of one value."""
    return on_device(T.alloc(asarray(fill_value, dtype=dtype), *_entries(shape)), device)


def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A tensor of one value, of the shape of ``x``."""
    return on_device(FUNCTIONS[np.full_like](x, fill_value, dtype=dtype), device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A tensor of ones."""
    return on_device(T.ones(_lengths(shape), _name(dtype)), device)


def ones_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Ones, of the shape of ``x``."""
    return on_device(FUNCTIONS[np.ones_like](x, dtype=dtype), device)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Any:
    """A tensor of zeros."""
    return on_device(T.zeros(_lengths(shape), _name(dtype)), device)


def zeros_like(x: Any, /, *, dtype: Any = None, device: Any = None) -> Any:
    """Zeros, of the shape of ``x``."""
    return on_device(FUNCTIONS[np.zeros_like](x, dtype=dtype), device)


def tril(x: Any, /, *, k: Any = 0) -> Any:
    """``x`` with zeros above the ``k``-th diagonal of each matrix."""
    return T.tril(x, k)


def triu(x: Any, /, *, k: Any = 0) -> Any:
    """``x`` with zeros below the ``k``-th diagonal of each matrix."""
    return T.triu(x, k)
