"""Copies between strides on a device: one kernel for each element size and number of axes."""

from __future__ import annotations

import functools

from tcore.codegen.expr import Axis, Buffer, Extent, load
from tcore.codegen.kernel import Kernel
from tcore.codegen.lowering import axis_name
from tcore.codegen.schedule_gpu import schedule
from tcore.codegen.stages import Map
from tcore.gpuarray.programs import LoadedProgram, Strided
from tcore.gpuarray.runtime import GpuContext

__all__ = ["copy_strided"]

_WORDS = {1: "uint8", 2: "uint16", 4: "uint32", 8: "uint64"}


@functools.lru_cache(maxsize=256)
def _program(itemsize: int, ndim: int, context: GpuContext) -> tuple[Buffer, LoadedProgram]:
    """The kernel ``z[i, j] = x[i, j]`` on words of this size, and its output."""
    x, z = (Buffer(name, _WORDS[itemsize], (False,) * ndim) for name in ("x0", "z0"))
    axes = tuple(Axis.fresh(axis_name(k), Extent(z, k)) for k in range(ndim))
    kernel = Kernel(axes, (), (Map((z,), axes, (load(x, axes),)),), (x,), (z,))
    return z, LoadedProgram(schedule(kernel, context.dialect), context)


def copy_strided(source: Strided, target: Strided, context: GpuContext) -> None:
    """Copy every element of ``source`` to the same place of ``target`` (same shape, dtype and context)."""
    z, program = _program(source.dtype.itemsize, len(source.shape), context)  # type: ignore[arg-type]
    program.launch([target], [source], {z: target.shape})
