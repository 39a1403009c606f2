"""Element types by name, and which dtype an operation on several of them gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.configuration import config

if TYPE_CHECKING:
    from tcore.scalar.type import Scalar

__all__ = [
    "all_dtypes",
    "complex_dtypes",
    "continuous_dtypes",
    "discrete_dtypes",
    "dtype_name",
    "float_dtypes",
    "int_dtypes",
    "integer_dtypes",
    "uint_dtypes",
    "upcast",
]

uint_dtypes = ("uint8", "uint16", "uint32", "uint64")
int_dtypes = ("int8", "int16", "int32", "int64")
float_dtypes = ("float16", "float32", "float64")
complex_dtypes = ("complex64", "complex128")
integer_dtypes = (*int_dtypes, *uint_dtypes)
discrete_dtypes = ("bool", *integer_dtypes)
continuous_dtypes = (*float_dtypes, *complex_dtypes)
all_dtypes = (*discrete_dtypes, *continuous_dtypes)

Preference = Callable[..., Sequence["Scalar"]]


def dtype_name(dtype: Any) -> str:
    """The name of an element type given by name, by a NumPy dtype in any byte order, or by a class such as ``np.float32``.

    ``"floatX"`` stands for ``config.floatX``.

    Raises
    ------
    TypeError
        If there is no such element type.
    """
    if isinstance(dtype, str) and dtype in all_dtypes:
        return dtype
    if isinstance(dtype, str) and dtype == "floatX":
        return config.floatX
    try:
        name = None if dtype is None else np.dtype(dtype).name  # None is float64 for NumPy
    except TypeError:
        name = None
    if name not in all_dtypes:
        raise TypeError(f"no such element type: {dtype!r}; there are {', '.join(all_dtypes)}")
    return name


@lru_cache(maxsize=4096)
def _common(dtypes: tuple[str, ...]) -> str:
    return np.result_type(*map(np.dtype, dtypes)).name


def upcast(dtype: str, *dtypes: str) -> str:
    """The name of the smallest dtype that holds values of all of ``dtypes``, as NumPy promotes arrays.

    With ``config.cast_policy = "numpy+floatX"`` and ``config.floatX = "float32"``, float64 is given only where one
    of ``dtypes`` is float64.
    """
    names = (str(dtype), *map(str, dtypes))
    common = _common(names)
    if common == "float64" and config.cast_policy == "numpy+floatX" and config.floatX == "float32" and "float64" not in names:
        return "float32"
    return common


@lru_cache(maxsize=64)
def as_float(dtype: str) -> str:
    """The float dtype in which functions such as ``exp`` compute: small integers in float32, large ones in float64."""
    if dtype in continuous_dtypes:
        return dtype
    return "float32" if np.dtype(dtype).itemsize < 4 else "float64"


@lru_cache(maxsize=64)
def real_of(dtype: str) -> str:
    """The dtype of the real part."""
    return {"complex64": "float32", "complex128": "float64"}.get(dtype, dtype)
