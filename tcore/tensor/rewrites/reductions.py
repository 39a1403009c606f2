"""Reductions: fewer, over less, and of what can be taken out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore import scalar
from tcore.optimizer.rewrite import ASSUME_FINITE, Rewrite, Stage, rewrite
from tcore.scalar.dtypes import float_dtypes
from tcore.tensor._lengths import product
from tcore.tensor.alloc import Alloc
from tcore.tensor.careduce import CAReduce, CAReduceDtype, Sum, Supremum, normal_axes
from tcore.tensor.constants import constant_int
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.extremes import Argmax, MaxAndArgmax
from tcore.tensor.join import Join
from tcore.tensor.math import cast, mul, neg, pow, true_div
from tcore.tensor.products import Prod, ProdWithoutZeros
from tcore.tensor.rewrites.common import elemwise_node, fitted, is_discrete, is_real, only_client, widened

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]


def _axes(node: Apply) -> tuple[int, ...]:
    return normal_axes(node.op.axis, node.inputs[0].type.ndim)  # type: ignore[attr-defined]


@rewrite(Stage.CANONICALIZE, Stage.UNCANONICALIZE, tracks=[Sum, Prod])
def local_sum_all_to_none(node: Apply) -> Any:
    """sum(x, all axes) -> sum(x)"""
    op: Any = node.op
    if op.axis is None or len(op.axis) != node.inputs[0].type.ndim:  # type: ignore[attr-defined]
        return False
    return [op.clone(axis=None)(node.inputs[0])]


def _in_any_order(node: Apply) -> bool:
    """Whether the order of a reduction decides no NaN: for complex products it does."""
    return is_real(node) or isinstance(node.op, Sum)


@rewrite(Stage.CANONICALIZE, tracks=[Sum, Prod], tags=(ASSUME_FINITE,), exact=_in_any_order)
def local_sum_sum(node: Apply) -> Any:
    """sum(sum(x, axes), other axes) -> sum(x, all of them), and the same for prod"""
    op: Any = node.op
    (inner_out,) = node.inputs
    inner = inner_out.owner
    if inner is None or type(inner.op) is not type(op) or not only_client(inner_out):
        return False
    if inner.op.dtype != op.dtype or inner.op.acc_dtype != op.acc_dtype:  # type: ignore[attr-defined]
        return False
    x: Any = inner.inputs[0]
    first = normal_axes(inner.op.axis, x.type.ndim)  # type: ignore[attr-defined]
    kept = [axis for axis in range(x.type.ndim) if axis not in first]
    axes = tuple(sorted([*first, *(kept[axis] for axis in _axes(node))]))
    return [fitted(op.clone(axis=None if len(axes) == x.type.ndim else axes)(x), node.outputs[0])]  # type: ignore[attr-defined]


def _keeps_signs(node: Apply) -> bool:
    """Whether a reduction is no sum of floats: NumPy's starts at 0.0, so that a sum of -0.0 alone is 0.0."""
    return is_discrete(node) or (is_real(node) and not isinstance(node.op.scalar_op, scalar.Add))  # type: ignore[attr-defined]


@rewrite(Stage.CANONICALIZE, tracks=[CAReduce], tags=(ASSUME_FINITE,), exact=_keeps_signs)
def local_cut_useless_reduce(node: Apply) -> Any:
    """sum(x, no axes) -> x"""
    if _axes(node) or isinstance(node.op, ProdWithoutZeros):
        return False
    x: Any = node.inputs[0]
    out: Any = node.outputs[0]
    return [x if x.type.dtype == out.type.dtype else cast(x, out.type.dtype)]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[CAReduce], tags=(ASSUME_FINITE,), exact=_keeps_signs)
