"""What a device plugin supplies: one context per device, which owns memory, kernels and the order of work.

The rest of this package is written against :class:`GpuContext`; ``tcore_opencl.runtime`` and ``tcore_cuda.runtime`` fill it.
Sizes and offsets are bytes. Work on one context may run out of order: a context orders two pieces of work only if they
share a buffer that one of them writes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from attrs import field

from tcore.codegen.gpu_program import GpuDialect
from tcore.records import frozen

Sizes = tuple[int, int, int]

__all__ = [
    "Buffer",
    "DeviceError",
    "DeviceInfo",
    "ForkedProcessError",
    "GpuContext",
    "KernelHandle",
    "LaunchShape",
    "Runtime",
    "refuse_fork",
]


class DeviceError(RuntimeError):
    """A device refused or failed a piece of work; the text is the driver's."""


class ForkedProcessError(DeviceError):
    """A process uses a driver that its parent had started before the fork."""


def refuse_fork(driver: str, started_by: int) -> None:
    """Raise where this is not the process that started a driver: its threads and locks are gone, and calls would wait for ever.

    Parameters
    ----------
    driver : str
        For the message.
    started_by : int
        Number of the process that made the first call.
    """
    if os.getpid() != started_by:
        raise ForkedProcessError(
            f"{driver} was started in process {started_by}, of which this one is a fork, and no driver survives a fork; start processes "
            "with multiprocessing.get_context('spawn'), or use no device before the fork"
        )


@frozen
class DeviceInfo:
    """One physical device, as ``tcore doctor`` lists it."""

    name: str  #: how users ask for it: ``cuda0``, ``opencl0:0``
    description: str  #: the maker's name
    identifier: str = ""  #: PCI bus id, or what the driver has in its place
    memory: int = 0  #: bytes


def _three_positive(_: Any, attribute: Any, value: Sizes) -> None:
    if len(value) != 3 or min(value) < 1:
        raise ValueError(f"{attribute.name!r} must have three entries of at least 1, got {value}")


@frozen(kw_only=True)
class LaunchShape:
    """Groups per launch and work items per group, fastest axis first."""

    grid: Sizes = field(validator=_three_positive)
    block: Sizes = field(validator=_three_positive)


class Buffer(Protocol):
    """A block of device memory; freed when the last reference goes."""

    nbytes: int

    @property
    def handle(self) -> int:
        """The driver's name for the block: a device pointer (CUDA) or a ``cl_mem`` (OpenCL)."""


class KernelHandle(Protocol):
    """A compiled kernel, ready to launch."""

    name: str
    #: most work items that a group of this kernel may have
    max_block: int
    #: ``"compiled"`` by the call that gave this handle, taken from a ``"store"`` on disk, or compiled earlier by this ``"process"``
    origin: str


@runtime_checkable
class GpuContext(Protocol):
    """One device in use."""

    kind: str  #: ``"cuda"`` or ``"opencl"``: which dialect its kernels speak
    device_name: str  #: ``cuda0``, ``opencl0:0``
    description: str
    has_double: bool
    max_block: int
    local_memory: int  #: bytes that a group may share
    dialect: GpuDialect  #: how kernels made from the loop IR are spelled for it

    def allocate(self, nbytes: int) -> Buffer:
        """New memory with unspecified content."""

    def upload(self, source: np.ndarray) -> Buffer:
        """New memory with the content of a C-contiguous host array; that may be reused as soon as this returns."""

    def write(self, buffer: Buffer, offset: int, source: np.ndarray) -> None:
        """Copy the C-contiguous host array ``source`` to the device; it may be reused as soon as this returns."""

    def read(self, buffer: Buffer, offset: int, target: np.ndarray) -> None:
        """Copy from the device into the C-contiguous host array ``target``; waits for the work that makes the data."""

    def copy(self, target: Buffer, target_offset: int, source: Buffer, source_offset: int, nbytes: int) -> None:
        """Copy within the device."""

    def fill(self, buffer: Buffer, offset: int, nbytes: int, byte: int) -> None:
        """Set every byte of a range."""

    def compile(self, source: str, name: str, flags: Sequence[str] = ()) -> KernelHandle:
        """The kernel ``name`` of a source text in this context's dialect; the compiler's words on failure."""

    def launch(
        self,
        kernel: KernelHandle,
        shape: LaunchShape,
        arguments: Sequence[Any],
        *,
        reads: Sequence[Buffer],
        writes: Sequence[Buffer],
        shared_bytes: int = 0,
    ) -> None:
        """Start a kernel. ``arguments`` are Buffers, NumPy scalars and ``bytes`` (structures passed by value)."""

    def synchronize(self) -> None:
        """Wait for all work; raise what failed."""


class Runtime(Protocol):
    """What the entry point in group ``tcore.devices`` names: a module or object with these functions."""

    def devices(self) -> Iterator[DeviceInfo]:
        """The devices at hand; raises :class:`DeviceError` that says what is missing when there is no driver."""

    def open(self, device: str) -> GpuContext:
        """The context of one device; the same one whenever the same device is asked for."""
