"""Loops as part of the program around them: the instructions of a step stand there once, and are run round after round.

The rows of outer values are views into their memory, which a step's nodes read as they read any array. What they make goes into buffers
of the program, and from there into the rows of the results when the step has read all that it reads. Where there is no step, the lengths of
the results' rows follow from those of what a step would read. A call that needs more than this (rows that are missing; no step, and
lengths that follow from values) is left to ``Scan.perform``, which also says what is wrong where a step fails.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve

from tcore.compile.basemode import Mode
from tcore.compile.maker import FunctionMaker
from tcore.configuration import config
from tcore.graph import Constant, clone
from tcore.scan_module.layout import depth_of
from tcore.tensor.blas import Gemm, Gemv
from tcore_cpu.kernels.lowerings import lowerings
from tcore_cpu.kernels.plans import NotScheduled
from tcore_cpu.kernels.printer import UnitPrinter
from tcore_cpu.native.abi import Failure, Instruction, IntegerFunction
from tcore_cpu.programs.assembler import HOST, Assembler
from tcore_cpu.programs.lengths import Lengths
from tcore_cpu.programs.loop_matrices import as_steps_read, multiplied_matrices
from tcore_cpu.programs.memory import Memory
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
    trial = ProgramBuilder(step.inputs, _order(step), step.outputs, table, UnitPrinter(), builder.native).build("segment", step.orderings())
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


def _order(fgraph: FunctionGraph) -> list[Apply]:
    return list(fgraph.toposort())


class _Step(ProgramBuilder):
    """Emits the nodes of one step into the program around the loop."""

    def __init__(self, outer: ProgramBuilder, loop: Any, step: FunctionGraph, table: Any) -> None:
        nodes = _order(step)
        super().__init__(step.inputs, nodes, step.outputs, table, outer.printer, outer.native)
        self.outer, self.loop, self.orderings = outer, loop, step.orderings()
        self.assembler, self.python, self.fused, self.constants, self.copied = outer.assembler, outer.python, outer.fused, outer.constants, outer.copied
        self.number = dict.fromkeys(nodes, outer.number[loop])
        self.memory = Memory(
            nodes, self.inputs, (), outer.native, self.assembler.emit, outer.memory.share, kept=step.outputs, first=outer.memory.buffers
        )  # fmt: skip
        #: results that may be made where their rows are: what emits that, given the registers of their lengths
        self.rows: dict[Any, Callable[[Sequence[int]], int]] = {}
        #: those that were
        self.written: set[Any] = set()

    def new(self, variable: Any, lengths: Sequence[int], like: Sequence[int] = ()) -> int:
        """Memory for a variable: the row that it becomes, where nothing in this step can still read that row."""
        row = self.rows.get(variable)
        if row is None:
            return super().new(variable, lengths, like)
        self.written.add(variable)
        return row(lengths)

    def told(self, nodes: Sequence[Any]) -> tuple[Any, ...]:
        """The outermost loop: the graph has no other of its nodes."""
        return self.outer.told((self.loop,))


class _Rows:
    """The rows of one result: where a step finds them, and where it leaves a new one.

    Attributes
    ----------
    memory : int
        The slot whose first axis has a place for each row.
    places : int
        Register with their number, which rows use in turn; -1 where each row has its own.
    """

    def __init__(self, loop: _Loop, variable: Any, depth: int, memory: int, places: int = -1) -> None:
        self.loop, self.variable, self.depth, self.memory, self.places = loop, variable, depth, memory, places

    def place(self, row: int) -> int:
        """The register with the place of a row."""
        return row if self.places < 0 else self.loop.code.arith(IntegerFunction.MOD, row, self.places)

    def view(self, slot: int, row: int) -> None:
        """Let a slot show a row; ``row`` is a register."""
        code = self.loop.code
        axes = [(code.length(self.memory, axis + 1), axis + 1, -1) for axis in range(code.ndims[slot])]
        code.view(slot, self.memory, axes, [(0, self.place(row))])


class _Loop:
    """The instructions of one loop in the program of ``builder``."""

    def __init__(self, builder: ProgramBuilder, node: Apply, step: FunctionGraph, table: Any) -> None:
        self.builder, self.code, self.node = builder, builder.assembler, node
        op: Any = node.op
        self.inplace, self.layout = op.options.inplace, op.layout
        self.given, self.results = self.layout.outer_inputs(node.inputs), self.layout.outer_outputs(node.outputs)
        self.step, self.matrices = _Step(builder, node, step, table), multiplied_matrices(step)
        #: how often nodes and results of a step read a variable
        self.uses = Counter([*(v for n in step.apply_nodes for v in n.inputs), *step.outputs])
        self.inner, self.made = self.layout.inner_inputs(step.inputs), self.layout.inner_outputs(step.outputs)
        self.zero, self.one = self.code.constant(0), self.code.constant(1)
        self.depths = [*map(depth_of, self.layout.state_taps), *[0] * self.layout.n_nitsots]
        self.outputs = [*self.results.states, *self.results.nitsots]

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
                self.round(stop)
            if none is not None:
                none()
            self.finish()
        behind = code.jump_unless(self.zero)
        otherwise()
        with code.optional():
            builder.call(self.node)
            builder.python[-1] = evolve(builder.python[-1], spare=True)
        behind()

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
        self.mitmots = [self.mitmot(k) for k in range(self.layout.n_mitmots)]
        #: results, states first; the memory of nitsots is made in the first round, which knows its shape
        self.rows: list[_Rows] = []
        for k, variable in enumerate(self.outputs):
            rows = _Rows(self, variable, self.depths[k], self.memory_of(k), self.places(k))
            self.rows.append(rows)
            if k < self.layout.n_states:
                first = builder.array_slot(self.given.states[k])
                lengths = [code.length(first, axis) for axis in range(1, code.ndims[first])]
                self.allocate(k, lengths)
                for row in range(rows.depth):
                    self.copy_row(rows, code.constant(row), _Rows(self, None, 0, first), code.constant(row))
        for variable, source in zip(self.inner.non_seqs, self.given.non_seqs, strict=True):
            slot, by_columns = builder.array_slot(source), self.matrices.get(variable)
            if by_columns is not None:
                slot = as_steps_read(builder, slot, variable.type.dtype, self.n_steps, by_columns=by_columns)
            self.step.slots[variable] = slot

    def mitmot(self, k: int) -> _Rows:
        """The memory of a mitmot: that of its outer input, or a copy of it."""
        builder, code = self.builder, self.code
        variable, source = self.results.mitmots[k], builder.array_slot(self.given.mitmots[k])
        if k in self.inplace:
            slot = builder.array_slot(variable)
            code.emit(Instruction.PRIVATE, slot, source)
        else:
            slot = builder.new(variable, [code.length(source, axis) for axis in range(code.ndims[source])], [source])
            code.emit(Instruction.COPY, slot, source)
        return _Rows(self, variable, 0, slot)

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
        elif self.layout.until:
            builder.memory.place_array(rows.variable, rows.memory, builder.position)
            self.code.allocate(rows.memory, HOST, [self.total(k), *lengths])
        else:
            builder.new(rows.variable, [self.total(k), *lengths])

    def copy_row(self, to: _Rows, row: int, source: _Rows, source_row: int) -> None:
        """Copy a row; the rows are registers."""
        ndim, dtype = to.variable.type.ndim - 1, to.variable.type.dtype
        left, right = self.code.slot(ndim, dtype), self.code.slot(ndim, dtype)
        to.view(left, row)
        source.view(right, source_row)
        self.code.emit(Instruction.COPY, left, right)

    # -- no step

    def lengths_before(self) -> list[tuple[Expr, ...]] | None:
        """The lengths of the rows of nitsots in terms of what a step reads; None where they follow from values that a step computes or reads."""
        fixed = {*self.inner.non_seqs}
        lengths = Lengths(self.step.made, lambda variable: variable in fixed or isinstance(variable, Constant))
        trial = Assembler()
        try:
            found = [lengths.of(value) for value in self.made.nitsots]
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
            self.show_read()
            for k, row in enumerate(empty, self.layout.n_states):
                self.allocate(k, [code.index(length, lambda buffer: self.step.array_slot(self.step.variables[buffer])) for length in row])
        none = code.jump_unless(self.zero)
        some()
        return none

    # -- one step

    def show_read(self) -> None:
        """Let the slots of what a step reads show their rows."""
        for variable, source in zip(self.inner.seqs, self.given.seqs, strict=True):
            self.read(variable, _Rows(self, None, 0, self.builder.array_slot(source)), 0)
        for rows, variables, taps in zip(self.mitmots, self.inner.mitmots, self.layout.mitmot_taps, strict=True):
            for variable, tap in zip(variables, taps, strict=True):
                self.read(variable, rows, tap)
        for rows, variables, taps in zip(self.rows, self.inner.states, self.layout.state_taps, strict=False):
            for variable, tap in zip(variables, taps, strict=True):
                self.read(variable, rows, rows.depth + tap)

    def round(self, stop: list[int]) -> None:
        """Reads, the nodes, and writes; ``stop`` gets the register that ends the loop."""
        code, step, memory = self.code, self.step, self.builder.memory
        self.show_read()
        made = (*self.made.states, *self.made.nitsots)
        step.rows = {maker: partial(self.row_for, k, maker) for k, value in enumerate(made) if (maker := self.made_directly(k, value)) is not None}
        for rows, variables, in_taps, values, out_taps in zip(
            self.mitmots, self.inner.mitmots, self.layout.mitmot_taps, self.made.mitmots, self.layout.mitmot_out_taps, strict=True
        ):
            for value, tap in zip(values, out_taps, strict=True):
                if tap in in_taps and self.adds_to(value, variables[in_taps.index(tap)]):
                    step.rows[value] = partial(self.own_row, rows, value, tap)
        step.memory.buffers = memory.buffers
        step.emit_steps("segment", step.orderings)
        memory.buffers = step.memory.buffers
        for rows, values, taps in zip(self.mitmots, self.made.mitmots, self.layout.mitmot_out_taps, strict=True):
            for value, tap in zip(values, taps, strict=True):
                if value not in step.written:
                    self.write(rows, value, tap)
        for k, (rows, value) in enumerate(zip(self.rows, made, strict=True)):
            if step.memory.root(value) in step.written:
                continue
            if k >= self.layout.n_states:
                self.allocate_in_first_round(k, self.lengths_of(value))
            self.write(rows, value, rows.depth)
        if self.layout.until:
            stop.append(code.value(step.array_slot(self.made.until[0])))

    def row_at(self, offset: int) -> int:
        """A register with the row at an offset from the step."""
        return self.counter if offset == 0 else self.code.arith(IntegerFunction.ADD, self.counter, self.code.constant(offset))

    def read(self, variable: Any, rows: _Rows, offset: int) -> None:
        rows.view(self.step.array_slot(variable), self.row_at(offset))

    def made_directly(self, k: int, value: Any) -> Any:
        """What can be made in the row of a value, which this step does not read: the value, or what becomes it by work in place."""
        maker, root = value, self.step.memory.root(value)
        if self.step.outputs.count(value) != 1 or self.rows[k].places >= 0 or value.type.dtype != self.outputs[k].type.dtype:
            return None
        while maker is not root:
            node = maker.owner
            place = (getattr(node.op, "destroy_map", None) or {}).get(node.outputs.index(maker))
            if place is None:
                return None
            maker = node.inputs[place[0]]
        return None if root.owner is None or (root is not value and root in self.step.outputs) else root

    def adds_to(self, value: Any, row: Any) -> bool:
        """Whether a value is a row plus a product, and nothing else in the step reads that row: then it can take its place."""
        node = value.owner
        products = node is not None and isinstance(node.op, (Gemm, Gemv)) and not node.op.inplace and node.inputs[0] is row
        return products and self.uses[row] == 1 and self.step.outputs.count(value) == 1

    def own_row(self, rows: _Rows, value: Any, tap: int, lengths: Sequence[int]) -> int:
        """Let the slot of a value show the row that it adds to."""
        slot = self.step.array_slot(value)
        self.must_fit(rows, lengths)
        rows.view(slot, self.row_at(tap))
        return slot

    def row_for(self, k: int, value: Any, lengths: Sequence[int]) -> int:
        """Let the slot of a value show its row, of these lengths."""
        rows, slot = self.rows[k], self.step.array_slot(value)
        if k >= self.layout.n_states:
            self.allocate_in_first_round(k, lengths)
        self.must_fit(rows, lengths)
        rows.view(slot, self.row_at(rows.depth))
        return slot

    def lengths_of(self, value: Any) -> list[int]:
        """Registers with the lengths of a value of the step."""
        slot = self.step.array_slot(value)
        return [self.code.length(slot, axis) for axis in range(self.code.ndims[slot])]

    def must_fit(self, rows: _Rows, lengths: Sequence[int]) -> None:
        """A row must have the lengths of the others."""
        for axis, length in enumerate(lengths):
            wanted = self.code.length(rows.memory, axis + 1)
            self.code.emit(Instruction.CHECK, Failure.SHAPE, self.builder.number[self.node], 0, axis, length, wanted)

    def allocate_in_first_round(self, k: int, lengths: Sequence[int]) -> None:
        """The memory of a nitsot, with rows of these lengths."""
        code = self.code
        later = code.jump_unless(code.arith(IntegerFunction.EQ, self.counter, self.zero))
        with code.optional():
            self.allocate(k, lengths)
        later()

    def write(self, rows: _Rows, value: Any, offset: int) -> None:
        """Leave a value in a row, whose shape it must have."""
        code, source = self.code, self.step.array_slot(value)
        self.must_fit(rows, self.lengths_of(value))
        slot = code.slot(code.ndims[source], rows.variable.type.dtype)
        rows.view(slot, self.row_at(offset))
        code.emit(Instruction.COPY, slot, source)

    # -- behind the last step

    def finish(self) -> None:
        """The results, where their memory has other rows than they."""
        code = self.code
        done = self.counter
        for k, rows in enumerate(self.rows):
            if rows.places >= 0:
                self.last_rows(k, code.arith(IntegerFunction.ADD, done, code.constant(rows.depth)))
            elif self.layout.until:
                made = code.arith(IntegerFunction.ADD, done, code.constant(rows.depth))
                self.show(self.builder.array_slot(rows.variable), rows.memory, self.zero, made)
        for variable in self.results.steps:
            code.emit(Instruction.STORE, self.builder.new(variable, []), 1, done)

    def show(self, slot: int, source: int, first: int, count: int) -> None:
        """Let a slot show ``count`` rows from ``first`` on; both are registers."""
        code = self.code
        axes = [(count, 0, -1), *((code.length(source, axis), axis, -1) for axis in range(1, code.ndims[slot]))]
        code.view(slot, source, axes, [(0, first)])

    def last_rows(self, k: int, made: int) -> None:
        """A result of the last rows, which stand in the memory in turn: the oldest ones, to its end, and those from its beginning on."""
        code, rows, keep = self.code, self.rows[k], self.keeps[k]
        assert keep is not None
        count = code.arith(IntegerFunction.MIN, keep, made)
        first = code.arith(IntegerFunction.MOD, code.arith(IntegerFunction.SUB, made, count), rows.places)
        ndim, dtype = rows.variable.type.ndim, rows.variable.type.dtype
        lengths = [code.length(rows.memory, axis) for axis in range(1, ndim)]
        out = self.builder.new(rows.variable, [count, *lengths])
        older = code.arith(IntegerFunction.MIN, count, code.arith(IntegerFunction.SUB, rows.places, first))
        for source, target, number in ((first, self.zero, older), (self.zero, older, code.arith(IntegerFunction.SUB, count, older))):
            left, right = code.slot(ndim, dtype), code.slot(ndim, dtype)
            self.show(left, out, target, number)
            self.show(right, rows.memory, source, number)
            code.emit(Instruction.COPY, left, right)
