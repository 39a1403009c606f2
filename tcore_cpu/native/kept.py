"""The numbers of :mod:`tcore_cpu.native.abi` that also a program needs that was kept: a process that compiles nothing gets along with these."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["DTYPES", "MAX_DIMS", "RUNTIME_ABI", "Failure"]

RUNTIME_ABI = 7
"""``TC_ABI``: part of the keys of the kernel store."""

MAX_DIMS = 32

DTYPES: dict[str, int] = {
    name: number
    for number, name in enumerate(
        ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64", "complex64", "complex128", "object"]
    )
}
"""Number of each element type."""


class Failure(IntEnum):
    """Codes of the error record."""

    NONE = 0
    SHAPE = 1
    INDEX = 2
    DEMAND = 3
    MEMORY = 4
    NEGATIVE = 5
    RESHAPE = 6
    BLAS = 7
    STOPPED = 8
    DOUBT = 9
    LINALG = 10
