"""The rows of a value that a loop reads or makes, as views into its memory, which may be fewer places than there are rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tcore_cpu.native.abi import Failure, Instruction, IntegerFunction

if TYPE_CHECKING:
    from tcore_cpu.programs.assembler import Assembler
    from tcore_cpu.programs.program import ProgramBuilder

__all__ = ["Rows"]


class Rows:
    """The rows of one value: where a step finds them, and where it leaves a new one.

    Attributes
    ----------
    variable : Variable
        The value; None where it is only read.
    depth : int
        How many rows stand before that of the first step.
    memory : int
        The slot whose first axis has a place for each row.
    places : int
        Register with their number, which rows use in turn; -1 where each row has its own.
    """

    def __init__(self, code: Assembler, variable: Any, depth: int, memory: int, places: int = -1) -> None:
        self.code, self.variable, self.depth, self.memory, self.places = code, variable, depth, memory, places

    def place(self, row: int) -> int:
        """The register with the place of a row."""
        return row if self.places < 0 else self.code.arith(IntegerFunction.MOD, row, self.places)

    def view(self, slot: int, row: int) -> None:
        """Let a slot show a row; ``row`` is a register."""
        axes = [(self.code.length(self.memory, axis + 1), axis + 1, -1) for axis in range(self.code.ndims[slot])]
        self.code.view(slot, self.memory, axes, [(0, self.place(row))])

    def show(self, slot: int, first: int, count: int) -> None:
        """Let a slot show ``count`` places from ``first`` on; both are registers."""
        self.code.view(slot, self.memory, [(count, 0, -1), *((length, axis, -1) for axis, length in enumerate(self.lengths(), 1))], [(0, first)])

    def lengths(self) -> list[int]:
        """Registers with the lengths of a row."""
        return [self.code.length(self.memory, axis) for axis in range(1, self.code.ndims[self.memory])]

    def must_fit(self, lengths: Sequence[int], number: int) -> None:
        """Check that something that becomes a row has the lengths of the others; ``number`` is that of the node to be blamed."""
        for axis, (length, wanted) in enumerate(zip(lengths, self.lengths(), strict=True)):
            self.code.emit(Instruction.CHECK, Failure.SHAPE, number, 0, axis, length, wanted)

    def copy(self, row: int, source: Rows, source_row: int) -> None:
        """Copy a row of other memory into one of this; the rows are registers."""
        ndim, dtype = self.variable.type.ndim - 1, self.variable.type.dtype
        left, right = self.code.slot(ndim, dtype), self.code.slot(ndim, dtype)
        self.view(left, row)
        source.view(right, source_row)
        self.code.emit(Instruction.COPY, left, right)

    def last(self, builder: ProgramBuilder, keep: int, made: int) -> None:
        """Make the value of its last ``keep`` of ``made`` rows (registers), which stand in the memory in turn: the oldest ones, to its
        end, and those from its beginning on."""  # fmt: skip
        code, zero = self.code, self.code.constant(0)
        count = code.arith(IntegerFunction.MIN, keep, made)
        first = code.arith(IntegerFunction.MOD, code.arith(IntegerFunction.SUB, made, count), self.places)
        ndim, dtype = self.variable.type.ndim, self.variable.type.dtype
        result = Rows(code, self.variable, 0, builder.new(self.variable, [count, *self.lengths()]))
        older = code.arith(IntegerFunction.MIN, count, code.arith(IntegerFunction.SUB, self.places, first))
        for source, target, number in ((first, zero, older), (zero, older, code.arith(IntegerFunction.SUB, count, older))):
            left, right = code.slot(ndim, dtype), code.slot(ndim, dtype)
            result.show(left, target, number)
            self.show(right, source, number)
            code.emit(Instruction.COPY, left, right)
