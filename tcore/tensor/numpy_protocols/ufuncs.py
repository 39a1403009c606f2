"""What NumPy's universal functions mean for tensors, and what their methods do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

import tcore.tensor as T

__all__ = ["ACCUMULATE", "REDUCE", "UFUNCS"]


def _truth(x: Any) -> Any:
    return T.neq(x, 0)


def _is_float(x: Any) -> bool:
    return x.type.dtype.startswith("float")  # type: ignore[no-any-return]


def _number(value: float, like: Any) -> np.ndarray:
    """A constant that changes no dtype."""
    return np.asarray(value, like.type.dtype)


def _logaddexp2(x: Any, y: Any) -> Any:
    scaled = [T.mul(each, _number(math.log(2), T.exp2(each))) for each in (x, y)]
    found = T.logaddexp(*scaled)
    return found / _number(math.log(2), found)


def _sign(x: Any) -> Any:
    x = T.as_tensor_variable(x)
    if not x.type.dtype.startswith("complex"):
        return T.sgn(x)
    parts = T.real(x), T.imag(x)
    longest = T.maximum(*map(abs, parts))
    is_zero, one_is_infinite = T.eq(longest, 0), T.xor(*map(T.isinf, parts))
    # over the longer part first, so that the size neither overflows nor is lost; an infinite part beside a finite one leaves nothing of that
    units = [T.switch(T.and_(one_is_infinite, T.isinf(part)), T.copysign(_number(1, part), part), part / T.switch(is_zero, _number(1, part), longest)) for part in parts]
    size = T.switch(is_zero, _number(1, longest), T.sqrt(T.sqr(units[0]) + T.sqr(units[1])))
    return T.complex(*(unit / size for unit in units))


def _signbit(x: Any) -> Any:
    """Zeros and NaN have a sign as well."""
    x = T.as_tensor_variable(x)
    return T.lt(T.copysign(_number(1, x), x) if _is_float(x) else x, 0)


def _fmod(x: Any, y: Any) -> Any:
    """The remainder with the sign of ``x``, where ``mod`` has that of ``y``."""
    x, y = T.as_tensor_variable(x), T.as_tensor_variable(y)
    size = T.mod(abs(x), abs(y))
    return T.copysign(size, x) if _is_float(size) else T.switch(T.lt(x, 0), -size, size)


def _heaviside(x: Any, at_zero: Any) -> Any:
    x = T.as_tensor_variable(x)
    found = T.switch(T.isnan(x), x, T.switch(T.eq(x, 0), at_zero, T.gt(x, 0)))
    return found if _is_float(found) else T.cast(found, "float64")


def _float_power(x: Any, y: Any) -> Any:
    x = T.as_tensor_variable(x)
    return T.pow(T.cast(x, "complex128" if x.type.dtype.startswith("complex") else "float64"), y)


def _matvec(matrices: Any, vectors: Any) -> Any:
    return T.matmul(matrices, T.shape_padright(vectors))[..., 0]


def _vecmat(vectors: Any, matrices: Any) -> Any:
    return T.matmul(T.shape_padaxis(T.conj(vectors), -2), matrices)[..., 0, :]


#: ufunc -> function of its operands
UFUNCS: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {
        # arithmetic
        np.add: T.add, np.subtract: T.sub, np.multiply: T.mul, np.divide: T.true_div, np.floor_divide: T.int_div, np.remainder: T.mod, np.fmod: _fmod,
        np.power: T.pow, np.float_power: _float_power, np.divmod: T.divmod, np.matmul: T.matmul,
        **({np.vecdot: T.vecdot} if hasattr(np, "vecdot") else {}),  # of NumPy 2
        np.negative: T.neg, np.positive: T.tensor_copy, np.absolute: T.abs_, np.fabs: T.abs_, np.sign: _sign, np.signbit: _signbit, np.reciprocal: T.inv,
        np.square: T.sqr, np.sqrt: T.sqrt, np.cbrt: T.cbrt, np.conjugate: T.conj, np.copysign: T.copysign, np.heaviside: _heaviside,
        np.maximum: T.maximum, np.minimum: T.minimum,
        np.fmax: lambda x, y: T.switch(T.isnan(x), y, T.switch(T.isnan(y), x, T.maximum(x, y))),
        np.fmin: lambda x, y: T.switch(T.isnan(x), y, T.switch(T.isnan(y), x, T.minimum(x, y))),
        # exponentials and logarithms
        np.exp: T.exp, np.exp2: T.exp2, np.expm1: T.expm1, np.log: T.log, np.log2: T.log2, np.log10: T.log10, np.log1p: T.log1p,
        np.logaddexp: T.logaddexp, np.logaddexp2: _logaddexp2,
        # angles
        np.sin: T.sin, np.cos: T.cos, np.tan: T.tan, np.arcsin: T.arcsin, np.arccos: T.arccos, np.arctan: T.arctan, np.arctan2: T.arctan2,
        np.sinh: T.sinh, np.cosh: T.cosh, np.tanh: T.tanh, np.arcsinh: T.arcsinh, np.arccosh: T.arccosh, np.arctanh: T.arctanh,
        np.hypot: T.hypot, np.deg2rad: T.deg2rad, np.radians: T.deg2rad, np.rad2deg: T.rad2deg, np.degrees: T.rad2deg,
        # comparison and truth
        np.equal: T.eq, np.not_equal: T.neq, np.less: T.lt, np.less_equal: T.le, np.greater: T.gt, np.greater_equal: T.ge,
        np.isnan: T.isnan, np.isinf: T.isinf, np.isfinite: lambda x: T.invert(T.or_(T.isnan(x), T.isinf(x))),
        np.logical_and: lambda x, y: T.and_(_truth(x), _truth(y)), np.logical_or: lambda x, y: T.or_(_truth(x), _truth(y)),
        np.logical_xor: lambda x, y: T.xor(_truth(x), _truth(y)), np.logical_not: lambda x: T.eq(x, 0),
        # bits
        np.bitwise_and: T.and_, np.bitwise_or: T.or_, np.bitwise_xor: T.xor, np.invert: T.invert, np.left_shift: T.left_shift, np.right_shift: T.right_shift,
        # whole numbers
        np.floor: T.floor, np.ceil: T.ceil, np.trunc: T.trunc, np.nextafter: T.nextafter, np.rint: T.around,
    }
    # of NumPy 2.2
    | {getattr(np, name): meaning for name, meaning in (("matvec", _matvec), ("vecmat", _vecmat)) if hasattr(np, name)}
)  # fmt: skip

REDUCE: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType(
    {
        np.add: T.sum, np.multiply: T.prod, np.maximum: T.max, np.minimum: T.min, np.logical_and: T.all, np.logical_or: T.any, np.logaddexp: T.logsumexp,
    }
)  # fmt: skip
ACCUMULATE: Mapping[np.ufunc, Callable[..., Any]] = MappingProxyType({np.add: T.cumsum, np.multiply: T.cumprod})
