"""Functions of the mathematics library on complex numbers, by those of their parts.

Infinities, NaN and zeros of each part follow annex G of C99, as NumPy's do. Each part is within a few units in the last place of itself, but where
it is a small difference: the logarithm of what is close to the unit circle is exact to a unit in the last place of 1.
"""

from __future__ import annotations

import math

from tcore.codegen.expr import Expr
from tcore.codegen.reals import Real, both, choose, finfo, real_function

__all__ = ["Complex", "cos", "cosh", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "sinh", "sqrt", "tan", "tanh"]

Complex = tuple[Real, Real]
"""Real and imaginary part."""


def _most(x: Real) -> float:
    """A whole number whose exponential is no infinity, and is one with a few more."""
    return float(math.floor((finfo(x).maxexp - 1) * math.log(2)))


def _bad(x: Real) -> Expr:
    """Whether it is infinite or NaN."""
    return (x - x).is_nan()


def _of(name: str, x: Real) -> Real:
    return real_function(name, x)


def _signed(x: Real, like: Real) -> Real:
    return real_function("copysign", x, like)


def exp(z: Complex) -> Complex:
    """The exponential of the real part, turned; where that alone is too large, in three factors."""
    x, y = z
    most = _most(x)
    high = x > most
    size = _of("exp", choose(high, (x - most) / 2, x))
    factor, again = choose(high, math.exp(most), x.like(1)), choose(high, size, x.like(1))
    re, im = size * (_of("cos", y) * factor) * again, size * (_of("sin", y) * factor) * again
    bad = _bad(y)
    re = choose(both(bad, x.is_infinite()), choose(x > 0, x, x.like(0)), re)
    im = choose(both(bad, x.equals(-math.inf)), _signed(x.like(0), y), im)
    return re, choose(y.equals(0), y, im)


def expm1(z: Complex) -> Complex:
    """``exp(z) - 1``: ``cos y`` is taken as ``1 - 2 sin²(y / 2)``, so that nothing is lost where both are small."""
    x, y = z
    half = _of("sin", y / 2)
    return _of("expm1", x) * _of("cos", y) - 2 * half * half, _of("exp", x) * _of("sin", y)


def _scaled(z: Complex) -> tuple[Complex, Expr, Expr]:
    """Both parts by a power of two with which squares neither overflow nor vanish; whether they were too large, and too small."""
    x, y = z
    size = real_function("maximum", abs(x), abs(y))
    info = finfo(x)
    large, small = size > float(info.max) / 4, size < float(info.tiny) * 4 / float(info.eps)
    factor = choose(large, 0.25, choose(small, 2.0 ** (2 * info.nmant), x.like(1)))
    return (x * factor, y * factor), large, small


def sqrt(z: Complex) -> Complex:
    """The larger part is a root of a sum, the other one a quotient (Kahan 1987)."""
    x, y = z
    (u, v), large, small = _scaled(z)
    root = _of("sqrt", 0.5 * (real_function("hypot", u, v) + abs(u)))
    other = choose(root.equals(0), root, 0.5 * (abs(v) / root))
    back = choose(large, 2.0, choose(small, 2.0 ** -finfo(x).nmant, x.like(1)))
    right = u >= 0
    re, im = choose(right, root, other) * back, choose(right, other, root) * back
    endless = y.is_infinite()
    return choose(endless, abs(y), re), _signed(choose(endless, abs(y), im), y)


def log(z: Complex) -> Complex:
    """The logarithm of the size, and the angle from -π to π."""
    return _log_of_size(z), real_function("atan2", z[1], z[0])


def _log_of_size(z: Complex) -> Real:
    (u, v), large, small = _scaled(z)
    info = finfo(u)
    scale = choose(large, math.log(4), choose(small, -2 * info.nmant * math.log(2), u.like(0)))
    far = _of("log", real_function("hypot", u, v)) + scale
    # close to the unit circle, the square differs little from 1
    size, other = real_function("maximum", abs(u), abs(v)), real_function("minimum", abs(u), abs(v))
    near = 0.5 * _of("log1p", (size - 1) * (size + 1) + other * other)
    between = both(size > 0.5, size < 2)
    return choose(between, near, far)


