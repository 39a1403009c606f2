"""Elementwise functions of tensors."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from tcore import scalar
from tcore.configuration import config
from tcore.graph.variable import Variable
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes
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
    "ceil",
    "ceil_intdiv",
    "chi2sf",
    "clip",
    "complex",
    "complex_from_polar",
    "conj",
    "conjugate",
    "cos",
    "cosh",
    "deg2rad",
    "divmod",
    "eq",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "fill",
    "floor",
    "floor_div",
    "gamma",
    "gammaln",
    "ge",
    "gt",
    "i0",
    "i1",
    "identity",
    "imag",
    "int_div",
    "inv",
    "invert",
    "iround",
    "isclose",
    "isinf",
    "isnan",
    "j0",
    "j1",
    "le",
    "left_shift",
    "log",
    "log1p",
    "log2",
    "log10",
    "lt",
    "maximum",
    "minimum",
    "mod",
    "mul",
    "neg",
    "neq",
    "nextafter",
    "or_",
    "polygamma",
    "pow",
    "psi",
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
    "tri_gamma",
    "true_div",
    "trunc",
    "where",
    "xor",
]  # fmt: skip


def _elemwise(scalar_op: ScalarOp, name: str, doc: str | None = None) -> Elemwise:
    op = Elemwise(scalar_op, name=f"Elemwise{{{name},no_inplace}}")
    object.__setattr__(op, "__doc__", doc or type(scalar_op).__doc__)
    return op


# arithmetic
add = _elemwise(scalar.add, "add")
sub = _elemwise(scalar.sub, "sub")
mul = _elemwise(scalar.mul, "mul")
true_div = _elemwise(scalar.true_div, "true_div")
int_div = _elemwise(scalar.int_div, "int_div")
mod = _elemwise(scalar.mod, "mod")
pow = _elemwise(scalar.pow, "pow")
neg = _elemwise(scalar.neg, "neg")
abs_ = _elemwise(scalar.abs_, "abs_")
sgn = _elemwise(scalar.sgn, "sgn")
inv = _elemwise(scalar.inv, "inv")
sqr = square = _elemwise(scalar.sqr, "sqr")
sqrt = _elemwise(scalar.sqrt, "sqrt")
maximum = _elemwise(scalar.maximum, "maximum")
minimum = _elemwise(scalar.minimum, "minimum")
clip = _elemwise(scalar.clip, "clip")

# comparisons, choices, bits
lt = _elemwise(scalar.lt, "lt")
gt = _elemwise(scalar.gt, "gt")
le = _elemwise(scalar.le, "le")
ge = _elemwise(scalar.ge, "ge")
eq = _elemwise(scalar.eq, "eq")
neq = _elemwise(scalar.neq, "neq")
_isnan = _elemwise(scalar.isnan, "isnan")
_isinf = _elemwise(scalar.isinf, "isinf")
switch = where = _elemwise(scalar.switch, "switch")
and_ = bitwise_and = _elemwise(scalar.and_, "and_")
or_ = bitwise_or = _elemwise(scalar.or_, "or_")
xor = bitwise_xor = _elemwise(scalar.xor, "xor")
invert = bitwise_not = _elemwise(scalar.invert, "invert")
left_shift = _elemwise(scalar.left_shift, "left_shift")
right_shift = _elemwise(scalar.right_shift, "right_shift")

# rounding
ceil = _elemwise(scalar.ceil, "ceil")
floor = _elemwise(scalar.floor, "floor")
nextafter = _elemwise(scalar.nextafter, "nextafter")
trunc = _elemwise(scalar.trunc, "trunc")
round_half_to_even = _elemwise(scalar.round_half_to_even, "round_half_to_even")
round_half_away_from_zero = _elemwise(scalar.round_half_away_from_zero, "round_half_away_from_zero")

# exponentials
exp = _elemwise(scalar.exp, "exp")
exp2 = _elemwise(scalar.exp2, "exp2")
expm1 = _elemwise(scalar.expm1, "expm1")
log = _elemwise(scalar.log, "log")
log2 = _elemwise(scalar.log2, "log2")
log10 = _elemwise(scalar.log10, "log10")
log1p = _elemwise(scalar.log1p, "log1p")

# angles
sin = _elemwise(scalar.sin, "sin")
cos = _elemwise(scalar.cos, "cos")
tan = _elemwise(scalar.tan, "tan")
arcsin = _elemwise(scalar.arcsin, "arcsin")
arccos = _elemwise(scalar.arccos, "arccos")
arctan = _elemwise(scalar.arctan, "arctan")
arctan2 = _elemwise(scalar.arctan2, "arctan2")
sinh = _elemwise(scalar.sinh, "sinh")
cosh = _elemwise(scalar.cosh, "cosh")
tanh = _elemwise(scalar.tanh, "tanh")
arcsinh = _elemwise(scalar.arcsinh, "arcsinh")
arccosh = _elemwise(scalar.arccosh, "arccosh")
arctanh = _elemwise(scalar.arctanh, "arctanh")
deg2rad = _elemwise(scalar.deg2rad, "deg2rad")
rad2deg = _elemwise(scalar.rad2deg, "rad2deg")

# special functions
erf = _elemwise(scalar.erf, "erf")
erfc = _elemwise(scalar.erfc, "erfc")
erfcx = _elemwise(scalar.erfcx, "erfcx")
erfinv = _elemwise(scalar.erfinv, "erfinv")
erfcinv = _elemwise(scalar.erfcinv, "erfcinv")
gamma = _elemwise(scalar.gamma, "gamma")
gammaln = _elemwise(scalar.gammaln, "gammaln")
psi = _elemwise(scalar.psi, "psi")
tri_gamma = _elemwise(scalar.tri_gamma, "tri_gamma")
polygamma = _elemwise(scalar.polygamma, "polygamma")
chi2sf = _elemwise(scalar.chi2sf, "chi2sf")
j0 = _elemwise(scalar.j0, "j0")
j1 = _elemwise(scalar.j1, "j1")
i0 = _elemwise(scalar.i0, "i0")
i1 = _elemwise(scalar.i1, "i1")
sigmoid = Elemwise(scalar.scalar_sigmoid, name="sigmoid")
softplus = Elemwise(scalar.scalar_softplus, name="softplus")

# complex values
_real = _elemwise(scalar.real, "real")
_imag = _elemwise(scalar.imag, "imag")
angle = _elemwise(scalar.angle, "angle")
_conj = _elemwise(scalar.conj, "conj")
complex = _elemwise(scalar.complex, "complex")
complex_from_polar = _elemwise(scalar.complex_from_polar, "complex_from_polar")

# moving values
second = fill = _elemwise(scalar.second, "second")
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
    wanted = config.floatX if dtype == "floatX" else scalar.get_scalar_type(str(dtype)).dtype
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
    """The nearest numbers with so many decimals, halves to even ones, in the dtype of ``a``; fewer than none: tens, hundreds, …

    Raises
    ------
    TypeError
        If ``decimals`` is no integer, or ``a`` is complex.
    """
    a, decimals = as_tensor_variable(a), index(decimals)
    dtype = a.type.dtype
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
