"""Dtypes, which are names, and what the standard asks of them."""

from __future__ import annotations

from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.graph import Variable
from tcore.scalar.dtypes import upcast
from tcore.tensor.xp.scalars import is_number, number_dtype

__all__ = [
    "astype", "bool", "can_cast", "complex64", "complex128", "finfo", "float32", "float64", "iinfo", "int8", "int16", "int32", "int64", "isdtype", "result_type",
    "uint8", "uint16", "uint32", "uint64",
]  # fmt: skip

bool = "bool"
int8, int16, int32, int64 = "int8", "int16", "int32", "int64"
uint8, uint16, uint32, uint64 = "uint8", "uint16", "uint32", "uint64"
float32, float64 = "float32", "float64"
complex64, complex128 = "complex64", "complex128"

#: NumPy's letters of each kind
_KINDS = {
    "bool": "b", "signed integer": "i", "unsigned integer": "u", "integral": "iu", "real floating": "f", "complex floating": "c", "numeric": "iufc",
}  # fmt: skip


def dtype_name(dtype: Any) -> str:
    """The name of a dtype: one of ours, NumPy's, or that of a tensor or array."""
    return np.dtype(dtype.dtype if isinstance(dtype, (Variable, np.ndarray, np.generic)) else dtype).name


def on_device(x: Any, device: Any) -> Any:
    """``x`` on the device of that name; where it is for None."""
    return x if device is None else T.transfer(x, device)


def astype(x: Any, dtype: Any, /, *, copy: Any = True, device: Any = None) -> Any:
    """The values of ``x`` in another dtype. Nothing in a graph is changed, so ``copy`` makes no difference."""
    x, wanted = T.as_tensor_variable(x), dtype_name(dtype)
    return on_device(T.neq(x, 0) if wanted == "bool" and x.type.dtype.startswith("complex") else T.cast(x, wanted), device)


def can_cast(from_: Any, to: Any, /) -> Any:
    """Whether each value of a dtype, or of that of a tensor, has its equal in another."""
    return np.can_cast(dtype_name(from_), dtype_name(to))


def finfo(type: Any, /) -> Any:
    """Limits of a floating dtype, or of that of a tensor: bits, eps, max, min, smallest_normal, dtype."""
    return np.finfo(dtype_name(type))


def iinfo(type: Any, /) -> Any:
    """Limits of an integer dtype, or of that of a tensor: bits, max, min, dtype."""
    return np.iinfo(dtype_name(type))


def isdtype(dtype: Any, kind: Any) -> Any:
    """Whether ``dtype`` is of a kind: a dtype, ``"bool"``, ``"integral"``, ``"real floating"`` and so on, or a tuple of these."""
    for each in kind if isinstance(kind, tuple) else (kind,):
        if isinstance(each, str) and each in _KINDS:
            if np.dtype(dtype).kind in _KINDS[each]:
                return True
        elif np.dtype(each) == np.dtype(dtype):
            return True
    return False


def result_type(*arrays_and_dtypes: Any) -> str:
    """The dtype that an operation on these tensors, dtypes and Python's numbers gives.

    Raises
    ------
    ValueError
        Without any.
    """
    if not arrays_and_dtypes:
        raise ValueError("result_type takes one tensor, dtype or number, or more")
    dtypes = [dtype_name(each) for each in arrays_and_dtypes if not is_number(each)]
    common = upcast(*dtypes) if dtypes else None
    return upcast(*dtypes, *(number_dtype(each, common) for each in arrays_and_dtypes if is_number(each)))
