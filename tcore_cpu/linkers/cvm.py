"""The linker ``cvm``: from an optimized graph to one native program.

Where a graph has lazy ops, or each node must be looked at, it makes one program per node (:mod:`tcore_cpu.linkers.nodes`) and
lets the virtual machine run them. The linker ``c`` is in :mod:`tcore_cpu.linkers.c`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tcore.graph.laziness import is_lazy
from tcore.graph.traversal import io_toposort
from tcore.link import Container, ValueLock
from tcore.link.storage import map_storage
from tcore_cpu.compiling.compiler import Unit
from tcore_cpu.linkers.base import CpuLinker, ran_by
from tcore_cpu.linkers.entries import is_plain, program_entry
from tcore_cpu.linkers.thunks import SegmentThunk
from tcore_cpu.programs.draft import Draft, decode, encode
from tcore_cpu.programs.linking import Linked, load_bodies, make_program
from tcore_cpu.runtime.loading import load_blas, load_lapack
from tcore_cpu.runtime.wanted import wants_blas, wants_lapack

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable
    from tcore.link.container import Cell, StorageMap
    from tcore.link.memory import Stay
    from tcore.link.work import Work
    from tcore_cpu.linkers.lazy import LazyPrograms
    from tcore_cpu.linkers.nodes import NativeVM

__all__ = ["CvmLinker"]


class CvmLinker(CpuLinker):
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
        self._linked: Linked | None = None
        self._units: Sequence[Unit] = ()
        self._machine: NativeVM | LazyPrograms | None = None
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
                    self._machine = self._make_machine(fgraph)
                return self._machine.make_thunk(input_storage, output_storage, storage_map)  # type: ignore[no-any-return]
        order = self.order()
        inputs, outputs, storage_map = map_storage(fgraph, order, input_storage, output_storage, storage_map)
        linked = self._compiled(fgraph, order)
        own = {} if self.allow_gc else linked.draft.intermediate
        thunk = SegmentThunk(linked.program, inputs, outputs, fgraph, storage_map, self.allow_gc, self._partial, own)
        return (
            thunk,
            [Container(variable, cell) for variable, cell in zip(fgraph.inputs, inputs, strict=True)],
            [Container(variable, cell, readonly=True) for variable, cell in zip(fgraph.outputs, outputs, strict=True)],
        )

    def _make_machine(self, fgraph: Any) -> NativeVM | LazyPrograms:
        """What runs nodes as they are needed: programs of several, where nobody looks at single nodes and their values."""
        from tcore_cpu.linkers.lazy import LazyPrograms  # and with it all that lowers and prints
        from tcore_cpu.linkers.nodes import NativeVM

        order = self.order()
        if self.allow_gc and self.granularity != "node" and self.profile is None and any(map(is_lazy, order)):
            regions = LazyPrograms.serves(fgraph, order)
            if regions is not None:
                programs = LazyPrograms(self.allow_gc, self.schedule).accept(fgraph, self.no_recycling)
                programs.compile(regions)
                return programs
        return NativeVM(self.allow_gc, self.lazy, self.schedule).accept(fgraph, self.no_recycling, self.profile)

    def _compiled(self, fgraph: Any, order: Sequence[Apply]) -> Linked:
        """The program, compiled once: it owns a frame for each call in progress."""
        with self._lock:
            if self._linked is None:
                saved, self._saved = self._saved, None
                # the program of a pickle may call what this process lacks
                libraries = (not wants_blas(order) or load_blas()) and (not wants_lapack(order) or load_lapack())
                found = decode(saved, fgraph) if saved is not None and libraries else None
                draft, self._units = found or self._draft(fgraph, order, fgraph.outputs)
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

    def _draft(self, fgraph: Any, order: Sequence[Apply], outputs: Sequence[Variable]) -> tuple[Draft, Sequence[Unit]]:
        from tcore_cpu.programs.drafting import draft_graph, native_forms  # a program that is loaded was drafted before

        return draft_graph(fgraph, order, outputs, native_forms(order), share=self.allow_gc)

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
    def units(self) -> Sequence[Unit]:
        """The C code of its kernels, once there is a thunk."""
        return self._units if self._machine is None else self._machine.units

    @property
    def reasons(self) -> Mapping[Apply, str]:
        """Why nodes run in Python."""
        return self._linked.draft.reasons if self._linked is not None else {}

    @property
    def kernels(self) -> int:
        """How many kernels the program has."""
        return len(self._linked.draft.kernels) if self._linked is not None else 0

    def explain_node(self, node: Apply) -> str:
        """``kernel``, ``BLAS``, ``LAPACK``, ``view`` or ``native`` code; ``C`` where an op brings its own; ``Python`` where it has none."""
        if self._linked is None:
            return "Python" if self._machine is None else self._machine.explain_node(node)
        return ran_by(node, self._linked)

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

    def explain_memory(self) -> tuple[Sequence[tuple[Apply, ...]], Sequence[Stay]] | None:
        """The steps of the program and the memory of its values; None where nodes run one by one."""
        return None if self._linked is None else (self._linked.draft.order, self._linked.draft.stays)

    def lengths_of_work(self, work: Work, lengths_of: Callable[[Variable], Sequence[int | str]]) -> tuple[int | str, ...] | None:
        """The lengths of memory whose size the runtime decides, given those of values; None where there is none of it."""
        # for a report that few programs ask for, what only compiling needs
        from tcore.configuration import config
        from tcore_cpu.programs.epilogues import lengths_of_blocks
        from tcore_cpu.runtime.blas import find_blas
        from tcore_cpu.runtime.loading import runtime

        found = find_blas()
        threads = runtime().set_threads(config.threads) if found is not None and found.threads is not None else 1
        return lengths_of_blocks(work, lengths_of, threads)

    def explain_scratch(self) -> tuple[str, ...]:
        """What kernels have for the time of a launch, and linear algebra for that of a call of LAPACK."""
        if self._linked is None:
            return ()
        kernels, found = self._linked.draft.kernels, []
        tiles, row = max((kernel.tiles for kernel in kernels), default=0), max((kernel.row for kernel in kernels), default=0)
        if tiles:
            rows = f", and {row} B for each element of a reduced row" if row else ""
            found.append(f"inside of kernels: at most {tiles / 1000:.3g} KB for each thread{rows}")
        if any(stay.work is not None and stay.work.what == "blocks" for stay in self._linked.draft.stays):
            found.append("between a product and the kernel behind it: of a product of 2 MB and more only blocks of rows, at most 8 MB or 128 rows for each thread")
        if any(ran_by(node, self._linked) == "LAPACK" for nodes in self._linked.draft.order for node in nodes):
            found.append("inside of linear algebra: for each thread a copy of the matrices that a node reads and makes, and LAPACK's workspace")
        return tuple(found)

    def explain_copies(self) -> tuple[int, ...]:
        """By input, how often the program copied its value because it may not be overwritten where it is."""
        return self._linked.program.copies() if self._linked is not None else ()  # type: ignore[no-any-return]

    def native_entry(self, function: Any) -> Callable[..., Any] | None:
        """The fast way to call ``function``: None where its calls need more than positions and storage."""
        if not is_plain(function, self._accepted()):
            return None
        if self._machine is not None:
            enter = getattr(function.fn, "entry", None)  # a machine's thunk has one; that of a VM does not
            return None if enter is None else enter(function)  # type: ignore[no-any-return]
        return None if self._linked is None else program_entry(self._linked.program, function)
