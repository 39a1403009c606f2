"""Programs for the runtime: slots, registers, instructions and kernels, packed into one flat description.

Integer arithmetic on lengths and strides happens in registers; :meth:`Assembler.index` turns index expressions of the
loop IR into it. The order of fields is that of ``tc_program_new`` in ``native/frames.h``.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import field

from tcore.codegen.expr import Buffer, Cast, Const, Expr, Extent, Fn, Load, Select
from tcore.codegen.walks import flatten
from tcore.records import define
from tcore_cpu.kernels.plans import SITE, KernelPlan, NotScheduled, Stride
from tcore_cpu.native.abi import DTYPES, Failure, Instruction, IntegerFunction
from tcore_cpu.programs.loop_bodies import SETS_REGISTER, LoopBody

__all__ = ["HOST", "LATER", "Assembler"]

_FUNCTIONS = {
    "add": IntegerFunction.ADD,
    "sub": IntegerFunction.SUB,
    "mul": IntegerFunction.MUL,
    "floor_div": IntegerFunction.FLOORDIV,
    "mod": IntegerFunction.MOD,
    "minimum": IntegerFunction.MIN,
    "maximum": IntegerFunction.MAX,
    "lt": IntegerFunction.LT,
    "le": IntegerFunction.LE,
    "eq": IntegerFunction.EQ,
    "ne": IntegerFunction.NE,
    "gt": IntegerFunction.GT,
    "ge": IntegerFunction.GE,
}
_BOOLEAN = {"and": IntegerFunction.AND, "or": IntegerFunction.OR}
HOST = -1
"""Buffer number of memory that the host allocates."""
LATER = -2
"""That of a slot that has lengths, and no memory yet."""


@define(eq=False)
class Assembler:
    """A program in the making.

    What follows from the lengths of inputs alone, such as most checks, goes to the head of the program, which runs before any
    step overwrites something; what no round of a loop changes goes in front of the loop.
    """

    ndims: list[int] = field(factory=list)
    dtypes: list[int] = field(factory=list)
    head: list[int] = field(factory=list)
    code: list[int] = field(factory=list)
    #: slots that are set before the program runs, and registers that follow from their lengths
    given: set[int] = field(factory=set)
    _early: set[int] = field(factory=set)
    kernels: list[KernelPlan] = field(factory=list)
    #: number of the Apply that failed checks of index expressions name
    site: int = 0
    #: whether checks stay where they are emitted
    _straight: bool = False
    _registers: int = 0
    _constants: dict[int, int] = field(factory=dict)
    _known: dict[tuple[Any, ...], int] = field(factory=dict)
    #: the loops around what is emitted next, outermost first
    _loops: list[LoopBody] = field(factory=list)

    # -- slots and registers

    def slot(self, ndim: int, dtype: str) -> int:
        """A new slot."""
        self.ndims.append(ndim)
        self.dtypes.append(DTYPES[dtype])
        return len(self.ndims) - 1

    def register(self) -> int:
        """A new register."""
        self._registers += 1
        return self._registers - 1

    def emit(self, instruction: Instruction, *operands: int) -> None:
        """Append an instruction, unless it checks that a register is what it is."""
        if instruction is Instruction.CHECK and operands[4] == operands[5]:
            return
        code = self.head if self._is_early(instruction, operands) else self._place(instruction, operands)
        code.append(int(instruction))
        code.extend(int(operand) for operand in operands)

    def _place(self, instruction: Instruction, operands: Sequence[int]) -> list[int]:
        """Where an instruction goes: in front of the loops whose rounds do not change what it reads, if all of a round is run."""
        for depth, body in enumerate(self._loops):
            if body.repeats(instruction, operands):
                if instruction in SETS_REGISTER:
                    for inner in self._loops[depth:]:
                        inner.fixed.add(operands[0])
                return body.before
            body.note(instruction, operands)
        return self.code

    def _is_early(self, instruction: Instruction, operands: Sequence[int]) -> bool:
        """Whether an instruction needs nothing but lengths of inputs; notes its register if so."""
        if instruction in (Instruction.CHECK, Instruction.REQUIRE):
            registers = operands[4:] if instruction is Instruction.CHECK else operands[2:]
            return not self._straight and self._early.issuperset(registers)
        if instruction is Instruction.CONST:
            known = True
        elif instruction is Instruction.DIM:
            known = operands[1] in self.given
        elif instruction is Instruction.ARITH:
            known = self._early.issuperset(operands[2:])
        else:
            known = instruction is Instruction.SELECT and self._early.issuperset(operands[1:])
        if known:
            self._early.add(operands[0])
        return known

    def constant(self, value: int) -> int:
        """A register with a literal."""
        register = self._constants.get(value)
        if register is None:
            register = self._constants[value] = self.register()
            self.emit(Instruction.CONST, register, value)
        return register

    def _once(self, instruction: Instruction, *operands: int) -> int:
        """The register of an instruction whose result cannot change any more."""
        key = (instruction, *operands)
        register = self._known.get(key)
        if register is None:
            register = self._known[key] = self.register()
            self.emit(instruction, register, *operands)
        return register

    def length(self, slot: int, axis: int) -> int:
        """A register with the length of an axis of a slot that is set already."""
        return self._once(Instruction.DIM, slot, axis)

    def stride(self, slot: int, axis: int) -> int:
        """A register with the bytes between neighbours along an axis."""
        return self._once(Instruction.STRIDE, slot, axis)

    def value(self, slot: int) -> int:
        """A register with the integer in a 0-d slot."""
        register = self.register()
        self.emit(Instruction.VALUE, register, slot)
        return register

    def element(self, slot: int, index: Sequence[int]) -> int:
        """A register with one integer element; ``index`` holds registers."""
        if not index:
            return self.value(slot)
        point = self.slot(0, "int64")
        self.dtypes[point] = self.dtypes[slot]
        pairs = [part for axis, register in enumerate(index) for part in (axis, register)]
        self.emit(Instruction.VIEW, point, slot, len(index), 0, *pairs)
        return self.value(point)

    def arith(self, function: IntegerFunction, left: int, right: int) -> int:
        """A register with a function of two registers."""
        return self._once(Instruction.ARITH, int(function), left, right)

    def select(self, condition: int, then: int, otherwise: int) -> int:
        """A register with one of two others."""
        return self._once(Instruction.SELECT, condition, then, otherwise)

    # -- expressions

    def index(self, expr: Expr, slot_of: Callable[[Buffer], int]) -> int:
        """A register with the value of an index expression without axes.

        Raises
        ------
        NotScheduled
            If it is no integer arithmetic.
        """
        registers: dict[Expr, int] = {}
        for item in flatten([expr]):
            registers[item] = self._index_step(item, registers, slot_of)
        return registers[expr]

    def _index_step(self, item: Expr, registers: dict[Expr, int], slot_of: Callable[[Buffer], int]) -> int:
        if isinstance(item, Const):
            return self.constant(int(item.value))
        if isinstance(item, Extent):
            return self.length(slot_of(item.buffer), item.axis)
        if isinstance(item, Load):
            return self.element(slot_of(item.buffer), [registers[i] for i in item.index])
        if isinstance(item, Cast) and item.dtype in ("int64", "int32", "int16", "int8", "bool"):
            return registers[item.operand]
        if isinstance(item, Select):
            return self.select(*(registers[arg] for arg in item.args))
        if isinstance(item, Fn):
            if item.name == "bounded":
                return self.bounded(*(registers[arg] for arg in item.args))
            if item.name == "neg":
                return self.arith(IntegerFunction.SUB, self.constant(0), registers[item.args[0]])
            function = _FUNCTIONS.get(item.name, _BOOLEAN.get(item.name) if item.dtype == "bool" else None)
            if function is not None and all(not arg.dtype.startswith("float") for arg in item.args):
                return self.arith(function, *(registers[arg] for arg in item.args))
        raise NotScheduled(f"{item!r} is no integer arithmetic of the runtime")

    def bounded(self, index: int, length: int) -> int:
        """A register with an index counted from the start; one outside of the axis is an error of :attr:`site`."""
        zero = self.constant(0)
        negative = self.arith(IntegerFunction.LT, index, zero)
        place = self.select(negative, self.arith(IntegerFunction.ADD, index, length), index)
        fine = self.arith(
            IntegerFunction.AND,
            self.arith(IntegerFunction.GE, place, zero),
            self.arith(IntegerFunction.LT, place, length),
        )
        self.emit(Instruction.REQUIRE, Failure.INDEX, self.site, fine, index, length)
        return place

    # -- instructions with structure

    def allocate(self, slot: int, buffer: int, lengths: Sequence[int], like: Sequence[int] = ()) -> None:
        """Memory for a slot: lengths in registers, memory order as that of the slots ``like``."""
        self.emit(Instruction.ALLOC, slot, buffer, len(lengths), len(like), *lengths, *like)
        self._know_lengths(slot, lengths)

    def view(
        self, slot: int, source: int, axes: Sequence[tuple[int, int, int]], start: Sequence[tuple[int, int]] = ()
    ) -> None:
        """A view; ``axes`` are (length register, source axis or -1, step register or -1), ``start`` (axis, register)."""
        flat = [part for pair in start for part in pair]
        flat += [part for triple in axes for part in triple]
        self.emit(Instruction.VIEW, slot, source, len(start), len(axes), *flat)
        self._know_lengths(slot, [length for length, _, _ in axes])

    def _know_lengths(self, slot: int, lengths: Sequence[int]) -> None:
        """The lengths of a slot are those in some registers."""
        for axis, length in enumerate(lengths):
            self._known[Instruction.DIM, slot, axis] = length

    def kernel(self, plan: KernelPlan, slot_of: Callable[[Buffer], int], site: int, behind: Sequence[int] = ()) -> None:
        """Run a kernel, ``behind`` a product whose operands these are; failed checks of its body name Apply number ``site``."""
        extents = [self.index(extent, slot_of) for extent in plan.extents]
        operands: list[int] = []
        for operand in plan.operands:
            slot = -1 if operand.buffer is None else slot_of(operand.buffer)
            operands += [slot, len(operand.terms)]
            for axis, source_axis, scale in operand.terms:
                one = isinstance(scale, Const) and scale.value == 1
                operands += [axis, source_axis, -1 if one else self.index(scale, slot_of)]
        ints = []
        for value in plan.ints:
            if value is SITE:
                ints.append(self.constant(site + 1))
            elif isinstance(value, Stride):
                ints.append(self.stride(slot_of(value.buffer), value.axis))
            else:
                ints.append(self.index(value, slot_of))
        number = len(self.kernels)
        self.kernels.append(plan)
        if behind:
            self.emit(Instruction.EPILOGUE, *behind)
        self.emit(
            Instruction.KERNEL,
            number,
            len(extents),
            plan.reduced,
            len(plan.operands),
            len(ints),
            *extents,
            *operands,
            *ints,
        )

    # -- loops and branches

    def assign(self, register: int, function: IntegerFunction, left: int, right: int) -> None:
        """Give a register, which changes while the program runs, a function of two others."""
        for body in self._loops:
            body.note(Instruction.ARITH, (register,))
        self.code += [int(Instruction.ARITH), register, int(function), left, right]

    def jump_unless(self, register: int) -> Callable[[], None]:
        """Go on elsewhere where a register is 0: behind what has been emitted when the function that this returns is called."""
        start = len(self.code)
        self.code += [int(Instruction.JUMP), register, 0]

        def land() -> None:
            self.code[start + 2] = len(self.code) - start

        return land

    @contextlib.contextmanager
    def repeated(self, counter: int, end: int) -> Iterator[list[int]]:
        """What is emitted meanwhile runs for each value of ``counter`` from 0 below ``end``, at least once.

        The list may get one register: the loop ends after the round in which that is not 0. Checks stay inside, and what is known of
        lengths inside is forgotten behind the loop.
        """
        zero = self.constant(0)
        known, straight = dict(self._known), self._straight
        stop: list[int] = []
        self.assign(counter, IntegerFunction.ADD, zero, zero)
        self._straight = True
        before, self.code = self.code, []
        self._loops.append(LoopBody(before, self._registers, len(self.ndims), self._early))
        self._loops[-1].note(Instruction.ARITH, (counter,))
        yield stop
        self._loops.pop()
        before += [*self.code, int(Instruction.REPEAT), counter, end, *(stop or [-1]), -len(self.code)]
        self.code = before
        self._known, self._straight = known, straight

    @contextlib.contextmanager
    def optional(self) -> Iterator[None]:
        """What is emitted meanwhile may be jumped over: nothing that it finds out is known behind it."""
        known, straight = dict(self._known), self._straight
        self._straight = True
        around = self._loops[-1:]
        for body in around:
            body.skippable += 1
        yield
        for body in around:
            body.skippable -= 1
        self._known, self._straight = known, straight

    # -- packing

    def pack(self, buffers: int) -> tuple[bytes, tuple[tuple[int, int], ...]]:
        """The description for the runtime without addresses, and where which body's address belongs; ``buffers``: how many it has."""
        code = [*self.head, *self.code, int(Instruction.END)]
        spec = [len(self.ndims), self._registers, buffers, len(self.kernels), len(code), *self.ndims, *self.dtypes]
        spec += code
        bodies: list[tuple[int, int]] = []
        for plan in self.kernels:
            spec += [len(plan.operands), len(plan.phases), len(plan.row_itemsizes)]
            spec += [int(plan.order), min(plan.cost, 2**31 - 1)]
            for operand in plan.operands:
                spec += [int(operand.buffer is None), operand.itemsize, int(operand.written)]
            spec += plan.row_itemsizes
            for phase in plan.phases:
                if phase.body is not None:
                    bodies.append((len(spec), phase.body))
                spec += [0, phase.level, int(phase.lanes), int(phase.by_lane)]
                spec += [len(phase.refs), len(phase.reductions)]
                spec += [part for ref in phase.refs for part in ref]
                spec += [part for reduction in phase.reductions for part in reduction]
        return array("q", spec).tobytes(), tuple(bodies)
