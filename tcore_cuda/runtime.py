"""All use of the CUDA driver, on pycuda: devices, memory, kernels.

pycuda is imported when a device is asked for, never before.  Work of one context goes to one stream, which
keeps its order; every entry point makes the context current and gives the old one back.  Memory is freed in the same way: pycuda
frees in a thread other than that which opened the device only where the context is current.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tcore.gpuarray.runtime import DeviceError, DeviceInfo, LaunchShape, refuse_fork
from tcore_cuda.compiler import compile_cubin
from tcore_cuda.printer import CudaDialect

__all__ = ["CudaBuffer", "CudaContext", "CudaKernel", "devices", "missing", "open"]


def missing() -> str | None:
    """What keeps this process from using a GPU and what to do about it; None where nothing does."""
    try:
        library = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no driver: libcuda.so.1 was not found; install the NVIDIA driver of this machine's GPU"
    count = ctypes.c_int()
    status = library.cuInit(0) or library.cuDeviceGetCount(ctypes.byref(count))
    if status:
        return f"the NVIDIA driver is there, but does not work (cuInit: error {status}); `nvidia-smi` may say more"
    if count.value == 0:
        return "the NVIDIA driver is there, but sees no GPU (CUDA_VISIBLE_DEVICES hides them?)"
    try:
        import pycuda.driver  # noqa: F401
    except ImportError as error:
        return f"pycuda is missing ({error}); beside a CUDA toolkit: pip install pycuda (see the README of tcore-cuda)"
    return None


_started_by: list[int] = []  # the process in which the driver runs, from the first call on


def _check_process() -> None:
    if not _started_by:
        _started_by.append(os.getpid())
    refuse_fork("CUDA", _started_by[0])


def _driver() -> Any:
    """The driver module, initialised."""
    _check_process()
    return _initialised()


@functools.cache
def _initialised() -> Any:
    reason = missing()
    if reason is not None:
        raise DeviceError(reason)
    from pycuda import driver

    driver.init()
    return driver


def devices() -> Iterator[DeviceInfo]:
    """Every GPU, named ``cuda0``, ``cuda1``, …"""
    driver = _driver()
    for number in range(driver.Device.count()):
        device = driver.Device(number)
        yield DeviceInfo(f"cuda{number}", device.name(), device.pci_bus_id(), device.total_memory())


def open(device: str) -> CudaContext:
    """The context of ``cuda`` (the first GPU), ``cuda0``, ``cuda1``, …"""
    digits = device.removeprefix("cuda")
    if digits and not digits.isdigit():
        raise ValueError(f"{device!r} names no CUDA device: write cuda0, cuda1, …")
    _check_process()
    with _opening:
        return _opened(int(digits or 0))


_opening = threading.Lock()


@functools.cache
def _opened(number: int) -> CudaContext:
    driver = _driver()
    count = driver.Device.count()
    if number >= count:
        raise DeviceError(f"there is no cuda{number}: the driver sees {count} GPU{'s' if count > 1 else ''}")
    return CudaContext(f"cuda{number}", driver.Device(number), driver)


class CudaBuffer:
    """Device memory, freed with its last reference."""

    __slots__ = ("__weakref__", "context", "memory", "nbytes")

    def __init__(self, context: CudaContext, nbytes: int) -> None:
        self.context = context
        self.nbytes = nbytes
        with context.current() as driver:
            try:
                self.memory = driver.mem_alloc(max(nbytes, 1))
            except driver.MemoryError as error:
                raise MemoryError(f"{context.device_name} cannot allocate {nbytes} bytes") from error

    def __del__(self) -> None:
        memory = getattr(self, "memory", None)  # there is none where the allocation failed
        if memory is None or sys.is_finalizing() or os.getpid() != self.context.process:
            return  # the driver frees what a process leaves behind, and a fork has nothing to free
        with contextlib.suppress(DeviceError), self.context.current():
            memory.free()

    @property
    def handle(self) -> int:
        """The device pointer."""
        return int(self.memory)


class CudaKernel:
    """A function of a loaded module. It keeps the layout of its arguments, so layout and launch happen under one lock."""

    __slots__ = ("function", "layout", "lock", "max_block", "module", "name", "origin")

    def __init__(self, module: Any, name: str, driver: Any, origin: str = "process") -> None:
        self.module = module
        self.name = name
        self.origin = origin
        self.function = module.get_function(name)
        self.layout = ""
        self.lock = threading.Lock()
        self.max_block: int = self.function.get_attribute(driver.function_attribute.MAX_THREADS_PER_BLOCK)


class CudaContext:
    """One GPU: implements :class:`tcore.gpuarray.runtime.GpuContext` on its primary context."""

    kind = "cuda"
    has_double = True
    has_half = True
    parameter_bytes = 4096

    def __init__(self, name: str, device: Any, driver: Any) -> None:
        attribute = driver.device_attribute
        self.device_name = name
        self.device = device
        self.description = device.name()
        self.identifier = device.pci_bus_id()
        self.max_block: int = device.get_attribute(attribute.MAX_THREADS_PER_BLOCK)
        self.local_memory: int = device.get_attribute(attribute.MAX_SHARED_MEMORY_PER_BLOCK)
        self.dialect = CudaDialect()
        major, minor = device.compute_capability()
        self.architecture = f"sm_{major}{minor}"
        self.process = os.getpid()
        self._driver = driver
        self._context = device.retain_primary_context()
        self._modules: dict[str, Any] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def current(self) -> Iterator[Any]:
        """Make this context current for a while; gives the driver."""
        refuse_fork("CUDA", self.process)
        self._context.push()
        try:
            yield self._driver
        except self._driver.Error as error:
            raise DeviceError(f"{self.device_name}: {error}") from error
        finally:
            self._driver.Context.pop()

    # ------------------------------------------------------------ memory

    def allocate(self, nbytes: int) -> CudaBuffer:
        """New memory with unspecified content."""
        return CudaBuffer(self, nbytes)

    def upload(self, source: np.ndarray) -> CudaBuffer:
        """New memory with this content."""
        buffer = CudaBuffer(self, source.nbytes)
        self.write(buffer, 0, source)
        return buffer

    def write(self, buffer: CudaBuffer, offset: int, source: np.ndarray) -> None:
        """Copy from the host."""
        if source.nbytes:
            with self.current() as driver:
                driver.memcpy_htod(buffer.handle + offset, source)

    def read(self, buffer: CudaBuffer, offset: int, target: np.ndarray) -> None:
        """Copy to the host, after all work before it."""
        if target.nbytes:
            with self.current() as driver:
                driver.memcpy_dtoh(target, buffer.handle + offset)

    def copy(self, target: CudaBuffer, target_offset: int, source: CudaBuffer, source_offset: int, nbytes: int) -> None:
        """Copy within the device."""
        if nbytes:
            with self.current() as driver:
                driver.memcpy_dtod(target.handle + target_offset, source.handle + source_offset, nbytes)

    def fill(self, buffer: CudaBuffer, offset: int, nbytes: int, byte: int) -> None:
        """Set every byte of a range."""
        if nbytes:
            with self.current() as driver:
                driver.memset_d8(buffer.handle + offset, byte, nbytes)

    # ------------------------------------------------------------ kernels

    def compile(self, source: str, name: str, flags: Sequence[str] = ()) -> CudaKernel:
        """The kernel ``name``; a source is compiled and loaded once."""
        key = hashlib.sha256("\0".join([source, *flags]).encode()).hexdigest()
        with self._lock, self.current() as driver:
            module, origin = self._modules.get(key), "process"
            if module is None:
                origin = "compiled"
                module = self._modules[key] = driver.module_from_buffer(compile_cubin(source, self.architecture, flags))
            return CudaKernel(module, name, driver, origin)

    def launch(
        self,
        kernel: CudaKernel,
        shape: LaunchShape,
        arguments: Sequence[Any],
        *,
        reads: Sequence[CudaBuffer],
        writes: Sequence[CudaBuffer],
        shared_bytes: int = 0,
    ) -> None:
        """Start a kernel; the stream keeps the order, so ``reads`` and ``writes`` need no care."""
        pairs = [_argument(value) for value in arguments]
        layout = "".join(code for code, _ in pairs)
        with kernel.lock, self.current():
            if kernel.layout != layout:
                kernel.function.prepare(layout)
                kernel.layout = layout
            kernel.function.prepared_call(shape.grid, shape.block, *(value for _, value in pairs), shared_size=shared_bytes)

    def synchronize(self) -> None:
        """Wait for all work; raise what failed."""
        with self.current() as driver:
            driver.Context.synchronize()

    def __repr__(self) -> str:
        return f"<CudaContext {self.device_name}: {self.description}>"


def _argument(value: Any) -> tuple[str, Any]:
    """Code of the module ``struct`` and value of an argument: a pointer, a structure passed by value, a NumPy scalar."""
    if isinstance(value, CudaBuffer):
        return "P", value.handle
    if isinstance(value, bytes):
        return f"{len(value)}s", value
    return np.dtype(type(value)).char, value
