"""All use of OpenCL, on pyopencl: devices, memory, kernels, and the order of work.

The queue is out of order. Each buffer remembers the event of its last write and those of the reads since: work waits
for exactly the events that its buffers hold, so that nothing is right only because a driver happens to run in order.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyopencl as cl

from tcore.configuration import config
from tcore.gpuarray.runtime import DeviceError, DeviceInfo, LaunchShape, refuse_fork
from tcore.plugins.process import load
from tcore_opencl.printer import OpenCLDialect

__all__ = ["OpenCLBuffer", "OpenCLContext", "OpenCLKernel", "devices", "open"]

_OPTIONS = ("-cl-std=CL1.2",)  # and nothing that relaxes arithmetic
_REVERSE = "-DTC_GROUP_ID(d)=(get_num_groups(d)-1-get_group_id(d))"


def devices() -> Iterator[DeviceInfo]:
    """Every OpenCL device, named ``opencl<platform>:<device>``."""
    for p, platform in enumerate(_platforms()):
        for d, device in enumerate(platform.get_devices()):
            yield DeviceInfo(
                f"opencl{p}:{d}", f"{device.name.strip()} ({platform.name.strip()})", device.version, device.global_mem_size
            )


_started_by: list[int] = []  # the process in which the driver runs, from the first call on


def _check_process() -> None:
    if not _started_by:
        _started_by.append(os.getpid())
    refuse_fork("OpenCL", _started_by[0])


def _platforms() -> list[Any]:
    _check_process()
    try:
        return list(cl.get_platforms())
    except cl.LogicError as error:
        raise DeviceError(
            "no OpenCL platform was found: `pip install pocl-binary-distribution` gives one that runs on the CPU, and the "
            "driver package of a GPU gives its own"
        ) from error


def open(device: str) -> OpenCLContext:
    """The context of ``opencl``, ``opencl<p>`` or ``opencl<p>:<d>`` (missing numbers are 0)."""
    text = device.removeprefix("opencl")
    platform_text, _, device_text = text.partition(":")
    try:
        platform_number, device_number = int(platform_text or 0), int(device_text or 0)
    except ValueError:
        raise ValueError(f"{device!r} names no OpenCL device: write opencl<platform>:<device>, as opencl0:0") from None
    return _open(platform_number, device_number)


_opening = threading.Lock()


def _open(platform_number: int, device_number: int) -> OpenCLContext:
    _check_process()
    load("opencl")  # brings the options of this backend
    with _opening:
        return _opened(platform_number, device_number)


@functools.cache
def _opened(platform_number: int, device_number: int) -> OpenCLContext:
    platforms = _platforms()
    if platform_number >= len(platforms):
        raise DeviceError(f"there is no OpenCL platform {platform_number}: found {[p.name for p in platforms]}")
    found = platforms[platform_number].get_devices()
    if device_number >= len(found):
        raise DeviceError(f"OpenCL platform {platform_number} has no device {device_number}: found {[d.name for d in found]}")
    name = f"opencl{platform_number}:{device_number}"
    return OpenCLContext(name, found[device_number])


class OpenCLBuffer:
    """Device memory with the events that later work must wait for."""

    __slots__ = ("__weakref__", "context", "last_write", "memory", "nbytes", "reads")

    def __init__(self, context: OpenCLContext, nbytes: int, content: np.ndarray | None = None) -> None:
        self.context = context
        self.nbytes = nbytes
        flags = cl.mem_flags
        try:
            if content is None or not nbytes:
                self.memory = cl.Buffer(context.cl_context, flags.READ_WRITE, size=max(nbytes, 1))
            else:
                self.memory = cl.Buffer(context.cl_context, flags.READ_WRITE | flags.COPY_HOST_PTR, hostbuf=content)
        except cl.Error as error:
            raise MemoryError(f"{context.device_name} cannot allocate {nbytes} bytes: {error}") from error
        self.last_write: Any = None
        self.reads: list[Any] = []

    @property
    def handle(self) -> int:
        """The ``cl_mem``, as an integer."""
        return int(self.memory.int_ptr)


def _origin_of(program: Any) -> str:
    """Whether pyopencl compiled a program that it built just now, or found it in its store on disk: it keeps that for its own messages."""
    info = getattr(program, "_build_duration_info", None)
    return "store" if isinstance(info, tuple) and len(info) == 3 and info[1] is True else "compiled"


class OpenCLKernel:
    """A kernel of a built program. Arguments are set and the launch enqueued under one lock: both change the kernel."""

    __slots__ = ("_reversed", "any_block", "context", "kernel", "lock", "max_block", "name", "origin", "source")

    def __init__(self, context: OpenCLContext, program: Any, name: str, source: tuple[str, tuple[str, ...]], origin: str = "process") -> None:
        self.context = context
        self.kernel = cl.Kernel(program, name)
        self.name = name
        self.origin = origin
        self.source = source
        #: whether the kernel says that it works with groups of any size (its text holds this word)
        self.any_block = "TC_ANY_BLOCK" in source[0]
        self.max_block: int = self.kernel.get_work_group_info(cl.kernel_work_group_info.WORK_GROUP_SIZE, context.device)
        self.lock = threading.Lock()
        self._reversed: OpenCLKernel | None = None

    def reversed(self) -> OpenCLKernel:
        """The same kernel with its groups numbered backwards, through the macro ``TC_GROUP_ID`` of its text."""
        if self._reversed is None:
            source, flags = self.source
            self._reversed = self.context.compile(source, self.name, (*flags, _REVERSE))
        return self._reversed


class OpenCLContext:
    """One OpenCL device: implements :class:`tcore.gpuarray.runtime.GpuContext`."""

    kind = "opencl"
    dialect = OpenCLDialect()

    def __init__(self, name: str, device: Any) -> None:
        self.device_name = name
        self.device = device
        self.description = f"{device.name.strip()} ({device.platform.name.strip()})"
        self.identifier = device.version
        self.has_double = "cl_khr_fp64" in device.extensions
        self.has_half = "cl_khr_fp16" in device.extensions
        self.max_block = device.max_work_group_size
        self.local_memory = device.local_mem_size
        self.parameter_bytes = device.max_parameter_size
        self.cl_context = cl.Context([device])
        out_of_order = cl.command_queue_properties.OUT_OF_ORDER_EXEC_MODE_ENABLE
        self.queue = cl.CommandQueue(self.cl_context, properties=out_of_order & device.queue_properties)
        self._programs: dict[str, Any] = {}
        self._lock = threading.Lock()

    # ------------------------------------------------------------ memory

    def allocate(self, nbytes: int) -> OpenCLBuffer:
        """New memory; filled with NaN bytes when ``config.opencl.strict`` wants uninitialised reads to show."""
        _check_process()
        buffer = OpenCLBuffer(self, nbytes)
        if config.opencl.strict and nbytes:
            self.fill(buffer, 0, nbytes, 0xFF)
        return buffer

    def upload(self, source: np.ndarray) -> OpenCLBuffer:
        """New memory with this content; the driver copies when it allocates, and no queue is involved."""
        _check_process()
        return OpenCLBuffer(self, source.nbytes, source)

    def write(self, buffer: OpenCLBuffer, offset: int, source: np.ndarray) -> None:
        """Copy from the host."""
        if source.nbytes:
            event = cl.enqueue_copy(
                self.queue, buffer.memory, source, dst_offset=offset, is_blocking=True, wait_for=self._before((), (buffer,))
            )
            self._done(event, (), (buffer,))

    def read(self, buffer: OpenCLBuffer, offset: int, target: np.ndarray) -> None:
        """Copy to the host."""
        if target.nbytes:
            cl.enqueue_copy(
                self.queue, target, buffer.memory, src_offset=offset, is_blocking=True, wait_for=self._before((buffer,), ())
            )

    def copy(
        self, target: OpenCLBuffer, target_offset: int, source: OpenCLBuffer, source_offset: int, nbytes: int
    ) -> None:
        """Copy within the device."""
        if nbytes:
            event = cl.enqueue_copy(
                self.queue, target.memory, source.memory, byte_count=nbytes, src_offset=source_offset,
                dst_offset=target_offset, wait_for=self._before((source,), (target,)),
            )
            self._done(event, (source,), (target,))

    def fill(self, buffer: OpenCLBuffer, offset: int, nbytes: int, byte: int) -> None:
        """Set every byte of a range."""
        if nbytes:
            event = cl.enqueue_fill_buffer(
                self.queue, buffer.memory, np.array([byte], np.uint8), offset, nbytes, wait_for=self._before((), (buffer,))
            )
            self._done(event, (), (buffer,))

    # ------------------------------------------------------------ kernels

    def compile(self, source: str, name: str, flags: Sequence[str] = ()) -> OpenCLKernel:
        """The kernel ``name``; programs are built once per source text and kept."""
        _check_process()
        options = [*_OPTIONS, *flags]
        key = hashlib.sha256("\0".join([source, *options]).encode()).hexdigest()
        with self._lock:
            program, origin = self._programs.get(key), "process"
            if program is None:
                try:
                    with warnings.catch_warnings():  # of the compiler about code that is right
                        warnings.simplefilter("ignore", cl.CompilerWarning)
                        program = cl.Program(self.cl_context, source).build(options=options)
                except cl.RuntimeError as error:
                    raise DeviceError(f"the OpenCL compiler of {self.device_name} refused kernel {name!r}:\n{error}") from error
                self._programs[key] = program
                origin = _origin_of(program)
        return OpenCLKernel(self, program, name, (source, tuple(flags)), origin)

    def launch(
        self,
        kernel: OpenCLKernel,
        shape: LaunchShape,
        arguments: Sequence[Any],
        *,
        reads: Sequence[OpenCLBuffer],
        writes: Sequence[OpenCLBuffer],
        shared_bytes: int = 0,
    ) -> None:
        """Start a kernel behind the events of its buffers."""
        if config.opencl.strict:
            from tcore_opencl.strict import launch_strictly

            launch_strictly(self, kernel, shape, arguments, reads, writes, shared_bytes)
        else:
            self.enqueue(kernel, shape, arguments, reads, writes, shared_bytes)

    def enqueue(
        self,
        kernel: OpenCLKernel,
        shape: LaunchShape,
        arguments: Sequence[Any],
        reads: Sequence[OpenCLBuffer],
        writes: Sequence[OpenCLBuffer],
        shared_bytes: int = 0,
    ) -> None:
        """One launch, exactly as asked for."""
        values = [a.memory if isinstance(a, OpenCLBuffer) else a for a in arguments]
        if shared_bytes:
            values.append(cl.LocalMemory(shared_bytes))
        size = tuple(g * b for g, b in zip(shape.grid, shape.block, strict=True))
        waits = self._before(reads, writes)
        with kernel.lock:
            try:
                kernel.kernel.set_args(*values)
                event = cl.enqueue_nd_range_kernel(self.queue, kernel.kernel, size, shape.block, wait_for=waits)
            except cl.Error as error:
                raise DeviceError(f"{self.device_name} refused to launch {kernel.name!r} with {shape}: {error}") from error
        self._done(event, reads, writes)

    def synchronize(self) -> None:
        """Wait for all work."""
        _check_process()
        self.queue.finish()

    # ------------------------------------------------------------ order

    def _before(self, reads: Sequence[OpenCLBuffer], writes: Sequence[OpenCLBuffer]) -> list[Any] | None:
        """The events that work with these buffers must wait for: the first step of every piece of work."""
        _check_process()
        events = [buffer.last_write for buffer in reads]
        for buffer in writes:
            events.append(buffer.last_write)
            events.extend(buffer.reads)
        return [event for event in events if event is not None] or None

    def _done(self, event: Any, reads: Sequence[OpenCLBuffer], writes: Sequence[OpenCLBuffer]) -> None:
        for buffer in reads:
            if len(buffer.reads) >= 16:  # a constant that is read in every call must not collect events for ever
                complete = cl.command_execution_status.COMPLETE
                buffer.reads = [e for e in buffer.reads if e.command_execution_status != complete]
            buffer.reads.append(event)
        for buffer in writes:
            buffer.last_write = event
            buffer.reads = []

    def __repr__(self) -> str:
        return f"<OpenCLContext {self.device_name}: {self.description}>"
