"""Lifting to the first OpenCL device, or to the one that ``config.device`` names."""

from tcore.gpuarray.cuts import cut_transfers
from tcore.gpuarray.lifting import GpuLifting
from tcore.optimizer.rewrite import GlobalRewrite

__all__ = ["GROUP"]

#: after the products have become BLAS ops, before elementwise fusion
GROUP = (*cut_transfers("opencl"), GlobalRewrite("gpuarray_opencl", GpuLifting("opencl0:0"), 48.5, tags=("opencl",)))
