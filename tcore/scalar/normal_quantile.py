"""The quantile of the normal distribution by exact operations (+ - * / sqrt, mantissa, exponent): the same bits on every backend.

Wichura 1988, algorithm AS 241 (PPND16), doi:10.2307/2347330; relative error about 1e-16. Its logarithm is a series here: library
functions round differently from machine to machine, and random numbers should not. The formula is written once, over an
:class:`Arithmetic`: NumPy's here, that of the loop IR in :mod:`tcore.codegen.scalar_ops`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from tcore.scalar.exponential import FloatFunction, exp, sqr
from tcore.scalar.op import number
from tcore.scalar.preferences import upgrade_to_float_no_complex

__all__ = ["CENTRAL", "FAR", "TAIL", "Arithmetic", "NormalQuantile", "normal_quantile", "quantile_formula"]

Value = Any


class Arithmetic(Protocol):
    """Exactly rounded operations on float64 values; ``mantissa`` (from 1/2 to 1) and ``exponent`` of positive normal ones."""

    def constant(self, value: float) -> Value: ...
    def add(self, a: Value, b: Value) -> Value: ...
    def sub(self, a: Value, b: Value) -> Value: ...
    def mul(self, a: Value, b: Value) -> Value: ...
    def div(self, a: Value, b: Value) -> Value: ...
    def sqrt(self, a: Value) -> Value: ...
    def mantissa(self, a: Value) -> Value: ...
    def exponent(self, a: Value) -> Value: ...
    def less(self, a: Value, b: Value) -> Value: ...
    def select(self, condition: Value, then: Value, otherwise: Value) -> Value: ...


# numerator and denominator of each region, lowest power first
CENTRAL = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
TAIL = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip
FAR = (
    (6.65790464350110377720e0, 5.46378491116411436990e0, 1.78482653991729133580e0, 2.96560571828504891230e-1,
     2.65321895265761230930e-2, 1.24266094738807843860e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7),
    (1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1, 1.48753612908506148525e-2,
     7.86869131145613259100e-4, 1.84631831751005468180e-5, 1.42151175831644588870e-7, 2.04426310338993978564e-15),
)  # fmt: skip
#: the least probability that a generator gives; those nearer to 0 or 1 count as this one
_LEAST = 2.0**-63


def quantile_formula(p: Value, on: Arithmetic) -> Value:
    """The normal quantile of ``p``, a float64 value between 0 and 1; NaN for NaN."""
    half = on.constant(0.5)
    q = on.sub(p, half)
    magnitude = on.select(on.less(q, on.constant(0.0)), on.sub(on.constant(0.0), q), q)
    central = on.less(magnitude, on.constant(0.425))
    rest = on.select(on.less(q, on.constant(0.0)), p, on.sub(on.constant(1.0), p))
    root = on.sqrt(_minus_log(rest, on))
    near = on.less(root, on.constant(5.0))
    argument = on.select(
        central,
        on.sub(on.constant(0.180625), on.mul(q, q)),
        on.select(near, on.sub(root, on.constant(1.6)), on.sub(root, on.constant(5.0))),
    )

    def polynomial(which: int) -> Value:
        def coefficient(power: int) -> Value:
            a, b, c = (on.constant(region[which][power]) for region in (CENTRAL, TAIL, FAR))
            return a if a is b is c else on.select(central, a, on.select(near, b, c))

        total = coefficient(7)
        for power in range(6, -1, -1):
            total = on.add(on.mul(total, argument), coefficient(power))
        return total

    ratio = on.div(polynomial(0), polynomial(1))
    outside = on.select(on.less(q, on.constant(0.0)), on.sub(on.constant(0.0), ratio), ratio)
    # NaN has no mantissa: it comes in, and out, as the magnitude
    return on.select(central, on.mul(q, ratio), on.select(on.less(magnitude, on.constant(1.0)), outside, magnitude))


def _minus_log(x: Value, on: Arithmetic) -> Value:
    """-log(x) for x up to 1/2: x = m * 2**e with m between sqrt(1/2) and sqrt(2), and log(m) by its series in (m - 1) / (m + 1)."""
    x = on.select(on.less(x, on.constant(_LEAST)), on.constant(_LEAST), x)
    exponent = on.exponent(x)
    x = on.mantissa(x)
    small = on.less(x, on.constant(math.sqrt(0.5)))
    x = on.select(small, on.mul(x, on.constant(2.0)), x)
    exponent = on.select(small, on.sub(exponent, on.constant(1.0)), exponent)
    s = on.div(on.sub(x, on.constant(1.0)), on.add(x, on.constant(1.0)))
    square = on.mul(s, s)
    series = on.constant(2 / 21)
    for odd in range(19, 0, -2):
        series = on.add(on.mul(series, square), on.constant(2 / odd))
    return on.sub(on.mul(exponent, on.constant(-math.log(2))), on.mul(series, s))


class _OnArrays:
    """NumPy's float64 arithmetic."""

    constant = staticmethod(float)
    add = np.add
    sub = np.subtract
    mul = np.multiply
    div = np.divide
    sqrt = np.sqrt
    mantissa = staticmethod(lambda a: np.frexp(a)[0])
    exponent = staticmethod(lambda a: np.frexp(a)[1].astype("float64"))
    less = np.less
    select = staticmethod(np.where)


class NormalQuantile(FloatFunction):
    """The number below which a standard normal variable lies with the probability ``p``, computed in double precision.

    For probabilities from 2**-63 to 1 - 2**-63; those nearer to 0 or 1 count as these.
    """

    loop_name = "normal_quantile"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def impl(self, p: Any) -> Any:
        with np.errstate(all="ignore"):
            return quantile_formula(np.asarray(p, "float64"), _OnArrays())

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        value = np.asarray(self.impl(inputs[0]))
        if out[0] is None:
            return [value.astype(dtypes[0], copy=False)]
        out[0][...] = value
        return [out[0]]

    def pullback(self, g: Any, out: Any, p: Any) -> Any:
        """1 / density at the quantile."""
        return g * number(math.sqrt(2 * math.pi), out) * exp(sqr(out) * number(0.5, out))


normal_quantile = NormalQuantile(name="normal_quantile")
