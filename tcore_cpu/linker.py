"""The linkers ``cvm`` and ``c|py``: from an optimized graph to native programs.

``cvm`` compiles whole graphs (granularity ``segment``); where a graph has lazy ops, or each node must be looked at, it
makes one program per node and lets the virtual machine run them. ``c|py`` always works node by node. The linker ``c`` is in
:mod:`tcore_cpu.c_linker`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tcore.codegen.tables import lowering_table
from tcore.graph import Constant, Generic
from tcore.graph.traversal import io_toposort
from tcore.link import Container, Linker, ValueLock, VMLinker
from tcore.link.linker import LocalLinker
from tcore.link.locks import hold, release
from tcore.link.storage import map_storage
from tcore.scalar.type import Scalar
from tcore_cpu.c_steps import CThunk, Loaded, load_block, lock_of, objection, prepare
from tcore_cpu.compiler import Unit
from tcore_cpu.draft import Draft, decode, encode
from tcore_cpu.export import export_function
from tcore_cpu.linking import Linked, load_bodies, make_program
from tcore_cpu.native_steps import native_steps
from tcore_cpu.printer import UnitPrinter
from tcore_cpu.program import build, is_array
from tcore_cpu.runtime import load_blas, runtime
from tcore_cpu.thunks import NodeThunk, SegmentThunk
from tcore_cpu.user_block import Block
from tcore_cpu.user_code import has_c_code

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from tcore.codegen.lowering import LoweringTable
    from tcore.graph import Apply, Variable
    from tcore.link.container import Cell, StorageMap

__all__ = ["CPyLinker", "CvmLinker", "NativeNodes", "NoNativeCode"]

_UNIT_BODIES = 24
_BLAS_MODULES = ("tcore.tensor.blas", "tcore.tensor.dot")


class NoNativeCode(NotImplementedError):
    """The linker ``c`` met a node that runs in Python only; the message names the node and the reason."""

    @classmethod
    def at(cls, node: Any, reason: str) -> NoNativeCode:
        """The error for a node."""
        return cls(f"the linker 'c' runs native code only, and {node} has none: {reason}; use 'c|py' or 'cvm'")


def is_lazy(node: Any) -> bool:
    """Whether a node decides itself which of its inputs are computed."""
    return bool(getattr(node.op, "lazy_inputs", ()) or getattr(node.op, "lazy", False))


def brings_c_code(node: Any) -> bool:
    """Whether a node runs a user's C code here: it has some, and it can be compiled."""
    prepare(node)
    return has_c_code(node) and objection() is None


def _wants_blas(nodes: Sequence[Any]) -> bool:
    return any(type(node.op).__module__ in _BLAS_MODULES for node in nodes)


def _lowerings(fgraph: Any) -> LoweringTable:
    return lowering_table(fgraph.apply_nodes, fgraph.inputs, backends=("cpu",))


def _where(node: Apply, linked: Linked) -> str:
    """What runs a node of a program, in a word."""
    step = linked.runs_on.get(node)
    if step is not None:
        return step
    if any(node in kernel.nodes for kernel in linked.draft.kernels):
        return "kernel"
    if type(node.op).__module__ in _BLAS_MODULES:
        return "BLAS"
    return "view" if getattr(node.op, "view_map", None) else "native"


