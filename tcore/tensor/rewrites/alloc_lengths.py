"""Lengths that a user wrote down are checked, even where the array that has them disappears."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore import scalar
from tcore.configuration import config
from tcore.optimizer.base import Optimizer
from tcore.optimizer.rewrite import GlobalRewrite
from tcore.optimizer.tracing import trace_back
from tcore.tensor.alloc import Alloc
from tcore.tensor.assertion import Assert
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import eq
from tcore.tensor.rewrites.shape_feature import ShapeFeature

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.fgraph import FunctionGraph
    from tcore.graph.variable import Variable

__all__ = ["REWRITES", "AllocLengths", "FillLengths", "lengths_agree"]


class FillLengths(Optimizer):
    """fill(x, v) -> fill(x, Assert(v, lengths of v = lengths of x)), where it is not known that the lengths agree.

    Later rewrites put ``v`` in the place of the array: without the check a ``v`` that does not fit would go undetected, and
    the result would have its shape. What gradients fill fits, and is not checked. The option
    ``experimental.local_alloc_elemwise_assert`` switches it off.
    """

    name = "check_fill_lengths"

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """One walk over the fills whose values have lengths of their own."""
        if not config.experimental.local_alloc_elemwise_assert:
            return
        fills = [node for node in fgraph.apply_nodes if _to_be_checked(node)]
        if not fills:
            return
        # it comes for good later: here it is needed before merging makes one node of a user's fill and that of a gradient
        feature = ShapeFeature()
        fgraph.attach_feature(feature)
        for node in fills:
            model, value = node.inputs
            conditions = _unproven(model, value, feature)
            if conditions:
                what = f"Input dimension mis-match: {value} has other lengths than {model} in {node}"
                checked = Assert(what, ValueError)(value, *conditions)
                trace_back(node.outputs[0], checked)
                fgraph.change_input(node, 1, checked, reason=self.name)
        fgraph.remove_feature(feature)


def _to_be_checked(node: Apply) -> bool:
    op: Any = node.op
    if not isinstance(op, Elemwise) or not isinstance(op.scalar_op, scalar.Second) or op.scalar_op.fits or op.inplace_pattern:
        return False
    model, value = (variable.type.broadcastable for variable in node.inputs)  # type: ignore[attr-defined]
    return any(not wanted and not given for wanted, given in zip(model, value, strict=True))


class AllocLengths(Optimizer):
    """f(x, alloc(v, n)) -> f(Assert(x, n = length of x), alloc(v, n)), where it is not known that the lengths agree; so for fill(y, v).

    Later rewrites drop an array of zeros from a sum, or of ones from a product: without the check a wrong length would go
    undetected. The option ``experimental.local_alloc_elemwise_assert`` switches it off.
    """

    name = "check_alloc_lengths"

    def apply(self, fgraph: FunctionGraph, *args: Any, **kwargs: Any) -> None:
        """One walk; the graph has a ShapeFeature by now."""
        if not config.experimental.local_alloc_elemwise_assert:
            return
        feature = getattr(fgraph, "shape_feature", None)
        if feature is None or not any(map(_repeats_a_value, fgraph.apply_nodes)):
            return
        for node in fgraph.toposort():
            if isinstance(node.op, Elemwise) and len(node.inputs) > 1 and any(map(_vanishes, node.inputs)):
                self._check(fgraph, node, feature)

    @staticmethod
    def _check(fgraph: FunctionGraph, node: Apply, feature: Any) -> None:
        vanishing = [variable for variable in node.inputs if _vanishes(variable)]
        kept = [variable for variable in node.inputs if variable not in vanishing] or vanishing[:1]
        for made in vanishing:
            for variable in kept:
                conditions = [] if _plainly_agree(made, variable) else _unproven(made, variable, feature)
                if conditions:
                    what = f"Input dimension mis-match: {variable} has other lengths than {made} in {node}"
                    checked = Assert(what, ValueError)(variable, *conditions)
                    trace_back(node.outputs[0], checked)
                    fgraph.change_input(node, node.inputs.index(variable), checked, reason="check_alloc_lengths")
                    return  # the others must agree with this one


def _repeats_a_value(node: Apply) -> bool:
    """Whether a node is an Alloc, or a fill with a value that has fewer lengths."""
    op: Any = node.op
    if isinstance(op, Alloc):
        return True
    if not isinstance(op, Elemwise) or not isinstance(op.scalar_op, scalar.Second) or op.scalar_op.fits or op.inplace_pattern:
        return False
    return node.inputs[1].type.broadcastable != node.outputs[0].type.broadcastable  # type: ignore[attr-defined, no-any-return]


def _vanishes(variable: Variable) -> bool:
    """Whether it is such an array, or a transposed or broadcast one."""
    node = variable.owner
    while node is not None and isinstance(node.op, DimShuffle):
        node = node.inputs[0].owner
    return node is not None and _repeats_a_value(node)


def _plainly_agree(made: Any, variable: Any) -> bool:
    """Whether ``made`` is a fill of ``variable``, or of something that ``variable`` is elementwise computed from: no shape needs to be inferred."""
    fill = made.owner
    if not isinstance(fill.op, Elemwise) or fill.inputs[0].type.broadcastable != variable.type.broadcastable:
        return False
    below = variable.owner
    return variable is fill.inputs[0] or (below is not None and isinstance(below.op, Elemwise) and fill.inputs[0] in below.inputs)


def _unproven(left: Any, right: Any, feature: Any) -> list[Variable]:
    """The pairs of lengths, neither of which stretches, that are not known to agree: a condition for each."""
    axes = range(left.type.ndim)
    open_axes = [
        axis
        for axis in axes
        if not left.type.broadcastable[axis] and not right.type.broadcastable[axis] and not feature.same_shape(left, right, axis, axis)
    ]
    return [eq(feature.get_shape(left, axis), feature.get_shape(right, axis)) for axis in open_axes]


def lengths_agree(made: Any, model: Any, feature: Any) -> bool:
    """Whether two variables are known to have equal lengths, or ``model`` is an Assert that makes sure of it."""
    if feature.same_shape(made, model):
        return True
    node = model.owner
    if node is None or not isinstance(node.op, Assert):
        return False
    checked = [c.owner.inputs for c in node.inputs[1:] if c.owner is not None and isinstance(c.owner.op, Elemwise) and isinstance(c.owner.op.scalar_op, scalar.EQ)]
    same = feature.same_length

    def sure(a: Any, b: Any) -> bool:
        return same(a, b) or any((same(a, left) and same(b, right)) or (same(a, right) and same(b, left)) for left, right in checked)

    lengths = feature.shape_of[made], feature.shape_of[model]
    return None not in lengths and len(lengths[0]) == len(lengths[1]) and all(map(sure, *lengths))


REWRITES = [
    # before the first merge
    GlobalRewrite("check_fill_lengths", FillLengths(), -0.005, ("fast_run", "fast_compile")),
    # after the ShapeFeature is there, before anything is dropped
    GlobalRewrite("check_alloc_lengths", AllocLengths(), 0.15, ("fast_run", "fast_compile")),
]
