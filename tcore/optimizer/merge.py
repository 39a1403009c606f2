"""One node for one computation: hash-consing inside a FunctionGraph."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from tcore.graph.errors import InconsistencyError
from tcore.graph.features import AlreadyThere, Feature
from tcore.graph.trace import copy_trace
from tcore.graph.traversal import io_toposort
from tcore.graph.variable import Constant
from tcore.optimizer.base import Optimizer

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.variable import Variable

__all__ = ["MergeFeature", "MergeOptimizer"]


class MergeFeature(Feature):
    """Keeps a table of all computations, finds duplicates as they arrive, and merges them when asked to.

    Two nodes are duplicates if their ops are equal and their inputs identical; two constants, if their signatures are
    equal. The one that was there first stays. Nothing is known about commutativity.

    Attributes
    ----------
    scheduled : bool
        Whether duplicates wait for :meth:`process`.
    """

    def __init__(self) -> None:
        self._table: dict[Any, Apply] = {}
        self._key_of: dict[Apply, Any] = {}
        # ops by number, equal ones by the same: hashing an op by its content at each lookup was the larger part of it
        self._number_of: dict[Any, int] = {}
        self._known_ops: dict[int, tuple[Any, int]] = {}
        self._constants: dict[Any, Constant] = {}
        self._double_nodes: dict[Apply, None] = {}
        self._double_constants: dict[Constant, None] = {}

    def on_attach(self, fgraph: FunctionGraph) -> None:
        if hasattr(fgraph, "merge_feature"):
            raise AlreadyThere("the graph has a MergeFeature")
        fgraph.merge_feature = self
        for node in io_toposort(fgraph.inputs, fgraph.outputs):
            self.on_import(fgraph, node, "on_attach")
        for variable in fgraph.outputs:
            self._note_constant(variable)

    def on_detach(self, fgraph: FunctionGraph) -> None:
        del fgraph.merge_feature
        self.__init__()  # type: ignore[misc]

    def clone(self) -> MergeFeature:
        """A feature for a copy of the graph."""
        return MergeFeature()

    @property
    def scheduled(self) -> bool:
        """Whether duplicates wait."""
        return bool(self._double_nodes or self._double_constants)

    # ------------------------------------------------------------ finding

    def _note_constant(self, variable: Variable) -> None:
        if not isinstance(variable, Constant):
            return
        try:
            first = self._constants.setdefault(variable.signature(), variable)
        except TypeError:  # no hashable signature: it is equal to itself only
            return
        if first is not variable:
            if first.fgraph is variable.fgraph:
                self._double_constants[variable] = None
            else:  # left the graph meanwhile
                self._constants[variable.signature()] = variable

    def _enter(self, node: Apply) -> None:
        op = node.op
        known = self._known_ops.get(id(op))
        if known is None:
            try:
                number = self._number_of.setdefault(op, len(self._number_of))
            except TypeError:  # the op cannot be hashed
                return
            known = self._known_ops[id(op)] = (op, number)  # the op is kept, so that its id stays its own
        key = (known[1], *node.inputs)
        first = self._table.setdefault(key, node)
        self._key_of[node] = key
        if first is not node:
            self._double_nodes[node] = None

    def _leave(self, node: Apply) -> None:
        key = self._key_of.pop(node, None)
        if key is not None and self._table.get(key) is node:
            del self._table[key]
        self._double_nodes.pop(node, None)

    def on_import(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        for variable in node.inputs:
            if variable.owner is None:
                self._note_constant(variable)
        self._enter(node)

    def on_prune(self, fgraph: FunctionGraph, node: Apply, reason: Any) -> None:
        self._leave(node)

    def on_change_input(
        self, fgraph: FunctionGraph, node: Any, i: int, r: Variable, new_r: Variable, reason: Any = None
    ) -> None:
        if new_r.owner is None:
            self._note_constant(new_r)
        if node != "output":
            self._leave(node)
            self._enter(node)

    # ------------------------------------------------------------ merging

    def process(self, fgraph: FunctionGraph) -> tuple[int, int, int]:
        """Merge all duplicates; gives the numbers of merged nodes, merged constants and refused merges.

        A merge may make further duplicates of the users; these are merged, too.
        """
        merged = constants = refused = 0
        while self._double_constants or self._double_nodes:
            if self._double_constants:
                double, _ = self._double_constants.popitem()
                first = self._constants.get(double.signature())
                if first is not None and first is not double and double.fgraph is fgraph and first.fgraph is fgraph:
                    constants += 1
                    fgraph.replace(double, first, reason="MergeOptimizer")
                continue
            node = next(iter(self._double_nodes))
            del self._double_nodes[node]
            keep = self._table.get(self._key_of.get(node))
            if keep is None or keep is node or node.fgraph is not fgraph or keep.fgraph is not fgraph:
                continue
            if any(old.type != new.type for old, new in zip(node.outputs, keep.outputs, strict=False)):
                continue
            pairs = list(zip(node.outputs, keep.outputs, strict=True))
            for old, new in pairs:
                if new.name is None:
                    new.name = old.name
                copy_trace(old, new)
            try:
                fgraph.replace_all_validate(pairs, reason="MergeOptimizer")
                merged += 1
            except InconsistencyError:
                refused += 1
                # taking the merge back brought the node in again: it was found to be a duplicate once more
                self._double_nodes.pop(node, None)
        return merged, constants, refused


class MergeOptimizer(Optimizer):
    """f(x), f(x) -> f(x) once; two equal constants -> one.

    Attaches a :class:`MergeFeature`, which stays: what later optimizers make a second time is merged as it arrives.
    :meth:`apply` returns (refused merges, seconds for replacements, seconds for validation or None, seconds for callbacks or
    None, seconds per feature, merged nodes, merged constants).
    """

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Attach the feature."""
        if not hasattr(fgraph, "merge_feature"):
            fgraph.attach_feature(MergeFeature())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """Merge."""
        start = perf_counter()
        timed = fgraph.time_callbacks
        before = fgraph.execute_callbacks_time
        validated = fgraph.validate_time
        merged, constants, refused = fgraph.merge_feature.process(fgraph)
        return (
            refused,
            perf_counter() - start,
            fgraph.validate_time - validated if timed else None,
            fgraph.execute_callbacks_time - before if timed else None,
            dict(fgraph.execute_callbacks_times) if timed else {},
            merged,
            constants,
        )

    @staticmethod
    def merge_profile(prof1: Any, prof2: Any) -> Any:
        """Counts and times added up."""
        times = [None if a is None and b is None else (a or 0.0) + (b or 0.0) for a, b in zip(prof1[2:4], prof2[2:4], strict=True)]
        callbacks = {each: prof1[4].get(each, 0.0) + prof2[4].get(each, 0.0) for each in {**prof1[4], **prof2[4]}}
        return (prof1[0] + prof2[0], prof1[1] + prof2[1], *times, callbacks, prof1[5] + prof2[5], prof1[6] + prof2[6])

    @staticmethod
    def print_profile(stream: Any, prof: Any, level: int = 0) -> None:
        """Print the counts and times."""
        blanc = "    " * level
        refused, seconds, validate, callback, callbacks, merged, constants = prof
        print(f"{blanc}MergeOptimizer", file=stream)
        print(
            f"{blanc}  nb fail={refused:5d} merged={merged:5d} constant={constants:5d}",
            f"time replace={seconds:2.2f} validate={validate or 0.0:2.2f} callback={callback or 0.0:2.2f}",
            file=stream,
        )
        for feature, spent in sorted(callbacks.items(), key=lambda item: -item[1]):
            print(f"{blanc}      {spent:f}s in {feature}", file=stream)
