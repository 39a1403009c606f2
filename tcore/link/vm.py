"""The virtual machine: node by node, in a fixed order, or on demand where an op is lazy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, Variable
from tcore.graph.floating import floating_point_errors
from tcore.link.container import Cell, StorageMap
from tcore.link.linker import LocalLinker
from tcore.link.program import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.graph import Apply
    from tcore.graph.fgraph import FunctionGraph

__all__ = ["LazyProgram", "VMLinker"]


class LazyProgram(Program):
    """Computes what the outputs turn out to need.

    A lazy thunk is asked before its inputs are there: it answers with the positions of the inputs that it needs next, or
    with nothing once it is done. Other nodes need all their inputs. A node that destroys an input runs after every reader
    of it, wanted or not.
    """

    def __init__(
        self,
        fgraph: FunctionGraph,
        nodes: Sequence[Apply],
        thunks: Sequence[Callable[[], Any]],
        storage_map: StorageMap,
        compute_map: dict[Variable, list[int]],
        allow_gc: bool,
        fresh: Sequence[Cell],
        profile: Any = None,
    ) -> None:
        super().__init__(fgraph, nodes, thunks, storage_map, compute_map, None, fresh, profile)
        self.allow_gc = allow_gc
        index = {node: position for position, node in enumerate(self.nodes)}
        after = fgraph.orderings()
        self._lazy = [bool(getattr(thunk, "lazy", False)) for thunk in self.thunks]
        self._producers: list[list[int]] = [
            [index.get(v.owner, -1) for v in node.inputs]  # type: ignore[arg-type]
            for node in self.nodes
        ]
        self._before: list[list[int]] = [[index[n] for n in after.get(node, ()) if n in index] for node in self.nodes]
        self._flags = [compute_map[variable] for node in self.nodes for variable in node.outputs]
        self._outputs = [index.get(v.owner, -1) for v in fgraph.outputs]  # type: ignore[arg-type]
        kept: set[Variable] = {*fgraph.inputs, *fgraph.outputs}
        readers: dict[Variable, int] = {}
        self._read: list[list[Variable]] = []
        for node in self.nodes:
            mine = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant) and v not in kept]
            self._read.append(mine)
            for variable in mine:
                readers[variable] = readers.get(variable, 0) + 1
        self._readers = readers

    def __call__(self, output_subset: Sequence[int] | None = None) -> None:
        """Compute all outputs, or those at the positions ``output_subset``."""
        for cell in self.fresh:
            cell[0] = None
        for flag in self._flags:
            flag[0] = False
        wanted = self._outputs if output_subset is None else [self._outputs[position] for position in output_subset]
        done = [False] * len(self.nodes)
        left = dict(self._readers)
        stack = [position for position in reversed(wanted) if position >= 0]
        position = -1
        try:
            with floating_point_errors():
                while stack:
                    position = stack.pop()
                    if done[position]:
                        continue
                    missing = self._advance(position, done)
                    if missing is not None:
                        stack.append(position)
                        stack.extend(reversed(missing))
                        continue
                    done[position] = True
                    self._finish(position, left)
        except BaseException:
            begun = [step for step, finished in zip(self.steps, done, strict=True) if finished]
            failed = self.steps[position] if position >= 0 else None
            self._fail(failed, begun if failed is None or done[position] else [*begun, failed])
        finally:
            if self.allow_gc:
                self.free()

    def _advance(self, position: int, done: list[bool]) -> list[int] | None:
        """Run a node if it can run: None if it is done, else the nodes to run first (none: ask it again)."""
        missing = [other for other in self._before[position] if not done[other]]
        producers = self._producers[position]
        if not self._lazy[position]:
            missing += [other for other in producers if other >= 0 and not done[other]]
            if not missing:
                self.thunks[position]()
            return missing or None
        if missing:
            return missing
        needed = self.thunks[position]()
        if not needed:
            return None
        return [producers[i] for i in needed if producers[i] >= 0 and not done[producers[i]]]

    def _finish(self, position: int, left: dict[Variable, int]) -> None:
        """Mark the outputs of a node as computed, and drop what it was the last to read."""
        for variable in self.nodes[position].outputs:
            self.compute_map[variable][0] = True
        if self.allow_gc:
            for variable in self._read[position]:
                left[variable] -= 1
                if not left[variable]:
                    self.storage_map[variable][0] = None
                    self.compute_map[variable][0] = 2  # documented: collected, and not needed again in this call


class VMLinker(LocalLinker):
    """The virtual machine without native code: names ``vm`` and ``vm_nogc``.

    Parameters
    ----------
    allow_gc : bool, optional
        Drop intermediate values during the call; ``config.allow_gc`` by default.
    lazy : bool, optional
        True always computes on demand, False never; by default only if an op of the graph is lazy.
    schedule : callable, optional
        ``schedule(fgraph)`` gives the order of the nodes instead of ``fgraph.toposort()``.
    """

    def __init__(
        self,
        allow_gc: bool | None = None,
        lazy: bool | None = None,
        schedule: Callable[[FunctionGraph], list[Apply]] | None = None,
    ) -> None:
        super().__init__(allow_gc, schedule)
        self.lazy = lazy

    def _assemble(
        self,
        fgraph: FunctionGraph,
        order: list[Apply],
        thunks: list[Callable[[], Any]],
        storage_map: StorageMap,
        compute_map: dict[Variable, list[int]],
    ) -> Any:
        lazy = self.lazy
        if lazy is None:
            lazy = any(getattr(thunk, "lazy", False) for thunk in thunks)
        if not lazy:
            return super()._assemble(fgraph, order, thunks, storage_map, compute_map)
        fresh = [storage_map[variable] for variable in self.no_recycling if variable.owner is not None]
        return LazyProgram(fgraph, order, thunks, storage_map, compute_map, self.allow_gc, fresh, self.profile)
