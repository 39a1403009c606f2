"""Functions of each element: the meanings that NumPy's ufuncs of these names have for tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.tensor.numpy_protocols import FUNCTIONS, UFUNCS

__all__ = [
    "abs", "acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "ceil", "clip", "conj", "copysign", "cos", "cosh", "divide", "equal", "exp", "expm1", "floor", "floor_divide",
    "greater", "greater_equal", "hypot", "imag", "isfinite", "isinf", "isnan", "less", "less_equal", "log", "log1p", "log2", "log10", "logaddexp",
    "logical_and", "logical_not", "logical_or", "logical_xor", "maximum", "minimum", "multiply", "negative", "nextafter", "not_equal", "positive", "pow", "real",
    "reciprocal", "remainder", "round", "sign", "signbit", "sin", "sinh", "sqrt", "square", "subtract", "tan", "tanh", "trunc",
]  # fmt: skip

# arithmetic
add = UFUNCS[np.add]
subtract = UFUNCS[np.subtract]
multiply = UFUNCS[np.multiply]
divide = UFUNCS[np.divide]
floor_divide = UFUNCS[np.floor_divide]
remainder = UFUNCS[np.remainder]
pow = UFUNCS[np.power]
negative = UFUNCS[np.negative]
positive = UFUNCS[np.positive]
abs = UFUNCS[np.absolute]
sign = UFUNCS[np.sign]
signbit = UFUNCS[np.signbit]
copysign = UFUNCS[np.copysign]
square = UFUNCS[np.square]
reciprocal = UFUNCS[np.reciprocal]
sqrt = UFUNCS[np.sqrt]
hypot = UFUNCS[np.hypot]
nextafter = UFUNCS[np.nextafter]
maximum = UFUNCS[np.maximum]
minimum = UFUNCS[np.minimum]

# exponentials and logarithms
exp = UFUNCS[np.exp]
expm1 = UFUNCS[np.expm1]
log = UFUNCS[np.log]
log1p = UFUNCS[np.log1p]
log2 = UFUNCS[np.log2]
log10 = UFUNCS[np.log10]
logaddexp = UFUNCS[np.logaddexp]

# angles
sin, cos, tan = UFUNCS[np.sin], UFUNCS[np.cos], UFUNCS[np.tan]
asin, acos, atan, atan2 = UFUNCS[np.arcsin], UFUNCS[np.arccos], UFUNCS[np.arctan], UFUNCS[np.arctan2]
sinh, cosh, tanh = UFUNCS[np.sinh], UFUNCS[np.cosh], UFUNCS[np.tanh]
asinh, acosh, atanh = UFUNCS[np.arcsinh], UFUNCS[np.arccosh], UFUNCS[np.arctanh]

# comparison and truth
equal, not_equal = UFUNCS[np.equal], UFUNCS[np.not_equal]
less, less_equal = UFUNCS[np.less], UFUNCS[np.less_equal]
greater, greater_equal = UFUNCS[np.greater], UFUNCS[np.greater_equal]
isfinite, isinf, isnan = UFUNCS[np.isfinite], UFUNCS[np.isinf], UFUNCS[np.isnan]
logical_and, logical_or = UFUNCS[np.logical_and], UFUNCS[np.logical_or]
logical_xor, logical_not = UFUNCS[np.logical_xor], UFUNCS[np.logical_not]

# bits
bitwise_and, bitwise_or, bitwise_xor, bitwise_invert = UFUNCS[np.bitwise_and], UFUNCS[np.bitwise_or], UFUNCS[np.bitwise_xor], UFUNCS[np.invert]
bitwise_left_shift, bitwise_right_shift = UFUNCS[np.left_shift], UFUNCS[np.right_shift]

# whole numbers and parts of complex ones
floor, ceil, trunc = UFUNCS[np.floor], UFUNCS[np.ceil], UFUNCS[np.trunc]
round = FUNCTIONS[np.round]
conj = UFUNCS[np.conjugate]
real, imag = FUNCTIONS[np.real], FUNCTIONS[np.imag]


def clip(x: Any, /, min: Any = None, max: Any = None) -> Any:
    """``x``, but at least ``min`` and at most ``max``, in the dtype of ``x``; None is no limit."""
    x = T.as_tensor_variable(x)
    return T.cast(FUNCTIONS[np.clip](x, min, max), x.type.dtype)
