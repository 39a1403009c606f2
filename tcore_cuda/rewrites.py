"""Lifting to the first GPU, or to the one that ``config.device`` names."""

from tcore.gpuarray.cuts import cut_transfers
from tcore.gpuarray.lifting import GpuLifting
from tcore.optimizer.rewrite import GlobalRewrite

__all__ = ["GROUP"]

#: after the products have become BLAS ops, before elementwise fusion
GROUP = (*cut_transfers("cuda"), GlobalRewrite("gpuarray_cuda", GpuLifting("cuda0"), 48.5, tags=("cuda",)))
