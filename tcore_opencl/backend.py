"""The OpenCL backend: functions whose arrays live on an OpenCL device."""

from __future__ import annotations

from typing import Any

from tcore.gpuarray.forms import native_forms
from tcore.gpuarray.linker import DeviceLinker
from tcore.gpuarray.runtime import DeviceError
from tcore.link import Linker

__all__ = ["OpenCLBackend"]


class OpenCLBackend:
    """Lifts what gains from it to the device, runs the rest on the host."""

    name = "opencl"

    def unavailable(self) -> str | None:
        """Why no device can be used, and what to do; None where one can."""
        from tcore_opencl import runtime

        try:
            next(runtime.devices())
        except (DeviceError, StopIteration) as error:
            return str(error) or "there are OpenCL platforms, but none has a device"
        return None

    def linker(self, name: str, **options: Any) -> Linker:
        """The device linker; names that end in ``_nogc`` keep intermediate values."""
        return DeviceLinker(allow_gc=False if name.endswith("_nogc") else None, **options)

    def tags(self) -> tuple[str, ...]:
        """The lifting optimizations."""
        return ("opencl",)

    def native_ops(self) -> tuple[type, ...]:
        """Products, which kernels of their own compute, and views; everything else goes by its lowering."""
        return native_forms()
