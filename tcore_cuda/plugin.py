"""What tcore_cuda declares: the backend, the device family ``cuda``, its lifting and its report."""

from tcore.plugins import BackendSpec, DeviceSpec, ReportLine, RewriteGroup, TransferSpec, hookimpl

__all__ = ["tcore_backends", "tcore_devices", "tcore_optimizations", "tcore_report", "tcore_types"]


@hookimpl
def tcore_backends() -> list[BackendSpec]:
    """The CUDA backend, and the one that compiles without running."""
    return [
        BackendSpec("cuda", load="tcore_cuda.backend:CudaBackend", summary="NVIDIA GPUs, CUDA C", languages=("cuda",)),
        BackendSpec(
            "cuda-compile",
            load="tcore_cuda.compile_only:CompileOnlyBackend",
            summary="compiles kernels for NVIDIA GPUs and computes on the host: for tests",
            languages=("cuda",),
        ),
    ]


@hookimpl
def tcore_devices() -> list[DeviceSpec]:
    """``cuda``, ``cuda0``, ``cuda1`` and so on."""
    return [DeviceSpec("cuda", load="tcore_cuda.runtime", summary="NVIDIA GPUs", backend="cuda")]


@hookimpl
def tcore_optimizations() -> list[RewriteGroup]:
    """Lifting of host work to the GPU."""
    return [RewriteGroup("cuda", load="tcore_cuda.rewrites:GROUP")]


@hookimpl
def tcore_report() -> list[ReportLine]:
    """The compiler and the driver, each with what to do where it is missing."""
    from tcore_cuda.report import report

    return report()


@hookimpl
def tcore_types() -> list[TransferSpec]:
    """Moves of variables to its devices."""
    return [TransferSpec("cuda", load="tcore.gpuarray.transfer:transfer")]
