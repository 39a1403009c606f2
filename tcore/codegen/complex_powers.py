"""Powers of complex numbers, as NumPy has them: products for whole exponents below 100, logarithms for others."""

from __future__ import annotations

import math

from tcore.codegen.complex_functions import Complex, exp, log
from tcore.codegen.complex_quotients import divide, multiply
from tcore.codegen.expr import Const, Expr
from tcore.codegen.reals import Real, both, choose, choose_pair, either, real_function

__all__ = ["power"]

_WHOLE = 100
"""From here on, and up to minus this number, NumPy takes logarithms."""


def power(a: Complex, b: Complex) -> Complex:
    """``a ** b``, with a quarter of the work where the exponent is a literal."""
    zero, one = a[0].like(0), a[0].like(1)
    literal = _literal(b)
    if literal is not None and literal == literal.real and abs(literal.real) < _WHOLE and literal.real == int(literal.real):
        found = _by_products(a, int(literal.real))
    elif literal is not None:
        found = _by_logarithm(a, b)
    else:
        found = choose_pair(_is_whole(b), _by_chosen_products(a, b[0]), _by_logarithm(a, b))
    of_zero = choose(b[0] > 0, zero, one.like(math.nan))
    found = choose_pair(both(a[0].equals(0), a[1].equals(0)), (of_zero, of_zero), found)
    return choose_pair(both(b[0].equals(0), b[1].equals(0)), (one, zero), found)


def _literal(z: Complex) -> complex | None:
    re, im = z[0].expr, z[1].expr
    return complex(re.value, im.value) if isinstance(re, Const) and isinstance(im, Const) else None


def _is_whole(b: Complex) -> Expr:
    return both(both(b[1].equals(0), abs(b[0]) < _WHOLE), real_function("trunc", b[0]).equals(b[0]))


def _by_products(a: Complex, exponent: int) -> Complex:
    """For a literal exponent; from the fourth power on, NumPy begins with 1, which infinities show."""
    one = a[0].like(1), a[0].like(0)
    if 0 <= exponent <= 3:
        found = a if exponent else one
        for _ in range(exponent - 1):
            found = multiply(found, a)
        return found
    found, square, left = one, a, abs(exponent)
    while left:
        if left & 1:
            found = multiply(found, square)
        left >>= 1
        if left:
            square = multiply(square, square)
    return found if exponent > 0 else divide(one, found)


def _by_chosen_products(a: Complex, exponent: Real) -> Complex:
    """The same for an exponent that each element has of its own: all the squares, and those chosen that it consists of."""
    one = a[0].like(1), a[0].like(0)
    found, square, left = one, a, abs(exponent)
    for _ in range(_WHOLE.bit_length()):
        half = real_function("floor", 0.5 * left)
        found = choose_pair(left.differs(2 * half), multiply(found, square), found)
        square, left = multiply(square, square), half
    found = choose_pair(exponent < 0, divide(one, found), found)
    twice = multiply(a, a)
    for count, product in ((1, a), (2, twice), (3, multiply(twice, a))):
        found = choose_pair(exponent.equals(count), product, found)
    return found


def _by_logarithm(a: Complex, b: Complex) -> Complex:
    return exp(_endless_product(b, log(a)))


def _endless_product(a: Complex, b: Complex) -> Complex:
    """A product as C99 has it: infinite where a factor is, or a product of two parts, even where another part is NaN."""
    plain = multiply(a, b)
    lost = both(plain[0].is_nan(), plain[1].is_nan())
    overflows = either(_is_endless((a[0] * b[0], a[0] * b[1])), _is_endless((a[1] * b[0], a[1] * b[1])))
    endless = either(either(_is_endless(a), _is_endless(b)), overflows)
    re, im = multiply(_direction(a), _direction(b))
    return choose_pair(both(lost, endless), (re * math.inf, im * math.inf), plain)


def _is_endless(z: Complex) -> Expr:
    return either(z[0].is_infinite(), z[1].is_infinite())


def _direction(z: Complex) -> Complex:
    """Of an infinite number, 1 for each infinite part and 0 for others; a finite one is itself, without NaN."""
    endless = _is_endless(z)

    def part(x: Real) -> Real:
        box = choose(x.is_infinite(), 1.0, x.like(0))
        size = choose(endless, box, choose(x.is_nan(), x.like(0), abs(x)))
        return real_function("copysign", size, x)

    return part(z[0]), part(z[1])
