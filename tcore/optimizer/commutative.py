"""Commutativity: which ops have it, and merging with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph.errors import InconsistencyError
from tcore.graph.features import ReplaceValidate
from tcore.optimizer.base import Optimizer
from tcore.optimizer.tracing import copy_stack_trace

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.op import Op

__all__ = ["CommutativeMergeOptimizer", "is_commutative"]


def is_commutative(op: Op) -> bool:
    """Whether the order of the inputs of ``op`` makes no difference: its own ``commutative``, or that of its scalar op."""
    own = getattr(op, "commutative", None)
    return bool(getattr(getattr(op, "scalar_op", None), "commutative", False) if own is None else own)


def _is_associative(op: Op) -> bool:
    own = getattr(op, "associative", None)
    return bool(getattr(getattr(op, "scalar_op", None), "associative", False) if own is None else own)


class CommutativeMergeOptimizer(Optimizer):
    """f(x, y), f(y, x) -> one of them, for commutative f.

    The first in topological order stays. More than two inputs count as equal in any order where ``f`` is associative, too:
    as in the canonical forms of sums and products, the last bit of a floating result may then be another one.
    Merging without knowledge of ops is :class:`~tcore.optimizer.merge.MergeOptimizer`.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = name

    def add_requirements(self, fgraph: FunctionGraph) -> None:
        """Replacements that can be taken back."""
        fgraph.attach_feature(ReplaceValidate())

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> int:
        """Merge; gives the number of nodes that went."""
        merged = 0
        first: dict[Any, Apply] = {}
        for node in fgraph.toposort():
            if node.fgraph is not fgraph or len(node.inputs) < 2 or not is_commutative(node.op) or node.op.destroy_map:
                continue
            if len(node.inputs) > 2 and not _is_associative(node.op):
                continue
            inputs = sorted(map(id, node.inputs))
            try:
                keep = first.setdefault((node.op, *inputs), node)
            except TypeError:  # an op that cannot be hashed is equal to itself only
                continue
            if keep is not node and keep.fgraph is fgraph and sorted(map(id, keep.inputs)) == inputs:
                merged += self._merge(fgraph, node, keep)
        return merged

    def _merge(self, fgraph: FunctionGraph, node: Apply, keep: Apply) -> bool:
        pairs = list(zip(node.outputs, keep.outputs, strict=True))
        if any(old.type != new.type for old, new in pairs):
            return False
        for old, new in pairs:
            copy_stack_trace(old, new)
        try:
            fgraph.replace_all_validate(pairs, reason=self)
        except InconsistencyError:
            return False
        merge = getattr(fgraph, "merge_feature", None)
        if merge is not None and merge.scheduled:
            merge.process(fgraph)
        return True

    @staticmethod
    def print_profile(stream: Any, prof: Any, level: int = 0) -> None:
        """Print the count."""
        print(f"{'    ' * level}CommutativeMergeOptimizer merged={prof}", file=stream)

    @staticmethod
    def merge_profile(prof1: int, prof2: int) -> int:
        """The sum of the counts."""
        return prof1 + prof2