class NativeNodes(LocalLinker):
    """Node by node, natively where that is possible."""

    backend_name: ClassVar[str] = "cpu"
    #: whether nodes without native code are an error
    strict: ClassVar[bool] = False
    #: what was compiled for the accepted graph: it serves every frame
    _programs: dict[Apply, Linked] | None = None
    #: users' C code among it, and who may run it when
    _own: Mapping[Apply, tuple[Block, Loaded, Any]] = MappingProxyType({})
    _units: Sequence[Unit] = ()
    #: the name of the linker that stands in pickles
    saved_as: ClassVar[str] = "c|py"

    def make_all(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> tuple[Any, list[Container], list[Container], list[Any], list[Apply]]:
        if self._programs is None:
            self._programs = self._compile_nodes(self.order())
        return super().make_all(input_storage, output_storage, storage_map)

    def clone(self, allow_gc: bool | None = None) -> Self:
        twin = super().clone(allow_gc)
        twin._programs, twin._own = None, {}
        return twin

    def __getstate__(self) -> dict[str, Any]:
        state = {**super().__getstate__(), "_programs": None, "_units": (), "_own": {}}
        state.pop("_reasons", None)
        return state

    def _compile_nodes(self, order: Sequence[Apply]) -> dict[Apply, Any]:
        """Programs of the nodes that have native code, all kernels in one go; users' C code goes to ``_own``."""
        fgraph = self._accepted()
        table = _lowerings(fgraph)
        native = native_steps(blas=_wants_blas(order) and load_blas())
        printer = UnitPrinter()
        drafts: dict[Apply, Draft] = {}
        self._reasons: dict[Apply, str] = {}
        own: list[Apply] = []
        for node in order:
            if is_lazy(node):
                self._without(node, "it decides itself which of its inputs are computed")
                continue
            operands = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant)]
            draft = build(operands, [node], node.outputs, table, printer, native, granularity="node")
            if not draft.steps:
                drafts[node] = draft
            elif brings_c_code(node):
                own.append(node)
            else:
                self._without(node, draft.reasons.get(node, "it has no native code"))
        self._own = {node: (block := Block.of(node), load_block(block), lock_of(node.op)) for node in own}
        self._units = printer.units(_UNIT_BODIES)
        bodies = load_bodies(self._units)
        return {node: make_program(draft, bodies, fgraph) for node, draft in drafts.items()}

    def _without(self, node: Apply, reason: str) -> None:
        """A node has no native code."""
        self._reasons[node] = reason
        if self.strict:
            raise NoNativeCode.at(node, reason)

    def explain_node(self, node: Apply) -> str:
        """``kernel`` for native code of its own, else as :meth:`CvmLinker.explain_node`."""
        if node in self._own:
            return "C"
        linked = (self._programs or {}).get(node)
        return "Python" if linked is None else _where(node, linked)

    def explain_reason(self, node: Apply) -> str:
        """Why a node runs in Python; empty where it does not."""
        if node in (self._programs or {}) or node in self._own:
            return ""
        return self._reasons.get(node, "its op has no native form")

    def explain_kernels(self) -> list[tuple[tuple[Apply, ...], str]]:
        """The nodes of each kernel and where its code came from."""
        return [
            (kernel.nodes, linked.bodies.origin(kernel.bodies))
            for linked in (self._programs or {}).values() for kernel in linked.draft.kernels
        ]  # fmt: skip

    def export(self, function: Any, path: str | os.PathLike[str], **options: Any) -> list[Path]:
        """Write a shared library, a C header and a Python loader; see :func:`tcore_cpu.export.export_function`."""
        return export_function(function, self._accepted(), self.order(), path, **options)

    def save(self) -> tuple[str, dict[str, Any]] | None:
        """For pickles: which linker this is, and the kernels that it needs."""
        modules = [loaded.key for _, loaded, _ in self._own.values()]
        if self._programs is None or "" in modules:
            return None
        return "cpu", {"linker": self.saved_as, "keys": [*(unit.key for unit in self._units), *modules], "program": None}

    def _make_node_thunk(self, node: Apply, storage_map: StorageMap, compute_map: dict[Variable, list[int]]) -> Any:
        if node in self._own:
            block, loaded, lock = self._own[node]
            return CThunk(block, loaded, storage_map, flags=[compute_map[v] for v in node.outputs], lock=lock)
        linked = (self._programs or {}).get(node)
        if linked is None:
            return super()._make_node_thunk(node, storage_map, compute_map)
        operands = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant)]
        return NodeThunk(linked.program, node, operands, storage_map, compute_map)


class CPyLinker(NativeNodes):
    """``c|py``: node by node, native code where there is some, ``perform`` elsewhere."""


