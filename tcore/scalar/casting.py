"""Conversions of numbers between dtypes, where C leaves some of them open and NumPy's loops differ from one another."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["converted", "reached_first"]


def reached_first(dtype: str) -> str:
    """The signed integer to which a float is truncated on its way to an integer dtype, which takes the low bits of it."""
    return "int64" if dtype in ("int64", "uint32", "uint64") else "int32"


def converted(value: Any, dtype: str, out: np.ndarray | None = None) -> np.ndarray:
    """``value`` as ``dtype``, in ``out`` where that is an array: in all languages the same.

    A float becomes an integer by truncation to int32 (int8, int16, int32, uint8, uint16) or int64 (int64, uint32), of which the low bits are kept;
    NaN and what lies outside of that becomes its least number. So does uint64, but for floats from 2**63 to 2**64, which are exact, and those above,
    which give 0. These are NumPy's values on x86-64, where its loops for uint32 agree with one another.
    """
    value = np.asarray(value)
    if value.dtype.kind == "f" and np.dtype(dtype).kind in "iu":
        value = _truncated(value.astype("float32") if value.dtype == "float16" else value, dtype)
    if out is None:
        return value.astype(dtype)
    np.copyto(out, value, casting="unsafe")
    return out


def _truncated(value: np.ndarray, dtype: str) -> np.ndarray:
    """An integer with the right low bits."""
    first = reached_first(dtype)
    end = 2.0 ** (31 if first == "int32" else 63)
    if not value.size or (value.min() > -end and value.max() < end):
        return value.astype(first)
    with np.errstate(all="ignore"):
        whole = np.trunc(value)
        low = np.where((whole >= -end) & (whole < end), whole, -end).astype(first)
        if dtype != "uint64":
            return low
        upper = np.where((whole >= end) & (whole < 2 * end), whole - end, 0).astype(first).astype(dtype) + np.uint64(2**63)
        return np.where(whole >= 2 * end, np.uint64(0), np.where(whole >= end, upper, low.astype(dtype)))
