"""Elementwise functions of tensors."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from tcore import scalar
from tcore.graph.variable import Variable
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes, dtype_name
from tcore.scalar.op import ScalarOp
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.elemwise import Elemwise, elemwise_of

__all__ = [
    "abs_",
    "add",
    "and_",
    "angle",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "around",
    "bitwise_and",
    "bitwise_not",
    "bitwise_or",
    "bitwise_xor",
    "cast",
    "cbrt",
    "ceil",
    "ceil_intdiv",
    "clip",
    "complex",
    "complex_from_polar",
    "conj",
    "conjugate",
    "copysign",
    "cos",
    "cosh",
    "deg2rad",
    "divmod",
    "eq",
    "exp",
    "exp2",
    "expm1",
    "fill",
    "floor",
    "floor_div",
    "ge",
    "gt",
    "hypot",
    "identity",
    "imag",
    "int_div",
    "inv",
    "invert",
    "iround",
    "isclose",
    "isinf",
    "isnan",
    "le",
    "left_shift",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "lt",
    "maximum",
    "minimum",
    "mod",
    "mul",
    "neg",
    "neq",
    "nextafter",
    "or_",
    "pow",
    "rad2deg",
    "real",
    "right_shift",
    "round",
    "round_half_away_from_zero",
    "round_half_to_even",
    "second",
    "sgn",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "sqr",
    "sqrt",
    "square",
    "sub",
    "switch",
    "tan",
    "tanh",
    "tensor_copy",
    "true_div",
    "trunc",
    "where",
    "xor",
]  # fmt: skip


def named_elemwise(scalar_op: ScalarOp, name: str, doc: str | None = None) -> Elemwise:
    """A scalar op on each element, not in place, printed under ``name``; its documentation is that of the scalar op unless ``doc`` replaces it."""
    op = Elemwise(scalar_op, name=f"Elemwise{{{name},no_inplace}}")
    object.__setattr__(op, "__doc__", doc or type(scalar_op).__doc__)
    return op


# arithmetic
add = named_elemwise(scalar.add, "add")
sub = named_elemwise(scalar.sub, "sub")
mul = named_elemwise(scalar.mul, "mul")
true_div = named_elemwise(scalar.true_div, "true_div")
int_div = named_elemwise(scalar.int_div, "int_div")
mod = named_elemwise(scalar.mod, "mod")
pow = named_elemwise(scalar.pow, "pow")
neg = named_elemwise(scalar.neg, "neg")
abs_ = named_elemwise(scalar.abs_, "abs_")
sgn = named_elemwise(scalar.sgn, "sgn")
copysign = named_elemwise(scalar.copysign, "copysign")
inv = named_elemwise(scalar.inv, "inv")
sqr = square = named_elemwise(scalar.sqr, "sqr")
sqrt = named_elemwise(scalar.sqrt, "sqrt")
cbrt = named_elemwise(scalar.cbrt, "cbrt")
hypot = named_elemwise(scalar.hypot, "hypot")
maximum = named_elemwise(scalar.maximum, "maximum")
minimum = named_elemwise(scalar.minimum, "minimum")
clip = named_elemwise(scalar.clip, "clip")

# comparisons, choices, bits
lt = named_elemwise(scalar.lt, "lt")
gt = named_elemwise(scalar.gt, "gt")
le = named_elemwise(scalar.le, "le")
ge = named_elemwise(scalar.ge, "ge")
eq = named_elemwise(scalar.eq, "eq")
neq = named_elemwise(scalar.neq, "neq")
_isnan = named_elemwise(scalar.isnan, "isnan")
_isinf = named_elemwise(scalar.isinf, "isinf")
switch = where = named_elemwise(scalar.switch, "switch")
and_ = bitwise_and = named_elemwise(scalar.and_, "and_")
or_ = bitwise_or = named_elemwise(scalar.or_, "or_")
xor = bitwise_xor = named_elemwise(scalar.xor, "xor")
invert = bitwise_not = named_elemwise(scalar.invert, "invert")
left_shift = named_elemwise(scalar.left_shift, "left_shift")
right_shift = named_elemwise(scalar.right_shift, "right_shift")

# rounding
ceil = named_elemwise(scalar.ceil, "ceil")
floor = named_elemwise(scalar.floor, "floor")
nextafter = named_elemwise(scalar.nextafter, "nextafter")
trunc = named_elemwise(scalar.trunc, "trunc")
round_half_to_even = named_elemwise(scalar.round_half_to_even, "round_half_to_even")
round_half_away_from_zero = named_elemwise(scalar.round_half_away_from_zero, "round_half_away_from_zero")

# exponentials
exp = named_elemwise(scalar.exp, "exp")
exp2 = named_elemwise(scalar.exp2, "exp2")
expm1 = named_elemwise(scalar.expm1, "expm1")
log = named_elemwise(scalar.log, "log")
log2 = named_elemwise(scalar.log2, "log2")
log10 = named_elemwise(scalar.log10, "log10")
log1p = named_elemwise(scalar.log1p, "log1p")
logaddexp = named_elemwise(scalar.logaddexp, "logaddexp")

# angles
sin = named_elemwise(scalar.sin, "sin")
cos = named_elemwise(scalar.cos, "cos")
tan = named_elemwise(scalar.tan, "tan")
arcsin = named_elemwise(scalar.arcsin, "arcsin")
arccos = named_elemwise(scalar.arccos, "arccos")
arctan = named_elemwise(scalar.arctan, "arctan")
arctan2 = named_elemwise(scalar.arctan2, "arctan2")
sinh = named_elemwise(scalar.sinh, "sinh")
cosh = named_elemwise(scalar.cosh, "cosh")
tanh = named_elemwise(scalar.tanh, "tanh")
arcsinh = named_elemwise(scalar.arcsinh, "arcsinh")
arccosh = named_elemwise(scalar.arccosh, "arccosh")
arctanh = named_elemwise(scalar.arctanh, "arctanh")
deg2rad = named_elemwise(scalar.deg2rad, "deg2rad")
rad2deg = named_elemwise(scalar.rad2deg, "rad2deg")

# the logistic function and its integral
sigmoid = Elemwise(scalar.scalar_sigmoid, name="sigmoid")
softplus = Elemwise(scalar.scalar_softplus, name="softplus")

# complex values
_real = named_elemwise(scalar.real, "real")
_imag = named_elemwise(scalar.imag, "imag")
angle = named_elemwise(scalar.angle, "angle")
_conj = named_elemwise(scalar.conj, "conj")
complex = named_elemwise(scalar.complex, "complex")
complex_from_polar = named_elemwise(scalar.complex_from_polar, "complex_from_polar")

# moving values
second = fill = named_elemwise(scalar.second, "second")
identity = tensor_copy = Elemwise(scalar.identity, name="Elemwise{identity}")


def real(x: Any) -> Variable:
    """The real part; ``x`` itself where it is real."""
    variable = as_tensor_variable(x)
    return _real(variable) if variable.dtype in complex_dtypes else variable


def imag(x: Any) -> Variable:
    """The imaginary part; zeros where ``x`` is real."""
    variable = as_tensor_variable(x)
    return _imag(variable) if variable.dtype in complex_dtypes else variable.zeros_like()


def conj(x: Any) -> Variable:
    """The complex conjugate; ``x`` itself where it is real."""
    variable = as_tensor_variable(x)
    return _conj(variable) if variable.dtype in complex_dtypes else variable


conjugate = conj


def isnan(a: Any) -> Variable:
    """Whether each element is NaN: bool. Integers never are."""
    variable = as_tensor_variable(a)
    if variable.dtype in discrete_dtypes:
        return variable.zeros_like(dtype="bool")
    return _isnan(variable)


def isinf(a: Any) -> Variable:
    """Whether each element is infinite, of either sign: bool. Integers never are."""
    variable = as_tensor_variable(a)
    if variable.dtype in discrete_dtypes:
        return variable.zeros_like(dtype="bool")
    return _isinf(variable)


def cast(x: Any, dtype: str) -> Variable:
    """The values of ``x`` converted to ``dtype`` (``"floatX"`` for ``config.floatX``); ``x`` itself where it has it.

    Raises
    ------
    TypeError
        From complex to real: take ``real``, ``imag``, ``abs_`` or ``angle``.
    """
    variable = as_tensor_variable(x)
    wanted = dtype_name(dtype)
    if variable.dtype == wanted:
        return variable
    if variable.dtype in complex_dtypes and wanted not in complex_dtypes:
        raise TypeError("casting from complex to real is ambiguous: take real, imag, abs_ or angle")
    return elemwise_of(scalar.cast_op(wanted))(variable)


def round(a: Any, mode: str | None = None) -> Variable:
    """The nearest whole numbers, in the dtype of ``a``.

    Parameters
    ----------
    a : real tensor
    mode : {None, "half_to_even", "half_away_from_zero"}
        What to do with halves; None means ``"half_to_even"``, as NumPy does.
    """
    if mode in (None, "half_to_even"):
        return round_half_to_even(a)
    if mode == "half_away_from_zero":
        return round_half_away_from_zero(a)
    raise ValueError(f"round has the modes 'half_to_even' and 'half_away_from_zero', got {mode!r}")


def around(a: Any, decimals: int = 0) -> Variable:
    """The nearest numbers with so many decimals, halves to even ones, in the dtype of ``a``; fewer than none: tens, hundreds, …; parts of complex ones each.

    Raises
    ------
    TypeError
        If ``decimals`` is no integer.
    """
    a, decimals = as_tensor_variable(a), index(decimals)
    dtype = a.type.dtype
    if dtype in complex_dtypes:
        return complex(around(real(a), decimals), around(imag(a), decimals))
    if decimals == 0 or (decimals > 0 and dtype in discrete_dtypes):
        return round_half_to_even(a)
    wide = "float64" if dtype in discrete_dtypes else dtype
    factor = as_tensor_variable(np.asarray(10.0 ** abs(decimals), wide))
    if decimals > 0:
        return true_div(round_half_to_even(mul(a, factor)), factor)
    return cast(mul(round_half_to_even(true_div(cast(a, wide), factor)), factor), dtype)


def iround(a: Any, mode: str | None = None) -> Variable:
    """:func:`round`, as int64."""
    return cast(round(a, mode), "int64")


floor_div = int_div


def divmod(x: Any, y: Any) -> tuple[Variable, Variable]:
    """``(x // y, x % y)``."""
    return int_div(x, y), mod(x, y)


def ceil_intdiv(a: Any, b: Any) -> Variable:
    """``a / b`` rounded up, for integers, without going through floats."""
    quotient = int_div(a, b)
    return cast(neq(mod(a, b), 0), quotient.dtype) + quotient  # type: ignore[no-any-return,operator]


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Variable:
    """Whether ``abs(a - b) <= atol + rtol * abs(b)``, elementwise: bool.

    Infinities are close to themselves only; NaN is close to NaN only with ``equal_nan=True``.
    """
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    if a.dtype == "bool" or b.dtype == "bool":
        a, b = cast(a, "int8"), cast(b, "int8")  # type: ignore[assignment]
    near = le(abs_(a - b), atol + rtol * abs_(b))
    # an infinite b makes any tolerance infinite, so infinities are compared as such
    close = or_(eq(a, b), and_(near, and_(invert(isinf(a)), invert(isinf(b)))))
    if equal_nan:
        close = or_(close, and_(isnan(a), isnan(b)))
    return close
