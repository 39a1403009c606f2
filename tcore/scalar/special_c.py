"""Special functions in C text: error functions, digamma, zeta and the incomplete gamma function, in double precision.

The text is C, OpenCL C and CUDA C: functions of OpenCL C have no static variables, CUDA C has no INFINITY without a header. Coefficients of
Chebyshev series were computed for these functions, in 60 digits, up to terms of 2^-57 of the least value.
"""

from __future__ import annotations

from collections.abc import Sequence

from tcore.scalar import normal_quantile

__all__ = ["CHI2SF", "ERFCINV", "ERFCX", "ERFINV", "PSI", "ZETA", "chebyshev", "once"]


def once(name: str, text: str) -> str:
    """``text``, which several functions need, for one module: in its first place only."""
    guard = f"TC_HAS_{name.upper()}"
    return f"#ifndef {guard}\n#define {guard}\n{text}#endif\n"


def chebyshev(name: str, coefficients: Sequence[float]) -> str:
    """A C function of t from -1 to 1: the sum of ``coefficients[k]`` times the Chebyshev polynomial of degree k (Clenshaw's recurrence)."""
    *middle, last = coefficients[1:]
    steps = "".join(f"    c = u * a - b + {value!r}; b = a; a = c;\n" for value in reversed(middle))
    return f"static double {name}(double t)\n{{\n    const double u = 2 * t;\n    double a = {last!r}, b = 0, c;\n{steps}    return t * a - b + {coefficients[0]!r};\n}}\n"


def _polynomial(coefficients: Sequence[float], of: str) -> str:
    """Horner's rule, lowest power first."""
    text = repr(coefficients[-1])
    for value in reversed(coefficients[:-1]):
        text = f"({text} * {of} + {value!r})"
    return text


# ---------------------------------------------------------------------------------------------------- error functions

# (1 + 2 x) erfcx(x) for x >= 0, in t = (x - 3.75) / (x + 3.75): the form of Shepherd and Laframboise 1981, doi:10.2307/2007742
_ERFCX = (
    1.1775789345674017, -0.0045900545806464776, -0.084249133366517917, 0.059209939998191893, -0.026658668435305753,
    0.0090749976707052652, -0.0024131635404176081, 0.00049077583652580863, -6.916973302501207e-05,
    4.1390279860730102e-06, 7.7403830661984903e-07, -2.1886401049234397e-07, 1.076499946567091e-08,
    4.5219598112182866e-09, -7.7544002088313509e-10, -6.3180883408866841e-11, 2.8687950109306699e-11,
    1.9455868545777347e-13, -9.6546967484334393e-13, 3.2525481481487401e-14, 3.3478119482868056e-14,
    -1.864562880419313e-15, -1.2507950530688648e-15, 7.4182352566240441e-17, 5.068148904796111e-17,
)

ERFCX = chebyshev("tc_erfcx_series", _ERFCX) + """\
static double tc_erfcx(double x)
{
    const double zero = 0, y = fabs(x), value = tc_erfcx_series(1 - 7.5 / (y + 3.75)) / (1 + 2 * y);
    if (!(x < 0)) return value;
    if (x < -27) return 1 / zero;
    /* the square without rounding: that of a short number, and the rest */
    const double high = (double)(float)x;
    return 2 * exp(high * high) * exp((x - high) * (x + high)) - value;
}
"""

_RATIO = "".join(
    f"static double tc_quantile_{name}(double r)\n{{\n    return {_polynomial(top, 'r')}\n        / {_polynomial(bottom, 'r')};\n}}\n"
    for name, (top, bottom) in (("central", normal_quantile.CENTRAL), ("tail", normal_quantile.TAIL), ("far", normal_quantile.FAR))
)
# Wichura's algorithm AS 241, see tcore.scalar.normal_quantile; q: the probability less 1/2, minus_log: minus the logarithm of that of the tail
_QUANTILE = once("quantile", _RATIO + """\
static double tc_quantile(double q, double minus_log)
{
    if (fabs(q) <= 0.425) return q * tc_quantile_central(0.180625 - q * q);
    if (minus_log > 1e4) return q * minus_log;
    const double r = sqrt(minus_log), value = r < 5 ? tc_quantile_tail(r - 1.6) : tc_quantile_far(r - 5);
    return q < 0 ? -value : value;
}
""")

