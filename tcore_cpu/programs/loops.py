"""Loops as part of the program around them: the instructions of a step stand there once, and are run round after round.

The rows of outer values are views into their memory, which a step's nodes read as they read any array. What they make goes into buffers
of the program, and from there into the rows of the results when the step has read all that it reads. Where there is no step, the lengths of
the results' rows follow from those of what a step would read. A call that needs more than this (rows that are missing; no step, and
lengths that follow from values) is left to ``Scan.perform``, which also says what is wrong where a step fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve

from tcore.compile.basemode import Mode
from tcore.compile.maker import FunctionMaker
from tcore.configuration import config
from tcore.graph import Constant, clone
from tcore.link.work import Work
from tcore.scan_module.layout import depth_of
from tcore_cpu.kernels.lowerings import lowerings
from tcore_cpu.kernels.plans import NotScheduled
from tcore_cpu.kernels.printer import UnitPrinter
from tcore_cpu.native.abi import Instruction, IntegerFunction
from tcore_cpu.programs.assembler import HOST, Assembler
from tcore_cpu.programs.lengths import Lengths
from tcore_cpu.programs.loop_matrices import as_steps_read, multiplied_matrices
from tcore_cpu.programs.loop_rounds import Rounds, Step
from tcore_cpu.programs.loop_rows import Rows
from tcore_cpu.programs.program import ProgramBuilder
from tcore_cpu.runtime.slots import is_array

if TYPE_CHECKING:
    from tcore.codegen.expr import Expr
    from tcore.graph import Apply, FunctionGraph

__all__ = ["loop_step"]

_LINKERS = ("cvm", "cvm_nogc")


def loop_step(builder: ProgramBuilder, node: Apply) -> None:
    """Emit the instructions of a loop.

    Raises
    ------
    NotScheduled
        If its steps are to be calls of the inner function, or need Python.
    """
    step = _optimized_step(node)
    table = lowerings(step)
    trial = ProgramBuilder(step.inputs, list(step.toposort()), step.outputs, table, UnitPrinter(), builder.native).build("segment", step.orderings())
    for called in trial.steps:
        if not called.spare:
            raise NotScheduled(f"a step of it runs {called.node} in Python: {trial.reasons[called.node]}")
    _Loop(builder, node, step, table).emit()


loop_step.may_call = True  # type: ignore[attr-defined]


def _optimized_step(node: Apply) -> FunctionGraph:
    """The graph of one step, optimized; outputs share no memory with inputs nor with one another."""
    op: Any = node.op
    own, around = op.options.mode, op.options.function_mode
    if op.options.profile or (own is not None and not _is_plain(own)):
        raise NotScheduled("each step is a call of the inner function, as its mode or its profile asks")
    mode = own if own is not None else around if _is_plain(around) else Mode("cvm")
    if op.layout.n_shared:
        raise NotScheduled("it hands on shared values from step to step")
    if not all(is_array(v.type) for v in (*node.inputs, *node.outputs, *op.inner_inputs)):
        raise NotScheduled("it has values that are no arrays")
    inputs, outputs = clone(op.inner_inputs, op.inner_outputs)
    with config.change_flags(compilation_cache=False):
        maker = FunctionMaker(inputs, outputs, mode=mode, on_unused_input="ignore", profile=False)
    return maker.fgraph


def _is_plain(mode: Any) -> bool:
    """Whether a mode asks for nothing but native code, and says how it is optimized."""
    return type(mode) is Mode and mode.provided_linker in _LINKERS


class _Loop:
    """The instructions of one loop in the program of ``builder``."""

    def __init__(self, builder: ProgramBuilder, node: Apply, step: FunctionGraph, table: Any) -> None:
        self.builder, self.code, self.node = builder, builder.assembler, node
        op: Any = node.op
        self.inplace, self.layout = op.options.inplace, op.layout
        self.given, self.results = self.layout.outer_inputs(node.inputs), self.layout.outer_outputs(node.outputs)
        self.step, self.matrices = Step(builder, node, step, table), multiplied_matrices(step)
        self.zero, self.one = self.code.constant(0), self.code.constant(1)
        self.depths = [*map(depth_of, self.layout.state_taps), *[0] * self.layout.n_nitsots]
        self.outputs = [*self.results.states, *self.results.nitsots]
        #: what the memory plan is told of rows that use places in turn, and the buffers with those
        self.rings = [
            Work("places", node, v.index, v.type.dtype, v.type.ndim, least=max(depth, 1), made=True)
            for v, depth in zip(self.outputs, self.depths, strict=True)
        ]  # fmt: skip
        self.ring_buffers: list[int] = []

    def emit(self) -> None:
        """All of it."""
        code, builder = self.code, self.builder
        builder.memory.give_back()
        self.n_steps = builder.integer(self.given.n_steps)
        self.keeps = [None if keep is None else builder.integer(keep) for keep in self.given.keeps]
        self.empty = self.lengths_before()
        otherwise = code.jump_unless(self.usual())
        with code.optional():
            self.counter = code.register()
            self.prepare()
            none = self.without_steps() if self.empty is not None else None
            with code.repeated(self.counter, self.n_steps) as stop:
                self.round.emit(stop)
            if none is not None:
                none()
            builder.timeline.begin(builder.told((self.node,)))
            self.give_back(self.step.kept_buffers)
            self.finish()
            self.give_back(self.ring_buffers)
        behind = code.jump_unless(self.zero)
        otherwise()
        with code.optional():
            builder.call(self.node)
            builder.python[-1] = evolve(builder.python[-1], spare=True)
        behind()

    def give_back(self, buffers: Sequence[int]) -> None:
        """Memory that only the rounds had."""
        for number in buffers if self.builder.memory.share else ():
            self.code.emit(Instruction.RELEASE, number)

    def usual(self) -> int:
        """A register that is 0 where the call is one for Python."""
        at_least, both = IntegerFunction.GE, IntegerFunction.AND
        code, fine = self.code, self.code.arith(IntegerFunction.GE, self.n_steps, self.one if self.empty is None else self.zero)
        conditions = [code.arith(at_least, code.length(self.builder.array_slot(seq), 0), self.n_steps) for seq in self.given.seqs]
        for value, taps in zip(self.given.mitmots, zip(self.layout.mitmot_taps, self.layout.mitmot_out_taps, strict=True), strict=True):
            needed = code.arith(IntegerFunction.ADD, self.n_steps, code.constant(max(*taps[0], *taps[1])))
            conditions.append(code.arith(at_least, code.length(self.builder.array_slot(value), 0), needed))
        for value, depth in zip(self.given.states, self.depths, strict=False):
            conditions.append(code.arith(IntegerFunction.EQ, code.length(self.builder.array_slot(value), 0), code.constant(depth)))
        conditions += [code.arith(at_least, keep, self.zero) for keep in self.keeps if keep is not None]
        for condition in conditions:
            fine = code.arith(both, fine, condition)
        return fine

    # -- before the first step

    def prepare(self) -> None:
        """Memory of mitmots and states, with the rows that they begin with; slots of what a step reads."""
        builder, code = self.builder, self.code
        #: results, states first; the memory of nitsots is made in the first round, which knows its shape
        self.rows: list[Rows] = []
        mitmots = [self.mitmot(k) for k in range(self.layout.n_mitmots)]
        for k, variable in enumerate(self.outputs):
            rows = Rows(code, variable, self.depths[k], self.memory_of(k), self.places(k))
            self.rows.append(rows)
            if k < self.layout.n_states:
                first = Rows(code, None, 0, builder.array_slot(self.given.states[k]))
                self.allocate(k, first.lengths())
                for row in range(rows.depth):
                    rows.copy(code.constant(row), first, code.constant(row))
        for position, variable in enumerate(self.step.reads.non_seqs, len(self.node.inputs) - self.layout.n_non_seqs):
            by_columns = self.matrices.get(variable)
            if by_columns is None:
                self.step.slots[variable] = builder.array_slot(self.node.inputs[position])
            else:
                self.step.slots[variable] = as_steps_read(builder, self.node, position, self.n_steps, by_columns=by_columns)
        seqs = [Rows(code, None, 0, builder.array_slot(source)) for source in self.given.seqs]
        self.round = Rounds(self.step, seqs, mitmots, self.rows, self.counter, self.allocate)

    def mitmot(self, k: int) -> Rows:
        """The memory of a mitmot: that of its outer input, or a copy of it."""
        builder, code = self.builder, self.code
        variable, source = self.results.mitmots[k], builder.array_slot(self.given.mitmots[k])
        if k in self.inplace:
            slot = builder.array_slot(variable)
            code.emit(Instruction.PRIVATE, slot, source)
        else:
            slot = builder.new(variable, [code.length(source, axis) for axis in range(code.ndims[source])], [source])
            code.emit(Instruction.COPY, slot, source)
        return Rows(code, variable, 0, slot)

    def memory_of(self, k: int) -> int:
        """A slot for all rows: that of the result, where the result is all of them."""
        variable = self.outputs[k]
        if self.keeps[k] is None and not self.layout.until:
            return self.builder.array_slot(variable)
        return self.code.slot(variable.type.ndim, variable.type.dtype)

    def places(self, k: int) -> int:
        """A register with the number of places; -1 where every row has one."""
        keep, depth, code = self.keeps[k], self.depths[k], self.code
        if keep is None:
            return -1
        most = code.arith(IntegerFunction.MAX, keep, code.constant(max(depth, 1)))
        return code.arith(IntegerFunction.MAX, code.arith(IntegerFunction.MIN, most, self.total(k)), self.one)

    def total(self, k: int) -> int:
        """A register with the number of rows after the last step."""
        return self.code.arith(IntegerFunction.ADD, self.n_steps, self.code.constant(self.depths[k]))

    def allocate(self, k: int, lengths: Sequence[int]) -> None:
        """The memory of a result, whose rows have these lengths."""
        rows, builder = self.rows[k], self.builder
        if rows.places >= 0:
            number, builder.memory.buffers = builder.memory.buffers, builder.memory.buffers + 1
            self.code.allocate(rows.memory, number, [rows.places, *lengths])
            builder.memory.note_work(self.rings[k], number, builder.position)
            self.ring_buffers.append(number)
        elif self.layout.until:
            builder.memory.place_array(rows.variable, rows.memory, builder.position)
            self.code.allocate(rows.memory, HOST, [self.total(k), *lengths])
        else:
            builder.new(rows.variable, [self.total(k), *lengths])

    # -- no step

    def lengths_before(self) -> list[tuple[Expr, ...]] | None:
        """The lengths of the rows of nitsots in terms of what a step reads; None where they follow from values that a step computes or reads."""
        fixed = {*self.step.reads.non_seqs}
        lengths = Lengths(self.step.made, lambda variable: variable in fixed or isinstance(variable, Constant))
        trial = Assembler()
        try:
            found = [lengths.of(value) for value in self.step.makes.nitsots]
            for row in found:
                for length in row:
                    trial.index(length, lambda buffer: trial.slot(buffer.ndim, buffer.dtype))
        except NotScheduled:
            return None
        return found

    def without_steps(self) -> Callable[[], None]:
        """Memory of nitsots without rows, where there is no step; the loop stands behind this, and the function that it returns is called behind the loop."""
        code, empty = self.code, self.empty
        assert empty is not None
        some = code.jump_unless(code.arith(IntegerFunction.LT, self.n_steps, self.one))
        with code.optional():
            code.assign(self.counter, IntegerFunction.ADD, self.zero, self.zero)
            self.round.show_read()
            for k, row in enumerate(empty, self.layout.n_states):
                self.allocate(k, [code.index(length, lambda buffer: self.step.array_slot(self.step.variables[buffer])) for length in row])
        none = code.jump_unless(self.zero)
        some()
        return none

    # -- behind the last step

    def finish(self) -> None:
        """The results, where their memory has other rows than they."""
        code = self.code
        for k, rows in enumerate(self.rows):
            keep = self.keeps[k]
            if keep is not None:
                rows.last(self.builder, keep, self.made(rows))
            elif self.layout.until:
                rows.show(self.builder.array_slot(rows.variable), self.zero, self.made(rows))
        for variable in self.results.steps:
            code.emit(Instruction.STORE, self.builder.new(variable, []), 1, self.counter)

    def made(self, rows: Rows) -> int:
        """A register with the number of rows that there are now."""
        return self.code.arith(IntegerFunction.ADD, self.counter, self.code.constant(rows.depth))
