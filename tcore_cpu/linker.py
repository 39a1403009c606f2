"""The linkers ``cvm``, ``c`` and ``c|py``: from an optimized graph to native programs.

``cvm`` compiles whole graphs (granularity ``segment``); where a graph has lazy ops, or each node must be looked at, it
makes one program per node and lets the virtual machine run them. ``c`` and ``c|py`` always work node by node; ``c``
refuses nodes without native code.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore.codegen.tables import lowering_table
from tcore.graph import Constant, Generic
from tcore.link import Container, Linker, VMLinker
from tcore.link.linker import LocalLinker
from tcore.link.locks import hold, release
from tcore.link.storage import map_storage
from tcore_cpu.c_steps import objection
from tcore_cpu.compiler import load_units
from tcore_cpu.native_steps import native_steps
from tcore_cpu.printer import UnitPrinter
from tcore_cpu.program import Draft, build, is_array
from tcore_cpu.python_steps import ErrorReports, step_of
from tcore_cpu.runtime import load_blas, runtime
from tcore_cpu.user_code import has_c_code

if TYPE_CHECKING:
    from tcore.codegen.lowering import LoweringTable
    from tcore.graph import Apply, Variable
    from tcore.link.container import Cell, StorageMap

__all__ = ["CLinker", "CPyLinker", "CvmLinker", "NoNativeCode", "compile_draft"]

_UNIT_BODIES = 24


class NoNativeCode(NotImplementedError):
    """The linker ``c`` met a node that runs in Python only; the message names the node and the reason."""


def _wants_blas(nodes: Sequence[Any]) -> bool:
    return any(type(node.op).__module__ in ("tcore.tensor.blas", "tcore.tensor.dot") for node in nodes)


def _lowerings(fgraph: Any) -> LoweringTable:
    return lowering_table(fgraph.apply_nodes, fgraph.inputs, backends=("cpu",))


def compile_draft(draft: Draft, printer: UnitPrinter, fgraph: Any) -> Any:
    """The runnable program of a draft whose bodies are in ``printer``."""
    addresses, libraries = _addresses(printer)
    return _program(draft, addresses, libraries, fgraph)


def _addresses(printer: UnitPrinter) -> tuple[list[int], tuple[Any, ...]]:
    if not printer.bodies:
        return [], ()
    units = printer.units(_UNIT_BODIES)
    libraries = load_units(units)
    addresses: list[int] = []
    for unit, library in zip(units, libraries, strict=True):
        addresses += library.table("tc_table", unit.count)
    return addresses, tuple(libraries)


def _program(draft: Draft, addresses: Sequence[int], libraries: tuple[Any, ...], fgraph: Any) -> Any:
    reports = ErrorReports(fgraph, draft)
    steps = tuple((step_of(step.node, fgraph), step.reads, step.writes) for step in draft.steps)
    return runtime().Program(
        draft.assembler.pack(addresses),
        draft.inputs,
        tuple(slot for slot, _ in draft.constants),
        tuple(_constant(value, slot, draft) for slot, value in draft.constants),
        draft.outputs,
        steps,
        reports,
        libraries,
    )


def _constant(value: Any, slot: int, draft: Draft) -> Any:
    from tcore_cpu.runtime_abi import DTYPES

    if draft.assembler.dtypes[slot] == DTYPES["object"]:
        return value
    array = np.asarray(value)
    return array if array.flags.aligned and array.dtype.isnative else np.array(array, dtype=array.dtype.newbyteorder("="))


class SegmentThunk:
    """Runs a program on cells: the thunk of a whole graph.

    Attributes
    ----------
    storage_map : dict from Variable to cell
    nodes : list of Apply
    position_of_error : int
    """

    lazy = False

    def __init__(
        self, program: Any, inputs: Sequence[Cell], outputs: Sequence[Cell], fgraph: Any, storage_map: StorageMap,
        allow_gc: bool,
    ) -> None:  # fmt: skip
        self.program = program
        self.inputs, self.outputs = list(inputs), list(outputs)
        self.fgraph = fgraph
        self.storage_map = storage_map
        self.allow_gc = allow_gc
        self.nodes = list(fgraph.toposort())
        self.thunks = [self]
        self.position_of_error = -1
        self._scalars = [k for k, v in enumerate(fgraph.outputs) if not hasattr(v.type, "broadcastable")]

    def __call__(self, output_subset: Sequence[int] | None = None) -> None:
        """Compute all outputs (a subset costs as much: the program is one piece)."""
        values = [cell[0] for cell in self.inputs]
        try:
            results = self.program(*values)
        except TypeError:
            tidy = [_behaved(v.type, value) for v, value in zip(self.fgraph.inputs, values, strict=True)]
            if all(a is b for a, b in zip(tidy, values, strict=True)):
                raise
            results = self.program(*tidy)
        for k in self._scalars:
            if isinstance(results[k], np.ndarray):
                results[k] = results[k][()]
        for cell, result in zip(self.outputs, results, strict=True):
            cell[0] = result

    def free(self) -> None:
        """Nothing is kept between calls but buffers of the program."""


def _behaved(type_: Any, value: Any) -> Any:
    """An array as the runtime takes it: aligned, in native byte order, of exactly the type's dtype."""
    if not is_array(type_):
        return value
    array = np.asarray(value, dtype=type_.dtype)
    if array is value and array.flags.aligned and array.dtype.isnative:
        return value
    return np.require(array, dtype=np.dtype(type_.dtype).newbyteorder("="), requirements="A")


