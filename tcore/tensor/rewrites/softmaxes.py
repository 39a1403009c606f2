"""Logarithms of probabilities: taken from what the softmax is computed of, they never meet a probability that rounds to 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore import scalar
from tcore.optimizer.rewrite import ASSUME_FINITE, Rewrite, Stage, rewrite
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor, AdvancedIncSubtensor1
from tcore.tensor.advanced_subtensor import AdvancedSubtensor, AdvancedSubtensor1
from tcore.tensor.careduce import spread_over
from tcore.tensor.incsubtensor import IncSubtensor
from tcore.tensor.math import log, mul, sub, true_div
from tcore.tensor.rewrites.common import constant_like, elemwise_node, fitted, has_value
from tcore.tensor.softmax import Softmax, SoftmaxGrad, logsoftmax_op
from tcore.tensor.subtensor import Subtensor

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]

_BOTH = (Stage.STABILIZE, Stage.SPECIALIZE)
_FINITE = (ASSUME_FINITE,)

#: what puts values at the places where another op takes them
_TAKES = {IncSubtensor: Subtensor, AdvancedIncSubtensor: AdvancedSubtensor, AdvancedIncSubtensor1: AdvancedSubtensor1}


def _is_softmax(variable: Any) -> bool:
    return variable.owner is not None and isinstance(variable.owner.op, Softmax)


@rewrite(*_BOTH, tracks=[log], tags=(*_FINITE, "fast_compile_gpu"))
def local_log_softmax(node: Apply) -> Any:
    """log(softmax(x)) -> logsoftmax(x)"""
    (x,) = node.inputs
    return [fitted(logsoftmax_op(x.owner.inputs[0]), node.outputs[0])] if _is_softmax(x) else False  # type: ignore[union-attr]


@rewrite(*_BOTH, tracks=[log], tags=_FINITE)
def local_advanced_indexing_crossentropy_onehot(node: Apply) -> Any:
    """log(softmax(x)[rows, y]) -> logsoftmax(x)[rows, y], and so for every index"""
    taken = node.inputs[0].owner
    if taken is None or not isinstance(taken.op, tuple(_TAKES.values())) or not _is_softmax(taken.inputs[0]):
        return False
    softmax, *index = taken.inputs
    return [fitted(taken.op(logsoftmax_op(softmax.owner.inputs[0]), *index), node.outputs[0])]  # type: ignore[union-attr]


def _log_gradient(g: Any, softmax: Any) -> Any:
    """The gradient with respect to x of what has the gradient ``g`` with respect to log(softmax(x))."""
    return sub(g, mul(spread_over(g.sum(axis=1), 2, (1,)), softmax))


@rewrite(*_BOTH, tracks=[SoftmaxGrad], tags=_FINITE)
def local_logsoftmax_grad(node: Apply) -> Any:
    """softmax_grad(g / softmax(x), softmax(x)) -> g - sum(g) * softmax(x): no division by a probability that is 0"""
    dy, sm = node.inputs
    if not _is_softmax(sm):
        return False
    g = _numerator(dy, sm)
    if g is None or g.type.dtype != sm.type.dtype or g.type.broadcastable != sm.type.broadcastable:  # type: ignore[attr-defined]
        return False
    return [fitted(_log_gradient(g, sm), node.outputs[0])]


@rewrite(*_BOTH, tracks=[SoftmaxGrad], tags=_FINITE)
def local_advanced_indexing_crossentropy_onehot_grad(node: Apply) -> Any:
    """softmax_grad(inc(0, g / softmax(x)[rows, y], [rows, y]), softmax(x)) -> d - sum(d) * softmax(x), d = inc(0, g, [rows, y])"""
    dy, sm = node.inputs
    put = dy.owner
    if not _is_softmax(sm) or put is None or type(put.op) not in _TAKES or not has_value(put.inputs[0], 0):
        return False
    zeros, quotient, *index = put.inputs
    for taken, _ in sm.clients:
        if taken == "output" or type(taken.op) is not _TAKES[type(put.op)] or taken.inputs[0] is not sm or taken.inputs[1:] != index:
            continue
        if isinstance(put.op, IncSubtensor) and put.op.idx_list != taken.op.idx_list:  # type: ignore[attr-defined]
            continue
        g = _numerator(quotient, taken.outputs[0])
        if g is not None and g.type.dtype == sm.type.dtype:  # type: ignore[attr-defined]
            return [fitted(_log_gradient(put.op(zeros, g, *index), sm), node.outputs[0])]
    return False


def _numerator(quotient: Any, divisor: Any) -> Any:
    """g where ``quotient`` is written as g / divisor, a / (b * divisor) with g = a / b, or 1 / divisor; else None."""
    inverse = elemwise_node(quotient, scalar.Inv)
    if inverse is not None:
        return constant_like(1, quotient) if inverse.inputs[0] is divisor else None
    division = elemwise_node(quotient, scalar.TrueDiv)
    if division is None:
        return None
    above, below = division.inputs
    if below is divisor:
        return above
    product = elemwise_node(below, scalar.Mul)
    if product is None or product.inputs.count(divisor) != 1:
        return None
    rest = [factor for factor in product.inputs if factor is not divisor]
    return true_div(above, rest[0] if len(rest) == 1 else mul(*rest))


REWRITES: list[Rewrite] = [
    local_log_softmax,
    local_advanced_indexing_crossentropy_onehot,
    local_logsoftmax_grad,
    local_advanced_indexing_crossentropy_onehot_grad,
]