_LOG_2, _HALF_ROOT = 0.6931471805599453, 0.7071067811865476
ERFINV = _QUANTILE + f"""\
static double tc_erfinv(double x)
{{
    const double y = fabs(x);
    return y < 1e-150 ? 0.886226925452758 * x : {_HALF_ROOT} * tc_quantile(x / 2, {_LOG_2} - log1p(-y));
}}
"""

ERFCINV = _QUANTILE + f"""\
static double tc_erfcinv(double x)
{{
    return {_HALF_ROOT} * tc_quantile((1 - x) / 2, {_LOG_2} - log(x < 1 ? x : 2 - x));
}}
"""

# ---------------------------------------------------------------------------------------------------- gamma and its kin

# psi(x) / (x - root) from 1 to 2, in t = 2 x - 3
_PSI = (
    0.98357026044156703, -0.22706408633464439, 0.033368899023930108, -0.0053200772715965476, 0.00087886569378205052,
    -0.00014773492650606044, 2.5060543468359146e-05, -4.2721034029993324e-06, 7.3027692724659233e-07,
    -1.2502886813559594e-07, 2.1425009322359472e-08, -3.6732959185651789e-09, 6.2997172361089314e-10,
    -1.080593028883266e-10, 1.8537351920536379e-11, -3.1802353658255301e-12, 5.4561475703227946e-13,
    -9.3609931310364384e-14, 1.606064636295075e-14, -2.7555431377438815e-15, 4.7277361786019116e-16,
    -8.1114842034650894e-17, 1.3917077694741539e-17,
)

# the recurrence to where the series holds; from 10 on, the asymptotic one; for negative x, reflection
PSI = chebyshev("tc_psi_series", _PSI) + """\
static double tc_psi(double x)
{
    const double zero = 0;
    double sum = 0;
    if (x == 0) return 1 / -x;
    if (x <= -1) {
        const double rest = x - floor(x);
        if (!(rest > 0)) return zero / zero;
        sum = -3.141592653589793 / tan(3.141592653589793 * (rest > 0.5 ? rest - 1 : rest));
        x = 1 - x;
    }
    for (; x < 1; x += 1) sum -= 1 / x;
    if (x >= 10) {
        const double s = 1 / (x * x);
        const double tail = s * (1.0 / 12 - s * (1.0 / 120 - s * (1.0 / 252 - s * (1.0 / 240 - s * (1.0 / 132 - s * (691.0 / 32760 - s / 12))))));
        return sum + log(x) - 0.5 / x - tail;
    }
    for (; x > 2; sum += 1 / x) x -= 1;
    return sum + (x - 1.4616321449683622 - 9.5499954299656974e-17) * tc_psi_series(2 * x - 3);
}
"""

# Euler-Maclaurin: terms up to q > 9, then the integral, half a term and eleven terms with Bernoulli numbers, each of which is
# less than the last by a factor of about (s + 2k)^2 / (2 pi q)^2. The text is C, OpenCL C and CUDA C: functions of OpenCL C have no static
# variables, CUDA C has no INFINITY without a header.
ZETA = """\
/* The sum of (q + k)^-s over k >= 0, for s > 1. */
static double tc_zeta(double s, double q)
{
    const double zero = 0, infinite = 1 / zero, undefined = zero / zero;
    const double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6, -3617.0 / 510,
                                43867.0 / 798, -174611.0 / 330, 854513.0 / 138};
    if (s != s || q != q) return s + q;
    if (s <= 1) return s == 1 ? infinite : undefined;
    if (q <= 0 && q == floor(q)) return infinite;
    if (q <= 0 && s != floor(s)) return undefined;
    if (q > 1e8) return (1 / (s - 1) + 1 / (2 * q)) * pow(q, 1 - s);
    double sum = 0;
    for (; q <= 9 || q < 2 * s / 3; q += 1) {
        const double term = pow(q, -s);
        sum += term;
        if (q > 0 && term < 1e-17 * sum) return sum;
    }
    const double power = pow(q, -s);
    sum += power * q / (s - 1) + power / 2;
    double factor = s, scale = power / q, factorial = 2;
    for (int k = 0; k < 11; k++) {
        const double term = bernoulli[k] * factor * scale / factorial;
        sum += term;
        if (fabs(term) < 1e-17 * fabs(sum)) break;
        factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
        scale /= q * q;
        factorial *= (2 * k + 3) * (2 * k + 4);
    }
    return sum;
}
"""

