"""Fills and allocations: an array of one value is best never made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore import scalar
from tcore.optimizer.navigators import in2out
from tcore.optimizer.rewrite import GlobalRewrite, Rewrite, Stage, rewrite
from tcore.tensor.alloc import Alloc, AllocEmpty, alloc
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import second
from tcore.tensor.rewrites.alloc_lengths import lengths_agree
from tcore.tensor.rewrites.common import broadcast_like, elemwise_node, fitted, of_kind

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]


def _new_memory(node: Apply) -> bool:
    op: Any = node.op
    return not op.inplace_pattern and len(node.outputs) == 1


@rewrite(Stage.CANONICALIZE, tracks=[Elemwise], tags=("local_fill_cut",))
def local_fill_sink(node: Apply) -> Any:
    """f(fill(a, b), c) -> f(b, c), where c has the result's shape; else fill(a, f(b, c))"""
    if not _new_memory(node) or isinstance(node.op.scalar_op, scalar.Second):  # type: ignore[attr-defined]
        return False
    models = []
    inputs = []
    for variable in node.inputs:
        fill = elemwise_node(variable, scalar.Second)
        if fill is None:
            inputs.append(variable)
        else:
            models.append(fill.inputs[0])
            inputs.append(fill.inputs[1])
    if not models:
        return False
    out: Any = node.outputs[0]
    result = node.op(*inputs)
    for model in models:
        if result.type.broadcastable == out.type.broadcastable:
            break
        result = second(model, result)
    return [result] if result.type == out.type else False


@rewrite(Stage.CANONICALIZE, tracks=[DimShuffle])
def local_dimshuffle_fill(node: Apply) -> Any:
    """dimshuffle(fill(x, v)) -> fill(dimshuffle(x), dimshuffle(v)): the fill goes on sinking"""
    (x,) = node.inputs
    fill = elemwise_node(x, scalar.Second)
    if fill is None:
        return False
    model, value = fill.inputs
    order = node.op.new_order  # type: ignore[attr-defined]
    try:
        return [second(*[DimShuffle(v.type.broadcastable, order)(v) for v in (model, value)])]  # type: ignore[attr-defined]
    except ValueError:  # an axis that only the result of the fill has as length 1
        return False


@rewrite(tracks=[Elemwise], only=of_kind(scalar.Second))
def local_fill_to_alloc(node: Apply) -> Any:
    """fill(x, v) -> alloc(v, shape of x), which needs no values of x"""
    if not isinstance(node.op.scalar_op, scalar.Second) or not _new_memory(node):  # type: ignore[attr-defined]
        return False
    if getattr(node.fgraph, "shape_feature", None) is None:
        return False
    model, value = node.inputs
    out: Any = node.outputs[0]
    if value.type.broadcastable == out.type.broadcastable:  # type: ignore[attr-defined]
        return [value]
    if model.type.broadcastable != out.type.broadcastable:  # type: ignore[attr-defined]
        # both sides give axes of the shape
        return False
    result = broadcast_like(value, out, node.fgraph)
    return [result] if result.type == out.type else False


@rewrite(tracks=[Elemwise])
def local_elemwise_alloc(node: Apply) -> Any:
    """f(alloc(v, shape), y) -> f(v, y), where y has that shape, or an Assert makes sure that it has"""
    feature = getattr(node.fgraph, "shape_feature", None)
    if not _new_memory(node) or len(node.inputs) < 2 or feature is None:
        return False
    out: Any = node.outputs[0]
    flags = out.type.broadcastable
    allocs = [v for v in node.inputs if v.owner is not None and isinstance(v.owner.op, Alloc)]
    if not allocs:
        return False
    models = [v for v in node.inputs if v not in allocs and v.type.broadcastable == flags]  # type: ignore[attr-defined]
    inputs: list[Any] = []
    changed = False
    for variable in node.inputs:
        if variable in allocs and (
            any(lengths_agree(variable, model, feature) for model in models) or variable.type.broadcastable != flags  # type: ignore[attr-defined]
        ) and models:
            value: Any = variable.owner.inputs[0]  # type: ignore[union-attr]
            missing = out.type.ndim - value.type.ndim
            if missing:
                value = value.dimshuffle(*["x"] * missing, *range(value.type.ndim))
            inputs.append(value)
            changed = True
        else:
            inputs.append(variable)
    if not changed:
        return False
    result = node.op(*inputs)
    return [result] if result.type == out.type else False


@rewrite(Stage.SPECIALIZE, tracks=[Elemwise])
def local_alloc_unary(node: Apply) -> Any:
    """f(alloc(v, shape)) -> alloc(f(v), shape)"""
    if len(node.inputs) != 1 or not _new_memory(node):
        return False
    (x,) = node.inputs
    if x.owner is None or not isinstance(x.owner.op, Alloc):
        return False
    value, *lengths = x.owner.inputs
    result = alloc(node.op(value), *lengths)
    return [result] if result.type == node.outputs[0].type else False


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[DimShuffle])
def local_dimshuffle_alloc(node: Apply) -> Any:
    """dimshuffle(alloc(scalar, shape)) -> alloc(scalar, shuffled shape)"""
    (x,) = node.inputs
    if x.owner is None or not isinstance(x.owner.op, Alloc):
        return False
    value, *lengths = x.owner.inputs
    if any(not flag for flag in value.type.broadcastable):  # type: ignore[attr-defined]
        return False
    if value.type.ndim:  # type: ignore[attr-defined]
        value = value.dimshuffle()  # type: ignore[attr-defined]
    order = node.op.new_order  # type: ignore[attr-defined]
    result = alloc(value, *[1 if axis == "x" else lengths[axis] for axis in order])
    return [fitted(result, node.outputs[0])]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Alloc])
def local_merge_alloc(node: Apply) -> Any:
    """alloc(alloc(v, …), shape) -> alloc(v, shape), where v is a scalar"""
    x: Any = node.inputs[0]
    if x.owner is None or not isinstance(x.owner.op, Alloc) or x.owner.inputs[0].type.ndim:
        return False
    result = alloc(x.owner.inputs[0], *node.inputs[1:])
    return [result] if result.type == node.outputs[0].type else False


@rewrite(tracks=[AllocEmpty])
def local_alloc_empty_to_zeros(node: Apply) -> Any:
    """alloc_empty(shape) -> alloc(0, shape): for those who look for uninitialized values"""
    out: Any = node.outputs[0]
    zero = out.type.clone(broadcastable=()).make_constant(0)
    return [alloc(zero, *node.inputs)]


REWRITES: list[Rewrite | GlobalRewrite] = [
    local_fill_sink,
    local_dimshuffle_fill,
    GlobalRewrite("local_fill_to_alloc", in2out(local_fill_to_alloc.rule), 1.51, ("fast_run",)),
    GlobalRewrite("local_elemwise_alloc", in2out(local_elemwise_alloc.rule), 1.52, ("fast_run",)),
    local_alloc_unary,
    local_dimshuffle_alloc,
    local_merge_alloc,
    GlobalRewrite(
        "local_alloc_empty_to_zeros", in2out(local_alloc_empty_to_zeros.rule), 49.3, ("alloc_empty_to_zeros",)
    ),
]
