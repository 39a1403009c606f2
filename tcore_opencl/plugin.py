"""What tcore_opencl declares: the backend and the device family ``opencl``."""

from tcore.plugins import BackendSpec, DeviceSpec, Option, RewriteGroup, TransferSpec, hookimpl

__all__ = ["tcore_backends", "tcore_config", "tcore_devices", "tcore_optimizations", "tcore_types"]


@hookimpl
def tcore_backends() -> list[BackendSpec]:
    """The OpenCL backend."""
    return [BackendSpec("opencl", load="tcore_opencl.backend:OpenCLBackend", summary="OpenCL devices, OpenCL C", languages=("opencl",))]


@hookimpl
def tcore_devices() -> list[DeviceSpec]:
    """``opencl``, ``opencl0:0``, ``opencl0:1`` and so on: platform and device."""
    return [DeviceSpec("opencl", load="tcore_opencl.runtime", summary="OpenCL devices", backend="opencl")]


@hookimpl
def tcore_optimizations() -> list[RewriteGroup]:
    """Lifting of host work to the device."""
    return [RewriteGroup("opencl", load="tcore_opencl.rewrites:GROUP")]


@hookimpl
def tcore_config() -> list[Option]:
    """Options of this backend."""
    return [
        Option(
            name="opencl.strict",
            default=False,
            doc="Run every launch under several legal schedules, compare the results, and fill new memory with NaN: for tests.",
        )
    ]


@hookimpl
def tcore_types() -> list[TransferSpec]:
    """Moves of variables to its devices."""
    return [TransferSpec("opencl", load="tcore.gpuarray.transfer:transfer")]
