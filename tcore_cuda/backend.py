"""The CUDA backend: functions whose arrays live on an NVIDIA GPU."""

from __future__ import annotations

from typing import Any

from tcore.gpuarray.forms import native_forms
from tcore.gpuarray.linker import DeviceLinker
from tcore.link import Linker

__all__ = ["CudaBackend"]


class CudaBackend:
    """Lifts what gains from it to the GPU, runs the rest on the host."""

    name = "cuda"

    def unavailable(self) -> str | None:
        """Why no GPU can be used, and what to do; None where one can."""
        from tcore_cuda import compiler, runtime

        return runtime.missing() or compiler.unavailable()

    def linker(self, name: str, **options: Any) -> Linker:
        """The device linker; names that end in ``_nogc`` keep intermediate values."""
        return DeviceLinker(allow_gc=False if name.endswith("_nogc") else None, **options)

    def tags(self) -> tuple[str, ...]:
        """The lifting optimizations."""
        return ("cuda",)

    def native_ops(self) -> tuple[type, ...]:
        """Products, which kernels of their own compute, and views; everything else goes by its lowering."""
        return native_forms()
