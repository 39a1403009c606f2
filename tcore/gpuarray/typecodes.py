"""Dtypes as C code on a device knows them: numbers, type names, and the rules for half precision."""

from __future__ import annotations

import numpy as np

__all__ = ["SIZE", "SSIZE", "TYPECODES", "device_ctype", "dtype_to_ctype", "dtype_to_typecode"]

#: the numbers of ``gpuarray/types.h``
TYPECODES = {
    "bool": 0, "int8": 1, "uint8": 2, "int16": 3, "uint16": 4, "int32": 5, "uint32": 6, "int64": 7, "uint64": 8,
    "float32": 11, "float64": 12, "complex64": 14, "complex128": 15, "float16": 23,
}  # fmt: skip

_CTYPES = {
    "bool": "ga_bool", "int8": "ga_byte", "uint8": "ga_ubyte", "int16": "ga_short", "uint16": "ga_ushort",
    "int32": "ga_int", "uint32": "ga_uint", "int64": "ga_long", "uint64": "ga_ulong", "float16": "ga_half",
    "float32": "ga_float", "float64": "ga_double",
}  # fmt: skip


class _SizeMarker:
    """A kernel parameter of the device's size type."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> str:
        return self.name


SIZE = _SizeMarker("SIZE")
SSIZE = _SizeMarker("SSIZE")


def device_ctype(dtype: object) -> str:
    """The C type of ``dtype`` in kernels.

    Raises
    ------
    TypeError
        If no device has it.
    """
    name = str(np.dtype(dtype))  # type: ignore[call-overload]
    try:
        return _CTYPES[name]
    except KeyError:
        raise TypeError(f"{name} has no C type on devices") from None


dtype_to_ctype = device_ctype


def dtype_to_typecode(dtype: object) -> int:
    """The number of ``dtype`` in ``gpuarray/types.h``."""
    return TYPECODES[str(np.dtype(dtype))]  # type: ignore[call-overload]