def local_reduce_broadcastable(node: Apply) -> Any:
    """sum(x, axes of length 1) -> x without these axes"""
    op: Any = node.op
    x: Any = node.inputs[0]
    out: Any = node.outputs[0]
    axes = _axes(node)
    single = [axis for axis in axes if x.type.broadcastable[axis]]
    if not single:
        return False
    if type(op) not in (CAReduce, Supremum, Sum, Prod) and not isinstance(op, CAReduceDtype):
        return False
    if isinstance(op, ProdWithoutZeros) and len(single) == len(axes):
        return False  # a zero is not its own product
    if op.scalar_op.output_types is None or out.type.dtype == "bool" != x.type.dtype:
        return False
    order = [axis for axis in range(x.type.ndim) if axis not in single]
    shuffled: Any = DimShuffle(x.type.broadcastable, order)(x)
    rest = tuple(order.index(axis) for axis in axes if axis not in single)
    if not rest:
        return [fitted(shuffled, out)]
    return [fitted(op.clone(axis=rest)(shuffled), out)]


# of no elements, the sum of negatives is 0, the negative of the sum -0.0
@rewrite(Stage.SPECIALIZE, tracks=[Sum, Prod], tags=(ASSUME_FINITE,), exact=is_discrete)
def local_sum_mul_by_scalar(node: Apply) -> Any:
    """sum(c * x) -> c * sum(x), for scalars c; sum(-x) -> -sum(x); prod(c * x) -> c ** (number of elements) * prod(x)"""
    op: Any = node.op
    (x,) = node.inputs
    out: Any = node.outputs[0]
    if not only_client(x):
        return False
    if isinstance(op, Sum):
        negated = elemwise_node(x, scalar.Neg)
        # the negative of an integer may wrap around, which a wider sum does not
        if negated is not None and (x.type.dtype in float_dtypes or x.type.dtype == out.type.dtype == op.acc_dtype):  # type: ignore[attr-defined]
            return [fitted(neg(op(negated.inputs[0])), out)]
    terms = elemwise_node(x, scalar.Mul)
    if terms is None or x.type.dtype not in float_dtypes:  # type: ignore[attr-defined]
        return False
    scalars = [v for v in terms.inputs if all(v.type.broadcastable)]  # type: ignore[attr-defined]
    rest = [v for v in terms.inputs if not all(v.type.broadcastable)]  # type: ignore[attr-defined]
    if not scalars or not rest:
        return False
    inner: Any = rest[0] if len(rest) == 1 else mul(*widened(rest, x.type.dtype))
    if inner.type != x.type:
        return False
    factor: Any = scalars[0] if len(scalars) == 1 else mul(*widened(scalars, x.type.dtype))
    factor = factor.dimshuffle()
    if isinstance(op, Prod):
        feature = getattr(node.fgraph, "shape_feature", None)
        if feature is None:
            return False
        count = product([feature.get_shape(x, axis) for axis in _axes(node)])
        factor = pow(factor, count)
    return [fitted(mul(factor, op(inner)), out)]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Sum], tags=(ASSUME_FINITE,))
def local_sum_div_dimshuffle(node: Apply) -> Any:
    """sum(x / y, axes in which y is the same) -> sum(x) / y"""
    op: Any = node.op
    (quotient,) = node.inputs
    division = elemwise_node(quotient, scalar.TrueDiv)
    if division is None or not only_client(quotient):
        return False
    above, below = division.inputs
    axes = _axes(node)
    if any(not below.type.broadcastable[axis] for axis in axes):  # type: ignore[attr-defined]
        return False
    if above.type != quotient.type or ((below.owner is None) and not hasattr(below, "data")):
        return False
    kept = [axis for axis in range(below.type.ndim) if axis not in axes]  # type: ignore[attr-defined]
    lower = DimShuffle(below.type.broadcastable, kept)(below)  # type: ignore[attr-defined]
    return [fitted(true_div(op(above), lower), node.outputs[0])]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Sum, Prod], tags=(ASSUME_FINITE,), exact=is_discrete)
