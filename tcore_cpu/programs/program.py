"""From the nodes of a graph to a program of the runtime.

The nodes are grouped into kernels; each step (kernel, view, BLAS call, Python step) becomes instructions. Values that
only kernels see live in buffers that the program owns and shares between values whose lives do not overlap; what
Python sees lives in arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tcore.codegen.expr import Buffer
from tcore.codegen.group import Group
from tcore.codegen.grouping import Limits, group
from tcore.codegen.lowering import LoweringTable, NotLowered
from tcore.graph import Constant
from tcore_cpu.kernels.plans import NotScheduled
from tcore_cpu.kernels.printer import UnitPrinter
from tcore_cpu.native.abi import DTYPES, Failure, Instruction
from tcore_cpu.programs.assembler import HOST, LATER, Assembler
from tcore_cpu.programs.draft import Draft, Fused, PythonStep
from tcore_cpu.programs.epilogues import Epilogue, Held, with_epilogues
from tcore_cpu.programs.kernel_steps import KernelSteps
from tcore_cpu.programs.lengths import Lengths
from tcore_cpu.programs.memory import Memory, members
from tcore_cpu.programs.ordering import in_frugal_order
from tcore_cpu.programs.timeline import Timeline
from tcore_cpu.runtime.slots import is_array, ndim_of

if TYPE_CHECKING:
    from tcore_cpu.programs.factors import Factors

__all__ = ["NativeStep", "ProgramBuilder", "build"]

_LIMITS = Limits(operands=16)

NativeStep = Callable[["ProgramBuilder", Any], None]


def _mask(type_: Any) -> int:
    flags = getattr(type_, "broadcastable", ()) if is_array(type_) else ()
    return sum(1 << k for k, flag in enumerate(flags) if flag)


def build(
    inputs: Sequence[Any],
    nodes: Sequence[Any],
    outputs: Sequence[Any],
    table: LoweringTable,
    printer: UnitPrinter,
    native: Mapping[type, NativeStep],
    *,
    granularity: str = "segment",
    orderings: Mapping[Any, Sequence[Any]] | None = None,
    share: bool = True,
    c_code: bool = True,
) -> Draft:
    """The program that computes ``outputs`` from ``inputs`` by ``nodes``, which are in a legal order.

    Parameters
    ----------
    printer : UnitPrinter
        Takes the bodies.
    native : mapping from Op class
        Functions that emit instructions for a node (views, BLAS).
    granularity : {"segment", "node"}
    orderings : mapping from Apply to Applies, optional
        What must run before.
    share : bool
        Whether values take over the memory of others that nobody reads any more.
    c_code : bool
        Whether ops that prefer their C code to their lowering have their way.
    """
    return ProgramBuilder(inputs, nodes, outputs, table, printer, native, share, c_code).build(granularity, orderings or {})


class ProgramBuilder:
    """Collects the instructions of one program: slots of values, registers of lengths, and the steps in order."""

    def __init__(
        self,
        inputs: Sequence[Any],
        nodes: Sequence[Any],
        outputs: Sequence[Any],
        table: LoweringTable,
        printer: UnitPrinter,
        native: Mapping[type, NativeStep],
        share: bool = True,
        c_code: bool = True,
    ) -> None:
        self.c_code = c_code
        self.inputs, self.nodes, self.outputs = list(inputs), list(nodes), list(outputs)
        self.table, self.printer, self.native = table, printer, native
        self.assembler = Assembler()
        self.slots: dict[Any, int] = {}
        self.constants: dict[Any, int] = {}
        self.python: list[PythonStep] = []
        self.fused: list[Fused] = []
        self.number = {node: k for k, node in enumerate(self.nodes)}
        self.reasons: dict[Any, str] = {}
        self.timeline = Timeline()
        self.memory = Memory(self.nodes, self.inputs, self.outputs, native, self.assembler.emit, share, timeline=self.timeline)
        self.position = 0
        self.ends: list[int] = []  # the last moment of each step
        self.rounds: list[tuple[int, int]] = []  # the first and last moment of the rounds of each loop
        self.copied: dict[int, tuple[int, int]] = {}  # slots with what a step may overwrite -> its node, and no output
        self.available: set[Any] = set(self.inputs)
        self.buffers: dict[Any, Buffer] = {}
        self.variables: dict[Buffer, Any] = {}
        self.factors: Factors | None = None  # made where there are equations
        self.held: Held | None = None  # the product in front of the kernel at hand
        self.kernels = KernelSteps(self)

    # -- variables

    def slot(self, variable: Any) -> int:
        """The slot of a variable."""
        found = self.slots.get(variable)
        if found is None:
            dtype = variable.type.dtype if is_array(variable.type) else "object"
            found = self.slots[variable] = self.assembler.slot(ndim_of(variable.type), dtype)
            if isinstance(variable, Constant):
                self.constants[variable] = found
        return found

    def array_slot(self, variable: Any) -> int:
        """The slot of a variable that must be an array."""
        if not is_array(variable.type):
            raise NotScheduled(f"{variable.type} is no array")
        return self.slot(variable)

    def integer(self, variable: Any) -> int:
        """A register with the value of a 0-d integer variable."""
        if isinstance(variable, Constant):
            return self.assembler.constant(int(variable.data))
        return self.assembler.value(self.array_slot(variable))

    def new(self, variable: Any, lengths: Sequence[int], like: Sequence[int] = ()) -> int:
        """Memory for a variable; returns its slot."""
        slot, held = self.slot(variable), self.held
        if held is not None and variable is held.step.variable and held.step.passes and self.memory.passes(variable, self.position):
            held.buffer = self.memory.scratch(variable.type.dtype, lengths)
            for work, buffer in zip(held.step.works, (held.buffer, HOST), strict=True):
                self.memory.note_work(work, buffer, self.position)
            self.assembler.allocate(slot, LATER, lengths)
        else:
            self.assembler.allocate(slot, self.buffer(variable, lengths), lengths, like)
        return slot

    def buffer(self, variable: Any, lengths: Sequence[int] = ()) -> int:
        """The buffer in which a variable is made."""
        return self.memory.place(variable, self.slot(variable), lengths, self.position)

    def made(self, variable: Any) -> Buffer | None:
        """The buffer under which the lengths of a variable are known that is computed already."""
        if (variable not in self.available and not isinstance(variable, Constant)) or not is_array(variable.type):
            return None
        found = self.buffers.get(variable)
        if found is None:
            flags = tuple(getattr(variable.type, "broadcastable", ()))
            found = self.buffers[variable] = Buffer("made", variable.type.dtype, flags)
            self.variables[found] = variable
        return found

    def readable(self, variable: Any) -> bool:
        """Whether the elements of an available variable are still in its memory at this step."""
        return self.memory.readable(variable, self.position)

    # -- planning

    def build(self, granularity: str, orderings: Mapping[Any, Sequence[Any]]) -> Draft:
        """All steps in order."""
        for variable in self.inputs:
            self.assembler.given.add(self.slot(variable))
        self.emit_steps(granularity, orderings)
        self.timeline.settle(self.memory.stays, self.ends, self.rounds)
        outputs = tuple(self.slot(variable) for variable in self.outputs)
        code, bodies = self.assembler.pack(self.memory.buffers)
        called = [step for step in self.python if not step.spare]
        return Draft(
            code,
            bodies,
            tuple(self.assembler.dtypes),
            tuple(self.input_spec(variable) for variable in self.inputs),
            tuple((slot, variable) for variable, slot in self.constants.items()),
            outputs,
            tuple(self.python),
            tuple(self.nodes),
            self.copied | {slot: (self.number[v.owner], v.index) for v, slot in self.slots.items() if v.owner in self.number},
            self.memory.buffers,
            tuple(self.fused),
            {step.node: self.reasons.get(step.node, "its op has no native form") for step in called},
            tuple(self.timeline.moments),
            self.timeline.told(),
        )

    def emit_steps(self, granularity: str, orderings: Mapping[Any, Sequence[Any]]) -> None:
        """The instructions of all steps in order."""
        grouping = group(
            self.nodes,
            self.outputs,
            self.table,
            limits=_LIMITS,
            granularity="node" if granularity == "node" else "segment",
            orderings=orderings,
            keep=self.stays_out,
        )
        self.reasons.update(grouping.reasons)
        steps = in_frugal_order(grouping.steps, orderings, self.memory)
        if granularity != "node":
            steps = with_epilogues(self, steps)
        self.memory.follow(steps)
        for self.position, step in enumerate(steps):
            self.lengths = Lengths(self.made, self.readable)
            self.timeline.begin(self.told(members(step)))
            self.step(step)
            self.ends.append(self.timeline.now)
            self.available.update(v for node in members(step) for v in node.outputs if v in self.slots)
            self.memory.end_step(self.position)

    def stays_out(self, node: Any) -> bool:
        """BLAS is faster than any kernel, as C code of its own may be; views are cheap alone, but may vanish in kernels."""
        if self.c_code and getattr(node.op, "prefers_c_code", False):
            return True
        known = type(node.op) in self.native and not getattr(node.op, "view_map", None)
        return known or not all(is_array(variable.type) for variable in node.outputs)

    def input_spec(self, variable: Any) -> tuple[int, int, int, int, int]:
        """How the runtime checks an input."""
        type_ = variable.type
        dtype = DTYPES[type_.dtype if is_array(type_) else "object"]
        return self.slots[variable], dtype, ndim_of(type_), _mask(type_), int(variable in self.memory.destroyed)

    def told(self, nodes: Sequence[Any]) -> tuple[Any, ...]:
        """The nodes of the graph that nodes of this program stand for: themselves."""
        return tuple(nodes)

    # -- steps

    def step(self, step: Any) -> None:
        """The instructions of one step, in Python where there is no other way."""
        if isinstance(step, Epilogue):
            self.held = Held(step)
            self.single(step.product)
            self.step(step.group)
            self.multiply_held()
            return
        if isinstance(step, Group):
            try:
                self.kernels.emit(step)
            except (NotScheduled, NotLowered) as reason:
                self.multiply_held()
                for node in step.nodes:
                    self.reasons[node] = str(reason)
                    self.single(node)
            return
        self.single(step)

    def single(self, node: Any) -> None:
        """One node by itself."""
        native = self.native.get(type(node.op))
        if native is not None:
            mark = len(self.assembler.code)
            try:
                native(self, node)
                return
            except NotScheduled as reason:
                assert mark <= len(self.assembler.code)
                self.reasons[node] = str(reason)
        self.call(node)

    def call(self, node: Any) -> None:
        """A Python step."""
        reads = []
        destroyed = {k for shown in (getattr(node.op, "destroy_map", None) or {}).values() for k in shown}
        for k, variable in enumerate(node.inputs):
            slot = self.slot(variable)
            # values that are no arrays (generators) are objects, which nothing else can be a view of
            if k in destroyed and self.memory.root(variable) in self.memory.destroyed and is_array(variable.type):
                own = self.assembler.slot(ndim_of(variable.type), variable.type.dtype)
                self.copied[own] = self.number[node], -1
                self.assembler.emit(Instruction.PRIVATE, own, slot)
                slot = own
            reads.append(slot)
        self.memory.give_back()
        writes = tuple(self.slot(variable) for variable in node.outputs)
        for variable in node.outputs:
            self.memory.place_array(variable, self.slot(variable), self.position)
        self.assembler.emit(Instruction.CALL, len(self.python))
        self.python.append(PythonStep(node, tuple(reads), writes))

    # -- products

    def multiply(self, *operands: int) -> None:
        """A product: the slots of the result, of both factors, and of the numbers in front of product and result, -1 for none."""
        if self.held is None:
            self.assembler.emit(Instruction.GEMM, *operands)
        else:
            self.held.operands = operands

    def multiply_held(self) -> None:
        """The product in front of the kernel at hand by itself, if it was not emitted."""
        held, self.held = self.held, None
        if held is None or not held.operands:
            return
        if held.buffer >= 0:
            slot = held.operands[0]
            self.assembler.allocate(slot, held.buffer, [self.assembler.length(slot, axis) for axis in range(2)])
        self.multiply(*held.operands)

    def epilogue(self) -> tuple[int, ...]:
        """The operands of the instruction that joins the kernel at hand to a product; none where no product is held."""
        held, self.held = self.held, None
        return () if held is None or not held.operands else (*held.operands, held.buffer, held.step.axis)

    # -- for native steps

    def check(self, node: Any, operand: int, axis: int, left: int, right: int) -> None:
        """Two lengths must be equal."""
        if left != right:
            number = self.number[node]
            self.assembler.emit(Instruction.CHECK, Failure.SHAPE, number, operand, axis, left, right)

