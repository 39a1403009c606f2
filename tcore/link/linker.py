"""Linkers: from an optimized graph to something that runs.

A linker accepts a :class:`FunctionGraph` and makes a *thunk*, a callable without arguments, and the containers that it
reads its inputs from and leaves its outputs in. :class:`PerformLinker` runs ``Op.perform`` node by node;
:class:`WrapLinker` runs several linkers side by side under the eyes of a callback.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tcore.configuration import config
from tcore.graph import Variable
from tcore.link.container import Cell, Container, StorageMap
from tcore.link.export import ExportError
from tcore.link.locks import ValueLock
from tcore.link.program import Program
from tcore.link.storage import gc_schedule, map_storage

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tcore.graph import Apply
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["Linker", "LocalLinker", "PerformLinker", "WrapLinker"]

Linked = tuple[Any, list[Container], list[Container]]


class Linker:
    """Base of all linkers.

    Attributes
    ----------
    allow_gc : bool
        Whether intermediate values are dropped during a call, as soon as nobody needs them.
    granularity : {"node", "segment"}
        Whether the linker runs one thunk for each node (so that the results of each can be looked at), or larger parts.
    """

    granularity: ClassVar[str] = "node"
    allow_gc: bool
    fgraph: FunctionGraph | None = None
    no_recycling: Sequence[Variable] = ()
    _kept_by_callers: frozenset[Variable] = frozenset()
    profile: Any = None
    schedule: Callable[[FunctionGraph], list[Apply]] | None

    def __init__(
        self, allow_gc: bool | None = None, schedule: Callable[[FunctionGraph], list[Apply]] | None = None
    ) -> None:
        self.allow_gc = config.allow_gc if allow_gc is None else allow_gc
        self.schedule = schedule

    def clone(self, allow_gc: bool | None = None) -> Self:
        """A linker of the same kind that has accepted nothing yet."""
        twin = copy(self)
        twin.fgraph = None
        twin.no_recycling = ()
        twin._kept_by_callers = frozenset()
        if allow_gc is not None:
            twin.allow_gc = allow_gc
        return twin

    def accept(self, fgraph: FunctionGraph, no_recycling: Iterable[Variable] = (), profile: Any = None) -> Self:
        """A linker for ``fgraph``: this one, or a clone if it serves another graph already.

        Parameters
        ----------
        fgraph : FunctionGraph
        no_recycling : iterable of Variable
            Variables whose value from the last call must not be reused as memory: callers hold it.
        profile : object, optional
            Collects times.
        """
        if self.fgraph is not None and self.fgraph is not fgraph:
            return self.clone().accept(fgraph, no_recycling, profile)
        self.fgraph = fgraph
        self.no_recycling = tuple(no_recycling)
        self._kept_by_callers = frozenset(self.no_recycling)
        self.profile = profile
        return self

    def order(self) -> list[Apply]:
        """The nodes of the accepted graph in the order in which they run."""
        fgraph = self._accepted()
        return list(self.schedule(fgraph)) if self.schedule is not None else fgraph.toposort()

    def _accepted(self) -> FunctionGraph:
        if self.fgraph is None:
            raise RuntimeError(f"{type(self).__name__} has accepted no graph: call accept(fgraph) first")
        return self.fgraph

    def make_thunk(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> Linked:
        """The thunk of the accepted graph, and the containers of its inputs and outputs.

        Parameters
        ----------
        input_storage, output_storage : list of cells or Containers, optional
            Cells to use instead of new ones.
        storage_map : dict from Variable to cell, optional
            Cells of further variables.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no make_thunk")

    def make_function(self, unpack_single: bool = True) -> Callable[..., Any]:
        """A Python function of the accepted graph: as many arguments as inputs, a list of outputs.

        Parameters
        ----------
        unpack_single : bool
            Return the only output itself instead of a list of one.
        """
        thunk, inputs, outputs = self.make_thunk()

        def execute(*args: Any) -> Any:
            if len(args) != len(inputs):
                raise TypeError(f"got {len(args)} arguments for {len(inputs)} inputs")
            for container, value in zip(inputs, args, strict=True):
                container.value = value
            thunk()
            results = [container.value for container in outputs]
            return results[0] if unpack_single and len(results) == 1 else results

        execute.thunk = thunk  # type: ignore[attr-defined]
        execute.inputs = inputs  # type: ignore[attr-defined]
        execute.outputs = outputs  # type: ignore[attr-defined]
        return execute

    def native_entry(self, function: Any) -> Callable[..., Any] | None:
        """A fast way to call ``function`` with positional arguments, or None.

        The entry returns the final result in the function's return form, or ``NotImplemented`` before it had any effect
        when an argument needs the general path.
        """
        return None

    def export(self, function: Any, path: str | os.PathLike[str], **options: Any) -> list[Path]:
        """Write ``function`` as files that need neither tcore nor Python, named after ``path``; the files.

        Raises
        ------
        ExportError
            If this linker writes no code that stands alone, or the function has parts that cannot.
        """
        raise ExportError(
            f"{type(self).__name__} runs functions inside this process and cannot export them: compile the function with the CPU "
            "backend (package tcore-cpu and a C compiler, flag backend=cpu, a mode with the linker cvm, such as FAST_RUN)"
        )

    def save(self) -> tuple[str, dict[str, Any]] | None:
        """For pickles of functions: the name of a backend, and what its ``restore`` makes this linker of; or None.

        The data are plain (no class of the backend), so that the pickle can be loaded where the backend is missing.
        """
        return None

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["fgraph"] = None
        state["no_recycling"] = ()
        state["_kept_by_callers"] = frozenset()
        return state


