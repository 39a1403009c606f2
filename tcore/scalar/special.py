"""Special functions; those beyond NumPy come from SciPy, which loads when one is first computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore.graph.c_interface import derived
from tcore.scalar import bessel_c, special_c
from tcore.scalar.basic import switch
from tcore.scalar.comparison import eq, lt
from tcore.scalar.exponential import FloatFunction, exp, log, sqr
from tcore.scalar.op import number
from tcore.scalar.preferences import upgrade_to_float_no_complex

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = [
    "I0",
    "I1",
    "J0",
    "J1",
    "Chi2SF",
    "Erf",
    "Erfc",
    "Erfcinv",
    "Erfcx",
    "Erfinv",
    "Gamma",
    "GammaLn",
    "PolyGamma",
    "Psi",
    "TriGamma",
    "chi2sf",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "gamma",
    "gammaln",
    "i0",
    "i1",
    "j0",
    "j1",
    "polygamma",
    "psi",
    "tri_gamma",
]


@cache
def _scipy(name: str) -> Any:
    import scipy.special  # a tenth of a second, for ops that few graphs have

    return getattr(scipy.special, name)


class SciPyFunction(FloatFunction):
    """A function of :mod:`scipy.special`, named by ``scipy``; ``c_text`` computes it in kernels, in double precision."""

    scipy: ClassVar[str]
    c_text: ClassVar[str] = ""
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def impl(self, *inputs: Any) -> Any:
        return _scipy(self.scipy)(*inputs)

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        # SciPy has no half precision: such values are computed in single precision
        wanted = "float32" if dtypes[0] == "float16" else dtypes[0]
        value = np.asarray(self.impl(*[np.asarray(x, wanted) for x in inputs]))
        if out[0] is None:
            return [value.astype(dtypes[0], copy=False)]
        out[0][...] = value
        return [out[0]]

    # ------------------------------------------------------------ C code: our own, where the op has no form as a loop

    @derived
    def c_code(self, node: Apply, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """The loop form, or a call of a function of ``c_text`` in double precision."""
        if self._loop_name_for_c():
            return super().c_code(node, name, inputs, outputs, sub)
        if "impl" in type(self).__dict__ and not {"c_expression", "c_text"} & {*type(self).__dict__}:  # a user's own function
            self._undefined("c_code")
        return f"{outputs[0]} = ({node.outputs[0].type.c_element_type()}) ({self.c_expression(*inputs)});"  # type: ignore[attr-defined]

    def c_expression(self, *inputs: str) -> str:
        """The value as a C expression."""
        operands = ", ".join(f"(double) {text}" for text in inputs)
        return f"tc_{self.scipy}({operands})"

    def c_support_code(self) -> list[str]:
        return super().c_support_code() if self._loop_name_for_c() else [self.c_text]


class Erf(SciPyFunction):
    """The error function."""

    loop_name = "erf"
    scipy = "erf"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * number(2 / math.sqrt(math.pi), out) * exp(-sqr(x))


class Erfc(SciPyFunction):
    """1 - erf(x), accurate for large x."""

    loop_name = "erfc"
    scipy = "erfc"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * number(-2 / math.sqrt(math.pi), out) * exp(-sqr(x))


class Erfcx(SciPyFunction):
    """exp(x * x) * erfc(x)."""

    scipy = "erfcx"
    c_text = special_c.ERFCX

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * (2 * x * out - number(2 / math.sqrt(math.pi), out))


class Erfinv(SciPyFunction):
    """The inverse of erf."""

    scipy = "erfinv"
    c_text = special_c.ERFINV

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * number(math.sqrt(math.pi) / 2, out) * exp(sqr(out))


class Erfcinv(SciPyFunction):
    """The inverse of erfc."""

    scipy = "erfcinv"
    c_text = special_c.ERFCINV

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * number(-math.sqrt(math.pi) / 2, out) * exp(sqr(out))


class Gamma(SciPyFunction):
    """The gamma function."""

    loop_name = "tgamma"
    scipy = "gamma"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * out * psi(x)


class GammaLn(SciPyFunction):
    """The logarithm of the absolute value of the gamma function."""

    scipy = "gammaln"
    loop_name = "lgamma"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * psi(x)


class Psi(SciPyFunction):
    """The digamma function, the derivative of gammaln."""

    scipy = "psi"
    c_text = special_c.PSI

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * tri_gamma(x)


class TriGamma(SciPyFunction):
    """The derivative of psi."""

    scipy = "polygamma"
    c_text = special_c.ZETA

    def impl(self, x: Any) -> Any:
        return _scipy("zeta")(2, x)

    def c_expression(self, *inputs: str) -> str:
        return f"tc_zeta(2, (double) {inputs[0]})"

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * polygamma(number(2, out), x)


class PolyGamma(SciPyFunction):
    """The n-th derivative of psi at x, for whole n > 0; inputs n and x, no gradient with respect to n."""

    nin = 2
    scipy = "polygamma"
    c_text = special_c.ZETA

    def impl(self, n: Any, x: Any) -> Any:
        sign = np.where(np.asarray(n) % 2 == 0, -1.0, 1.0).astype(np.result_type(n, x))
        return sign * _scipy("gamma")(n + 1) * _scipy("zeta")(n + 1, x)

    def c_expression(self, *inputs: str) -> str:
        n, x = (f"(double) {text}" for text in inputs)
        return f"(fmod({n}, 2) == 0 ? -1.0 : 1.0) * tgamma({n} + 1) * tc_zeta({n} + 1, {x})"

    def pullback(self, g: Any, out: Any, n: Any, x: Any) -> Any:
        return None, g * polygamma(n + 1, x)


class Chi2SF(SciPyFunction):
    """The chance that a chi-square variable with k degrees of freedom exceeds x; inputs x and k, no gradient with respect to k."""

    nin = 2
    scipy = "chdtrc"
    c_text = special_c.CHI2SF

    def pullback(self, g: Any, out: Any, x: Any, k: Any) -> Any:
        """Minus the density: with logarithms, lest large degrees overflow, and what the limit is at 0."""
        half = k / 2.0
        at_zero = switch(eq(k, 2), 0.5, switch(lt(k, 2), math.inf, 0.0))
        within = exp((half - 1) * log(x) - x / 2.0 - half * math.log(2) - gammaln(half))
        return -g * switch(lt(x, 0), 0.0, switch(eq(x, 0), at_zero, within)), None

    def impl(self, x: Any, k: Any) -> Any:
        # what chdtrc is, but for negative x in old versions of SciPy: 1 there, and no number in new ones
        return _scipy("gammaincc")(k / 2, x / 2)


class J0(SciPyFunction):
    """The Bessel function of the first kind of order 0."""

    scipy = "j0"
    c_text = bessel_c.J0

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return -g * j1(x)


class J1(SciPyFunction):
    """The Bessel function of the first kind of order 1."""

    scipy = "j1"
    c_text = bessel_c.J1

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * (j0(x) - _over(out, x))


class I0(SciPyFunction):
    """The modified Bessel function of the first kind of order 0."""

    scipy = "i0"
    c_text = bessel_c.I0

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * i1(x)


class I1(SciPyFunction):
    """The modified Bessel function of the first kind of order 1."""

    scipy = "i1"
    c_text = bessel_c.I1

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return g * (i0(x) - _over(out, x))


def _over(out: Any, x: Any) -> Any:
    """out / x for functions that are x / 2 near 0."""
    at_zero = eq(x, number(0, x))
    return switch(at_zero, number(0.5, out), out / switch(at_zero, number(1, x), x))


erf = Erf(name="erf")
erfc = Erfc(name="erfc")
erfcx = Erfcx(name="erfcx")
erfinv = Erfinv(name="erfinv")
erfcinv = Erfcinv(name="erfcinv")
gamma = Gamma(name="gamma")
gammaln = GammaLn(name="gammaln")
psi = Psi(name="psi")
tri_gamma = TriGamma(name="tri_gamma")
polygamma = PolyGamma(name="polygamma")
chi2sf = Chi2SF(name="chi2sf")
j0 = J0(name="j0")
j1 = J1(name="j1")
i0 = I0(name="i0")
i1 = I1(name="i1")
