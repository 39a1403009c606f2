"""What a kernel for a device is: its dialect, its argument block, its launches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from attrs import frozen

from tcore.codegen.expr import Buffer, Const, Expr, Extent, Fn, flatten
from tcore.codegen.kernel import Kernel
from tcore.codegen.lowering import NotLowered
from tcore.codegen.printer import Dialect

__all__ = ["ArgumentBlock", "GpuDialect", "GpuProgram", "Launch", "evaluate_length"]


class GpuDialect(Dialect):
    """What a GPU language adds: address spaces, kernels, indices of threads."""

    kernel: str = ""
    """Marks an entry point."""
    pointer: str = ""
    """Address space of arrays, before the element type."""
    shared: str = ""
    """Marks memory that a block shares."""
    barrier: str = ""
    """Waits for the block."""
    thread: str = ""
    threads: str = ""
    """Number of this thread among all, and how many there are, as int64."""
    lane: str = ""
    lanes: str = ""
    """Number of this thread in its block, and how many the block has, as int64."""
    block: str = ""
    blocks: str = ""
    """Number of this block, and how many there are, as int64."""


@frozen(eq=False)
class ArgumentBlock:
    """The int64 values that a launch takes by value, in order.

    ``lengths`` are (array, axis) pairs; after them come, for each array, its offset and one stride per
    axis, in elements.  Arrays are numbered outputs first, then inputs.
    """

    lengths: tuple[tuple[int, int], ...]
    ndims: tuple[int, ...]

    def pack(self, shapes: Sequence[Sequence[int]], strides: Sequence[Sequence[int]], offsets: Sequence[int]) -> bytes:
        """The block for arrays of these shapes, strides and offsets (in elements)."""
        values = [shapes[array][axis] for array, axis in self.lengths]
        for offset, stride in zip(offsets, strides, strict=True):
            values += [offset, *stride]
        return b"".join(int(v).to_bytes(8, "little", signed=True) for v in values) or bytes(8)


@frozen(eq=False)
class Launch:
    """One device function: ``work`` is the number of its independent items, in lengths of arrays.

    ``mode`` is ``"thread"`` (an item per thread) or ``"block"`` (an item per block).
    """

    name: str
    mode: Literal["thread", "block"]
    work: tuple[Expr, ...]

    def items(self, length: Callable[[Buffer, int], int]) -> int:
        """Number of items for given lengths of arrays."""
        total = 1
        for extent in self.work:
            total *= evaluate_length(extent, length)
        return total


@frozen(eq=False)
class GpuProgram:
    """A kernel for the device: the source, its launches in order and their common argument block."""

    kernel: Kernel
    source: str
    launches: tuple[Launch, ...]
    block: ArgumentBlock
    checks: bool
    """Whether a launch may fill the error record."""


_HOST_ARITHMETIC: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floor_div": lambda a, b: a // b if b else 0,
    "mod": lambda a, b: a % b if b else 0,
    "maximum": max,
    "minimum": min,
}


def evaluate_length(extent: Expr, length: Callable[[Buffer, int], int]) -> int:
    """A length as a number, from the lengths of arrays."""
    values: dict[Expr, int] = {}
    for expr in flatten([extent]):
        if isinstance(expr, Const):
            values[expr] = int(expr.value)
        elif isinstance(expr, Extent):
            values[expr] = length(expr.buffer, expr.axis)
        elif isinstance(expr, Fn):
            left, right = (values[arg] for arg in expr.args)
            values[expr] = _HOST_ARITHMETIC[expr.name](left, right)
        else:
            raise NotLowered(f"{extent!r} is no length that the host knows before the launch")
    return values[extent]