class _NativeVM(NativeNodes, VMLinker):
    """The virtual machine over native nodes: lazy graphs and granularity ``node``."""

    saved_as = "cvm"


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

    backend_name: ClassVar[str] = "cpu"
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
        self._linked: Linked | None = None
        self._units: Sequence[Unit] = ()
        self._machine: _NativeVM | None = None
        #: positions of outputs -> the program that computes nothing else
        self._partials: dict[tuple[int, ...], Linked] = {}
        #: what a pickle told of the program, until it is made
        self._saved: dict[str, Any] | None = None
        self._lock = ValueLock()

    def _forget(self) -> None:
        self._linked = self._machine = self._saved = None
        self._units = ()
        self._partials = {}
        self._lock = ValueLock()

    def __getstate__(self) -> dict[str, Any]:
        own = ("_linked", "_units", "_machine", "_partials", "_saved", "_lock")
        return {name: value for name, value in super().__getstate__().items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def clone(self, allow_gc: bool | None = None) -> CvmLinker:
        twin = super().clone(allow_gc)
        twin._forget()
        return twin

    def _by_node(self) -> bool:
        if self.granularity == "node" or self.profile is not None or self.lazy:
            return True
        fgraph = self._accepted()
        return self.lazy is None and any(map(is_lazy, fgraph.apply_nodes))

    def make_thunk(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> tuple[Any, list[Container], list[Container]]:
        fgraph = self._accepted()
        if self._by_node():
            with self._lock:
                if self._machine is None:
                    machine = _NativeVM(self.allow_gc, self.lazy, self.schedule)
                    self._machine = machine.accept(fgraph, self.no_recycling, self.profile)
                return self._machine.make_thunk(input_storage, output_storage, storage_map)  # type: ignore[no-any-return]
        order = self.order()
        inputs, outputs, storage_map = map_storage(fgraph, order, input_storage, output_storage, storage_map)
        program = self._compiled(fgraph, order).program
        thunk = SegmentThunk(program, inputs, outputs, fgraph, storage_map, self.allow_gc, self._partial)
        return (
            thunk,
            [Container(variable, cell) for variable, cell in zip(fgraph.inputs, inputs, strict=True)],
            [Container(variable, cell, readonly=True) for variable, cell in zip(fgraph.outputs, outputs, strict=True)],
        )

    def _compiled(self, fgraph: Any, order: Sequence[Apply]) -> Linked:
        """The program, compiled once: it owns a frame for each call in progress."""
        with self._lock:
            if self._linked is None:
                saved, self._saved = self._saved, None
                found = decode(saved, fgraph, order) if saved is not None else None
                draft, self._units = found or self._draft(fgraph, order, fgraph.outputs)
                if _wants_blas(order):
                    load_blas()
                self._linked = make_program(draft, load_bodies(self._units), fgraph)
            return self._linked

    def _partial(self, positions: tuple[int, ...]) -> Any:
        """The program that computes the outputs at ``positions`` alone."""
        fgraph = self._accepted()
        with self._lock:
            linked = self._partials.get(positions)
            if linked is None:
                outputs = [fgraph.outputs[k] for k in positions]
                needed = set(io_toposort(fgraph.inputs, outputs))
                draft, units = self._draft(fgraph, [node for node in self.order() if node in needed], outputs)
                linked = self._partials[positions] = make_program(draft, load_bodies(units), fgraph)
            return linked.program

    def _draft(
        self, fgraph: Any, order: Sequence[Apply], outputs: Sequence[Variable]
    ) -> tuple[Draft, Sequence[Unit]]:
        printer = UnitPrinter()
        native = native_steps(blas=_wants_blas(order) and load_blas())
        orderings = fgraph.orderings() if hasattr(fgraph, "orderings") else {}
        draft = build(fgraph.inputs, order, outputs, _lowerings(fgraph), printer, native, orderings=orderings)
        return draft, printer.units(_UNIT_BODIES)

    def export(self, function: Any, path: str | os.PathLike[str], **options: Any) -> list[Path]:
        """Write a shared library, a C header and a Python loader; see :func:`tcore_cpu.export.export_function`."""
        return export_function(function, self._accepted(), self.order(), path, **options)

    # ------------------------------------------------------------ pickles

    def save(self) -> tuple[str, dict[str, Any]] | None:
        """For pickles: the name of the backend, and plain data from which :meth:`restore` makes this linker.

        None where there is no program, or one with users' code that must not be kept.
        """
        if self._machine is not None and self.granularity == "segment":
            return self._machine.save()
        linked = self._linked
        if linked is None or self.granularity == "node" or any(key == "" for key, _ in linked.modules.values()):
            return None
        keys = {node: key for node, (key, _) in linked.modules.items()}
        return "cpu", {
            "linker": "cvm" if self.allow_gc else "cvm_nogc",
            "keys": [*(unit.key for unit in self._units), *keys.values()],
            "program": encode(linked.draft, self._units, self._accepted(), keys),
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Take the program that :meth:`save` told, instead of making one from the graph."""
        self._saved = saved["program"]

    # ------------------------------------------------------------ explanations

    @property
    def reasons(self) -> Mapping[Apply, str]:
        """Why nodes run in Python."""
        return self._linked.draft.reasons if self._linked is not None else {}

    @property
    def kernels(self) -> int:
        """How many kernels the program has."""
        return len(self._linked.draft.kernels) if self._linked is not None else 0

    def explain_node(self, node: Apply) -> str:
        """``kernel``, ``BLAS``, ``view`` or ``native`` code; ``C`` where an op brings its own; ``Python`` where it has none."""
        if self._linked is None:
            return "Python" if self._machine is None else self._machine.explain_node(node)
        return _where(node, self._linked)

    def explain_reason(self, node: Apply) -> str:
        """Why a node runs in Python; empty where it does not."""
        if self._linked is None:
            return "" if self._machine is None else self._machine.explain_reason(node)
        return self.reasons.get(node, "") if self._linked.runs_on.get(node) == "Python" else ""

    def explain_kernels(self) -> list[tuple[tuple[Apply, ...], str]]:
        """The nodes of each kernel and where its code came from."""
        if self._linked is None:
            return [] if self._machine is None else self._machine.explain_kernels()
        linked = self._linked
        return [(kernel.nodes, linked.bodies.origin(kernel.bodies)) for kernel in linked.draft.kernels]

    def explain_copies(self) -> tuple[int, ...]:
        """By input, how often the program copied its value because it may not be overwritten where it is."""
        return self._linked.program.copies() if self._linked is not None else ()  # type: ignore[no-any-return]

    def native_entry(self, function: Any) -> Callable[..., Any] | None:
        """The fast way to call ``function``: None where its calls need more than positions and storage."""
        if self._linked is None or self._by_node():
            return None
        program = self._linked.program
        fgraph = self._accepted()
        plain = all(
            required and not refeed for position, (required, refeed, _) in enumerate(function.defaults)
            if position in function._explicit
        )  # fmt: skip
        returned = len(function.outputs)
        if (
            not plain
            or function.output_keys is not None
            or any(output.borrow for output in function.outputs)
            or any(isinstance(v.type, Scalar) or not hasattr(v.type, "broadcastable") for v in fgraph.outputs)
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
