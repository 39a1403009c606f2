"""Products and quotients of complex numbers, by NumPy's formulas; C99 has others."""

from __future__ import annotations

from tcore.codegen.complex_functions import Complex
from tcore.codegen.reals import both, choose

__all__ = ["divide", "invert", "multiply", "square"]


def multiply(a: Complex, b: Complex) -> Complex:
    """``a b``. Its parts are NaN where two of their products are infinite and of one sign, as NumPy's are on processors without fused products."""
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def square(a: Complex) -> Complex:
    """``a a``."""
    return multiply(a, a)


def divide(a: Complex, b: Complex) -> Complex:
    """By the larger part of the divisor (Smith 1962, doi:10.1145/368637.368661)."""
    size, other = abs(b[0]), abs(b[1])
    by_real = size >= other
    large, small = choose(by_real, b[0], b[1]), choose(by_real, b[1], b[0])
    ratio = small / large
    scale = 1 / (large + small * ratio)
    re = choose(by_real, a[0] + a[1] * ratio, a[0] * ratio + a[1]) * scale
    im = choose(by_real, a[1] - a[0] * ratio, a[1] * ratio - a[0]) * scale
    zero = both(size.equals(0), other.equals(0))
    return choose(zero, a[0] / size, re), choose(zero, a[1] / size, im)


def invert(a: Complex) -> Complex:
    """``1 / a``, as NumPy's ``reciprocal`` has it."""
    by_real = abs(a[1]) <= abs(a[0])
    ratio = choose(by_real, a[1], a[0]) / choose(by_real, a[0], a[1])
    divisor = choose(by_real, a[0] + a[1] * ratio, a[0] * ratio + a[1])
    one = divisor.like(1)
    return choose(by_real, one, ratio) / divisor, choose(by_real, -ratio, -one) / divisor
