"""What the rounds of a loop change: which of their instructions may stand in front of it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field

from tcore.records import define
from tcore_cpu.native.abi import Instruction

__all__ = ["SETS_REGISTER", "LoopBody"]

SETS_REGISTER = frozenset([Instruction.CONST, Instruction.DIM, Instruction.STRIDE, Instruction.VALUE, Instruction.ARITH, Instruction.SELECT])
"""Instructions whose first operand is the register that they set."""

_SETS_SLOT = frozenset([Instruction.ALLOC, Instruction.VIEW, Instruction.RESHAPE, Instruction.PRIVATE])


@define(eq=False)
class LoopBody:
    """The rounds of a loop in the making: what they change."""

    #: the code that the loop stands behind
    before: list[int]
    #: the first register and the first slot that rounds may use for themselves
    register: int
    slot: int
    #: registers that are set in front of the loop: those of the head of the program, and others
    early: set[int]
    fixed: set[int] = field(factory=set)
    _registers: set[int] = field(factory=set)
    _slots: set[int] = field(factory=set)
    #: how many pieces of a round that may be jumped over are around what is emitted next
    skippable: int = 0
    #: whether the host may set slots
    _called: bool = False

    def note(self, instruction: Instruction, operands: Sequence[int]) -> None:
        """Each round runs this instruction, or may run it."""
        if instruction in SETS_REGISTER:
            self._registers.add(operands[0])
        elif instruction in _SETS_SLOT:
            self._slots.add(operands[0])
        elif instruction is Instruction.CALL:
            self._called = True

    def repeats(self, instruction: Instruction, operands: Sequence[int]) -> bool:
        """Whether each round runs this instruction with the outcome that it would have before the first one."""
        if self.skippable:
            return False
        if instruction in (Instruction.DIM, Instruction.STRIDE):
            return not self._called and operands[1] < self.slot and operands[1] not in self._slots
        if instruction is Instruction.ARITH:
            return self._keeps(operands[2:])
        if instruction is Instruction.SELECT:
            return self._keeps(operands[1:])
        return instruction is Instruction.CHECK and self._keeps(operands[4:6])

    def _keeps(self, registers: Sequence[int]) -> bool:
        """Whether no round sets one of some registers; routines, too, set some."""
        return all(r in self.early or r in self.fixed or (r < self.register and r not in self._registers) for r in registers)
