"""Numbers into scalar constants: which dtype a plain Python number gets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.configuration import config
from tcore.graph.variable import Variable
from tcore.scalar.type import Scalar, get_scalar_type

if TYPE_CHECKING:
    from tcore.scalar.variable import ScalarConstant, ScalarVariable

__all__ = ["as_scalar", "autocast", "constant"]

_INTS = tuple((np.iinfo(name).min, np.iinfo(name).max, np.dtype(name)) for name in ("int8", "int16", "int32", "int64"))
_FLOAT32 = np.dtype("float32")
_FLOAT64 = np.dtype("float64")
_UINT64 = np.dtype("uint64")


def autocast(value: Any) -> np.ndarray:
    """A Python number as a 0-d array of the dtype that constants get; other values keep NumPy's dtype.

    An int becomes the smallest signed type that holds it (uint64 above int64). A float becomes float32 where
    ``config.floatX`` is float32 or float32 holds it exactly, else float64. NumPy scalars and arrays keep theirs.
    ``config.cast_policy`` "numpy+floatX" gives int64 and ``config.floatX`` instead.
    """
    kind = type(value)
    if kind is bool or not isinstance(value, (int, float)) or isinstance(value, np.generic):
        return np.asarray(value)
    if config.cast_policy != "custom":
        if isinstance(value, int):
            return np.asarray(value)
        return np.asarray(value, dtype=config.floatX if config.cast_policy == "numpy+floatX" else _FLOAT64)
    if isinstance(value, int):
        for low, high, dtype in _INTS:
            if low <= value <= high:
                return np.array(value, dtype)
        if 0 <= value < 2**64:
            return np.array(value, _UINT64)
        raise OverflowError(f"no integer type holds {value}")
    if config.floatX == "float32":
        return np.array(value, _FLOAT32)
    with np.errstate(over="ignore"):
        narrow = np.array(value, _FLOAT32)
    if math.isnan(value) or float(narrow) == value:
        return narrow
    return np.array(value, _FLOAT64)


def constant(value: Any, name: str | None = None, dtype: str | None = None) -> ScalarConstant:
    """``value`` as a scalar constant, of the dtype that :func:`autocast` chooses or of ``dtype``."""
    array = autocast(value) if dtype is None else np.asarray(value, dtype)
    if array.ndim:
        raise TypeError(f"a scalar constant is one number, got an array of shape {array.shape}")
    return get_scalar_type(array.dtype.name).make_constant(array[()], name=name)  # type: ignore[return-value]


def as_scalar(value: Any, name: str | None = None) -> ScalarVariable:
    """``value`` as a scalar variable: itself, a constant, or the element of a 0-d tensor variable.

    Raises
    ------
    TypeError
        If it is none of these.
    """
    if isinstance(value, Variable):
        if isinstance(value.type, Scalar):
            return value  # type: ignore[return-value]
        to_scalar = getattr(value, "_as_scalar_variable", None)
        if to_scalar is not None:
            return to_scalar()
        raise TypeError(f"{value} of type {value.type} is no scalar")
    try:
        return constant(value, name)  # type: ignore[return-value]
    except (TypeError, ValueError) as error:
        raise TypeError(f"cannot make a scalar variable of {value!r} of {type(value).__name__}: {error}") from error
