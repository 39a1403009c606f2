"""Sums of exponentials are shifted by their largest exponent, in the logarithm and in its gradient: nothing overflows.

Both rules make the same shifted exponentials and the same sum of them, so that merging leaves one of each: a logarithm and its
gradient together take one exponential for each element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore import scalar
from tcore.optimizer.navigators import in2out
from tcore.optimizer.rewrite import ASSUME_FINITE, GlobalRewrite, rewrite
from tcore.scalar.dtypes import float_dtypes
from tcore.tensor.careduce import CAReduce, Sum, normal_axes, spread_over
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.math import add, exp, isinf, log, mul, sub, switch, true_div
from tcore.tensor.rewrites.common import elemwise_node, fitted

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]

_FINITE = (ASSUME_FINITE,)


@rewrite(tracks=[log], tags=_FINITE)
def local_log_sum_exp(node: Apply) -> Any:
    """log(sum(exp(x))) -> max(x) + log(sum(exp(x - max(x)))), and so for a sum that was transposed or broadcast"""
    moved, total = None, node.inputs[0].owner
    if total is not None and isinstance(total.op, DimShuffle):
        moved, total = total.op, total.inputs[0].owner
    x = _exponent_of_sum(total)
    if x is None or node.outputs[0].type.dtype not in float_dtypes:  # type: ignore[attr-defined]
        return False
    high, shifted = _shifted(x, total.op.axis)  # type: ignore[union-attr]
    # an infinite maximum is the result; the difference of two infinities is not needed
    result = switch(isinf(high), high, add(high, log(total.op(shifted))))  # type: ignore[union-attr]
    return [fitted(result if moved is None else moved(result), node.outputs[0])]


@rewrite(tracks=[true_div], tags=_FINITE)
def local_exp_over_sum_exp(node: Apply) -> Any:
    """exp(x) / sum(exp(x)) -> exp(x - max(x)) / sum(exp(x - max(x))), and so with further factors above and below"""
    above, below = (_factors(variable) for variable in node.inputs)
    for k, spread in enumerate(below):
        total = _spread_sum(spread)
        x = _exponent_of_sum(total)
        if x is None or total.inputs[0] not in above:
            continue
        _, shifted = _shifted(x, total.op.axis)
        above[above.index(total.inputs[0])] = shifted
        below[k] = spread.owner.op(total.op(shifted))
        return [fitted(true_div(_product(above), _product(below)), node.outputs[0])]
    return False


def _exponent_of_sum(total: Apply | None) -> Any:
    """x where ``total`` is the node of sum(exp(x)) and ``x`` is not shifted yet; else None."""
    if total is None or not isinstance(total.op, Sum):
        return None
    power = elemwise_node(total.inputs[0], scalar.Exp)
    if power is None:
        return None
    difference = elemwise_node(power.inputs[0], scalar.Sub)
    if difference is not None and _is_spread_maximum(difference.inputs[1]):
        return None
    return power.inputs[0]


def _is_spread_maximum(variable: Any) -> bool:
    node = variable.owner
    if node is not None and isinstance(node.op, DimShuffle):
        node = node.inputs[0].owner
    return node is not None and isinstance(node.op, CAReduce) and isinstance(node.op.scalar_op, scalar.Maximum)


def _shifted(x: Any, axis: Any) -> tuple[Any, Any]:
    """max(x) over ``axis``, and exp(x - max(x))."""
    high = CAReduce(scalar.maximum, axis)(x)
    return high, exp(sub(x, spread_over(high, x.type.ndim, normal_axes(axis, x.type.ndim))))


def _spread_sum(variable: Any) -> Any:
    """The node of a sum whose axes ``variable`` has again, each of length 1; else None."""
    spread = variable.owner
    if spread is None or not isinstance(spread.op, DimShuffle) or spread.inputs[0].owner is None:
        return None
    total = spread.inputs[0].owner
    if not isinstance(total.op, Sum):
        return None
    ndim = total.inputs[0].type.ndim
    kept = [axis for axis in range(ndim) if axis not in normal_axes(total.op.axis, ndim)]
    order = [kept.index(axis) if axis in kept else "x" for axis in range(ndim)]
    return total if list(spread.op.new_order) == order else None


def _factors(variable: Any) -> list[Any]:
    product = elemwise_node(variable, scalar.Mul)
    return [variable] if product is None else list(product.inputs)


def _product(factors: list[Any]) -> Any:
    return factors[0] if len(factors) == 1 else mul(*factors)


REWRITES: list[GlobalRewrite] = [
    GlobalRewrite("local_log_sum_exp", in2out(local_log_sum_exp.rule), 1.6, ("fast_run", ASSUME_FINITE)),
    GlobalRewrite("local_exp_over_sum_exp", in2out(local_exp_over_sum_exp.rule), 1.6, ("fast_run", ASSUME_FINITE)),
]