class LocalLinker(Linker):
    """Base of linkers that run one thunk per node."""

    #: what :meth:`Op.make_thunk` is asked for: "py" insists on perform, None leaves the choice
    impl: ClassVar[str | None] = None

    def make_thunk(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> Linked:
        program, inputs, outputs, _, _ = self.make_all(input_storage, output_storage, storage_map)
        return program, inputs, outputs

    def make_all(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> tuple[Any, list[Container], list[Container], list[Any], list[Apply]]:
        """As :meth:`make_thunk`, with the thunks and the nodes they compute."""
        fgraph = self._accepted()
        order = self.order()
        inputs, outputs, storage_map = map_storage(fgraph, order, input_storage, output_storage, storage_map)
        compute_map: dict[Variable, list[int]] = {
            variable: [variable.owner is None] for variable in storage_map
        }
        for variable in (*fgraph.inputs, *fgraph.outputs):
            compute_map.setdefault(variable, [variable.owner is None])
        thunks = [self._make_node_thunk(node, storage_map, compute_map) for node in order]
        program = self._assemble(fgraph, order, thunks, storage_map, compute_map)
        return (
            program,
            [Container(variable, cell) for variable, cell in zip(fgraph.inputs, inputs, strict=True)],
            [Container(variable, cell, readonly=True) for variable, cell in zip(fgraph.outputs, outputs, strict=True)],
            thunks,
            order,
        )

    def _make_node_thunk(
        self, node: Apply, storage_map: StorageMap, compute_map: dict[Variable, list[int]]
    ) -> Callable[[], Any]:
        recycling = [variable for variable in node.outputs if variable in self._kept_by_callers]
        try:
            thunk = node.op.make_thunk(node, storage_map, compute_map, recycling, impl=self.impl)
        except Exception as error:
            error.add_note(f"while making code for {node}")
            raise
        if getattr(node.op, "thread_safe", True):
            return thunk  # type: ignore[no-any-return]
        return _one_at_a_time(thunk, node)

    def _assemble(
        self,
        fgraph: FunctionGraph,
        order: list[Apply],
        thunks: list[Callable[[], Any]],
        storage_map: StorageMap,
        compute_map: dict[Variable, list[int]],
    ) -> Any:
        to_empty = gc_schedule(fgraph, order, storage_map) if self.allow_gc else None
        fresh = [storage_map[variable] for variable in self.no_recycling if variable.owner is not None]
        return Program(fgraph, order, thunks, storage_map, compute_map, to_empty, fresh, self.profile)


def _one_at_a_time(thunk: Callable[[], Any], node: Apply) -> Callable[[], Any]:
    """``thunk`` behind a lock that all frames of its node share."""
    lock: ValueLock = node.tag.__dict__.setdefault("run_lock", ValueLock())

    def guarded() -> Any:
        with lock:
            return thunk()

    guarded.inputs = thunk.inputs  # type: ignore[attr-defined]
    guarded.outputs = thunk.outputs  # type: ignore[attr-defined]
    guarded.lazy = getattr(thunk, "lazy", False)  # type: ignore[attr-defined]
    return guarded


class PerformLinker(LocalLinker):
    """Runs ``Op.perform``, node by node: the reference, named ``py``. Both branches of a lazy op are computed."""

    impl: ClassVar[str | None] = "py"


class WrapLinker(Linker):
    """Runs several node-by-node linkers over one graph in step, and a callback at each node.

    Parameters
    ----------
    linkers : list of LocalLinker
    wrapper : callable
        Called as ``wrapper(i, node, *thunks)`` at the ``i``-th node; runs the thunks, one per linker, as it likes.
    """

    def __init__(self, linkers: Sequence[LocalLinker], wrapper: Callable[..., Any]) -> None:
        super().__init__(allow_gc=linkers[0].allow_gc if linkers else None)
        self.linkers = list(linkers)
        self.wrapper = wrapper

    def clone(self, allow_gc: bool | None = None) -> Self:
        twin = super().clone(allow_gc)
        twin.linkers = [linker.clone(allow_gc) for linker in self.linkers]
        return twin

    def accept(self, fgraph: FunctionGraph, no_recycling: Iterable[Variable] = (), profile: Any = None) -> Self:
        if self.fgraph is not None and self.fgraph is not fgraph:
            return self.clone().accept(fgraph, no_recycling, profile)
        super().accept(fgraph, no_recycling, profile)
        self.linkers = [linker.accept(fgraph, self.no_recycling, profile) for linker in self.linkers]
        return self

    def pre(self, f: Any, inputs: Sequence[Any], order: Sequence[Apply], thunk_groups: Sequence[Any]) -> None:
        """Called before each run; does nothing unless overridden."""

    def make_thunk(
        self,
        input_storage: Sequence[Cell | Container] | None = None,
        output_storage: Sequence[Cell | Container] | None = None,
        storage_map: StorageMap | None = None,
    ) -> Linked:
        fgraph = self._accepted()
        made = [self.linkers[0].make_all(input_storage, output_storage, storage_map)]
        made += [linker.make_all() for linker in self.linkers[1:]]
        order = made[0][4]
        if any([*other[4]] != order for other in made[1:]):
            raise RuntimeError("linkers run side by side must take the nodes in the same order")
        groups = list(zip(*(program[3] for program in made), strict=True))
        steps = [
            _wrapped_step(self.wrapper, position, node, thunks, [program[0].compute_map[v] for program in made for v in node.outputs])
            for position, (node, thunks) in enumerate(zip(order, groups, strict=True))
        ]
        first = made[0][0]
        to_empty = gc_schedule(fgraph, order, first.storage_map) if self.allow_gc else None
        program = Program(
            fgraph, order, steps, first.storage_map, first.compute_map, to_empty, first.fresh, self.profile
        )
        others = made[1:]

        def run(output_subset: Sequence[int] | None = None) -> None:
            for other in others:
                for source, target in zip(made[0][1], other[1], strict=True):
                    target.storage[0] = copy(source.storage[0])
                for cell in other[0].fresh:
                    cell[0] = None
            self.pre(run, [container.storage[0] for container in made[0][1]], order, groups)
            program(output_subset)

        run.thunk_groups = groups  # type: ignore[attr-defined]
        for name in ("thunks", "nodes", "storage_map", "allow_gc", "free"):
            setattr(run, name, getattr(program, name))
        return run, made[0][1], made[0][2]


def _wrapped_step(
    wrapper: Callable[..., Any], position: int, node: Apply, thunks: Sequence[Any], flags: Sequence[list[int]]
) -> Callable[[], Any]:
    def step() -> None:
        wrapper(position, node, *thunks)
        for flag in flags:  # the wrapper may have computed without the thunks, and lazy ones ask
            flag[0] = True

    step.inputs = thunks[0].inputs  # type: ignore[attr-defined]
    step.outputs = thunks[0].outputs  # type: ignore[attr-defined]
    step.lazy = False  # type: ignore[attr-defined]
    return step