def log2(z: Complex) -> Complex:
    """The logarithm to the base 2."""
    return _times(log(z), 1 / math.log(2))


def log10(z: Complex) -> Complex:
    """The logarithm to the base 10."""
    return _times(log(z), 1 / math.log(10))


def _times(z: Complex, factor: float) -> Complex:
    return z[0] * factor, z[1] * factor


def log1p(z: Complex) -> Complex:
    """``log(1 + z)`` by NumPy's formula, which is no more exact near 0."""
    above = z[0] + 1
    return _of("log", real_function("hypot", above, z[1])), real_function("atan2", z[1], above)


def _hyperbolic(x: Real) -> tuple[Real, Real, Real, Real]:
    """Hyperbolic sine and cosine of a real number, and the two factors of both where they are too large: a tiny number times all three may not be."""
    most, size = _most(x), abs(x)
    high = size > most
    less = _of("expm1", choose(high, (size - most) / 2, size))
    whole = less + 1
    sine, cosine = 0.5 * (less + less / whole), 0.5 * (whole + 1 / whole)
    factor, again = choose(high, math.exp(most) / 2, x.like(1)), choose(high, whole, x.like(1))
    return _signed(choose(high, whole, sine), x), choose(high, whole, cosine), factor, again


def sinh(z: Complex) -> Complex:
    """``sinh x cos y + i cosh x sin y``."""
    x, y = z
    sine, cosine, factor, again = _hyperbolic(x)
    re, im = sine * (_of("cos", y) * factor) * again, cosine * (_of("sin", y) * factor) * again
    re = choose(_bad(y), choose(x.equals(0), x, choose(x.is_infinite(), math.inf, re)), re)
    return re, choose(y.equals(0), y, im)


def cosh(z: Complex) -> Complex:
    """``cosh x cos y + i sinh x sin y``."""
    x, y = z
    sine, cosine, factor, again = _hyperbolic(x)
    re, im = cosine * (_of("cos", y) * factor) * again, sine * (_of("sin", y) * factor) * again
    zero = x.like(0)
    re = choose(both(_bad(y), x.is_infinite()), math.inf, re)
    im = choose(both(_bad(y), x.equals(0)), zero, im)
    return re, choose(y.equals(0), choose(x.is_nan(), y, y * _signed(x.like(1), x)), im)


def tanh(z: Complex) -> Complex:
    """``(sinh x cosh x + i sin y cos y) / (sinh² x + cos² y)``, and what that tends to where the hyperbolic functions overflow."""
    x, y = z
    turn, wave = _of("sin", y), _of("cos", y)
    less = _of("expm1", abs(x))
    whole = less + 1
    sine, cosine = 0.5 * (less + less / whole), 0.5 * (whole + 1 / whole)
    divisor = sine * sine + wave * wave
    # from there on the real part is 1
    high = abs(x) > finfo(x).nmant * math.log(2) / 2 + 4
    re = choose(high, 1.0, sine * cosine / divisor)
    im = choose(high, 4 * turn * wave / whole / whole, turn * wave / divisor)
    bad, endless = _bad(y), x.is_infinite()
    re = choose(both(bad, x.equals(0)), abs(x), choose(both(bad, abs(x) < math.inf), math.nan, re))
    im = choose(both(bad, endless), _signed(x.like(0), y), im)
    return _signed(re, x), choose(y.equals(0), y, im)


def sin(z: Complex) -> Complex:
    """``-i sinh(i z)``."""
    im, re = sinh((z[1], z[0]))
    return re, im


def cos(z: Complex) -> Complex:
    """``cosh(i z)``."""
    return cosh((-z[1], z[0]))


def tan(z: Complex) -> Complex:
    """``-i tanh(i z)``."""
    im, re = tanh((z[1], z[0]))
    return re, im