# Q(a, x), the part of the gamma function's integral beyond x: by the power series of the rest, by one for small degrees, or by Legendre's continued
# fraction; for degrees beyond 1e8, where those need many terms, by the first terms of Temme's expansion (1979, doi:10.1137/0510071).
CHI2SF = """\
/* u - log(1 + u) */
static double tc_log_rest(double u)
{
    if (fabs(u) > 0.25) return u - log1p(u);
    double power = u * u, sum = power / 2;
    for (int k = 3; k < 40; k++) {
        power *= -u;
        const double term = power / k;
        sum += term;
        if (fabs(term) < 1e-17 * sum) break;
    }
    return sum;
}
/* x^a e^-x / gamma(a + 1) */
static double tc_gamma_density(double a, double x)
{
    if (a < 10) return exp(a * log(x) - x - lgamma(a + 1));
    const double s = 1 / (a * a), rest = 1.0 / 1680 - s * (1.0 / 1188 - s * (691.0 / 360360 - s / 156));
    const double stirling = (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * rest))) / a;
    return exp(-a * tc_log_rest((x - a) / a) - stirling) / sqrt(6.283185307179586 * a);
}
static double tc_gamma_far(double a, double x)
{
    const double u = (x - a) / a, depth = tc_log_rest(u), eta = u < 0 ? -sqrt(2 * depth) : sqrt(2 * depth);
    const double first = fabs(eta) < 1e-3 ? -1.0 / 3 + eta / 12 - 2 * eta * eta / 135 : 1 / u - 1 / eta;
    return 0.5 * erfc(eta * sqrt(a / 2)) + exp(-a * depth) / sqrt(6.283185307179586 * a) * first;
}
static double tc_gamma_upper(double a, double x)
{
    const double zero = 0, infinite = 1 / zero;
    if (a != a || x != x || a < 0 || x < 0) return zero / zero;
    if (a == 0) return x > 0 ? 0 : zero / zero;
    if (x == 0) return 1;
    if (a == infinite) return x == infinite ? zero / zero : 1;
    if (x == infinite) return 0;
    if (a > 1e8) return tc_gamma_far(a, x);
    if (a < 1 && x < 1.5) {
        const double power = a * log(x) - lgamma(a + 1);
        double term = 1, sum = 0;
        for (int n = 1; n < 60; n++) {
            term *= -x / n;
            sum += term / (a + n);
            if (fabs(term) < 1e-18) break;
        }
        return -expm1(power) - a * exp(power) * sum;
    }
    const double density = tc_gamma_density(a, x);
    if (x < a + 1) {
        double term = 1, sum = 1;
        for (int n = 1; n < 1000000; n++) {
            term *= x / (a + n);
            sum += term;
            if (term < 1e-17 * sum) break;
        }
        return 1 - density * sum;
    }
    double b = x + 1 - a, c = 1e300, d = 1 / b, product = d;
    for (int n = 1; n < 1000000; n++) {
        const double numerator = n * (a - n);
        b += 2;
        d = numerator * d + b;
        c = b + numerator / c;
        d = 1 / d;
        product *= c * d;
        if (fabs(c * d - 1) < 1e-16) break;
    }
    return a * density * product;
}
static double tc_chdtrc(double x, double k)
{
    return tc_gamma_upper(k / 2, x / 2);
}
"""
