"""Which of our own packages supplies what: for messages about a package that is not installed, and so has no metadata."""

from __future__ import annotations

__all__ = ["DOCUMENTED_TAGS", "SUPPLIERS", "install_hint", "supplier"]

#: (group, name) -> distribution
SUPPLIERS: dict[tuple[str, str], str] = {
    ("backends", "cpu"): "tcore-cpu",
    ("backends", "cuda"): "tcore-cuda",
    ("backends", "opencl"): "tcore-opencl",
    ("devices", "cuda"): "tcore-cuda",
    ("devices", "opencl"): "tcore-opencl",
    ("modules", "sparse"): "tcore-sparse",
    ("modules", "tensor.nnet"): "tcore-nnet",
    ("modules", "tensor.signal"): "tcore-nnet",
    ("values", "scipy.sparse"): "tcore-sparse",
    ("optimizations", "cxx_only"): "tcore-sparse",
    ("optimizations", "cuda"): "tcore-cuda",
    ("optimizations", "gpuarray_cuda"): "tcore-cuda",
    ("optimizations", "cut_transfers1_cuda"): "tcore-cuda",
    ("optimizations", "cut_transfers2_cuda"): "tcore-cuda",
    ("optimizations", "opencl"): "tcore-opencl",
    ("optimizations", "cut_transfers1_opencl"): "tcore-opencl",
    ("optimizations", "cut_transfers2_opencl"): "tcore-opencl",
    ("optimizations", "gpuarray_opencl"): "tcore-opencl",
    ("optimizations", "crossentropy_to_crossentropy_with_softmax"): "tcore-nnet",
    ("optimizations", "crossentropy_to_crossentropy_with_softmax_with_bias"): "tcore-nnet",
    ("optimizations", "local_correlate_in_float32"): "tcore-nnet",
    ("optimizations", "local_inplace_usmm"): "tcore-sparse",
    ("optimizations", "local_structured_dot"): "tcore-sparse",
    ("optimizations", "local_usmm"): "tcore-sparse",
    ("optimizations", "local_usmm_add"): "tcore-sparse",
    ("optimizations", "local_usmm_parts"): "tcore-sparse",
    ("optimizations", "local_usmm_sub"): "tcore-sparse",
    ("optimizations", "local_softmax_grad_to_crossentropy_with_softmax_grad"): "tcore-nnet",
}

#: names and tags of optimizations that the documentation has and none of these packages needs: programs exclude and include them
DOCUMENTED_TAGS = frozenset({
    "conv_dnn", "conv_gemm", "conv_meta", "gpu_opt", "gpuarray", "local_dimshuffle_no_inplace_at_canonicalize", "local_hard_sigmoid", "local_ultra_fast_sigmoid",
    "low_memory", "stable", "use_c_blas",
    "use_scipy_gesv", "use_scipy_ger",
})  # fmt: skip


def supplier(group: str, name: str) -> str | None:
    """The distribution of ours that has ``name``, or None. For modules, also what lies below a name."""
    while name:
        found = SUPPLIERS.get((group, name))
        if found is not None:
            return found
        name = name.rpartition(".")[0] if group == "modules" else ""
    return None


def install_hint(distribution: str) -> str:
    """What to type to get ``distribution``: by path, since package indexes hold strangers under such names."""
    folder = distribution.replace("-", "_")
    return f"install {distribution}: in a checkout of tcore, python -m pip install ./tcore ./{folder}"
