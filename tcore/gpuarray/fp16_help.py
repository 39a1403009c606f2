"""Half precision in kernels: a storage format only. Load to float32, compute, round on store."""

from __future__ import annotations

__all__ = ["load_w", "work_dtype", "write_w"]


def work_dtype(dtype: str) -> str:
    """The dtype for intermediate values of data stored as ``dtype``."""
    return "float32" if dtype == "float16" else dtype


def load_w(dtype: str) -> str:
    """The name of the kernel function to put around every read of a ``dtype`` value; empty where none is needed."""
    return "ga_half2float" if dtype == "float16" else ""


def write_w(dtype: str) -> str:
    """The name of the kernel function to put around every value stored as ``dtype``; empty where none is needed."""
    return "ga_float2half" if dtype == "float16" else ""