def local_sum_alloc(node: Apply) -> Any:
    """sum(alloc(c, shape)) -> c * (number of elements), for scalars c; prod(alloc(c, shape)) -> c ** (number of elements)"""
    op: Any = node.op
    (x,) = node.inputs
    if x.owner is None or not isinstance(x.owner.op, Alloc):
        return False
    value, *lengths = x.owner.inputs
    if not all(value.type.broadcastable):  # type: ignore[attr-defined]
        return False
    value = value.dimshuffle()  # type: ignore[attr-defined]
    out: Any = node.outputs[0]
    axes = _axes(node)
    count = product([lengths[axis] for axis in axes])
    if isinstance(count, int):
        count = np.asarray(count, "int64")
    count = cast(count, out.type.dtype)
    value = value if value.type.dtype == out.type.dtype else cast(value, out.type.dtype)
    result: Any = mul(value, count) if isinstance(op, Sum) else pow(value, count)
    kept = [lengths[axis] for axis in range(len(lengths)) if axis not in axes]
    if kept:
        result = x.owner.op(result, *kept)
    return [fitted(result, out)]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[CAReduce], tags=(ASSUME_FINITE,), exact=_keeps_signs)
def local_reduce_join(node: Apply) -> Any:
    """sum(join(axis, x, y), axis) -> x + y, for x and y of length 1 in that axis; also prod, max, min, all and any"""
    op: Any = node.op
    (joined,) = node.inputs
    axes = _axes(node)
    if joined.owner is None or not isinstance(joined.owner.op, Join) or len(axes) != 1 or isinstance(op, ProdWithoutZeros):
        return False
    axis, *parts = joined.owner.inputs
    known = constant_int(axis)
    ndim: int = joined.type.ndim  # type: ignore[attr-defined]
    if known is None or known % ndim != axes[0] or len(parts) > 31:
        return False
    if not all(part.type.broadcastable[axes[0]] for part in parts):  # type: ignore[attr-defined]
        return False
    out: Any = node.outputs[0]
    if out.type.dtype == "bool" != joined.type.dtype:  # type: ignore[attr-defined]
        return False
    order = [place for place in range(ndim) if place != axes[0]]
    # first to the dtype of the whole, then to that in which it is reduced
    dtypes: tuple[Any, ...] = (joined.type.dtype, op.acc_dtype if isinstance(op, CAReduceDtype) else out.type.dtype)  # type: ignore[attr-defined]
    terms: list[Any] = []
    for part in parts:
        term: Any = DimShuffle(part.type.broadcastable, order)(part)  # type: ignore[attr-defined]
        for dtype in dtypes:
            term = term if term.type.dtype == dtype else cast(term, dtype)
        terms.append(term)
    return [fitted(_combined(op.scalar_op, terms), out)]


def _combined(scalar_op: Any, terms: list[Any]) -> Any:
    """The terms, one after the other, combined by a scalar op."""
    combine = Elemwise(scalar_op)
    if isinstance(scalar_op, (scalar.Add, scalar.Mul)):
        return combine(*terms)
    result = terms[0]
    for term in terms[1:]:
        result = combine(result, term)
    return result


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[MaxAndArgmax], tags=("fast_compile",))
def local_max_and_argmax(node: Apply) -> Any:
    """max_and_argmax(x) -> max(x) or argmax(x), where only one of them is used"""
    if node.fgraph is None:
        return False
    used = [bool(node.fgraph.client_count(output)) for output in node.outputs]
    (x,) = node.inputs
    axis = node.op.axis  # type: ignore[attr-defined]
    if used == [True, False]:
        return [fitted(CAReduce(scalar.maximum, axis)(x), node.outputs[0]), None]
    if used == [False, True]:
        return [None, fitted(Argmax(axis)(x), node.outputs[1])]
    return False


REWRITES: list[Rewrite] = [
    local_sum_all_to_none,
    local_sum_sum,
    local_cut_useless_reduce,
    local_reduce_broadcastable,
    local_sum_mul_by_scalar,
    local_sum_div_dimshuffle,
    local_sum_alloc,
    local_reduce_join,
    local_max_and_argmax,
]
