"""Functions of complex numbers as functions of their parts, by NumPy's formulas.

C99's product and quotient are others, and languages of devices have none at all. A formula has no branches, so that a loop over it is one
of vectors, and none of them looks at what a compiler may assume: infinities and NaN of each part are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tcore.codegen import complex_functions as functions
from tcore.codegen import complex_inverses as inverses
from tcore.codegen.building import cast, imag, is_complex, pair, real
from tcore.codegen.complex_functions import Complex
from tcore.codegen.complex_powers import power
from tcore.codegen.complex_quotients import divide, invert, multiply, square
from tcore.codegen.expr import Expr
from tcore.codegen.reals import Real, both, either, real_function

__all__ = ["COMPLEX_FORMULAS", "complex_function"]


def _add(a: Complex, b: Complex) -> Complex:
    return a[0] + b[0], a[1] + b[1]


def _sub(a: Complex, b: Complex) -> Complex:
    return a[0] - b[0], a[1] - b[1]


def _equal(a: Complex, b: Complex) -> Expr:
    return both(a[0].equals(b[0]), a[1].equals(b[1]))


def _from_polar(r: Complex, theta: Complex) -> Complex:
    return r[0] * real_function("cos", theta[0]), r[0] * real_function("sin", theta[0])


COMPLEX_FORMULAS: dict[str, Callable[..., Complex | Real | Expr]] = {
    "add": _add,
    "sub": _sub,
    "mul": multiply,
    "true_div": divide,
    "inv": invert,
    "sqr": square,
    "neg": lambda a: (-a[0], -a[1]),
    "conj": lambda a: (a[0], -a[1]),
    "real": lambda a: a[0],
    "imag": lambda a: a[1],
    "abs": lambda a: real_function("hypot", *a),
    "angle": lambda a: real_function("atan2", a[1], a[0]),
    "eq": _equal,
    "ne": lambda a, b: either(a[0].differs(b[0]), a[1].differs(b[1])),
    "isnan": lambda a: either(a[0].is_nan(), a[1].is_nan()),
    "isinf": lambda a: either(a[0].is_infinite(), a[1].is_infinite()),
    "complex": lambda a, b: (a[0], b[0]),
    "complex_from_polar": _from_polar,
    "exp": functions.exp,
    "expm1": functions.expm1,
    "log": functions.log,
    "log2": functions.log2,
    "log10": functions.log10,
    "log1p": functions.log1p,
    "sqrt": functions.sqrt,
    "sinh": functions.sinh,
    "cosh": functions.cosh,
    "tanh": functions.tanh,
    "sin": functions.sin,
    "cos": functions.cos,
    "tan": functions.tan,
    "asin": inverses.asin,
    "acos": inverses.acos,
    "atan": inverses.atan,
    "asinh": inverses.asinh,
    "acosh": inverses.acosh,
    "atanh": inverses.atanh,
    "pow": power,
}
"""By the names of functions and of formulas of real numbers: from pairs of parts to a pair, a real number, or a condition."""


def complex_function(name: str, args: tuple[Expr, ...], dtype: str) -> Expr:
    """The named function of ``args``, some of which are complex or whose result is, with a result of type ``dtype``.

    Raises
    ------
    KeyError
        If there is no such function of complex numbers.
    """
    formula = COMPLEX_FORMULAS.get(name)
    if formula is None:
        raise KeyError(f"{name} of complex numbers")
    common = dtype if is_complex(dtype) else str(np.result_type(*(arg.dtype for arg in args)))
    values = [cast(arg, common) for arg in args]
    found: Any = formula(*((Real(real(value)), Real(imag(value))) for value in values))
    if isinstance(found, tuple):
        return cast(pair(found[0].expr, found[1].expr), dtype)
    return cast(found.expr if isinstance(found, Real) else found, dtype)