class _NativeNodes(LocalLinker):
    """Node by node, natively where that is possible."""

    #: whether nodes without native code are an error
    strict: ClassVar[bool] = False

    def make_all(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> tuple[Any, list[Container], list[Container], list[Any], list[Apply]]:
        self._programs = self._compile_nodes(self.order())
        try:
            return super().make_all(input_storage, output_storage, storage_map)
        finally:
            del self._programs

    def _compile_nodes(self, order: Sequence[Apply]) -> dict[Apply, Any]:
        """Programs of the nodes that have native code, all kernels in one go."""
        fgraph = self._accepted()
        table = _lowerings(fgraph)
        native = native_steps(blas=_wants_blas(order) and load_blas())
        printer = UnitPrinter()
        drafts: dict[Apply, Draft] = {}
        for node in order:
            if getattr(node.op, "lazy_inputs", ()) or getattr(node.op, "lazy", False):
                continue
            operands = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant)]
            draft = build(operands, [node], node.outputs, table, printer, native, granularity="node")
            if all(has_c_code(step.node) for step in draft.steps) and (not draft.steps or objection() is None):
                drafts[node] = draft
            elif self.strict:
                reason = draft.reasons.get(node, "it has no native code")
                raise NoNativeCode(f"the linker 'c' runs native code only, and {node} has none: {reason}; use 'c|py' or 'cvm'")
        addresses, libraries = _addresses(printer)
        return {node: _program(draft, addresses, libraries, fgraph) for node, draft in drafts.items()}

    def _make_node_thunk(self, node: Apply, storage_map: StorageMap, compute_map: dict[Variable, list[int]]) -> Any:
        program = self._programs.get(node)
        if program is None:
            return super()._make_node_thunk(node, storage_map, compute_map)
        operands = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant)]
        reads = [storage_map[v] for v in operands]
        types = [v.type for v in operands]
        writes = [storage_map[v] for v in node.outputs]
        scalars = [not hasattr(v.type, "broadcastable") for v in node.outputs]
        done = [compute_map[v] for v in node.outputs]

        def thunk() -> None:
            values = [cell[0] for cell in reads]
            try:
                results = program(*values)
            except TypeError:
                tidy = [_behaved(type_, value) for type_, value in zip(types, values, strict=True)]
                if all(a is b for a, b in zip(tidy, values, strict=True)):
                    raise
                results = program(*tidy)
            for cell, result, scalar in zip(writes, results, scalars, strict=True):
                cell[0] = result[()] if scalar and isinstance(result, np.ndarray) else result
            for flag in done:
                flag[0] = True

        thunk.inputs = [storage_map[v] for v in node.inputs]  # type: ignore[attr-defined]
        thunk.outputs = writes  # type: ignore[attr-defined]
        thunk.lazy = False  # type: ignore[attr-defined]
        thunk.native = True  # type: ignore[attr-defined]
        return thunk


class CPyLinker(_NativeNodes):
    """``c|py``: node by node, native code where there is some, ``perform`` elsewhere."""


class CLinker(_NativeNodes):
    """``c``: node by node, native code only."""

    strict = True


class _NativeVM(_NativeNodes, VMLinker):
    """The virtual machine over native nodes: lazy graphs and granularity ``node``."""


