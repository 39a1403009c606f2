"""Exponentials, logarithms, powers and roots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph.c_interface import derived
from tcore.scalar.basic import switch
from tcore.scalar.comparison import eq
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes
from tcore.scalar.op import MathOp, number
from tcore.scalar.preferences import upcast_out_min8, upgrade_to_float, upgrade_to_float_no_complex

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = [
    "Cbrt",
    "Exp",
    "Exp2",
    "Expm1",
    "Hypot",
    "Log",
    "Log1p",
    "Log2",
    "Log10",
    "Pow",
    "Sqr",
    "Sqrt",
    "cbrt",
    "exp",
    "exp2",
    "expm1",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "pow",
    "sqr",
    "sqrt",
]


class FloatFunction(MathOp):
    """What functions into floats share: integers are brought to floats first."""

    nin = 1
    output_types_preference = staticmethod(upgrade_to_float)


def conjugated(x: Any) -> Any:
    """The conjugate, in formulas that complex values go through; real values unchanged."""
    return x.conj() if x.type.dtype in complex_dtypes else x


class Exp(FloatFunction):
    """e ** x."""

    numpy = np.exp
    loop_name = "exp"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * conjugated(out)


class Exp2(FloatFunction):
    """2 ** x."""

    numpy = np.exp2
    loop_name = "exp2"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * out * number(math.log(2), out)


class Expm1(FloatFunction):
    """e ** x - 1, accurate near zero."""

    numpy = np.expm1
    loop_name = "expm1"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * conjugated(exp(x))


class Log(FloatFunction):
    """The natural logarithm."""

    numpy = np.log
    loop_name = "log"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / conjugated(x)


class Log2(FloatFunction):
    """The logarithm to base 2."""

    numpy = np.log2
    loop_name = "log2"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / conjugated(x * number(math.log(2), out))


class Log10(FloatFunction):
    """The logarithm to base 10."""

    numpy = np.log10
    loop_name = "log10"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / conjugated(x * number(math.log(10), out))


class Log1p(FloatFunction):
    """The logarithm of 1 + x, accurate near zero."""

    numpy = np.log1p
    loop_name = "log1p"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / (1 + conjugated(x))


class Sqrt(FloatFunction):
    """The square root; NaN of negative reals."""

    numpy = np.sqrt
    loop_name = "sqrt"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * number(0.5, out) / conjugated(out)


class Cbrt(FloatFunction):
    """The cube root; negative of negative numbers."""

    numpy = np.cbrt
    loop_name = "cbrt"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / (3 * sqr(out))


class Hypot(FloatFunction):
    """The distance of the point (x, y) from the origin, where its derivative is taken for 0; no square overflows."""

    nin = 2
    commutative = True
    numpy = np.hypot
    loop_name = "hypot"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        # 0 of zeros, which a 1 in place of the length keeps
        length = switch(eq(out, number(0, out)), number(1, out), out)
        return g * (x / length), g * (y / length)


class Sqr(MathOp):
    """x * x."""

    nin = 1
    numpy = np.square
    loop_name = "sqr"
    output_types_preference = staticmethod(upcast_out_min8)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * conjugated(x) * 2


class Pow(MathOp):
    """x ** y; of integers an integer, where a negative exponent is an error in NumPy."""

    nin = 2
    numpy = np.power
    loop_name = "pow"
    output_types_preference = staticmethod(upcast_out_min8)

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        if out.type.dtype in complex_dtypes:
            return g * conjugated(y * x ** (y - 1)), g * conjugated(out * log(x))
        # where x is 0 the exponent has no effect: out does not change
        log_x = switch(eq(x, number(0, x)), number(0, out), log(x))
        return g * y * x ** (y - 1), g * out * log_x

    def infix(self) -> str:
        return "**"

    @derived
    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """Of integers by squares, with NumPy's error for a negative exponent."""
        dtype = node.outputs[0].type.dtype  # type: ignore[attr-defined]
        if dtype not in discrete_dtypes:
            return super().c_code(node, name, inputs, outputs, sub)
        return f"""{{
npy_{dtype} tc_left = (npy_{dtype}) {inputs[1]};
if ({"false" if dtype.startswith("u") else "tc_left < 0"}) {{
    PyErr_SetString(PyExc_ValueError, "Integers to negative integer powers are not allowed.");
    {sub["fail"]}
}}
npy_uint64 tc_power = 1, tc_square = (npy_uint64) (npy_{dtype}) {inputs[0]};
for (; tc_left; tc_left = (npy_{dtype}) (tc_left >> 1), tc_square *= tc_square)
    if (tc_left & 1) tc_power *= tc_square;
{outputs[0]} = (npy_{dtype}) tc_power;
}}"""


exp = Exp(name="exp")
exp2 = Exp2(name="exp2")
expm1 = Expm1(name="expm1")
log = Log(name="log")
log2 = Log2(name="log2")
log10 = Log10(name="log10")
log1p = Log1p(name="log1p")
sqrt = Sqrt(name="sqrt")
cbrt = Cbrt(name="cbrt")
hypot = Hypot(name="hypot")
sqr = Sqr(name="sqr")
pow = Pow(name="pow")
