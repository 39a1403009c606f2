"""Trigonometric and hyperbolic functions; angles in radians."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tcore.scalar.exponential import FloatFunction, conjugated, sqr, sqrt
from tcore.scalar.op import number
from tcore.scalar.preferences import upgrade_to_float_no_complex

__all__ = [
    "ArcCos",
    "ArcCosh",
    "ArcSin",
    "ArcSinh",
    "ArcTan",
    "ArcTan2",
    "ArcTanh",
    "Cos",
    "Cosh",
    "Deg2Rad",
    "Rad2Deg",
    "Sin",
    "Sinh",
    "Tan",
    "Tanh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cos",
    "cosh",
    "deg2rad",
    "rad2deg",
    "sin",
    "sinh",
    "tan",
    "tanh",
]


class Sin(FloatFunction):
    """Sine."""

    numpy = np.sin
    loop_name = "sin"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * conjugated(cos(x))


class Cos(FloatFunction):
    """Cosine."""

    numpy = np.cos
    loop_name = "cos"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return -g * conjugated(sin(x))


class Tan(FloatFunction):
    """Tangent."""

    numpy = np.tan
    loop_name = "tan"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * conjugated(1 + sqr(out))


class ArcSin(FloatFunction):
    """Inverse sine."""

    numpy = np.arcsin
    loop_name = "asin"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / conjugated(sqrt(1 - sqr(x)))


class ArcCos(FloatFunction):
    """Inverse cosine."""

    numpy = np.arccos
    loop_name = "acos"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return -g / conjugated(sqrt(1 - sqr(x)))


class ArcTan(FloatFunction):
    """Inverse tangent."""

    numpy = np.arctan
    loop_name = "atan"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / conjugated(1 + sqr(x))


class ArcTan2(FloatFunction):
    """The angle of the point (y, x), from -pi to pi; first input y, second x."""

    nin = 2
    numpy = np.arctan2
    loop_name = "atan2"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, y: Any, x: Any) -> Any:
        square = sqr(x) + sqr(y)
        return g * x / square, -g * y / square


class Sinh(FloatFunction):
    """Hyperbolic sine."""

    numpy = np.sinh
    loop_name = "sinh"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * conjugated(cosh(x))


class Cosh(FloatFunction):
    """Hyperbolic cosine."""

    numpy = np.cosh
    loop_name = "cosh"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * conjugated(sinh(x))


class Tanh(FloatFunction):
    """Hyperbolic tangent."""

    numpy = np.tanh
    loop_name = "tanh"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * conjugated(1 - sqr(out))


class ArcSinh(FloatFunction):
    """Inverse hyperbolic sine."""

    numpy = np.arcsinh
    loop_name = "asinh"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / conjugated(sqrt(sqr(x) + 1))


class ArcCosh(FloatFunction):
    """Inverse hyperbolic cosine."""

    numpy = np.arccosh
    loop_name = "acosh"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        # (x - 1) (x + 1) keeps the digits that x * x - 1 loses near 1
        return g / conjugated(sqrt(x - 1) * sqrt(x + 1))


class ArcTanh(FloatFunction):
    """Inverse hyperbolic tangent."""

    numpy = np.arctanh
    loop_name = "atanh"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g / conjugated(1 - sqr(x))


class Deg2Rad(FloatFunction):
    """Degrees into radians."""

    numpy = np.deg2rad
    loop_name = "deg2rad"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * number(math.pi / 180, out)


class Rad2Deg(FloatFunction):
    """Radians into degrees."""

    numpy = np.rad2deg
    loop_name = "rad2deg"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * number(180 / math.pi, out)


sin = Sin(name="sin")
cos = Cos(name="cos")
tan = Tan(name="tan")
arcsin = ArcSin(name="arcsin")
arccos = ArcCos(name="arccos")
arctan = ArcTan(name="arctan")
arctan2 = ArcTan2(name="arctan2")
sinh = Sinh(name="sinh")
cosh = Cosh(name="cosh")
tanh = Tanh(name="tanh")
arcsinh = ArcSinh(name="arcsinh")
arccosh = ArcCosh(name="arccosh")
arctanh = ArcTanh(name="arctanh")
deg2rad = Deg2Rad(name="deg2rad")
rad2deg = Rad2Deg(name="rad2deg")
