"""Sums of exponentials are shifted by their largest exponent, in the logarithm and in its gradient: nothing overflows.

Both rules make the same shifted exponentials and the same sum of them, so that merging leaves one of each: a logarithm and its
gradient together take one exponential for each element.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore import scalar
from tcore.optimizer.navigators import in2out
from tcore.optimizer.rewrite import ASSUME_FINITE, GlobalRewrite, rewrite
from tcore.records import frozen
from tcore.scalar.dtypes import float_dtypes
from tcore.tensor.careduce import CAReduce, Sum, Supremum, normal_axes, spread_over
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.math import add, cast, exp, isinf, log, mul, sub, switch, true_div
from tcore.tensor.rewrites.common import elemwise_node, fitted

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]

_FINITE = (ASSUME_FINITE,)


@frozen
class _SumOfExponentials:
    """``op(drop(exp(x)))``: a sum over ``axes`` of ``x``, some of which, of length 1, may have been dropped before."""

    op: Sum
    drop: DimShuffle | None
    powers: Any
    x: Any
    axes: tuple[int, ...]

    def shifted(self) -> tuple[Any, Any, Any]:
        """max(x), exp(x - max(x)) and the sum of that; where there is nothing to sum, it is 0 and no error."""
        high = Supremum(self.axes)(self.x)
        powers = exp(sub(self.x, spread_over(high, self.x.type.ndim, self.axes)))
        return high, powers, self.op(powers if self.drop is None else self.drop(powers))


@rewrite(tracks=[log], tags=_FINITE)
def local_log_sum_exp(node: Apply) -> Any:
    """log(sum(exp(x))) -> max(x) + log(sum(exp(x - max(x)))), and so for a sum that was transposed or broadcast

    Over axes of length 1 there is no sum: log(exp(x)) -> x, transposed or broadcast as well.
    """
    argument, moved = node.inputs[0], None
    out: Any = node.outputs[0]
    if out.type.dtype not in float_dtypes:
        return False
    if argument.owner is not None and isinstance(argument.owner.op, DimShuffle):
        moved, argument = argument.owner.op, argument.owner.inputs[0]
    power, found = elemwise_node(argument, scalar.Exp), _sum_of_exponentials(argument.owner)
    if power is not None:
        result = power.inputs[0]
    elif found is not None:
        high, _, sums = found.shifted()
        # an infinite maximum is the result; the difference of two infinities is not needed
        result = switch(isinf(high), high, add(high, log(sums)))
    else:
        return False
    return [fitted(result if moved is None else moved(result), out)]


@rewrite(tracks=[true_div], tags=_FINITE)
def local_exp_over_sum_exp(node: Apply) -> Any:
    """exp(x) / sum(exp(x)) -> exp(x - max(x)) / sum(exp(x - max(x))), and so with further factors above and below"""
    above, below = (_factors(variable) for variable in node.inputs)
    for k, spread in enumerate(below):
        found = _spread_sum(spread)
        if found is None or found.powers not in above:
            continue
        _, shifted, sums = found.shifted()
        above[above.index(found.powers)] = shifted
        below[k] = spread.owner.op(sums)
        return [fitted(true_div(_product(above), _product(below)), node.outputs[0])]
    return False


def _sum_of_exponentials(total: Apply | None) -> _SumOfExponentials | None:
    """What ``total`` is the node of, where its exponents are not shifted yet; else None.

    They are taken in the dtype of the exponentials: differences of integers would wrap around.
    """
    if total is None or not isinstance(total.op, Sum):
        return None
    powers: Any = total.inputs[0]
    drop, left = None, list(range(powers.type.ndim))
    if powers.owner is not None and isinstance(powers.owner.op, DimShuffle):
        drop = powers.owner.op
        if "x" in drop.new_order or list(drop.new_order) != sorted(drop.new_order):
            return None
        powers, left = powers.owner.inputs[0], [axis for axis in drop.new_order if axis != "x"]
    power = elemwise_node(powers, scalar.Exp)
    if power is None or powers.type.dtype not in float_dtypes:
        return None
    difference = elemwise_node(power.inputs[0], scalar.Sub)
    if difference is not None and _is_spread_maximum(difference.inputs[1]):
        return None
    summed = normal_axes(total.op.axis, len(left))
    kept = {axis for k, axis in enumerate(left) if k not in summed}
    axes = tuple(axis for axis in range(powers.type.ndim) if axis not in kept)
    return _SumOfExponentials(total.op, drop, powers, cast(power.inputs[0], powers.type.dtype), axes)


def _is_spread_maximum(variable: Any) -> bool:
    node = variable.owner
    if node is not None and isinstance(node.op, DimShuffle):
        node = node.inputs[0].owner
    return node is not None and isinstance(node.op, CAReduce) and isinstance(node.op.scalar_op, scalar.Maximum)


def _spread_sum(variable: Any) -> _SumOfExponentials | None:
    """The sum of exponentials whose axes ``variable`` has again, each of length 1; else None."""
    spread = variable.owner
    if spread is None or not isinstance(spread.op, DimShuffle):
        return None
    found = _sum_of_exponentials(spread.inputs[0].owner)
    if found is None:
        return None
    kept = [axis for axis in range(found.x.type.ndim) if axis not in found.axes]
    order = [kept.index(axis) if axis in kept else "x" for axis in range(found.x.type.ndim)]
    return found if list(spread.op.new_order) == order else None


def _factors(variable: Any) -> list[Any]:
    product = elemwise_node(variable, scalar.Mul)
    return [variable] if product is None else list(product.inputs)


def _product(factors: list[Any]) -> Any:
    return factors[0] if len(factors) == 1 else mul(*factors)


REWRITES: list[GlobalRewrite] = [
    GlobalRewrite("local_log_sum_exp", in2out(local_log_sum_exp.rule), 1.6, ("fast_run", ASSUME_FINITE)),
    GlobalRewrite("local_exp_over_sum_exp", in2out(local_exp_over_sum_exp.rule), 1.6, ("fast_run", ASSUME_FINITE)),
]
