"""Lengths that a user wrote down are checked, even where the array that has them disappears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.configuration import config
from tcore.optimizer.base import Optimizer
from tcore.optimizer.rewrite import GlobalRewrite
from tcore.optimizer.tracing import trace_back
from tcore.tensor.alloc import Alloc
from tcore.tensor.assertion import Assert
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import eq

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.variable import Variable

__all__ = ["REWRITES", "AllocLengths"]


class AllocLengths(Optimizer):
    """f(x, alloc(v, n)) -> f(Assert(x, n = length of x), alloc(v, n)), where it is not known that the lengths agree.

    Later rewrites drop an array of zeros from a sum, or of ones from a product: without the check a wrong length would go
    undetected. The option ``experimental.local_alloc_elemwise_assert`` switches it off.
    """

    name = "check_alloc_lengths"

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """One walk; the graph has a ShapeFeature by now."""
        if not config.experimental.local_alloc_elemwise_assert:
            return
        feature = getattr(fgraph, "shape_feature", None)
        if feature is None or not any(isinstance(node.op, Alloc) for node in fgraph.apply_nodes):
            return
        for node in fgraph.toposort():
            if isinstance(node.op, Elemwise) and any(map(_made_by_alloc, node.inputs)):
                self._check(fgraph, node, feature)

    @staticmethod
    def _check(fgraph: FunctionGraph, node: Apply, feature: Any) -> None:
        given = [variable for variable in node.inputs if not _made_by_alloc(variable)]
        for alloc in filter(_made_by_alloc, node.inputs):
            for position, variable in enumerate(node.inputs):
                if variable not in given:
                    continue
                conditions = _unproven(alloc, variable, feature)
                if conditions:
                    what = f"Input dimension mis-match: {variable} has other lengths than {alloc} in {node}"
                    checked = Assert(what, ValueError)(variable, *conditions)
                    trace_back(node.outputs[0], checked)
                    fgraph.change_input(node, position, checked, reason="check_alloc_lengths")
                    return  # the others must agree with this one


def _made_by_alloc(variable: Variable) -> bool:
    """Whether it is an Alloc, or a transposed or broadcast one."""
    node = variable.owner
    while node is not None and isinstance(node.op, DimShuffle):
        node = node.inputs[0].owner
    return node is not None and isinstance(node.op, Alloc)


def _unproven(left: Any, right: Any, feature: Any) -> list[Variable]:
    """The pairs of lengths, neither of which stretches, that are not known to agree: a condition for each."""
    axes = range(left.type.ndim)
    open_axes = [
        axis
        for axis in axes
        if not left.type.broadcastable[axis] and not right.type.broadcastable[axis] and not feature.same_shape(left, right, axis, axis)
    ]
    return [eq(feature.get_shape(left, axis), feature.get_shape(right, axis)) for axis in open_axes]


#: after the ShapeFeature is there, before anything is dropped
REWRITES = [GlobalRewrite("check_alloc_lengths", AllocLengths(), 0.15, ("fast_run", "fast_compile"))]
