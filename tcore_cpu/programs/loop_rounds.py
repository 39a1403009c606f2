"""One round of a loop: slots that show what the step reads, the step's nodes, and the rows that it leaves.

What a step makes goes straight into its row where nothing in the step can still read that row; else it is copied there when the step has
read all that it reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve

from tcore.link.rounds import Round
from tcore.tensor.blas import Gemm, Gemv
from tcore_cpu.native.abi import Instruction, IntegerFunction
from tcore_cpu.programs.loop_rows import Rows
from tcore_cpu.programs.memory import Memory
from tcore_cpu.programs.program import ProgramBuilder

if TYPE_CHECKING:
    from tcore.graph import FunctionGraph

__all__ = ["Rounds", "Step"]


def _shown(loop: Any, inputs: Sequence[Any]) -> tuple[tuple[int, bool], ...]:
    """For each input of a round the position of the loop's input, and whether it is a row of that."""
    layout, positions = loop.op.layout, range(len(loop.inputs))
    reads, given = layout.inner_inputs(range(len(inputs))), layout.outer_inputs(positions)
    found = dict(zip(reads.seqs, [(k, True) for k in given.seqs], strict=True))
    for inner, outer in ((reads.mitmots, given.mitmots), (reads.states, given.states)):
        found |= {place: (k, True) for places, k in zip(inner, outer, strict=True) for place in places}
    found |= dict(zip(reads.non_seqs, [(k, False) for k in given.non_seqs], strict=True))
    return tuple(found[place] for place in range(len(inputs)))


class Step(ProgramBuilder):
    """Emits the nodes of one step into the program around the loop.

    Attributes
    ----------
    reads, makes :
        What the step reads, and what it computes, by kind, as the op's layout orders them.
    """

    def __init__(self, outer: ProgramBuilder, loop: Any, step: FunctionGraph, table: Any) -> None:
        nodes, layout = list(step.toposort()), loop.op.layout
        super().__init__(step.inputs, nodes, step.outputs, table, outer.printer, outer.native, c_code=outer.c_code)
        self.outer, self.loop, self.orderings, self.timeline = outer, loop, step.orderings(), outer.timeline
        self.assembler, self.python, self.fused, self.constants, self.copied = outer.assembler, outer.python, outer.fused, outer.constants, outer.copied
        self.number = dict.fromkeys(nodes, outer.number[loop])
        self.memory = Memory(
            nodes, self.inputs, (), outer.native, self.assembler.emit, outer.memory.share,
            timeline=self.timeline, kept=step.outputs, first=outer.memory.buffers,
        )  # fmt: skip
        self.reads, self.makes = layout.inner_inputs(step.inputs), layout.inner_outputs(step.outputs)
        #: what the memory plan is told of it
        self.round: Round = Round(loop, tuple(step.inputs), tuple(nodes), _shown(loop, step.inputs), outer.round if isinstance(outer, Step) else None)
        #: buffers that have memory when a round ends
        self.kept_buffers: list[int] = []
        #: how often nodes and results of a step read a variable
        self.uses = Counter([*(v for n in nodes for v in n.inputs), *step.outputs])
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

    def end_round(self, begin: int) -> None:
        """What happens at the end of a round, whose first moment was ``begin``: memory that stays is there from the first to the last round."""
        self.kept_buffers, end = self.memory.end_round(len(self.ends)), self.timeline.now
        stays = [evolve(stay, round=self.round) for stay in self.memory.stays]
        for number in self.kept_buffers:
            at = [k for k, stay in enumerate(stays) if stay.place == number]
            if at and stays[at[-1]].last is not None:
                stays[at[0]] = evolve(stays[at[0]], first=begin)
                stays[at[-1]] = evolve(stays[at[-1]], last=len(self.ends))
        self.timeline.settle(stays, [*self.ends, end], self.rounds)
        self.outer.rounds.append((begin, end))

    def told(self, nodes: Sequence[Any]) -> tuple[Any, ...]:
        """The outermost loop: the graph has no other of its nodes."""
        return self.outer.told((self.loop,))

    def made_directly(self, value: Any) -> Any:
        """What can be made in the row of a value, which this step does not read: the value, or what becomes it by work in place; None if nothing."""
        maker, root = value, self.memory.root(value)
        if self.outputs.count(value) != 1:
            return None
        while maker is not root:
            node = maker.owner
            place = (getattr(node.op, "destroy_map", None) or {}).get(node.outputs.index(maker))
            if place is None:
                return None
            maker = node.inputs[place[0]]
        return None if root.owner is None or (root is not value and root in self.outputs) else root

    def adds_to(self, value: Any, row: Any) -> bool:
        """Whether a value is a row plus a product, and nothing else in the step reads that row: then it can take its place."""
        node = value.owner
        products = node is not None and isinstance(node.op, (Gemm, Gemv)) and not node.op.inplace and node.inputs[0] is row
        return products and self.uses[row] == 1 and self.outputs.count(value) == 1

    def lengths_of(self, value: Any) -> list[int]:
        """Registers with the lengths of a value of the step."""
        slot = self.array_slot(value)
        return [self.assembler.length(slot, axis) for axis in range(self.assembler.ndims[slot])]


