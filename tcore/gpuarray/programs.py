"""A device program on one context, planned once: compiled kernels, the layout of their argument block, the size of each launch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from tcore.codegen.expr import Buffer, Expr
from tcore.codegen.gpu_program import GpuProgram, host_integer, length_function
from tcore.gpuarray.runtime import Buffer as Memory
from tcore.gpuarray.runtime import GpuContext, LaunchShape

__all__ = ["LoadedProgram", "Strided"]

_BLOCK = 256
_MAX_BLOCKS = 4096  # more work than that is done by the grid-stride loop


class Strided(Protocol):
    """What a launch needs to know of an array: a block of memory and the places of the elements in it, in bytes."""

    data: Memory
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype


class LoadedProgram:
    """The launches of a :class:`GpuProgram` on a context.

    Parameters
    ----------
    program : GpuProgram
        From :func:`tcore.codegen.schedule_gpu.schedule`.
    context : GpuContext
    """

    def __init__(self, program: GpuProgram, context: GpuContext) -> None:
        self.context = context
        self.block = program.block
        # the schedule is right for blocks of any size; a strict context may try another one
        source = f"/* TC_ANY_BLOCK */\n{program.source}"
        self.launches = [
            (context.compile(source, launch.name), launch.mode, [self._length(extent) for extent in launch.work])
            for launch in program.launches
        ]
        origins = {kernel.origin for kernel, _, _ in self.launches}
        #: as :attr:`KernelHandle.origin`, of the whole
        self.origin = next((origin for origin in ("compiled", "store") if origin in origins), "process")
        self.errors = _error_record(context) if program.checks else None
        self._lock = threading.Lock()

    def _length(self, extent: Expr) -> Callable[[Mapping[Buffer, Sequence[int]], Sequence[int]], int]:
        """A length of a launch from those of arrays and the computed ones."""
        if extent in self.block.computed:
            place = self.block.computed.index(extent)
            return lambda lengths, computed: computed[place]
        function = length_function(extent)
        return lambda lengths, computed: function(lengths)

    def launch(
        self,
        outputs: Sequence[Strided],
        inputs: Sequence[Strided],
        lengths: Mapping[Buffer, Sequence[int]],
        element: Callable[[Buffer, tuple[int, ...]], int] | None = None,
    ) -> None:
        """Start every launch, in order; nothing waits, unless a launch may record an error.

        ``element`` reads a single element of an input, for lengths that depend on one.

        Raises
        ------
        IndexError
            If an index of the data was out of bounds; what follows such a launch was not started.
        """
        arrays = [*outputs, *inputs]
        computed: list[int] = []
        if self.block.computed and element is not None:
            computed = [max(0, host_integer(length, lambda b, k: lengths[b][k], element)) for length in self.block.computed]
        block = self.block.pack(
            [value.shape for value in arrays],
            [[stride // value.dtype.itemsize for stride in value.strides] for value in arrays],
            [value.offset // value.dtype.itemsize for value in arrays],
            computed,
        )
        writes = list({id(value.data): value.data for value in outputs}.values())
        written = {id(data) for data in writes}
        reads = list({id(value.data): value.data for value in inputs if id(value.data) not in written}.values())
        if self.errors is None:
            self._start([*(value.data for value in arrays), outputs[0].data, block], reads, writes, lengths, computed)
            return
        with self._lock:  # one error record for all calls
            self._start([*(value.data for value in arrays), self.errors, block], reads, [*writes, self.errors], lengths, computed)

    def _start(
        self,
        arguments: Sequence[Any],
        reads: Sequence[Memory],
        writes: Sequence[Memory],
        lengths: Mapping[Buffer, Sequence[int]],
        computed: Sequence[int],
    ) -> None:
        for kernel, mode, work in self.launches:
            items = 1
            for extent in work:
                items *= extent(lengths, computed)
            if items <= 0:
                continue
            self.context.launch(kernel, _shape(items, mode, kernel.max_block), arguments, reads=reads, writes=writes)
            if self.errors is not None:
                self._look(self.errors)

    def _look(self, errors: Memory) -> None:
        """Raise what a kernel recorded: (code, index, length)."""
        record = np.empty(3, np.int64)
        self.context.read(errors, 0, record)
        code, index, length = record.tolist()
        if code:
            self.context.fill(errors, 0, errors.nbytes, 0)
            raise IndexError(f"index {index} is out of bounds for an axis with size {length}")


def _error_record(context: GpuContext) -> Memory:
    memory = context.allocate(3 * 8)
    context.fill(memory, 0, memory.nbytes, 0)
    return memory


def _shape(items: int, mode: str, limit: int) -> LaunchShape:
    size = min(_BLOCK, limit)
    groups = items if mode == "block" else -(-items // size)
    return LaunchShape(grid=(min(groups, _MAX_BLOCKS), 1, 1), block=(size, 1, 1))
