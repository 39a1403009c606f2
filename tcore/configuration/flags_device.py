"""Documented options for GPUs, cuDNN, MAGMA, convolution and CTC."""

from __future__ import annotations

import math
from typing import Any

from tcore.configuration.defaults import below
from tcore.configuration.option import Computed, Option

__all__ = ["DEVICE_OPTIONS"]

_GUESS = ("guess_once", "guess_on_shape_change", "time_once", "time_on_shape_change")


def _pool_size(value: Any) -> float:
    size = float(value)
    if math.isnan(size):
        raise ValueError("expected a number")
    return size


DEVICE_OPTIONS: tuple[Option, ...] = (
    Option(
        name="gpuarray.preallocate",
        default=0.0,
        parse=_pool_size,
        doc="Start size of the memory pool: below 0 switches it off, up to 1 is a share of the memory (at most 0.95), "
        "above 1 is megabytes, 0 allocates nothing in advance.",
    ),
    Option(name="gpuarray.sched", default="default", choices=("default", "multi", "single"), doc="How the driver waits: multi yields the core, single spins."),
    Option(name="gpuarray.single_stream", default=True, doc="One stream per context."),
    Option(
        name="gpuarray.cache_path",
        default=Computed(lambda config: below(config.compiledir, "gpuarray_kernels"), "compiledir/gpuarray_kernels"),
        doc="Folder of compiled GPU kernels.",
    ),
    Option(name="nvcc.flags", default="", doc="More arguments for the CUDA compiler."),
    Option(name="nvcc.fastmath", default=False, doc="Allow fast and inexact mathematics in CUDA kernels."),
    Option(
        name="dnn.enabled",
        default="auto",
        choices=("auto", "True", "False", "no_check"),
        doc="cuDNN: used if found, needed, not used, or believed to be there without a check.",
    ),
    Option(name="dnn.include_path", default="", doc="Folder of cudnn.h; empty searches the CUDA folders and the compiler's."),
    Option(name="dnn.library_path", default="", doc="Folder of the cuDNN library; empty searches as include_path does."),
    Option(name="dnn.conv.workmem", default="", doc="Old name of dnn.conv.algo_fwd."),
    Option(name="dnn.conv.workmem_bwd", default="", doc="Old name of dnn.conv.algo_bwd_filter and algo_bwd_data."),
    Option(name="dnn.conv.algo_bwd", default="", doc="Old name of dnn.conv.algo_bwd_filter and algo_bwd_data."),
    Option(
        name="dnn.conv.algo_fwd",
        default="small",
        choices=("small", "none", "large", "fft", "fft_tiling", "winograd", "winograd_non_fused", *_GUESS),
        doc="cuDNN algorithm of convolutions.",
    ),
    Option(
        name="dnn.conv.algo_bwd_data",
        default="none",
        choices=("none", "deterministic", "fft", "fft_tiling", "winograd", "winograd_non_fused", *_GUESS),
        doc="cuDNN algorithm of gradients for the inputs of a convolution.",
    ),
    Option(
        name="dnn.conv.algo_bwd_filter",
        default="none",
        choices=("none", "deterministic", "fft", "small", "winograd_non_fused", "fft_tiling", *_GUESS),
        doc="cuDNN algorithm of gradients for the filters of a convolution.",
    ),
    Option(
        name="dnn.conv.precision",
        default="as_input_f32",
        choices=("as_input_f32", "as_input", "float16", "float32", "float64"),
        doc="dtype in which cuDNN convolutions compute.",
    ),
    Option(name="conv.assert_shape", default=False, doc="Check the shapes that were given to convolutions, at run time."),
    Option(name="magma.enabled", default="False", choices=("True", "False"), doc="Use MAGMA for linear algebra on the GPU."),
    Option(name="magma.include_path", default="", doc="Folder of the MAGMA headers."),
    Option(name="magma.library_path", default="", doc="Folder of the MAGMA library."),
    Option(name="ctc.root", default="", doc="Folder of warp-ctc: build, lib or lib64 with libwarpctc.so, and include with its header."),
)