class CvmLinker(Linker):
    """``cvm``: the whole graph as one native program.

    Parameters
    ----------
    allow_gc : bool, optional
    granularity : {"segment", "node"}
        ``node`` makes one thunk per Apply.
    lazy : bool, optional
        True always computes on demand, False never.
    """

    granularity: str = "segment"  # type: ignore[misc]

    def __init__(
        self,
        allow_gc: bool | None = None,
        granularity: str = "segment",
        lazy: bool | None = None,
        schedule: Callable[[Any], list[Apply]] | None = None,
    ) -> None:
        super().__init__(allow_gc, schedule)
        self.granularity = granularity
        self.lazy = lazy
        self._program: Any = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["_program"] = None
        for name in ("_lock", "reasons", "kernels", "_in_python"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def clone(self, allow_gc: bool | None = None) -> CvmLinker:
        twin = super().clone(allow_gc)
        twin._program = None
        twin._lock = threading.Lock()
        return twin

    def _by_node(self) -> bool:
        if self.granularity == "node" or self.profile is not None or self.lazy:
            return True
        fgraph = self._accepted()
        return self.lazy is None and any(
            getattr(node.op, "lazy_inputs", ()) or getattr(node.op, "lazy", False) for node in fgraph.apply_nodes
        )

    def make_thunk(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> tuple[Any, list[Container], list[Container]]:
        fgraph = self._accepted()
        if self._by_node():
            machine = _NativeVM(self.allow_gc, self.lazy, self.schedule)
            machine = machine.accept(fgraph, self.no_recycling, self.profile)
            return machine.make_thunk(input_storage, output_storage, storage_map)
        order = self.order()
        inputs, outputs, storage_map = map_storage(fgraph, order, input_storage, output_storage, storage_map)
        program = self._compiled(fgraph, order)
        thunk = SegmentThunk(program, inputs, outputs, fgraph, storage_map, self.allow_gc)
        return (
            thunk,
            [Container(variable, cell) for variable, cell in zip(fgraph.inputs, inputs, strict=True)],
            [Container(variable, cell, readonly=True) for variable, cell in zip(fgraph.outputs, outputs, strict=True)],
        )

    def _compiled(self, fgraph: Any, order: Sequence[Apply]) -> Any:
        """The program, compiled once: it owns a frame for each call in progress."""
        with self._lock:
            if self._program is None:
                printer = UnitPrinter()
                native = native_steps(blas=_wants_blas(order) and load_blas())
                orderings = fgraph.orderings() if hasattr(fgraph, "orderings") else {}
                draft = build(
                    fgraph.inputs, order, fgraph.outputs, _lowerings(fgraph), printer, native, orderings=orderings
                )
                self._program = compile_draft(draft, printer, fgraph)
                self.reasons = dict(draft.reasons)
                self.kernels = draft.kernels
                self._in_python = {step.node: "C" if has_c_code(step.node) else "Python" for step in draft.steps}
            return self._program

    def explain_node(self, node: Apply) -> str:
        """``native``; ``C`` for an op that brings its own code; ``Python`` where only ``perform`` is there."""
        if self._program is None:  # node by node in the virtual machine
            return "node"
        return self._in_python.get(node, "native")

    def explain_notes(self) -> list[str]:
        """How many kernels there are, and why nodes run in Python."""
        if self._program is None:
            return []
        reasons = [f"{node}: {why}" for node, why in self.reasons.items() if self._in_python.get(node) == "Python"]
        return [f"{self.kernels} kernels", *reasons]

    def native_entry(self, function: Any) -> Callable[..., Any] | None:
        """The fast way to call ``function``: None where its calls need more than positions and storage."""
        program = self._program
        if program is None or self._by_node():
            return None
        fgraph = self._accepted()
        plain = all(
            required and not refeed for position, (required, refeed, _) in enumerate(function.defaults)
            if position in function._explicit
        )  # fmt: skip
        returned = len(function.outputs)
        if (
            not plain
            or function.output_keys is not None
            or function.return_none
            or any(output.borrow for output in function.outputs)
            or any(not hasattr(v.type, "broadcastable") for v in fgraph.outputs)
            or any(container.strict for container in function.input_storage)
            # the entry checks arrays and numbers by itself; what other types take only their filter knows
            or any(not is_array(kind) and not isinstance(kind, Generic) for kind in (fgraph.inputs[k].type for k in function._explicit))
        ):
            return None
        implicit = [k for k in range(len(function.input_storage)) if k not in set(function._explicit)]
        if any(function._lasting[k] for k in function._explicit):
            return None
        return runtime().Entry(  # type: ignore[no-any-return]
            program,
            (*function._explicit, *implicit),
            tuple(function.input_storage[k].storage for k in implicit),
            tuple(range(returned, returned + len(function._updated))),
            tuple(function.input_storage[k].storage for k in function._updated),
            tuple(range(returned)),
            bool(function.unpack_single and returned == 1),
            tuple(function._lock_plan),
            hold,
            release,
        )
