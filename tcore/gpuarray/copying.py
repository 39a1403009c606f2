"""Copies between strides on a device: the identity, as a kernel."""

from __future__ import annotations

import functools

from tcore.codegen.assemble import Group
from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.launching import GroupLauncher
from tcore.gpuarray.runtime import GpuContext

__all__ = ["copy_strided"]


@functools.lru_cache(maxsize=256)
def _launcher(dtype: str, ndim: int, context: GpuContext) -> GroupLauncher:
    from tcore.codegen.grouping import group
    from tcore.codegen.tables import lowering_table
    from tcore.gpuarray.forms import GpuElemwise
    from tcore.gpuarray.type import GpuArrayType
    from tcore.scalar import identity
    from tcore.tensor.elemwise import Elemwise

    x = GpuArrayType(dtype, (False,) * ndim, context.device_name)()
    node = GpuElemwise(Elemwise(identity), context.device_name).make_node(x)
    (step,) = group([node], node.outputs, lowering_table([node]), granularity="node").steps
    assert isinstance(step, Group)
    return GroupLauncher(step, context)


def copy_strided(source: GpuArray, target: GpuArray) -> None:
    """Copy every element of ``source`` to the same place of ``target`` (same shape, dtype and context)."""
    launcher = _launcher(str(source.dtype), source.ndim, source.context)  # type: ignore[arg-type]
    buffers = launcher.group.kernel
    lengths = {buffers.inputs[0]: source.shape, buffers.outputs[0]: target.shape}
    launcher._launch([target], [source], lengths)
