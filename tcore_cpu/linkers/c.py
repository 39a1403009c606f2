"""The linker ``c``: one piece of native code for a whole graph.

A graph without users' C code is one program of the runtime. One with such code is one block of C++: values stay in C variables
from node to node, and a call crosses from Python into C once. Nodes in it that have kernels, and no C code of their own, are
called from the block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from tcore.graph import Constant
from tcore.graph.laziness import is_lazy
from tcore.link import Container, ValueLock
from tcore.link.storage import map_storage
from tcore.scalar.type import Scalar
from tcore.tensor.views_c import ViewC
from tcore_cpu.linkers.cvm import CvmLinker
from tcore_cpu.linkers.entries import is_plain
from tcore_cpu.linkers.nodes import NativeNodes, NoNativeCode, brings_c_code
from tcore_cpu.linkers.thunks import BlockThunk, NodeCall
from tcore_cpu.user_code.block import Block
from tcore_cpu.user_code.methods import has_c_code, has_c_types, text_of
from tcore_cpu.user_code.modules import Loaded, load_block
from tcore_cpu.user_code.steps import CThunk, lock_of

if TYPE_CHECKING:
    from tcore.graph import Apply
    from tcore.link.container import Cell, StorageMap
    from tcore_cpu.compiling.compiler import Unit
    from tcore_cpu.programs.draft import Draft

__all__ = ["CLinker"]

_NO_C_SIDE = "one of its types has no C side"


def _is_cheap(node: Any) -> bool:
    """Whether a node's own C code costs less than a call: it computes numbers from numbers, or shows memory in another form."""
    numbers = all(isinstance(v.type, Scalar) for v in (*node.inputs, *node.outputs))
    return (numbers or isinstance(node.op, ViewC)) and brings_c_code(node, derived=True)


class _UserCode(Exception):
    """The graph needs a block: these nodes bring C code of their own."""

    def __init__(self, nodes: Sequence[Apply]) -> None:
        super().__init__(nodes)
        self.nodes = nodes


class _WholeGraph(CvmLinker):
    """A program of the runtime without steps, but for those that native code calls in rare cases."""

    def _draft(self, fgraph: Any, order: Sequence[Apply], outputs: Sequence[Any]) -> tuple[Draft, Sequence[Unit]]:
        for node in order:
            if is_lazy(node):
                raise NoNativeCode.at(node, "it decides itself which of its inputs are computed")
        draft, units = super()._draft(fgraph, order, outputs)
        called = [step.node for step in draft.steps if not step.spare]
        for node in called:
            if not brings_c_code(node, derived=True):
                raise NoNativeCode.at(node, draft.reasons[node])
        if called:
            raise _UserCode(called)
        return draft, units