class Rounds:
    """Emits what one round consists of.

    Parameters
    ----------
    step : Step
    seqs, mitmots, results : lists of Rows
        What the step reads row by row, what it adds to, and its results, states first.
    counter : int
        The register with the number of the round.
    allocate : callable of the number of a result and the registers of its rows' lengths
        Emits what makes the memory of that result.
    """

    def __init__(
        self, step: Step, seqs: list[Rows], mitmots: list[Rows], results: list[Rows], counter: int, allocate: Callable[[int, Sequence[int]], None]
    ) -> None:
        self.step, self.code, self.layout = step, step.assembler, step.loop.op.layout
        self.seqs, self.mitmots, self.results, self.counter, self.allocate = seqs, mitmots, results, counter, allocate

    def emit(self, stop: list[int]) -> None:
        """Reads, the nodes, and writes; ``stop`` gets the register that ends the loop."""
        step, memory = self.step, self.step.outer.memory
        begin = step.timeline.now + 1
        self.show_read()
        made = (*step.makes.states, *step.makes.nitsots)
        step.rows = self.rows_of_results(made) | self.rows_added_to()
        step.memory.buffers = memory.buffers
        step.emit_steps("segment", step.orderings)
        memory.buffers = step.memory.buffers
        for rows, values, taps in zip(self.mitmots, step.makes.mitmots, self.layout.mitmot_out_taps, strict=True):
            for value, tap in zip(values, taps, strict=True):
                if value not in step.written:
                    self.write(rows, value, tap)
        for k, (rows, value) in enumerate(zip(self.results, made, strict=True)):
            if step.memory.root(value) in step.written:
                continue
            if k >= self.layout.n_states:
                self.allocate_in_first_round(k, step.lengths_of(value))
            self.write(rows, value, rows.depth)
        if self.layout.until:
            stop.append(self.code.value(step.array_slot(step.makes.until[0])))
        step.end_round(begin)

    # -- reads

    def show_read(self) -> None:
        """Let the slots of what a step reads show their rows."""
        reads, layout = self.step.reads, self.layout
        for variable, rows in zip(reads.seqs, self.seqs, strict=True):
            self.read(variable, rows, 0)
        for rows, variables, taps in zip(self.mitmots, reads.mitmots, layout.mitmot_taps, strict=True):
            for variable, tap in zip(variables, taps, strict=True):
                self.read(variable, rows, tap)
        for rows, variables, taps in zip(self.results, reads.states, layout.state_taps, strict=False):
            for variable, tap in zip(variables, taps, strict=True):
                self.read(variable, rows, rows.depth + tap)

    def row_at(self, offset: int) -> int:
        """A register with the row at an offset from the round."""
        return self.counter if offset == 0 else self.code.arith(IntegerFunction.ADD, self.counter, self.code.constant(offset))

    def read(self, variable: Any, rows: Rows, offset: int) -> None:
        """Let the slot of a variable show a row."""
        rows.view(self.step.array_slot(variable), self.row_at(offset))

    # -- values that are made in their rows

    def rows_of_results(self, made: Sequence[Any]) -> dict[Any, Callable[[Sequence[int]], int]]:
        """Results whose rows the step does not read: each row has its own place."""
        found: dict[Any, Callable[[Sequence[int]], int]] = {}
        for k, (rows, value) in enumerate(zip(self.results, made, strict=True)):
            if rows.places >= 0 or value.type.dtype != rows.variable.type.dtype:
                continue
            maker = self.step.made_directly(value)
            if maker is not None:
                found[maker] = partial(self.row_for, k, maker)
        return found

    def rows_added_to(self) -> dict[Any, Callable[[Sequence[int]], int]]:
        """Values that are their old rows plus a product."""
        found: dict[Any, Callable[[Sequence[int]], int]] = {}
        for rows, variables, in_taps, values, out_taps in zip(
            self.mitmots, self.step.reads.mitmots, self.layout.mitmot_taps, self.step.makes.mitmots, self.layout.mitmot_out_taps, strict=True
        ):
            for value, tap in zip(values, out_taps, strict=True):
                if tap in in_taps and self.step.adds_to(value, variables[in_taps.index(tap)]):
                    found[value] = partial(self.own_row, rows, value, tap)
        return found

    def own_row(self, rows: Rows, value: Any, offset: int, lengths: Sequence[int]) -> int:
        """Let the slot of a value show a row, which has its lengths: the slot."""
        slot = self.step.array_slot(value)
        self.must_fit(rows, lengths)
        rows.view(slot, self.row_at(offset))
        return slot

    def row_for(self, k: int, value: Any, lengths: Sequence[int]) -> int:
        """Let the slot of a value show its row among those of a result: the slot."""
        if k >= self.layout.n_states:
            self.allocate_in_first_round(k, lengths)
        return self.own_row(self.results[k], value, self.results[k].depth, lengths)

    # -- writes

    def must_fit(self, rows: Rows, lengths: Sequence[int]) -> None:
        """What becomes a row has the lengths of the others."""
        rows.must_fit(lengths, self.step.outer.number[self.step.loop])

    def allocate_in_first_round(self, k: int, lengths: Sequence[int]) -> None:
        """The memory of a nitsot, with rows of these lengths, which the first round knows."""
        code = self.code
        later = code.jump_unless(code.arith(IntegerFunction.EQ, self.counter, code.constant(0)))
        with code.optional():
            self.allocate(k, lengths)
        later()

    def write(self, rows: Rows, value: Any, offset: int) -> None:
        """Leave a value in a row, whose shape it must have."""
        code, source = self.code, self.step.array_slot(value)
        self.must_fit(rows, self.step.lengths_of(value))
        slot = code.slot(code.ndims[source], rows.variable.type.dtype)
        rows.view(slot, self.row_at(offset))
        code.emit(Instruction.COPY, slot, source)
