"""The Python side of ``gpuarray_api.h``: what C code of GPU ops calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.gpuarray import array
from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.dialect import resolve
from tcore.gpuarray.runtime import DeviceError, GpuContext, KernelHandle, LaunchShape
from tcore.gpuarray.typecodes import TYPECODES

__all__ = ["compile_kernel", "copy", "describe", "empty", "launch", "zeros"]

_DTYPES = {code: np.dtype(name) for name, code in TYPECODES.items()}
_ARGUMENTS = {**_DTYPES, 24: np.dtype(np.uint64), 25: np.dtype(np.int64), 23: np.dtype(np.uint16), 0: np.dtype(np.uint8)}
_BUFFER = -1
_F_ORDER = 1
_USE_DOUBLE = 0x02


def describe(value: Any) -> tuple[Any, int, tuple[int, ...], tuple[int, ...], int, int]:
    """Buffer, byte offset, shape, strides, contiguity flags and typecode of an array."""
    if not isinstance(value, GpuArray):
        raise TypeError(f"C code of a GPU op needs a GpuArray, got {type(value).__name__}")
    flags = value.is_c_contiguous() | value.is_f_contiguous() << 1
    return value.data, value.offset, value.shape, value.strides, flags, TYPECODES[str(value.dtype)]


def _ordered(made: GpuArray, order: int) -> GpuArray:
    return made.transpose() if order == _F_ORDER else made


def zeros(shape: tuple[int, ...], typecode: int, order: int, context: GpuContext) -> GpuArray:
    """A new array of zeros."""
    return _ordered(array.zeros(shape[::-1] if order == _F_ORDER else shape, _DTYPES[typecode], context=context), order)


def empty(shape: tuple[int, ...], typecode: int, order: int, context: GpuContext) -> GpuArray:
    """A new array with unspecified content."""
    return _ordered(array.empty(shape[::-1] if order == _F_ORDER else shape, _DTYPES[typecode], context=context), order)


def copy(value: GpuArray, order: int) -> GpuArray:
    """A copy with its elements in the given order."""
    return value.transpose().copy().transpose() if order == _F_ORDER else value.copy()


def compile_kernel(context: GpuContext, source: str, name: str, flags: int) -> KernelHandle:
    """A kernel in the portable dialect."""
    if flags & _USE_DOUBLE and not context.has_double:
        raise DeviceError(f"kernel {name!r} needs float64, which {context.device_name} does not have")
    return context.compile(resolve(source, context.kind), name)


def _three(sizes: tuple[int, ...]) -> tuple[int, int, int]:
    x, y, z, *_ = (*sizes, 1, 1)
    return x, y, z


def launch(
    context: GpuContext,
    kernel: KernelHandle,
    grid: tuple[int, ...],
    block: tuple[int, ...] | None,
    values: Sequence[Any],
    shared: int,
    types: Sequence[int],
) -> None:
    """Start a kernel; without ``block``, ``grid`` counts work items and the group size is chosen here."""
    arguments = [
        value if kind == _BUFFER else _ARGUMENTS[kind].type(value) for kind, value in zip(types, values, strict=True)
    ]
    if block is None:
        size = min(grid[0], kernel.max_block, 256)
        grid, block = (-(-grid[0] // size), *grid[1:]), (size,)
    shape = LaunchShape(grid=_three(grid), block=_three(block))
    # which buffers the kernel writes is known to its author alone: all of them, to be safe
    buffers = [value for kind, value in zip(types, values, strict=True) if kind == _BUFFER]
    context.launch(kernel, shape, arguments, reads=(), writes=list({id(b): b for b in buffers}.values()), shared_bytes=shared)
