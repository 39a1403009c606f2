"""Program: what linkers make of a graph that runs node by node."""

from __future__ import annotations

import contextlib
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, Variable
from tcore.graph.floating import floating_point_errors
from tcore.link.container import Cell, StorageMap
from tcore.link.errors import raise_with_op
from tcore.link.storage import written_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tcore.graph import Apply
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["Program", "note_written", "run_until_done"]

Step = tuple["Callable[[], Any]", "Apply", "Sequence[Cell]"]


def run_until_done(thunk: Callable[[], Any]) -> None:
    """Run a thunk whose inputs are all there; a lazy one until it asks for nothing more."""
    while thunk() and getattr(thunk, "lazy", False):
        pass


class Program:
    """Thunks in a fixed order, with the cells to empty after each: the callable of node-by-node linkers.

    Attributes
    ----------
    thunks, nodes : list
        What runs, and for which Apply.
    position_of_error : int
        Which thunk raised last; -1 before any error.
    storage_map : dict from Variable to cell
    allow_gc : bool
    """

    def __init__(
        self,
        fgraph: FunctionGraph,
        nodes: Sequence[Apply],
        thunks: Sequence[Callable[[], Any]],
        storage_map: StorageMap,
        compute_map: dict[Variable, list[int]],
        to_empty: Sequence[Sequence[Cell]] | None,
        fresh: Sequence[Cell],
        profile: Any = None,
    ) -> None:
        self.fgraph = fgraph
        self.nodes = list(nodes)
        if profile is not None:
            thunks = [profile.timed(node, thunk, position) for position, (node, thunk) in enumerate(zip(nodes, thunks, strict=True))]
        self.thunks = list(thunks)
        self.storage_map = storage_map
        self.compute_map = compute_map
        self.allow_gc = to_empty is not None
        self.position_of_error = -1
        self.profile = profile
        #: cells emptied before a call, so that no op reuses memory that a caller holds
        self.fresh = list(fresh)
        empty: tuple[Cell, ...] = ()
        self._subsets: dict[tuple[int, ...], list[Step]] = {}
        self.steps: list[Step] = [
            (
                partial(run_until_done, thunk) if getattr(thunk, "lazy", False) else thunk,
                node,
                tuple(to_empty[position]) if to_empty is not None else empty,
            )
            for position, (thunk, node) in enumerate(zip(self.thunks, nodes, strict=True))
        ]

    def __call__(self, output_subset: Sequence[int] | None = None) -> None:
        """Run all thunks, or those that the outputs at the positions ``output_subset`` need."""
        for cell in self.fresh:
            cell[0] = None
        if output_subset is not None:
            self._run_subset(tuple(output_subset))
            return
        step = None
        try:
            with floating_point_errors():
                for step in self.steps:
                    step[0]()
                    for cell in step[2]:
                        cell[0] = None
        except BaseException:
            self._fail(step, self.steps)

    def _run_subset(self, subset: tuple[int, ...]) -> None:
        """Run what the outputs at the positions ``subset`` need; updates are among the positions."""
        steps = self._subsets.get(subset)
        if steps is None:
            steps = self._subsets[subset] = self._steps_for(subset)
        step = None
        try:
            with floating_point_errors():
                for step in steps:
                    step[0]()
        except BaseException:
            self._fail(step, steps)
        finally:
            if self.allow_gc:  # the usual schedule counts on nodes that were left out
                self.free()

    def _steps_for(self, subset: Iterable[int]) -> list[Step]:
        """The steps that the outputs at the positions ``subset`` need.

        Cells tell, not nodes: a thunk may compute several nodes at once, while those of the others do nothing.
        """
        cells = self.storage_map
        wanted = {id(cells[self.fgraph.outputs[position]]) for position in subset}
        found: list[Step] = []
        for step, thunk in zip(reversed(self.steps), reversed(self.thunks), strict=True):
            node = step[1]
            written = [cells[variable] for variable in node.outputs]
            if wanted.isdisjoint(map(id, (*written, *getattr(thunk, "outputs", ())))):
                continue
            found.append(step)
            wanted.update(id(cells[variable]) for variable in node.inputs)
            wanted.update(map(id, getattr(thunk, "inputs", ())))
        return found[::-1]

    def _fail(self, step: Step | None, steps: Sequence[Step]) -> None:
        """Report the exception being handled for the thunk of ``step``, one of ``steps``, which run in this order."""
        if step is None:
            raise  # noqa: PLE0704 - called from an except clause
        begun = [other[1] for other in steps[: steps.index(step) + 1]]
        note_written(sys.exc_info()[1], written_inputs(self.fgraph, begun))
        self.position_of_error = self.nodes.index(step[1])
        failed = self.position_of_error
        raise_with_op(self.fgraph, self.nodes[failed], self.thunks[failed], storage_map=self.storage_map)

    def free(self) -> None:
        """Empty all intermediate cells (those kept because of ``allow_gc=False``)."""
        kept = {id(self.storage_map[variable]) for variable in (*self.fgraph.inputs, *self.fgraph.outputs)}
        for variable, cell in self.storage_map.items():
            if not isinstance(variable, Constant) and id(cell) not in kept:
                cell[0] = None


def note_written(error: BaseException | None, positions: tuple[int, ...]) -> None:
    """Note on an exception which inputs of the graph a failed run may have overwritten; the function tells its user."""
    with contextlib.suppress(AttributeError, TypeError):
        error.written_inputs = positions  # type: ignore[union-attr]
