"""Forms that keep their precision where the written ones lose it, or overflow.

All are tagged :data:`~tcore.optimizer.rewrite.ASSUME_FINITE`: to give a number where the written form gives an infinity or NaN
is what they are for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore import scalar
from tcore.optimizer.rewrite import ASSUME_FINITE, Rewrite, Stage, rewrite
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes, float_dtypes
from tcore.tensor.math import (
    add,
    cast,
    exp,
    expm1,
    inv,
    isinf,
    log,
    log1p,
    lt,
    maximum,
    minimum,
    mul,
    neg,
    sigmoid,
    softplus,
    sub,
    switch,
    true_div,
)
from tcore.tensor.rewrites.canonizer import local_mul_canonizer
from tcore.tensor.rewrites.common import constant_like, elemwise_node, fitted, has_value, only_client, widened
from tcore.tensor.special import erf, erfc, erfcx

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]

_BOTH = (Stage.STABILIZE, Stage.SPECIALIZE)
_FINITE = (ASSUME_FINITE,)


def negative_of(variable: Any) -> Any:
    """``y`` where ``variable`` is written as ``-y`` or ``-1 * y``; None otherwise, and for integers, whose negatives wrap around."""
    if variable.type.dtype in discrete_dtypes:
        return None
    node = elemwise_node(variable, scalar.Neg)
    if node is not None:
        return node.inputs[0]
    node = elemwise_node(variable, scalar.Mul)
    if node is not None and len(node.inputs) == 2:
        for position in (0, 1):
            if has_value(node.inputs[position], -1) and node.inputs[1 - position].type == variable.type:
                return node.inputs[1 - position]
    return None


def _negated(variable: Any, dtype: str) -> Any:
    """``-variable``, without a double sign; of an integer in the float ``dtype``, which has negatives of all."""
    inner = negative_of(variable)
    if inner is not None:
        return inner
    return neg(cast(variable, dtype) if variable.type.dtype in discrete_dtypes else variable)


def _one_plus(variable: Any) -> Any:
    """``y`` where ``variable`` is ``1 + y`` or ``1 - z`` (then ``-z``); None otherwise, and for integers: nothing is gained."""
    if not _is_float(variable):
        return None
    node = elemwise_node(variable, scalar.Add)
    if node is not None:
        ones = [v for v in node.inputs if has_value(v, 1)]
        if not ones:
            return None
        rest = [v for v in node.inputs if v is not ones[0]]
        if len(rest) != len(node.inputs) - 1:
            return None
        return rest[0] if len(rest) == 1 else add(*widened(rest, variable.type.dtype))
    node = elemwise_node(variable, scalar.Sub)
    if node is not None and has_value(node.inputs[0], 1):
        return _negated(node.inputs[1], variable.type.dtype)
    return None


def _is_float(variable: Any) -> bool:
    return variable.type.dtype in float_dtypes


@rewrite(*_BOTH, tracks=[log], tags=_FINITE)
def local_log1p(node: Apply) -> Any:
    """log(1 + x) -> log1p(x); log(1 - x) -> log1p(-x)"""
    inner = _one_plus(node.inputs[0])
    if inner is None or node.outputs[0].type.dtype in complex_dtypes:  # type: ignore[attr-defined]
        return False
    return [fitted(log1p(inner), node.outputs[0])]


@rewrite(*_BOTH, tracks=[add, sub], tags=_FINITE)
def local_expm1(node: Apply) -> Any:
    """exp(x) - 1 -> expm1(x)"""
    out: Any = node.outputs[0]
    if len(node.inputs) != 2 or not _is_float(out):
        return False
    left, right = node.inputs
    pairs = [(left, right, 1)] if node.op == sub else [(left, right, -1), (right, left, -1)]
    for power, constant, wanted in pairs:
        inner = elemwise_node(power, scalar.Exp)
        if inner is not None and has_value(constant, wanted):
            return [fitted(expm1(inner.inputs[0]), out)]
    return False


@rewrite(*_BOTH, tracks=[log], tags=_FINITE)
def local_log_add(node: Apply) -> Any:
    """log(exp(x) + exp(y)) -> max(x, y) + log1p(exp(min(x, y) - max(x, y)))"""
    total = elemwise_node(node.inputs[0], scalar.Add)
    if total is None or len(total.inputs) != 2:
        return False
    powers = [elemwise_node(variable, scalar.Exp) for variable in total.inputs]
    if None in powers:
        return False
    x, y = (power.inputs[0] for power in powers if power is not None)
    high, low = maximum(x, y), minimum(x, y)
    # two equal infinities have no difference
    distance = switch(isinf(high), constant_like(0, high), sub(low, high))
    result = switch(isinf(high), high, add(high, log1p(exp(distance))))
    return [fitted(result, node.outputs[0])]


# ------------------------------------------------------------ sigmoid and softplus


@rewrite(*_BOTH, tracks=[inv, true_div], tags=_FINITE)
def local_inv_1_plus_exp(node: Apply) -> Any:
    """1 / (1 + exp(x)) -> sigmoid(-x), also as a factor: y / (1 + exp(x)) -> y * sigmoid(-x)"""
    below = node.inputs[-1]
    power = elemwise_node(_one_plus(below), scalar.Exp) if _one_plus(below) is not None else None
    out: Any = node.outputs[0]
    if power is None or not _is_float(out):
        return False
    if node.op == true_div:
        above = node.inputs[0]
        if not has_value(above, 1):
            # exp(x) / (1 + exp(x)) has a rule of its own
            return False
    return [fitted(sigmoid(_negated(power.inputs[0], out.type.dtype)), out)]


@rewrite(*_BOTH, tracks=[true_div], tags=_FINITE)
def local_exp_over_1_plus_exp(node: Apply) -> Any:
    """y * exp(x) / (1 + exp(x)) -> y * sigmoid(x); y / (1 + exp(x)) -> y * sigmoid(-x)"""
    out: Any = node.outputs[0]
    if not _is_float(out):
        return False
    num, denum = local_mul_canonizer.get_num_denum(out, only_client)
    changed = False
    rest = []
    for below in denum:
        inner = _one_plus(below)
        power = None if inner is None else elemwise_node(inner, scalar.Exp)
        if power is None:
            rest.append(below)
            continue
        changed = True
        exponent = power.inputs[0]
        above = next((v for v in num if _is_exp_of(v, exponent)), None)
        if above is None:
            num.append(sigmoid(_negated(exponent, out.type.dtype)))
        else:
            num[num.index(above)] = sigmoid(exponent)
    if not changed:
        return False
    return [fitted(local_mul_canonizer.merge_num_denum(num, rest), out)]


def _is_exp_of(variable: Any, exponent: Any) -> bool:
    node = elemwise_node(variable, scalar.Exp)
    return node is not None and node.inputs[0] is exponent


@rewrite(*_BOTH, tracks=[mul, true_div], tags=_FINITE)
def local_sigm_times_exp(node: Apply) -> Any:
    """sigmoid(x) * exp(-x) -> sigmoid(-x); sigmoid(x) / exp(x) -> sigmoid(-x)"""
    out: Any = node.outputs[0]
    if not _is_float(out):
        return False
    num, denum = local_mul_canonizer.get_num_denum(out, only_client)
    changed = False
    for position, factor in enumerate(num):
        sigm = elemwise_node(factor, scalar.ScalarSigmoid)
        if sigm is None:
            continue
        x = sigm.inputs[0]
        opposite = negative_of(x)
        for other in num:
            power = elemwise_node(other, scalar.Exp)
            if power is None:
                continue
            if (opposite is not None and power.inputs[0] is opposite) or negative_of(power.inputs[0]) is x:
                num[position] = sigmoid(power.inputs[0])
                num.remove(other)
                changed = True
                break
        else:
            for other in denum:
                if _is_exp_of(other, x):
                    num[position] = sigmoid(_negated(x, out.type.dtype))
                    denum.remove(other)
                    changed = True
                    break
        if changed:
            break
    return [fitted(local_mul_canonizer.merge_num_denum(num, denum), out)] if changed else False


@rewrite(*_BOTH, tracks=[sub, add], tags=_FINITE)
def local_1msigmoid(node: Apply) -> Any:
    """1 - sigmoid(x) -> sigmoid(-x)"""
    out: Any = node.outputs[0]
    if len(node.inputs) != 2:
        return False
    if node.op == sub:
        one, other = node.inputs
        sigm = elemwise_node(other, scalar.ScalarSigmoid)
    else:
        inner = _one_plus(out)
        opposite = None if inner is None else negative_of(inner)
        sigm = None if opposite is None else elemwise_node(opposite, scalar.ScalarSigmoid)
        one = next((v for v in node.inputs if has_value(v, 1)), node.inputs[0])
    if sigm is None or not has_value(one, 1):
        return False
    return [fitted(sigmoid(_negated(sigm.inputs[0], out.type.dtype)), out)]


@rewrite(*_BOTH, tracks=[log], tags=_FINITE)
def local_logsigm_to_softplus(node: Apply) -> Any:
    """log(sigmoid(x)) -> -softplus(-x); log(1 - sigmoid(x)) -> -softplus(x)"""
    sigm = elemwise_node(node.inputs[0], scalar.ScalarSigmoid)
    if sigm is not None:
        return [fitted(neg(softplus(_negated(sigm.inputs[0], node.outputs[0].type.dtype))), node.outputs[0])]
    return False


@rewrite(*_BOTH, tracks=[log1p], tags=_FINITE)
def local_log1msigm_to_softplus(node: Apply) -> Any:
    """log1p(-sigmoid(x)) -> -softplus(x); log1p(exp(x)) -> softplus(x)"""
    (x,) = node.inputs
    power = elemwise_node(x, scalar.Exp)
    if power is not None:
        return [fitted(softplus(power.inputs[0]), node.outputs[0])]
    opposite = negative_of(x)
    sigm = None if opposite is None else elemwise_node(opposite, scalar.ScalarSigmoid)
    if sigm is None:
        return False
    return [fitted(neg(softplus(sigm.inputs[0])), node.outputs[0])]


# ------------------------------------------------------------ error function


@rewrite(Stage.CANONICALIZE, *_BOTH, tracks=[sub, add], tags=(*_FINITE, "local_one_minus_erf2"))
def local_one_minus_erf(node: Apply) -> Any:
    """1 - erf(x) -> erfc(x); 1 - erfc(x) -> erf(x)"""
    out: Any = node.outputs[0]
    if len(node.inputs) != 2:
        return False
    inner = _one_plus(out)
    opposite = None if inner is None else negative_of(inner)
    if opposite is None:
        return False
    for kind, result in ((scalar.Erf, erfc), (scalar.Erfc, erf)):
        function = elemwise_node(opposite, kind)
        if function is not None:
            return [fitted(result(function.inputs[0]), out)]
    return False


@rewrite(*_BOTH, tracks=[log], tags=_FINITE)
def local_log_erfc(node: Apply) -> Any:
    """log(erfc(x)) -> log(erfcx(x)) - x * x for x >= 1, where erfc(x) falls to 0"""
    function = elemwise_node(node.inputs[0], scalar.Erfc)
    if function is None:
        return False
    x = function.inputs[0]
    if elemwise_node(x, scalar.Minimum) is not None:
        return False  # what this rule makes
    large = sub(log(erfcx(maximum(x, constant_like(1, x)))), mul(x, x))
    small = log(erfc(minimum(x, constant_like(1, x))))
    return [fitted(switch(lt(x, constant_like(1, x)), small, large), node.outputs[0])]


@rewrite(*_BOTH, tracks=[true_div], tags=_FINITE)
def local_grad_log_erfc_neg(node: Apply) -> Any:
    """y * exp(-x * x) / erfc(x) -> y / erfcx(x): for large x both exp and erfc fall to 0"""
    out: Any = node.outputs[0]
    if not _is_float(out):
        return False
    num, denum = local_mul_canonizer.get_num_denum(out, only_client)
    for place, below in enumerate(denum):
        function = elemwise_node(below, scalar.Erfc)
        if function is None:
            continue
        x = function.inputs[0]
        for factor in num:
            power = elemwise_node(factor, scalar.Exp)
            if power is not None and _is_minus_square(power.inputs[0], x):
                num.remove(factor)
                denum[place] = erfcx(x)
                return [fitted(local_mul_canonizer.merge_num_denum(num, denum), out)]
    return False


def _is_minus_square(variable: Any, x: Any) -> bool:
    """Whether ``variable`` is written as ``-x * x``, in one of the ways that rewrites leave."""
    square = negative_of(variable)
    if square is None:
        product = elemwise_node(variable, scalar.Mul)
        if product is None or len(product.inputs) != 3:
            return False
        rest = [factor for factor in product.inputs if factor is not x]
        return len(rest) == 1 and has_value(rest[0], -1)
    node = elemwise_node(square, scalar.Sqr, scalar.Mul, scalar.Pow)
    if node is None or node.inputs[0] is not x:
        return False
    if isinstance(node.op.scalar_op, scalar.Sqr):  # type: ignore[attr-defined]
        return True
    if isinstance(node.op.scalar_op, scalar.Pow):  # type: ignore[attr-defined]
        return has_value(node.inputs[1], 2)
    return len(node.inputs) == 2 and node.inputs[1] is x


REWRITES: list[Rewrite] = [
    local_log1p,
    local_expm1,
    local_log_add,
    local_inv_1_plus_exp,
    local_exp_over_1_plus_exp,
    local_sigm_times_exp,
    local_1msigmoid,
    local_logsigm_to_softplus,
    local_log1msigm_to_softplus,
    local_one_minus_erf,
    local_log_erfc,
    local_grad_log_erfc_neg,
    Rewrite(local_mul_canonizer, (Stage.STABILIZE,), _FINITE),
]
