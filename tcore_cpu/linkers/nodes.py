"""Linkers that go node by node: ``c|py``, and what runs single nodes for the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tcore.codegen.tables import lowering_table
from tcore.graph import FunctionGraph
from tcore.graph.laziness import is_lazy
from tcore.link import Container, VMLinker
from tcore.link.linker import LocalLinker
from tcore_cpu.kernels.lowerings import lowerings
from tcore_cpu.kernels.printer import UnitPrinter
from tcore_cpu.linkers.base import CpuLinker, ran_by
from tcore_cpu.linkers.thunks import NodeCall, NodeThunk, operands_of
from tcore_cpu.programs.draft import Draft
from tcore_cpu.programs.drafting import UNIT_BODIES, native_forms
from tcore_cpu.programs.error_reports import BareErrors
from tcore_cpu.programs.linking import Linked, load_bodies, make_program
from tcore_cpu.programs.program import build
from tcore_cpu.user_code.block import Block
from tcore_cpu.user_code.methods import has_c_code
from tcore_cpu.user_code.modules import Loaded, load_block, objection
from tcore_cpu.user_code.steps import CThunk, lock_of, prepare

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable
    from tcore.link.container import Cell, StorageMap

__all__ = ["CPyLinker", "NativeNodes", "NativeVM", "NoNativeCode", "brings_c_code", "call_of", "refusal_of"]


class NoNativeCode(NotImplementedError):
    """The linker ``c`` met a node that runs in Python only; the message names the node and the reason."""

    @classmethod
    def at(cls, node: Any, reason: str) -> NoNativeCode:
        """The error for a node."""
        return cls(f"the linker 'c' runs native code only, and {node} has none: {reason}; use 'c|py' or 'cvm'")


def brings_c_code(node: Any, derived: bool = False) -> bool:
    """Whether a node runs C code here: it has some, and it can be compiled; ``derived`` as for :func:`has_c_code`."""
    prepare(node)
    return has_c_code(node, derived) and objection() is None


def refusal_of(node: Any) -> str:
    """Why a node by itself has no native code that never calls Python; empty where it has."""
    draft, _ = _draft_alone(node)
    if all(step.spare for step in draft.steps):
        return ""
    return draft.reasons.get(node, "its op has no native form")


def call_of(node: Any) -> NodeCall:
    """The native code of a node by itself. Errors are as ``perform`` raises them, without a report on the node."""
    draft, printer = _draft_alone(node)
    bodies = load_bodies(printer.units(UNIT_BODIES))
    fgraph = FunctionGraph(operands_of(node), node.outputs, clone=False)
    return NodeCall(make_program(draft, bodies, fgraph, operands_of(node), BareErrors).program, node)


def _draft_alone(node: Any) -> tuple[Draft, UnitPrinter]:
    printer = UnitPrinter()
    table = lowering_table([node], operands_of(node), backends=("cpu",))
    return build(operands_of(node), [node], node.outputs, table, printer, native_forms([node]), granularity="node"), printer


class NativeNodes(CpuLinker, LocalLinker):
    """Node by node, natively where that is possible."""

    #: whether nodes without native code are an error
    strict: ClassVar[bool] = False
    #: what was compiled for the accepted graph: it serves every frame
    _programs: dict[Apply, Linked] | None = None
    #: users' C code among it, and who may run it when
    _own: Mapping[Apply, tuple[Block, Loaded, Any]] = MappingProxyType({})
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
        table = lowerings(fgraph)
        native = native_forms(order)
        printer = UnitPrinter()
        drafts: dict[Apply, Draft] = {}
        self._reasons: dict[Apply, str] = {}
        own: list[Apply] = []
        for node in order:
            if is_lazy(node):
                self._without(node, "it decides itself which of its inputs are computed")
                continue
            operands = operands_of(node)
            draft = build(operands, [node], node.outputs, table, printer, native, granularity="node")
            if all(step.spare for step in draft.steps):
                drafts[node] = draft
            elif brings_c_code(node):
                own.append(node)
            else:
                self._without(node, draft.reasons.get(node, "it has no native code"))
        self._own = {node: (block := Block.of(node), load_block(block), lock_of(node.op)) for node in own}
        self._units = printer.units(UNIT_BODIES)
        bodies = load_bodies(self._units)
        return {node: make_program(draft, bodies, fgraph) for node, draft in drafts.items()}

    def serve(self, nodes: Sequence[Apply]) -> None:
        """Compile these nodes of the accepted graph and no others: another linker runs the rest, and asks for thunks."""
        self._programs = self._compile_nodes(nodes)

    def native_thunk(self, node: Apply, storage_map: StorageMap, compute_map: dict[Variable, list[int]]) -> Any:
        """A thunk of a node of :meth:`serve`; None where it has no native code."""
        if node in self._own or node in (self._programs or {}):
            return self._make_node_thunk(node, storage_map, compute_map)
        return None

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
        return "Python" if linked is None else ran_by(node, linked)

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
        operands = operands_of(node)
        return NodeThunk(linked.program, node, operands, storage_map, compute_map)


class CPyLinker(NativeNodes):
    """``c|py``: node by node, native code where there is some, ``perform`` elsewhere."""


class NativeVM(NativeNodes, VMLinker):
    """The virtual machine over native nodes: lazy graphs and granularity ``node``."""

    saved_as = "cvm"
