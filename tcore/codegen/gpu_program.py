"""What a kernel for a device is: its dialect, its argument block, its launches."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from tcore.codegen.expr import Buffer, Cast, Const, Expr, Extent, Fn, Load, Select
from tcore.codegen.kernel import Kernel
from tcore.codegen.lowering import NotLowered
from tcore.codegen.printer import Dialect
from tcore.codegen.walks import flatten
from tcore.records import frozen

__all__ = ["ArgumentBlock", "GpuDialect", "GpuProgram", "Launch", "evaluate_length", "host_integer", "known_to_host", "length_function"]


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

    ``lengths`` are (array, axis) pairs; after them come the ``computed`` lengths, which depend on single elements, and then,
    for each array, its offset and one stride per axis, in elements.  Arrays are numbered outputs first, then inputs.
    """

    lengths: tuple[tuple[int, int], ...]
    ndims: tuple[int, ...]
    computed: tuple[Expr, ...] = ()

    def pack(
        self, shapes: Sequence[Sequence[int]], strides: Sequence[Sequence[int]], offsets: Sequence[int], computed: Sequence[int] = ()
    ) -> bytes:
        """The block for arrays of these shapes, strides and offsets (in elements), and these values of the computed lengths."""
        values = [shapes[array][axis] for array, axis in self.lengths]
        values += computed
        for offset, stride in zip(offsets, strides, strict=True):
            values.append(offset)
            values += stride
        return struct.pack(f"<{len(values)}q", *values) or bytes(8)


@frozen(eq=False)
class Launch:
    """One device function: ``work`` is the number of its independent items, in lengths of arrays.

    ``mode`` is ``"thread"`` (an item per thread) or ``"block"`` (an item per block).
    """

    name: str
    mode: Literal["thread", "block"]
    work: tuple[Expr, ...]


@frozen(eq=False)
class GpuProgram:
    """A kernel for the device: the source, its launches in order and their common argument block."""

    kernel: Kernel
    source: str
    launches: tuple[Launch, ...]
    block: ArgumentBlock
    checks: bool
    """Whether a launch may fill the error record."""


_HOST_ARITHMETIC: dict[str, Callable[..., int]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
    "floor_div": lambda a, b: a // b if b else 0,
    "mod": lambda a, b: a % b if b else 0,
    "maximum": max,
    "minimum": min,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
}


def evaluate_length(extent: Expr, length: Callable[[Buffer, int], int]) -> int:
    """A length as a number, from the lengths of arrays.

    Raises
    ------
    NotLowered
        If it depends on the elements of an array.
    """
    return host_integer(extent, length, _no_element)


def _no_element(buffer: Buffer, index: tuple[int, ...]) -> int:
    raise NotLowered(f"a length that depends on an element of {buffer} is not known before the launch")


def host_integer(expr: Expr, length: Callable[[Buffer, int], int], element: Callable[[Buffer, tuple[int, ...]], int]) -> int:
    """The value of integer arithmetic without axes, from lengths of arrays and single elements.

    Raises
    ------
    NotLowered
        If it has something in it that is no arithmetic of integers.
    """
    values: dict[Expr, int] = {}
    for item in flatten([expr]):
        if isinstance(item, Const):
            values[item] = int(item.value)
        elif isinstance(item, Extent):
            values[item] = length(item.buffer, item.axis)
        elif isinstance(item, Load):
            values[item] = int(element(item.buffer, tuple(values[part] for part in item.index)))
        elif isinstance(item, Cast) and not item.dtype.startswith("float"):
            values[item] = values[item.operand]
        elif isinstance(item, Select):
            values[item] = values[item.then] if values[item.condition] else values[item.otherwise]
        elif isinstance(item, Fn) and item.name in _HOST_ARITHMETIC:
            values[item] = int(_HOST_ARITHMETIC[item.name](*(values[arg] for arg in item.args)))
        else:
            raise NotLowered(f"{expr!r} is no number that the host knows before the launch")
    return values[expr]


def known_to_host(length: Expr) -> None:
    """Refuse lengths that the host cannot work out before a launch, whatever the arrays.

    Raises
    ------
    NotLowered
        If it is no arithmetic of integers.
    """
    host_integer(length, lambda buffer, axis: 1, lambda buffer, index: 1)


def length_function(extent: Expr) -> Callable[[Mapping[Buffer, Sequence[int]]], int]:
    """:func:`evaluate_length` as a function of the shapes of arrays, for lengths that are needed in every call."""
    if isinstance(extent, Const):
        value = int(extent.value)
        return lambda shapes: value
    if isinstance(extent, Extent):
        buffer, axis = extent.buffer, extent.axis
        return lambda shapes: shapes[buffer][axis]
    return lambda shapes: evaluate_length(extent, lambda b, k: shapes[b][k])