class CLinker(NativeNodes):
    """``c``: native code only, for the whole graph. It empties no intermediate values, since it keeps none.

    With a profile, and side by side with other linkers, it works node by node.

    Parameters
    ----------
    allow_gc : bool, optional
        For node by node work; False unless given.
    """

    granularity: str = "segment"  # type: ignore[misc]
    strict = True
    saved_as = "c"

    def __init__(self, allow_gc: bool | None = None, schedule: Callable[[Any], list[Apply]] | None = None) -> None:
        super().__init__(bool(allow_gc), schedule)
        self._forget()

    def _forget(self) -> None:
        self._whole: _WholeGraph | None = None
        self._block: tuple[Block, Loaded, Any] | None = None
        self._making = ValueLock()

    def clone(self, allow_gc: bool | None = None) -> Self:
        twin = super().clone(allow_gc)
        twin._forget()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name not in ("_whole", "_block", "_making")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    # ------------------------------------------------------------ making

    def make_thunk(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> tuple[Any, list[Container], list[Container]]:
        fgraph = self._accepted()
        if self.profile is not None:
            return super().make_thunk(input_storage, output_storage, storage_map)
        order = self.order()
        with self._making:
            if self._block is None:
                try:
                    return self._native(fgraph).make_thunk(input_storage, output_storage, storage_map)
                except _UserCode as found:
                    self._whole = None
                    self._block = self._blocked(order, {*found.nodes, *filter(_is_cheap, order)})
        block, loaded, lock = self._block
        inputs, outputs, storage_map = map_storage(fgraph, order, input_storage, output_storage, storage_map)
        calls = [NodeCall(self._programs[node].program, node).callables() for node in order if node in block.called]  # type: ignore[index]
        for constant in block.given:
            if isinstance(constant, Constant):
                storage_map.setdefault(constant, [constant.data])
        thunk = CThunk(block, loaded, storage_map, calls, lock=lock)
        return (
            BlockThunk(thunk, inputs, outputs, fgraph, storage_map, self.no_recycling, order),
            [Container(variable, cell) for variable, cell in zip(fgraph.inputs, inputs, strict=True)],
            [Container(variable, cell, readonly=True) for variable, cell in zip(fgraph.outputs, outputs, strict=True)],
        )

    def _native(self, fgraph: Any) -> _WholeGraph:
        if self._whole is None:
            self._whole = _WholeGraph(False, lazy=False, schedule=self.schedule)
        if self._whole.fgraph is None:
            self._whole = self._whole.accept(fgraph, self.no_recycling)
        return self._whole

    def _blocked(self, order: Sequence[Apply], own: set[Apply]) -> tuple[Block, Loaded, Any]:
        """The block of the graph, in which ``own`` bring their code and the others are called."""
        fgraph = self._accepted()
        called = [node for node in order if node not in own]
        for node in called:
            if not has_c_types(node, called=True):
                raise NoNativeCode.at(node, _NO_C_SIDE)
        self._programs = self._compile_nodes(called)
        block = Block(fgraph.inputs, fgraph.outputs, order, called, reports=True)
        locks = [lock for node in order if (lock := lock_of(node.op)) is not None]
        return block, load_block(block), locks[0] if locks else None

    def native_entry(self, function: Any) -> Callable[..., Any] | None:
        """That of the program, where the graph is one; else that of the block."""
        if self._whole is not None:
            return self._whole.native_entry(function)
        if self._block is None or not is_plain(function, self._accepted()):
            return None
        return function.fn.entry(function)  # type: ignore[no-any-return]

    def code_gen(self) -> str:
        """The C++ text of the accepted graph as one block, which computes what has C code and calls the kernels of other nodes.

        Raises
        ------
        NoNativeCode
            If a node has values that are nothing in C.
        """
        fgraph, order = self._accepted(), self.order()
        called = [node for node in order if not has_c_code(node, derived=True)]
        for node in called:
            if not has_c_types(node, called=True):
                raise NoNativeCode.at(node, _NO_C_SIDE)
        return text_of(Block(fgraph.inputs, fgraph.outputs, order, called, reports=True)).source

    # ------------------------------------------------------------ pickles

    def save(self) -> tuple[str, dict[str, Any]] | None:
        """As the linker ``cvm`` does, where the graph is a program of the runtime."""
        saved = None if self._whole is None else self._whole.save()
        if saved is None:
            return super().save() if self._block is None else None
        return saved[0], {**saved[1], "linker": self.saved_as}

    def restore(self, saved: dict[str, Any]) -> None:
        """Take the program that :meth:`save` told."""
        self._whole = _WholeGraph(False, lazy=False, schedule=self.schedule)
        self._whole.restore(saved)

    # ------------------------------------------------------------ explanations

    def explain_node(self, node: Apply) -> str:
        """``C`` for a node with code of its own in the block; else as :meth:`CvmLinker.explain_node`."""
        if self._whole is not None:
            return self._whole.explain_node(node)
        return "C" if self._block is not None and node not in self._block[0].called else super().explain_node(node)

    def explain_reason(self, node: Apply) -> str:
        """Empty: nothing runs in Python."""
        return ""

    def explain_kernels(self) -> list[tuple[tuple[Apply, ...], str]]:
        """The nodes of each kernel and where its code came from."""
        return super().explain_kernels() if self._whole is None else self._whole.explain_kernels()

    def explain_copies(self) -> tuple[int, ...]:
        """As for :meth:`CvmLinker.explain_copies`."""
        return self._whole.explain_copies() if self._whole is not None else ()

    @property
    def reasons(self) -> Mapping[Apply, str]:
        """Why nodes run in Python: none does."""
        return {}
