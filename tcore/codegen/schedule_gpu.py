"""The GPU schedule: a kernel as launches of device functions, in CUDA C++ or OpenCL C.

* Maps: one thread per element, with a grid-stride loop.
* Reductions: one block per outer index, whose accumulators are combined in a fixed tree of
  :data:`~tcore.codegen.gpu_reductions.LANES` lanes whatever the size of the block, or, where the reduced axes are not the fastest, one
  thread per outer index.  Either way the order depends on lengths alone: results repeat bit for bit.
* Regions: one launch per box, after a copy of the base.
* Scatters: a launch that checks the whole index array, a copy of the base, then one thread per index of
  the axes that are not scattered, each going through the scattered ones in order.
* Prefixes: one thread per index of the other axes, going along the ordered one.

Every device function takes its arrays, an error record of three int64 (code, index, length) and one
argument block of int64: lengths, then for each array its offset and strides, in elements.
"""

from __future__ import annotations

from tcore.codegen.gpu_borders import BorderText
from tcore.codegen.gpu_program import GpuDialect, GpuProgram
from tcore.codegen.gpu_reductions import ReductionText
from tcore.codegen.gpu_text import DeviceText
from tcore.codegen.kernel import Kernel
from tcore.codegen.stages import Reduce

__all__ = ["schedule"]


def schedule(kernel: Kernel, dialect: GpuDialect, name: str = "tc_kernel") -> GpuProgram:
    """Print a kernel for the device.

    Raises
    ------
    NotLowered
        If the language has no form for one of its stages or functions.
    """
    reduces = any(isinstance(stage, Reduce) for stage in kernel.stages)
    text = BorderText if kernel.border else ReductionText if reduces else DeviceText
    return text(kernel, dialect, name).program()
