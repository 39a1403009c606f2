"""The scalar functions of the loop IR: dtype rules, meaning in NumPy, spelling in the C family.

One row per function.  A spelling is a template: ``{0}, {1}`` are operands (plain names, so repeating
one is free), ``{T}`` the type of the result and ``{U}`` the unsigned type of at least 32 bits in which
integers wrap.  ``@name({0})`` is a routine of the language's mathematics library, for which the printer
knows the suffix (``expf``); ``$name({0})`` is a helper of :mod:`tcore.codegen.helpers`, printed once per source.

Results that C leaves undefined are stated here and are the same in every language:

* floor division and modulo by zero give 0; ``INT_MIN // -1`` is ``INT_MIN``, ``INT_MIN % -1`` is 0;
* a shift by the width or more (or by a negative count, which counts as huge) gives 0, or -1 for a
  negative number shifted right;
* float to integer: :func:`tcore.scalar.casting.converted` states it;
* signed arithmetic wraps.

Nothing is computed in float16: :func:`apply_function` widens its operands and rounds its results (:mod:`tcore.codegen.half`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from attrs import field

from tcore.codegen.building import cast, is_complex, select
from tcore.codegen.complex_formulas import complex_function
from tcore.codegen.expr import Cast, Const, Expr, Fn
from tcore.codegen.half import HALF, WIDE
from tcore.records import frozen
from tcore.scalar.philox import philox

__all__ = ["FUNCTIONS", "Function", "apply_function", "is_integer_cast", "kind"]

Rule = Literal["same", "compare", "test", "parts"]


@frozen
class Function:
    """One scalar function.

    ``rule`` says what happens to operands: ``same`` (converted to the result's dtype), ``compare``
    (converted to their common dtype, the result is bool), ``test`` (kept; the result is bool), ``parts`` (kept: a complex number and
    its parts).  ``spelling`` has one template per kind of operand: f(loat), i(nt), u(nsigned), b(ool), c(omplex).
    ``cost`` is in additions; from 8 on it counts as a transcendental call.
    """

    name: str
    arity: int
    rule: Rule
    numpy: Callable[..., Any]
    spelling: dict[str, str] = field(eq=False)
    cost: int = 1


def kind(dtype: str) -> str:
    """f, i, u, b or c."""
    return "b" if dtype == "bool" else dtype[0]


def _float(template: str) -> dict[str, str]:
    return {"f": template}


def _wrapping(sign: str, boolean: str | None = None) -> dict[str, str]:
    rows = {
        "f": f"{{0}} {sign} {{1}}",
        "i": f"({{T}})(({{U}}){{0}} {sign} ({{U}}){{1}})",
        "u": f"({{T}})(({{U}}){{0}} {sign} ({{U}}){{1}})",
    }
    return rows | {"b": boolean} if boolean else rows


def _every(template: str) -> dict[str, str]:
    return dict.fromkeys("fiub", template)


def _bits(sign: str) -> dict[str, str]:
    return dict.fromkeys("iub", f"({{T}})({{0}} {sign} {{1}})")


def _errstate(function: Callable[..., Any]) -> Callable[..., Any]:
    def quiet(*args: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*args)

    return quiet


def _round_away(x: Any) -> Any:
    return np.copysign(np.floor(np.abs(x)) + (np.abs(x) - np.floor(np.abs(x)) >= 0.5), x)


def _vector(name: str) -> Callable[..., Any]:
    """A function of scipy.special, imported where it is first used."""

    def function(*args: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*args)

    return function


def _math(name: str, function: Callable[..., Any], cost: int = 10, arity: int = 1) -> Function:
    operands = ", ".join(f"{{{k}}}" for k in range(arity))
    return Function(name, arity, "same", function, _float(f"@{name}({operands})"), cost)


def _bounded(index: Any, length: Any) -> Any:
    index = np.asarray(index)
    bad = (index < -length) | (index >= length)
    if bad.any():
        raise IndexError(f"index {index[bad].flat[0]} is out of bounds for axis of length {length}")
    return np.where(index < 0, index + length, index)


def _pair(re: Any, im: Any) -> Any:
    re, im = np.broadcast_arrays(re, im)
    made = np.empty(re.shape, np.result_type(re.dtype, "complex64"))
    made.real, made.imag = re, im
    return made


def _compare(name: str, sign: str, function: Callable[..., Any]) -> Function:
    return Function(name, 2, "compare", function, _every(f"{{0}} {sign} {{1}}"))


_TRANSCENDENTALS: list[tuple[str, Callable[..., Any]]] = [
    ("exp", np.exp),
    ("exp2", np.exp2),
    ("expm1", np.expm1),
    ("log", np.log),
    ("log2", np.log2),
    ("log10", np.log10),
    ("log1p", np.log1p),
    ("cbrt", np.cbrt),
    ("sin", np.sin),
    ("cos", np.cos),
    ("tan", np.tan),
    ("asin", np.arcsin),
    ("acos", np.arccos),
    ("atan", np.arctan),
    ("sinh", np.sinh),
    ("cosh", np.cosh),
    ("tanh", np.tanh),
    ("asinh", np.arcsinh),
    ("acosh", np.arccosh),
    ("atanh", np.arctanh),
    ("erf", _vector("erf")),
    ("erfc", _vector("erfc")),
    ("tgamma", _vector("gamma")),
]

_ROWS = [
    Function("real", 1, "parts", np.real, {"c": "{0}.re"}, 0),
    Function("imag", 1, "parts", np.imag, {"c": "{0}.im"}, 0),
    Function("complex", 2, "parts", _pair, {"f": "{T}_of({0}, {1})"}, 0),
    Function("add", 2, "same", np.add, _wrapping("+", "{0} | {1}")),
    Function("sub", 2, "same", np.subtract, _wrapping("-")),
    Function("mul", 2, "same", np.multiply, _wrapping("*", "{0} & {1}")),
    # a product in formulas of complex numbers, whose alternating sums and differences a compiler may fuse where it is told not to
    Function("product", 2, "same", np.multiply, {"f": "TC_ROUNDED({0} * {1})"}),
    Function("true_div", 2, "same", np.true_divide, _float("{0} / {1}"), 4),
    Function(
        "floor_div",
        2,
        "same",
        np.floor_divide,
        dict.fromkeys("fiu", "$floordiv({0}, {1})"),
        6,
    ),
    Function("mod", 2, "same", np.remainder, dict.fromkeys("fiu", "$mod({0}, {1})"), 6),
    Function("fma", 3, "same", lambda a, b, c: a * b + c, _float("@fma({0}, {1}, {2})")),
    Function("neg", 1, "same", np.negative, {"f": "-{0}", "i": "({T})(0 - ({U}){0})", "u": "({T})(0 - ({U}){0})"}),
    Function("abs", 1, "same", np.abs, {"f": "@fabs({0})", "i": "{0} < 0 ? ({T})(0 - ({U}){0}) : {0}", "u": "{0}", "b": "{0}"}),
    Function("sign", 1, "same", np.sign, {"f": "{0} > 0 ? 1 : {0} < 0 ? -1 : {0} == 0 ? 0 : {0}", "i": "({0} > 0) - ({0} < 0)", "u": "{0} > 0"}),
    # asked in this way, a chain of them is one of vectors; of two NaN it is the second
    Function("maximum", 2, "same", np.maximum, {"f": "(({0} < {1}) | ({1} != {1})) ? {1} : {0}"} | dict.fromkeys("iub", "{0} >= {1} ? {0} : {1}")),
    Function("minimum", 2, "same", np.minimum, {"f": "(({0} > {1}) | ({1} != {1})) ? {1} : {0}"} | dict.fromkeys("iub", "{0} <= {1} ? {0} : {1}")),
    _compare("lt", "<", np.less),
    _compare("gt", ">", np.greater),
    _compare("le", "<=", np.less_equal),
    _compare("ge", ">=", np.greater_equal),
    _compare("eq", "==", np.equal),
    _compare("ne", "!=", np.not_equal),
    Function("isnan", 1, "test", np.isnan, {"f": "{0} != {0}"} | dict.fromkeys("iub", "0")),
    Function("isinf", 1, "test", np.isinf, {"f": "@fabs({0}) == TC_INFINITY"} | dict.fromkeys("iub", "0")),
    Function("and", 2, "same", np.bitwise_and, _bits("&")),
    Function("or", 2, "same", np.bitwise_or, _bits("|")),
    Function("xor", 2, "same", np.bitwise_xor, _bits("^")),
    Function("invert", 1, "same", np.invert, {"i": "({T})~{0}", "u": "({T})~{0}", "b": "!{0}"}),
    Function("shift_left", 2, "same", np.left_shift, dict.fromkeys("iu", "$shl({0}, {1})")),
    Function("shift_right", 2, "same", np.right_shift, dict.fromkeys("iu", "$shr({0}, {1})")),
    # x = mantissa * 2**exponent with a mantissa from 1/2 to 1, for positive normal numbers
    Function("mantissa", 1, "same", lambda x: np.frexp(x)[0], {"f": "$mantissa({0})"}, 2),
    Function("exponent", 1, "same", lambda x: np.frexp(x)[1].astype("float64"), {"f": "$exponent({0})"}, 2),
    # the nearest number of half precision
    Function("half", 1, "same", lambda x: np.asarray(x).astype(HALF).astype(WIDE), _float("$half({0})"), 2),
    # 64 random bits for a key, a stream and a place in it: Philox4x32-10.
    Function("philox", 3, "same", philox, {"u": "$philox({0}, {1}, {2})"}, 60),
    # A user's index: counts from the end when negative.  Outside of the length the kernel notes an
    # IndexError and the value is -1, at which loads give 0.
    Function("bounded", 2, "same", _bounded, {"i": "tc_bounded({0}, {1}, tc_error)"}, 2),
    _math("sqrt", np.sqrt, 4),
    _math("ceil", np.ceil, 1),
    _math("floor", np.floor, 1),
    _math("trunc", np.trunc, 1),
    _math("rint", np.rint, 1),
    _math("round", _round_away, 2),
    _math("copysign", np.copysign, 1, 2),
    _math("nextafter", np.nextafter, 6, 2),
    *(
        _math(name, function)
        for name, function in _TRANSCENDENTALS
    ),
    # C gives +inf at -inf, SciPy -inf.
    Function("lgamma", 1, "same", _vector("gammaln"), _float("{0} == -TC_INFINITY ? {0} : @lgamma({0})"), 15),
    _math("pow", np.power, 20, 2),
    _math("atan2", np.arctan2, 15, 2),
    _math("hypot", np.hypot, 12, 2),
]

FUNCTIONS: dict[str, Function] = {
    row.name: Function(row.name, row.arity, row.rule, _errstate(row.numpy), row.spelling, row.cost)
    for row in _ROWS
}
"""The scalar functions by name."""


def apply_function(name: str, args: tuple[Expr, ...], dtype: str) -> Expr:
    """The named function of ``args``, converted by its rule, with a result of type ``dtype``.

    Raises
    ------
    KeyError
        If there is no such function.
    """
    if is_complex(dtype) or any(is_complex(arg.dtype) for arg in args):
        return complex_function(name, args, dtype)
    row = FUNCTIONS[name]
    if row.rule == "same":
        args = tuple(cast(arg, dtype) for arg in args)
        if dtype == HALF:
            return cast(apply_function(name, args, WIDE), dtype)
        if kind(dtype) not in row.spelling:
            raise KeyError(f"{name} of {dtype}")
        return Fn(name, args, dtype)
    if row.rule == "test" and kind(args[0].dtype) != "f":
        return Const(0, dtype)  # integers are neither NaN nor infinite
    if row.rule == "compare":
        args = _comparable(name, args)
        if len(args) != row.arity:
            return args[0]
    args = tuple(cast(arg, WIDE) if arg.dtype == HALF else arg for arg in args)
    return cast(Fn(name, args, "bool"), dtype)


def _comparable(name: str, args: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """Operands in their common dtype; int64 against uint64 is compared exactly, as NumPy does."""
    dtypes = {arg.dtype for arg in args}
    common = str(np.result_type(*dtypes))
    signed = any(kind(dtype) == "i" for dtype in dtypes)
    if "uint64" in dtypes and signed:
        left, right = args
        zero = Const(0, "int64")
        unsigned = tuple(cast(arg, "uint64") for arg in args)
        number = left if left.dtype != "uint64" else right
        negative = Fn("lt", (cast(number, "int64"), zero), "bool")
        # A negative left operand is less than every uint64, a negative right one greater than none.
        decided = name in (("lt", "le", "ne") if number is left else ("gt", "ge", "ne"))
        outcome = Const(int(decided), "bool")
        return (select(negative, outcome, Fn(name, unsigned, "bool")),)
    return tuple(cast(arg, common) for arg in args)


def is_integer_cast(expr: Expr) -> bool:
    """Whether ``expr`` truncates a float: what it reads must not be computed twice."""
    return isinstance(expr, Cast) and kind(expr.operand.dtype) == "f" and kind(expr.dtype) in "iu"
