"""Inverse trigonometric and hyperbolic functions of complex numbers, by those of their parts.

By two roots whose parts are added without cancellation (Kahan 1987, Branch cuts for complex elementary functions). Branch cuts, signs of zeros,
infinities and NaN are those of annex G of C99, as NumPy's are.
"""

from __future__ import annotations

import math

from tcore.codegen.complex_functions import Complex, sqrt
from tcore.codegen.expr import Expr
from tcore.codegen.reals import Real, both, choose, either, finfo, real_function

__all__ = ["acos", "acosh", "asin", "asinh", "atan", "atanh"]


def _of(name: str, x: Real) -> Real:
    return real_function(name, x)


def _signed(x: Real, like: Real) -> Real:
    return real_function("copysign", x, like)


def _angle(y: Real, x: Real) -> Real:
    return real_function("atan2", y, x)


def _is_large(z: Complex) -> Expr:
    """Whether ``z + 1`` is ``z``, in one of its parts; infinities are."""
    limit = 4 / float(finfo(z[0]).eps)
    return either(abs(z[0]) > limit, abs(z[1]) > limit)


def _log_of_twice(z: Complex) -> Real:
    """The logarithm of twice the size of a large number."""
    return _of("log", real_function("hypot", z[0] * 0.25, z[1] * 0.25)) + 3 * math.log(2)


def _asin_and_acos(z: Complex) -> tuple[Real, Real, Real]:
    """The real parts of both, and the imaginary part of the first: that of the other one, turned."""
    x, y = z
    (p, q), (r, s) = sqrt((1 + x, y)), sqrt((1 - x, -y))
    sine, cosine = _of("atan", x / (p * r - q * s)), 2 * _of("atan", r / p)
    im = _of("asinh", q * r - p * s)
    large, size = _is_large(z), abs(y)
    sine, cosine = choose(large, _angle(x, size), sine), choose(large, _angle(size, x), cosine)
    im = choose(large, _signed(_log_of_twice(z), y), im)
    # of a small number they are the number itself, whose last digits the roots have not
    tiny = abs(x) + size < float(finfo(x).eps)
    lost = both(x.equals(0), y.is_nan())
    return choose(either(tiny, lost), x, sine), choose(lost, math.pi / 2, cosine), choose(either(tiny, lost), y, im)


def asin(z: Complex) -> Complex:
    """The inverse sine, with a real part from -π/2 to π/2."""
    sine, _, im = _asin_and_acos(z)
    return sine, im


def acos(z: Complex) -> Complex:
    """The inverse cosine, with a real part from 0 to π."""
    _, cosine, im = _asin_and_acos(z)
    return cosine, -im


def asinh(z: Complex) -> Complex:
    """``-i asin(i z)``."""
    im, re = asin((-z[1], z[0]))
    return re, -im


def acosh(z: Complex) -> Complex:
    """``acos`` turned, with a real part that is not negative."""
    im, re = acos(z)
    return abs(re), choose(z[1].is_nan(), im, _signed(im, z[1]))


def atanh(z: Complex) -> Complex:
    """``log1p(4 x / |1 - z|²) / 4`` of a real part that is not negative, and half the angle of ``(1 + z) (1 - conj(z))``."""
    x, y = abs(z[0]), z[1]
    large = _is_large(z)
    scale = choose(large, 0.25, x.like(1))
    size = real_function("hypot", scale * (1 - x), scale * y)
    re = 0.25 * _of("log1p", 4 * scale * x / size * scale / size)
    im = 0.5 * _angle(2 * y, (1 - x) * (1 + x) - y * y)
    # close to 1, where the square of the distance vanishes
    re = choose(size < float(finfo(x).eps) ** 2, 0.5 * (math.log(2) - _of("log", size)), re)
    re = choose(either(either(x.is_infinite(), y.is_infinite()), both(x.equals(0), y.is_nan())), 0.0, re)
    right = both(large, either(y.is_infinite(), both(x.equals(x), y.equals(y))))
    im = choose(right, _signed(y.like(math.pi / 2), y), im)
    return _signed(re, z[0]), im


def atan(z: Complex) -> Complex:
    """``-i atanh(i z)``."""
    im, re = atanh((-z[1], z[0]))
    return re, -im
