"""The strict queue: makes a kind OpenCL device as unforgiving as a GPU.

PoCL runs the groups of a launch one after another on one core, in order. Behind ``config.opencl.strict`` every launch runs
several times on copies of what it writes: as asked, with its groups in reverse order, and, where the kernel allows it, with
groups of half the size. A kernel whose answer depends on that is an error here, before it is one on a GPU. New memory holds
NaN bytes, so that reads of uninitialised memory show as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.gpuarray.runtime import DeviceError, LaunchShape

if TYPE_CHECKING:
    from tcore_opencl.runtime import OpenCLBuffer, OpenCLContext, OpenCLKernel

__all__ = ["OrderDependentKernelError", "half_groups", "launch_strictly"]


class OrderDependentKernelError(DeviceError):
    """A kernel gave two answers for two legal schedules of one launch: it has a race or depends on the group order."""


def half_groups(shape: LaunchShape) -> LaunchShape | None:
    """Groups of half the size and twice as many of them, or None where the size is odd."""
    (x, y, z), (groups, rows, layers) = shape.block, shape.grid
    if x % 2:
        return None
    return LaunchShape(grid=(groups * 2, rows, layers), block=(x // 2, y, z))


def launch_strictly(
    context: OpenCLContext,
    kernel: OpenCLKernel,
    shape: LaunchShape,
    arguments: Sequence[Any],
    reads: Sequence[OpenCLBuffer],
    writes: Sequence[OpenCLBuffer],
    shared_bytes: int,
) -> None:
    """Run the launch under each schedule and compare every byte that it wrote.

    Raises
    ------
    OrderDependentKernelError
        If two schedules gave different bytes.
    """
    before = [_content(context, buffer) for buffer in writes]
    reference: list[np.ndarray] | None = None
    for description, variant, schedule in _schedules(kernel, shape):
        for buffer, content in zip(writes, before, strict=True):
            context.write(buffer, 0, content)
        context.enqueue(variant, schedule, arguments, reads, writes, shared_bytes)
        answer = [_content(context, buffer) for buffer in writes]
        if reference is None:
            reference = answer
            continue
        for position, (a, b) in enumerate(zip(reference, answer, strict=True)):
            if not np.array_equal(a, b):
                raise OrderDependentKernelError(
                    f"kernel {kernel.name!r} wrote other bytes into its output {position} {description} than as asked for "
                    f"with {shape}: {np.count_nonzero(a != b)} of {a.size} bytes differ"
                )


def _schedules(kernel: OpenCLKernel, shape: LaunchShape) -> Iterator[tuple[str, OpenCLKernel, LaunchShape]]:
    yield "as asked", kernel, shape
    yield "with its groups in reverse order", kernel.reversed(), shape
    halved = half_groups(shape)
    if kernel.any_block and halved is not None:
        yield "with groups of half the size", kernel, halved


def _content(context: OpenCLContext, buffer: OpenCLBuffer) -> np.ndarray:
    content = np.empty(buffer.nbytes, np.uint8)
    context.read(buffer, 0, content)
    return content
