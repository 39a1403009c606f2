"""Ops without effect: they go first, and whenever others leave some."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore import scalar
from tcore.optimizer.rewrite import ASSUME_FINITE, Rewrite, Stage, rewrite
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.alloc import Alloc
from tcore.tensor.constants import constant_int
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.join import MakeVector
from tcore.tensor.math import cast
from tcore.tensor.rebroadcast import Rebroadcast, joined_rebroadcasts
from tcore.tensor.reshape import Reshape
from tcore.tensor.rewrites.common import constant_like, elemwise_node, fitted, is_cast, of_kind, uniform_value
from tcore.tensor.shape import Shape_i
from tcore.tensor.var import TensorConstant

if TYPE_CHECKING:
    from tcore.graph.apply import Apply
    from tcore.graph.variable import Variable

__all__ = ["REWRITES", "apply_rebroadcast_opt"]

_ALWAYS = (Stage.USELESS, Stage.CANONICALIZE, Stage.SPECIALIZE)
_FAST = ("fast_compile",)

_OFTEN_USELESS = (
    scalar.Identity,
    scalar.Add,
    scalar.Mul,
    *(scalar.EQ, scalar.NEQ, scalar.LT, scalar.LE, scalar.GT, scalar.GE),
    *(scalar.AND, scalar.OR, scalar.Maximum, scalar.Minimum),
)

_INVERSE = (
    (scalar.Deg2Rad, scalar.Rad2Deg),
    (scalar.Sinh, scalar.ArcSinh),
    (scalar.Conj, scalar.Conj),
    (scalar.Neg, scalar.Neg),
    (scalar.Inv, scalar.Inv),
)


@rewrite(*_ALWAYS, tracks=[Elemwise], only=of_kind(*_OFTEN_USELESS), tags=_FAST)
def local_useless_elemwise(node: Apply) -> Any:
    """identity(x) -> x; add(x) -> x; mul(x) -> x; of integers eq(x, x) -> 1 and neq(x, x) -> 0"""
    op: Any = node.op
    kind = op.scalar_op
    out: Any = node.outputs[0]
    if isinstance(kind, scalar.Identity) or (isinstance(kind, (scalar.Add, scalar.Mul)) and len(node.inputs) == 1):
        return [node.inputs[0]] if node.inputs[0].type == out.type else False
    if isinstance(kind, scalar.Maximum):
        # a length is not negative
        for position in (0, 1):
            length = node.inputs[position]
            bound = uniform_value(node.inputs[1 - position])
            if length.owner is not None and isinstance(length.owner.op, Shape_i) and bound is not None and bound <= 0:
                return [length] if length.type == out.type else False
    if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1]:
        discrete = node.inputs[0].type.dtype in discrete_dtypes  # type: ignore[attr-defined]
        if isinstance(kind, (scalar.EQ, scalar.LE, scalar.GE)) and discrete:
            return [fitted(constant_like(1, out), out)]
        if isinstance(kind, (scalar.NEQ, scalar.LT, scalar.GT)) and discrete:
            return [fitted(constant_like(0, out), out)]
        if isinstance(kind, (scalar.AND, scalar.OR, scalar.Maximum, scalar.Minimum)):
            return [node.inputs[0]] if node.inputs[0].type == out.type else False
    return False


@rewrite(*_ALWAYS, tracks=[Elemwise], only=of_kind(scalar.Second), tags=_FAST)
def local_useless_fill(node: Apply) -> Any:
    """fill(x, v) -> v, where v has the shape of x by its type"""
    if not isinstance(node.op.scalar_op, scalar.Second):  # type: ignore[attr-defined]
        return False
    value = node.inputs[1]
    return [value] if value.type == node.outputs[0].type else False


@rewrite(*_ALWAYS, tracks=[Elemwise], only=of_kind(scalar.Cast), tags=_FAST)
def local_cast_cast(node: Apply) -> Any:
    """cast(x, dtype of x) -> x; cast(cast(x, wider), dtype) -> cast(x, dtype)"""
    if not is_cast(node):
        return False
    x: Any = node.inputs[0]
    wanted = node.outputs[0].type.dtype  # type: ignore[attr-defined]
    if x.type.dtype == wanted:
        return [x]
    inner = x.owner
    if not is_cast(inner) or inner.op.inplace_pattern:
        return False
    source = inner.inputs[0]
    if _holds_all(x.type.dtype, source.type.dtype, wanted):
        return [source if source.type.dtype == wanted else cast(source, wanted)]
    return False


def _holds_all(through: str, source: str, wanted: str) -> bool:
    """Whether the detour from ``source`` to ``wanted`` over another dtype changes no value."""
    if not np.can_cast(source, through, "safe"):
        return False
    if source in discrete_dtypes and through not in discrete_dtypes:
        # NumPy calls 64 bits in a double safe; and a float outside the range of an integer type becomes anything
        return np.dtype(source).itemsize <= 4 and (wanted not in discrete_dtypes or wanted == "bool" or np.can_cast(source, wanted, "safe"))
    return True


@rewrite(*_ALWAYS, tracks=[Alloc], tags=_FAST)
def local_useless_alloc(node: Apply) -> Any:
    """alloc(x, shape) -> x, where x is known to have that shape"""
    x: Any
    out: Any
    (x, *_), (out,) = node.inputs, node.outputs
    if x.type != out.type:
        return False
    feature = getattr(node.fgraph, "shape_feature", None)
    open_axes = [axis for axis, flag in enumerate(x.type.broadcastable) if not flag]
    known = all(feature is not None and feature.same_shape(x, out, axis, axis) for axis in open_axes)
    return [x] if known else False


@rewrite(*_ALWAYS, tracks=[Elemwise], only=of_kind(scalar.Switch), tags=_FAST)
def local_remove_switch_const_cond(node: Apply) -> Any:
    """switch(constant, x, y) -> x or y; switch(c, x, x) -> x"""
    if not isinstance(node.op.scalar_op, scalar.Switch):  # type: ignore[attr-defined]
        return False
    condition, if_true, if_false = node.inputs
    value = uniform_value(condition)
    if value is not None:
        return [fitted(if_true if value else if_false, node.outputs[0])]
    if if_true is if_false:
        return [fitted(if_true, node.outputs[0])]
    return False


@rewrite(*_ALWAYS, tracks=[Rebroadcast], tags=_FAST)
def local_useless_rebroadcast(node: Apply) -> Any:
    """rebroadcast(x) -> x, where no mark changes; rebroadcast(rebroadcast(x)) -> rebroadcast(x)"""
    (x,) = node.inputs
    if x.type == node.outputs[0].type:
        return [x]
    if x.owner is not None and isinstance(x.owner.op, Rebroadcast):
        marks = dict(x.owner.op.axis)
        marks.update(node.op.axis)  # type: ignore[attr-defined]
        return [Rebroadcast(*marks.items())(x.owner.inputs[0])]
    return False


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Rebroadcast])
def local_rebroadcast_lift(node: Apply) -> Any:
    """rebroadcast(f(x)) -> f(rebroadcast(x)), for elementwise f of one input"""
    inner = _lone_elemwise(node.inputs[0])
    return False if inner is None else [inner.op(node.op(inner.inputs[0]))]


def _lone_elemwise(x: Any) -> Apply | None:
    """The node of ``x``, where that is an elementwise op of one input, on new memory, whose result nobody else needs."""
    inner = x.owner
    if inner is None or not isinstance(inner.op, Elemwise) or inner.op.inplace_pattern or len(inner.inputs) != 1:
        return None
    return None if x.fgraph is not None and x.fgraph.client_count(x) > 1 else inner  # type: ignore[no-any-return]


def apply_rebroadcast_opt(rval: Variable) -> Variable:
    """``rval`` after :func:`local_useless_rebroadcast` and :func:`local_rebroadcast_lift`, until both leave it as it is.

    The same variable where nothing changes.
    """
    passed: list[Any] = []
    variable = joined_rebroadcasts(rval)
    while variable.owner is not None and isinstance(variable.owner.op, Rebroadcast):
        inner = _lone_elemwise(variable.owner.inputs[0])
        if inner is None:
            break
        passed.append(inner.op)
        variable = joined_rebroadcasts(variable.owner.op(inner.inputs[0]))  # type: ignore[arg-type]
    for op in reversed(passed):
        variable = op(variable)
    return variable


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Reshape])
def local_reshape_chain(node: Apply) -> Any:
    """reshape(reshape(x, shape1), shape2) -> reshape(x, shape2)"""
    x, shape = node.inputs
    if x.owner is None or not isinstance(x.owner.op, Reshape):
        return False
    new = node.op(x.owner.inputs[0], shape)
    return [new] if new.type == node.outputs[0].type else False


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Reshape])
def local_useless_reshape(node: Apply) -> Any:
    """reshape(x, shape of x) -> x"""
    x: Any = node.inputs[0]
    out: Any = node.outputs[0]
    if x.type != out.type:
        return False
    if x.type.ndim <= 1 and (x.type.ndim == 0 or x.type.broadcastable[0]):
        return [x]
    feature = getattr(node.fgraph, "shape_feature", None)
    if feature is None or feature.shape_of[x] is None:
        return False
    lengths = _entries_of(node.inputs[1])
    if lengths is None:
        return [x] if feature.same_shape(x, out) else False
    # the one length that is to follow from the others, written -1, follows from them
    unknown = [new for new in lengths if constant_int(new) == -1]
    same = all(new in unknown or feature.same_length(old, new) for old, new in zip(feature.shape_of[x], lengths, strict=True))
    return [x] if same and len(unknown) <= 1 else False


def _entries_of(shape: Any) -> list[Any] | None:
    """The elements of a shape as scalars, where it is a constant or made of them."""
    if isinstance(shape, TensorConstant):
        return [int(length) for length in shape.data]
    maker = shape.owner
    if maker is not None and isinstance(maker.op, Rebroadcast):
        maker = maker.inputs[0].owner  # a vector of one element without its mark
    return maker.inputs if maker is not None and isinstance(maker.op, MakeVector) else None


# a flattening is a reshape, too
@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Reshape], tags=("local_flatten_lift",))
def local_reshape_lift(node: Apply) -> Any:
    """reshape(f(x), shape) -> f(reshape(x, shape)), for elementwise f of one input that nobody else needs"""
    x, shape = node.inputs
    inner: Any = x.owner
    if inner is None or not isinstance(inner.op, Elemwise) or inner.op.inplace_pattern or len(inner.inputs) != 1:
        return False
    if len(inner.outputs) != 1 or (x.fgraph is not None and x.fgraph.client_count(x) > 1):
        return False
    new = inner.op(node.op(inner.inputs[0], shape))
    return [new] if new.type == node.outputs[0].type else False


@rewrite(Stage.CANONICALIZE, tracks=[Elemwise], only=of_kind(scalar.Add, scalar.Mul, scalar.Sub, scalar.TrueDiv))
def local_upcast_elemwise_constant_inputs(node: Apply) -> Any:
    """f(cast(constant), x) with a constant that folds; f(int constant, float x) -> f(float constant, x)"""
    kind = node.op.scalar_op  # type: ignore[attr-defined]
    if not isinstance(kind, (scalar.Add, scalar.Mul, scalar.Sub, scalar.TrueDiv)) or len(node.outputs) != 1:
        return False
    out: Any = node.outputs[0]
    if out.type.dtype in discrete_dtypes:
        return False
    inputs: list[Any] = list(node.inputs)
    changed = False
    for position, variable in enumerate(inputs):
        if variable.type.dtype == out.type.dtype or variable.owner is not None or not hasattr(variable, "data"):
            continue
        data = variable.data.astype(out.type.dtype)
        inputs[position] = variable.type.clone(dtype=out.type.dtype).make_constant(data)
        changed = True
    if not changed:
        return False
    new = node.op(*inputs)
    return [new] if new.type == out.type else False


def _only_changes_signs(node: Apply) -> bool:
    return isinstance(node.op.scalar_op, (scalar.Neg, scalar.Conj))  # type: ignore[attr-defined]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Elemwise], only=of_kind(*itertools.chain(*_INVERSE)), tags=(ASSUME_FINITE,), exact=_only_changes_signs)
def local_func_inv(node: Apply) -> Any:
    """f(g(x)) -> x, for a function and its inverse that cancel everywhere: neg, inv, conj, sinh, degrees

    The last three may overflow on the way.
    """
    kind = node.op.scalar_op  # type: ignore[attr-defined]
    x: Any = node.inputs[0]
    for first, other in _INVERSE:
        for outer, inner in ((first, other), (other, first)):
            if isinstance(kind, outer):
                node_inside = elemwise_node(x, inner)
                if node_inside is not None and node_inside.inputs[0].type == node.outputs[0].type:
                    return [node_inside.inputs[0]]
    return False


REWRITES: list[Rewrite] = [
    local_useless_elemwise,
    local_useless_fill,
    local_cast_cast,
    local_useless_alloc,
    local_remove_switch_const_cond,
    local_useless_rebroadcast,
    local_rebroadcast_lift,
    local_reshape_chain,
    local_useless_reshape,
    local_reshape_lift,
    local_upcast_elemwise_constant_inputs,
    local_func_inv,
]
