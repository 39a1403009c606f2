"""Arithmetic: powers, products with special numbers, signs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore import scalar
from tcore.graph.trace import note_origins
from tcore.optimizer.rewrite import ASSUME_FINITE, Rewrite, Stage, rewrite
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes, float_dtypes
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.math import abs_, add, cast, inv, mul, neg, pow, sqr, sqrt, sub, switch, true_div
from tcore.tensor.rewrites.common import (
    constant_like,
    elemwise_node,
    fitted,
    has_value,
    is_discrete,
    is_real,
    negated,
    of_kind,
    only_client,
    uniform_value,
    widened,
)

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES", "local_add_mul_fusion"]

_FINITE = (ASSUME_FINITE,)


@rewrite(Stage.CANONICALIZE, tracks=[neg])
def local_neg_to_mul(node: Apply) -> Any:
    """neg(x) -> -1 * x, for signed real x"""
    (x,) = node.inputs
    if x.type.dtype.startswith("u") or not is_real(node):  # type: ignore[attr-defined]
        return False
    return [mul(constant_like(-1, node.outputs[0]), x)]


@rewrite(Stage.CANONICALIZE, tracks=[mul], tags=_FINITE, exact=is_discrete)
def local_mul_zero(node: Apply) -> Any:
    """0 * x -> zeros"""
    if any(has_value(variable, 0) for variable in node.inputs):
        return [fitted(constant_like(0, node.outputs[0]), node.outputs[0])]
    return False


def _may_be_refused(node: Apply) -> bool:
    """Whether it is a power of integers whose exponent may be negative: an error, of 1 as well."""
    exponent: Any = node.inputs[1]
    value = uniform_value(exponent)
    return is_discrete(node) and exponent.type.dtype.startswith("int") and (value is None or bool(value < 0))


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[pow], tags=_FINITE, exact=is_real)
def local_pow_canonicalize(node: Apply) -> Any:
    """x ** 0 -> ones; x ** 1 -> x; 1 ** y -> ones, for y that is no negative integer"""
    base, exponent = node.inputs
    out = node.outputs[0]
    if has_value(exponent, 0) or (has_value(base, 1) and not _may_be_refused(node)):
        return [fitted(constant_like(1, out), out)]
    if has_value(exponent, 1):
        return [fitted(base, out)]
    return False


def _is_square_or_inverse(node: Apply) -> bool:
    return has_value(node.inputs[1], 2) or has_value(node.inputs[1], -1)


# roots differ from powers at -inf and -0.0, and the square of an inverse square may overflow on its own
@rewrite(Stage.SPECIALIZE, tracks=[pow], tags=_FINITE, exact=_is_square_or_inverse)
def local_pow_specialize(node: Apply) -> Any:
    """x ** 2 -> sqr(x); x ** 0.5 -> sqrt(x); x ** -0.5 -> inv(sqrt(x)); x ** -1 -> inv(x); x ** -2 -> inv(sqr(x))"""
    out: Any = node.outputs[0]
    base, exponent = node.inputs
    value = uniform_value(exponent)
    if value is None or out.type.dtype in complex_dtypes:
        return False
    whole = out.type.dtype in discrete_dtypes
    if base.type.dtype != out.type.dtype:  # type: ignore[attr-defined]
        if whole:
            return False
        base = cast(base, out.type.dtype)
    if value == 2:
        return [fitted(sqr(base), out)]
    if whole:
        return False
    for number, result in (
        (0.5, lambda x: sqrt(x)),
        (-0.5, lambda x: inv(sqrt(x))),
        (-1, lambda x: inv(x)),
        (-2, lambda x: inv(sqr(x))),
    ):
        if value == number:
            return [fitted(result(base), out)]
    return False


def _has_positive_exponent(node: Apply) -> bool:
    value = uniform_value(node.inputs[1])
    return value is not None and bool(value > 0)


@rewrite(Stage.SPECIALIZE_DEVICE, tracks=[pow], tags=_FINITE, exact=_has_positive_exponent)
def local_pow_specialize_device(node: Apply) -> Any:
    """x ** n -> products of squares of x, for whole 2 < |n| <= 512"""
    out: Any = node.outputs[0]
    base, exponent = node.inputs
    value = uniform_value(exponent)
    if value is None or out.type.dtype not in float_dtypes or base.type.dtype != out.type.dtype:  # type: ignore[attr-defined]
        return False
    if value != int(value) or not 2 < abs(int(value)) <= 512:
        return False
    number = abs(int(value))
    factors: list[Any] = []
    square: Any = base
    while number:
        if number & 1:
            factors.append(square)
        number >>= 1
        if number:
            square = sqr(square)
    result = factors[0] if len(factors) == 1 else mul(*factors)
    return [fitted(result if value > 0 else inv(result), out)]


@rewrite(Stage.SPECIALIZE, tracks=[mul])
def local_mul_to_sqr(node: Apply) -> Any:
    """x * x -> sqr(x)"""
    if len(node.inputs) == 2 and node.inputs[0] is node.inputs[1]:
        return [fitted(sqr(node.inputs[0]), node.outputs[0])]
    return False


def _has_no_zero(node: Apply) -> bool:
    return is_discrete(node) or (is_real(node) and not any(has_value(variable, 0) for variable in node.inputs))


@rewrite(Stage.SPECIALIZE, tracks=[mul], tags=_FINITE, exact=_has_no_zero)
def local_mul_specialize(node: Apply) -> Any:
    """1 * x -> x; -1 * x -> neg(x); 0 * x -> zeros; neg(x) * y -> neg(x * y)"""
    out: Any = node.outputs[0]
    if out.type.dtype == "bool":
        return False
    negative = False
    changed = False
    factors: list[Any] = []
    # two signs cancel whoever else needs the negated values; a single one moves only where nobody does
    pairs = sum(negated(variable, out.type.dtype) is not None for variable in node.inputs) // 2 * 2
    for variable in node.inputs:
        value = uniform_value(variable)
        if value is not None and value == 0:
            return [fitted(constant_like(0, out), out)]
        if value is not None and value == 1:
            changed = True
        elif value is not None and value == -1 and variable.type.dtype != "bool":  # type: ignore[attr-defined]
            changed = True
            negative = not negative
        else:
            inner = negated(variable, out.type.dtype)
            if inner is not None and len(node.inputs) > 1 and (pairs or only_client(variable)):
                pairs = max(pairs - 1, 0)
                changed = True
                negative = not negative
                factors.append(inner)
            else:
                factors.append(variable)
    if not changed:
        return False
    if not factors:
        return [fitted(constant_like(-1 if negative else 1, out), out)]
    result: Any = factors[0] if len(factors) == 1 else mul(*widened(factors, out.type.dtype))
    if result.type.dtype != out.type.dtype:
        result = cast(result, out.type.dtype)
    return [fitted(neg(result) if negative else result, out)]


@rewrite(Stage.SPECIALIZE, tracks=[add], tags=_FINITE, exact=is_discrete)
def local_add_specialize(node: Apply) -> Any:
    """x + 0 -> x; 0 + 0 -> zeros"""
    out: Any = node.outputs[0]
    kept = [variable for variable in node.inputs if not has_value(variable, 0)]
    if len(kept) == len(node.inputs):
        return False
    if not kept:
        return [fitted(constant_like(0, out), out)]
    return [fitted(kept[0] if len(kept) == 1 else add(*widened(kept, out.type.dtype)), out)]


def _subtracts_zero(node: Apply) -> bool:
    value = uniform_value(node.inputs[1])
    return is_discrete(node) or (value is not None and is_real(node) and bool(value == 0) and not np.signbit(value))


@rewrite(Stage.SPECIALIZE, tracks=[sub], tags=_FINITE, exact=_subtracts_zero)
def local_sub_specialize(node: Apply) -> Any:
    """x - 0 -> x; 0 - x -> neg(x)"""
    left, right = node.inputs
    out: Any = node.outputs[0]
    if has_value(right, 0):
        return [fitted(left, out)]
    if has_value(left, 0) and right.type.dtype == out.type.dtype and not out.type.dtype.startswith("u"):  # type: ignore[attr-defined]
        return [fitted(neg(right), out)]
    return False


@rewrite(Stage.SPECIALIZE, tracks=[add, sub])
def local_add_neg_to_sub(node: Apply) -> Any:
    """x + neg(y) -> x - y; x - neg(y) -> x + y"""
    if len(node.inputs) != 2:
        return False
    out: Any = node.outputs[0]
    left, right = node.inputs
    inner = negated(right, out.type.dtype)
    if inner is not None:
        return [fitted((sub if node.op == add else add)(left, inner), out)]
    inner = negated(left, out.type.dtype) if node.op == add else None
    return False if inner is None else [fitted(sub(right, inner), out)]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[sub], tags=_FINITE, exact=is_discrete)
def local_elemwise_sub_zeros(node: Apply) -> Any:
    """x - x -> zeros"""
    left, right = node.inputs
    return [fitted(constant_like(0, node.outputs[0]), node.outputs[0])] if left is right else False


@rewrite(Stage.SPECIALIZE, tracks=[true_div])
def local_div_to_inv(node: Apply) -> Any:
    """1 / x -> inv(x)"""
    left, right = node.inputs
    out: Any = node.outputs[0]
    if not has_value(left, 1) or out.type.dtype in complex_dtypes or right.type.dtype != out.type.dtype:  # type: ignore[attr-defined]
        return False
    return [fitted(inv(right), out)]


@rewrite(Stage.SPECIALIZE, tracks=[neg])
def local_neg_neg(node: Apply) -> Any:
    """neg(neg(x)) -> x"""
    inner = elemwise_node(node.inputs[0], scalar.Neg)
    return False if inner is None else [inner.inputs[0]]


@rewrite(Stage.SPECIALIZE, tracks=[true_div], tags=_FINITE, exact=is_real)
def local_neg_div_neg(node: Apply) -> Any:
    """neg(x) / neg(y) -> x / y; neg(x) / c -> x / -c for a constant c; not for integers, whose negative may wrap around"""
    above = elemwise_node(node.inputs[0], scalar.Neg)
    if above is None or above.inputs[0].type.dtype in discrete_dtypes:  # type: ignore[attr-defined]
        return False
    below = elemwise_node(node.inputs[1], scalar.Neg)
    if below is not None and below.inputs[0].type.dtype not in discrete_dtypes:  # type: ignore[attr-defined]
        return [fitted(true_div(above.inputs[0], below.inputs[0]), node.outputs[0])]
    value = uniform_value(node.inputs[1])
    if value is not None and only_client(node.inputs[0]) and is_real(node) and node.inputs[1].type.dtype in float_dtypes:  # type: ignore[attr-defined]
        return [fitted(true_div(above.inputs[0], constant_like(-value, node.inputs[1])), node.outputs[0])]
    return False


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[abs_])
def local_abs_lift(node: Apply) -> Any:
    """abs(abs(x)) -> abs(x); abs(neg(x)) -> abs(x), for signed x"""
    inner = elemwise_node(node.inputs[0], scalar.Abs)
    if inner is not None:
        return [node.inputs[0]]
    inner = elemwise_node(node.inputs[0], scalar.Neg)
    if inner is None or inner.inputs[0].type.dtype.startswith("u"):  # type: ignore[attr-defined]
        return False
    return [abs_(inner.inputs[0])]


def _is_of_two(node: Apply) -> bool:
    return len(node.inputs) == 2


# another order of three factors may overflow where the written one does not
@rewrite(Stage.SPECIALIZE, tracks=[mul, true_div], tags=_FINITE, exact=_is_of_two)
def local_abs_merge(node: Apply) -> Any:
    """abs(x) * abs(y) -> abs(x * y); abs(x) / abs(y) -> abs(x / y); of floats"""
    inner = [elemwise_node(variable, scalar.Abs) for variable in node.inputs]
    # the absolute value of the lowest integer is itself, that of a complex number is rounded before the product
    inner = [each if each is None or each.inputs[0].type.dtype in float_dtypes else None for each in inner]  # type: ignore[attr-defined]
    count = sum(each is not None and only_client(v) for each, v in zip(inner, node.inputs, strict=True))
    out: Any = node.outputs[0]
    if count < 2 or out.type.dtype not in float_dtypes:
        return False
    if node.op == true_div:
        x, y = (each.inputs[0] for each in inner if each is not None)
        return [fitted(abs_(true_div(x, y)), out)]
    absolute = [e.inputs[0] for e, v in zip(inner, node.inputs, strict=True) if e is not None and only_client(v)]
    rest = [v for e, v in zip(inner, node.inputs, strict=True) if e is None or not only_client(v)]
    product = abs_(mul(*absolute))
    return [fitted(mul(product, *rest) if rest else product, out)]


def _switch_sink(node: Apply, positions: range) -> Any:
    for position in positions:
        inner = elemwise_node(node.inputs[position], scalar.Switch)
        if inner is None or not only_client(node.inputs[position]):
            continue
        condition, *branches = inner.inputs
        for zero_at, branch in enumerate(branches):
            if has_value(branch, 0):
                inputs: list[Any] = list(node.inputs)
                inputs[position] = branches[1 - zero_at]
                value = node.op(*inputs)
                zero = constant_like(0, node.outputs[0])
                chosen = switch(condition, zero, value) if zero_at == 0 else switch(condition, value, zero)
                return [fitted(chosen, node.outputs[0])]
    return False


@rewrite(Stage.CANONICALIZE, tracks=[mul], tags=_FINITE, exact=is_discrete)
def local_mul_switch_sink(node: Apply) -> Any:
    """switch(c, x, 0) * y -> switch(c, x * y, 0): no NaN where y is not wanted"""
    return _switch_sink(node, range(len(node.inputs)))


@rewrite(Stage.CANONICALIZE, tracks=[true_div], tags=_FINITE)
def local_div_switch_sink(node: Apply) -> Any:
    """switch(c, x, 0) / y -> switch(c, x / y, 0)"""
    return _switch_sink(node, range(1))


# another order of additions may overflow where the written one does not
@rewrite(Stage.SPECIALIZE, tracks=[Elemwise], only=of_kind(scalar.Add, scalar.Mul), tags=_FINITE, exact=is_discrete)
def local_add_mul_fusion(node: Apply) -> Any:
    """add(x, add(y, z)) -> add(x, y, z), and the same for mul: one n-ary op, where the inner one has no other user"""
    op: Any = node.op
    kind = op.scalar_op
    if op.inplace_pattern or not isinstance(kind, (scalar.Add, scalar.Mul)):
        return False
    out: Any = node.outputs[0]
    inputs: list[Any] = []
    joined: list[Any] = []
    for variable in node.inputs:
        inner = elemwise_node(variable, type(kind))
        if (
            inner is not None
            and only_client(variable)
            and variable.type.dtype == out.type.dtype  # type: ignore[attr-defined]
            and len(inputs) + len(inner.inputs) + len(node.inputs) <= 31
        ):
            inputs.extend(inner.inputs)
            joined.append(variable)
        else:
            inputs.append(variable)
    if not joined:
        return False
    new = op(*inputs)
    if new.type != out.type:
        return False
    note_origins([*joined, out], new)
    return [new]


REWRITES: list[Rewrite] = [
    local_neg_to_mul,
    local_mul_zero,
    local_pow_canonicalize,
    local_pow_specialize,
    local_pow_specialize_device,
    local_mul_to_sqr,
    local_mul_specialize,
    local_add_specialize,
    local_sub_specialize,
    local_add_neg_to_sub,
    local_elemwise_sub_zeros,
    local_div_to_inv,
    local_neg_neg,
    local_neg_div_neg,
    local_abs_lift,
    local_abs_merge,
    local_mul_switch_sink,
    local_div_switch_sink,
]
