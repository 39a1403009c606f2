"""What tcore_cuda declares: the backend and the device family ``cuda``."""

from tcore.plugins import BackendSpec, DeviceSpec, hookimpl

__all__ = ["tcore_backends", "tcore_devices"]


@hookimpl
def tcore_backends() -> list[BackendSpec]:
    """The CUDA backend."""
    return [BackendSpec("cuda", load="tcore_cuda.backend:CudaBackend", summary="NVIDIA GPUs, CUDA C", languages=("cuda",))]


@hookimpl
def tcore_devices() -> list[DeviceSpec]:
    """``cuda``, ``cuda0``, ``cuda1`` and so on."""
    return [DeviceSpec("cuda", load="tcore_cuda.runtime", summary="NVIDIA GPUs", backend="cuda")]
