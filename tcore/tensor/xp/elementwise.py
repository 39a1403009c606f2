"""Functions of each element: the meanings that NumPy's ufuncs of these names have for tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.tensor.numpy_protocols import FUNCTIONS, UFUNCS
from tcore.tensor.xp.scalars import is_number, operands

__all__ = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "ceil", "clip", "conj", "copysign", "cos", "cosh", "divide", "equal", "exp", "expm1", "floor", "floor_divide",
    "greater", "greater_equal", "hypot", "imag", "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log1p", "log2", "log10", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal", "positive", "pow", "real",
    "reciprocal", "remainder", "round", "sign", "signbit", "sin", "sinh", "sqrt", "square", "subtract", "tan", "tanh", "trunc",
]  # fmt: skip


def _named(call: Callable[..., Any], name: str, meaning: Any) -> Callable[..., Any]:
    call.__name__ = call.__qualname__ = name
    call.__doc__ = meaning.__doc__ or f"As NumPy's function ``{name}``."
    return call


def _of_one(name: str, function: Any) -> Callable[..., Any]:
    meaning = UFUNCS.get(function) or FUNCTIONS[function]

    def call(x: Any, /) -> Any:
        return meaning(*operands(x))

    return _named(call, name, meaning)


def _of_two(name: str, function: Any) -> Callable[..., Any]:
    meaning = UFUNCS[function]

    def call(x1: Any, x2: Any, /) -> Any:
        return meaning(*operands(x1, x2))

    return _named(call, name, meaning)


# arithmetic
add = _of_two("add", np.add)
subtract = _of_two("subtract", np.subtract)
multiply = _of_two("multiply", np.multiply)
divide = _of_two("divide", np.divide)
floor_divide = _of_two("floor_divide", np.floor_divide)
remainder = _of_two("remainder", np.remainder)
pow = _of_two("pow", np.power)
negative = _of_one("negative", np.negative)
positive = _of_one("positive", np.positive)
abs = _of_one("abs", np.absolute)
sign = _of_one("sign", np.sign)
signbit = _of_one("signbit", np.signbit)
copysign = _of_two("copysign", np.copysign)
square = _of_one("square", np.square)
reciprocal = _of_one("reciprocal", np.reciprocal)
sqrt = _of_one("sqrt", np.sqrt)
hypot = _of_two("hypot", np.hypot)
nextafter = _of_two("nextafter", np.nextafter)
maximum = _of_two("maximum", np.maximum)
minimum = _of_two("minimum", np.minimum)

# exponentials and logarithms
exp = _of_one("exp", np.exp)
expm1 = _of_one("expm1", np.expm1)
log = _of_one("log", np.log)
log1p = _of_one("log1p", np.log1p)
log2 = _of_one("log2", np.log2)
log10 = _of_one("log10", np.log10)
logaddexp = _of_two("logaddexp", np.logaddexp)

# angles
sin, cos, tan = _of_one("sin", np.sin), _of_one("cos", np.cos), _of_one("tan", np.tan)
asin, acos, atan = _of_one("asin", np.arcsin), _of_one("acos", np.arccos), _of_one("atan", np.arctan)
atan2 = _of_two("atan2", np.arctan2)
sinh, cosh, tanh = _of_one("sinh", np.sinh), _of_one("cosh", np.cosh), _of_one("tanh", np.tanh)
asinh, acosh, atanh = _of_one("asinh", np.arcsinh), _of_one("acosh", np.arccosh), _of_one("atanh", np.arctanh)

# comparison and truth
equal, not_equal = _of_two("equal", np.equal), _of_two("not_equal", np.not_equal)
less, less_equal = _of_two("less", np.less), _of_two("less_equal", np.less_equal)
greater, greater_equal = _of_two("greater", np.greater), _of_two("greater_equal", np.greater_equal)
isfinite, isinf, isnan = _of_one("isfinite", np.isfinite), _of_one("isinf", np.isinf), _of_one("isnan", np.isnan)
logical_and, logical_or = _of_two("logical_and", np.logical_and), _of_two("logical_or", np.logical_or)
logical_xor, logical_not = _of_two("logical_xor", np.logical_xor), _of_one("logical_not", np.logical_not)

# bits
bitwise_and, bitwise_or = _of_two("bitwise_and", np.bitwise_and), _of_two("bitwise_or", np.bitwise_or)
bitwise_xor, bitwise_invert = _of_two("bitwise_xor", np.bitwise_xor), _of_one("bitwise_invert", np.invert)
bitwise_left_shift, bitwise_right_shift = _of_two("bitwise_left_shift", np.left_shift), _of_two("bitwise_right_shift", np.right_shift)

# whole numbers and parts of complex ones
floor, ceil, trunc = _of_one("floor", np.floor), _of_one("ceil", np.ceil), _of_one("trunc", np.trunc)
round = _of_one("round", np.round)
conj = _of_one("conj", np.conjugate)
real, imag = _of_one("real", np.real), _of_one("imag", np.imag)


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """``x``, but at least ``min`` and at most ``max``, in the dtype of ``x``; None is no limit."""
    (x,) = operands(x)
    limits = [_limit(limit, x.type.dtype) for limit in (min, max)]
    return T.cast(FUNCTIONS[np.clip](x, *limits), x.type.dtype)


def _limit(limit: Any, dtype: str) -> Any:
    """A number as the tensor's dtype has it; what is beyond that limits as much as its ends."""
    if not is_number(limit):
        return limit
    if isinstance(limit, int) and np.dtype(dtype).kind in "iu":
        return np.asarray(sorted((np.iinfo(dtype).min, limit, np.iinfo(dtype).max))[1], dtype)
    return operands(T.constant(np.zeros((), dtype)), limit)[1]
