"""The linker ``cvm`` for lazy graphs: a native program for each region, and a native loop that runs those that are needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tcore.link import Container
from tcore.link.errors import raise_with_op
from tcore.link.linker import LocalLinker
from tcore.link.program import note_written
from tcore.link.storage import map_storage, written_inputs
from tcore.scalar.type import Scalar
from tcore.tensor.ifelse import IfElse
from tcore_cpu.linkers.base import CpuLinker, ran_by
from tcore_cpu.linkers.entries import cells_entry
from tcore_cpu.linkers.thunks import tidied
from tcore_cpu.programs.drafting import draft_regions, native_forms
from tcore_cpu.programs.linking import Linked, load_bodies, make_program
from tcore_cpu.programs.regions import Region, split
from tcore_cpu.runtime.loading import runtime

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable
    from tcore.link.container import Cell, StorageMap

__all__ = ["LazyPrograms", "MachineThunk"]


class LazyPrograms(CpuLinker, LocalLinker):
    """A graph with lazy ops as several programs. Intermediate values are dropped as soon as nobody needs them."""

    _regions: Sequence[Region] = ()
    _programs: Sequence[Linked | None] = ()

    @classmethod
    def serves(cls, fgraph: Any, order: Sequence[Apply]) -> list[Region] | None:
        """The regions of a graph; None where it has none, or the runtime does not run them."""
        if not hasattr(runtime(), "Machine"):
            return None
        return split(order, fgraph.outputs, fgraph.orderings() if hasattr(fgraph, "orderings") else {})

    def compile(self, regions: Sequence[Region]) -> None:
        """Make the programs of the accepted graph's regions, all kernels in one go."""
        fgraph = self._accepted()
        drafts, self._units = draft_regions(fgraph, regions, native_forms(self.order()))
        bodies = load_bodies(self._units)
        self._regions = regions
        self._programs = [
            None if draft is None else make_program(draft, bodies, fgraph, region.inputs) for draft, region in zip(drafts, regions, strict=True)
        ]
        self._linked = {
            node: linked for region, linked in zip(regions, self._programs, strict=True) if linked is not None for node in region.nodes
        }

    def make_thunk(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> tuple[Any, list[Container], list[Container]]:
        fgraph, order = self._accepted(), self.order()
        inputs, outputs, storage_map = map_storage(fgraph, order, input_storage, output_storage, storage_map)
        thunk = MachineThunk(self, fgraph, order, inputs, outputs, storage_map)
        return (
            thunk,
            [Container(variable, cell) for variable, cell in zip(fgraph.inputs, inputs, strict=True)],
            [Container(variable, cell, readonly=True) for variable, cell in zip(fgraph.outputs, outputs, strict=True)],
        )

    def save(self) -> tuple[str, dict[str, Any]] | None:
        """For pickles: the kernels that it needs; the programs are made again from the graph."""
        modules = [key for linked in self._programs if linked is not None for key, _ in linked.modules.values()]
        if "" in modules:
            return None
        return "cpu", {"linker": "cvm", "keys": [*(unit.key for unit in self._units), *modules], "program": None}

    def explain_node(self, node: Apply) -> str:
        """As :meth:`CvmLinker.explain_node`; ``Python`` for lazy ops."""
        return ran_by(node, self._linked[node]) if node in self._linked else "Python"

    def explain_reason(self, node: Apply) -> str:
        """Why a node runs in Python; empty where it does not."""
        if node not in self._linked:
            return "it decides itself which of its inputs are computed"
        return self._linked[node].draft.reasons.get(node, "") if self._linked[node].runs_on.get(node) == "Python" else ""

    def explain_kernels(self) -> list[tuple[tuple[Apply, ...], str]]:
        """The nodes of each kernel and where its code came from."""
        programs = [linked for linked in self._programs if linked is not None]
        return [(kernel.nodes, linked.bodies.origin(kernel.bodies)) for linked in programs for kernel in linked.draft.kernels]


class MachineThunk:
    """Runs the regions of a lazy graph on cells: the thunk of a whole graph.

    Attributes
    ----------
    storage_map : dict from Variable to cell
    nodes : list of Apply
    position_of_error : int
        Which node failed last: a lazy one, or the last of its region; -1 before any error.
    """

    lazy = False
    allow_gc = True

    def __init__(
        self, linker: LazyPrograms, fgraph: Any, order: Sequence[Apply], inputs: Sequence[Cell], outputs: Sequence[Cell], storage_map: StorageMap
    ) -> None:
        self.fgraph, self.nodes, self.storage_map = fgraph, list(order), storage_map
        self.inputs, self.outputs, self.thunks = list(inputs), list(outputs), [self]
        self.position_of_error = -1
        self._regions = linker._regions
        self._lazy: dict[int, Any] = {}
        cells = [storage_map[variable] for variable in fgraph.outputs]
        #: outputs that are an input, or another output: nobody computes them a second time
        self._copied = [(source, cell) for source, cell in zip(cells, self.outputs, strict=True) if source is not cell]
        self._machine = self._make(linker)

    def _make(self, linker: LazyPrograms) -> Any:
        maker = {variable: k for k, region in enumerate(self._regions) for variable in region.outputs}
        flags: dict[Variable, list[Any]] = {variable: [variable.owner is None] for variable in self.storage_map}
        kept = {*self.fgraph.inputs, *self.fgraph.outputs}
        collected = {variable: k for k, variable in enumerate(variable for variable in maker if variable not in kept)}
        steps = []
        for k, (region, linked) in enumerate(zip(self._regions, linker._programs, strict=True)):
            if linked is None:
                (node,) = region.nodes
                self._lazy[k] = linker._make_node_thunk(node, self.storage_map, flags)  # type: ignore[arg-type]
                step, read = self._ask(k, node, flags), node.inputs
            else:
                read = region.inputs
                cells, made = (tuple(self.storage_map[v] for v in values) for values in (read, region.outputs))
                step = linked.program, _Tidy(read), cells, made, tuple(isinstance(v.type, Scalar) for v in region.outputs)
            steps.append((
                *step,
                tuple(flags[v] for v in region.outputs),
                tuple(maker.get(v, -1) for v in read),
                region.before,
                linked is None,
                tuple(dict.fromkeys(collected[v] for v in read if v in collected)),
                region.copied,
            ))  # fmt: skip
        wanted = tuple(maker.get(variable, -1) for variable in self.fgraph.outputs)
        return runtime().Machine(tuple(steps), wanted, tuple((self.storage_map[v], flags[v]) for v in collected), self._fail)

    def _ask(self, k: int, node: Apply, flags: dict[Variable, list[Any]]) -> tuple[Any, ...]:
        """How the machine runs a lazy node: a choice by itself, others by asking their thunks."""
        if type(node.op) is not IfElse:
            return self._lazy[k], None, (), (), ()
        read, made = (tuple(self.storage_map[v] for v in values) for values in (node.inputs, node.outputs))
        return None, tuple(flags[v] for v in node.inputs), read, made, ()

    def __call__(self, output_subset: Sequence[int] | None = None) -> None:
        """Compute all outputs, or those at the positions ``output_subset``."""
        self._machine(output_subset)
        for source, cell in self._copied:
            cell[0] = source[0]

    def _fail(self, error: Exception, step: int, done: list[int]) -> None:
        """Raise an error of a step, which programs told of their node already, after others were done."""
        begun = [node for k in (*done, step) for node in self._regions[k].nodes]
        note_written(error, written_inputs(self.fgraph, begun))
        node = self._regions[step].nodes[-1]
        self.position_of_error = self.nodes.index(node)
        if step not in self._lazy:
            raise error
        raise_with_op(self.fgraph, node, self._lazy[step], (type(error), error, error.__traceback__))

    def entry(self, function: Any) -> Any:
        """The fast way to call a function that this is the thunk of, whose calls only fill cells and return what is made."""
        return cells_entry(self._machine, function, self.fgraph, self.storage_map)

    def free(self) -> None:
        """Nothing is kept between calls but outputs."""


class _Tidy:
    """Called with an error and values: values that the program takes instead."""

    def __init__(self, operands: Sequence[Variable]) -> None:
        self._operands = operands

    def __call__(self, error: TypeError, *values: Any) -> list[Any]:
        return tidied(error, self._operands, values)
