"""Mathematics in the text of kernels: functions that compilers turn into vectors of any width, in place.

``exp(x) = 2^k exp(r)`` with k the whole number next to x / ln 2 and |r| <= ln 2 / 2. The polynomials are minimax in relative
error (Remez' algorithm in 60 digits, with 1 + r fixed): 2^-57.9 for float64, 2^-28.2 for float32. ln 2 stands in two
parts, the first so short that its product with k is exact. The scale 2^k is two factors, the one half of k each, so that results below
the smallest normal number are rounded once and those beyond the largest become infinite.

``tanh(x)`` is x + x (x^2 P(x^2) / Q(x^2)) for |x| < 1, where P / Q interpolates at Chebyshev's nodes (errors of 2^-59.1 and 2^-31.0), and
1 - 2 / (exp(2 |x|) + 1) with the sign of x elsewhere. Both forms add little to an exact number, and share the one division.

Each step is one IEEE operation: a value is the same bits alone, in a vector of any width, at any position.
"""

from __future__ import annotations

__all__ = ["OWN"]

_FMA = """\
#ifndef TC_FMA
#define TC_OWN static inline __attribute__((always_inline, unused)) /* in each loop, however many there are: one with a call has no vectors */
#if defined(__FP_FAST_FMA) || defined(__FMA__) || defined(__aarch64__)
#define TC_FMA(a, b, c) __builtin_fma(a, b, c)
#define TC_FMAF(a, b, c) __builtin_fmaf(a, b, c)
#else
#define TC_FMA(a, b, c) ((a) * (b) + (c))
#define TC_FMAF(a, b, c) ((a) * (b) + (c))
#endif
#endif
"""

_SERIES = """\
#ifndef TC_SERIES_F64
#define TC_SERIES_F64
TC_OWN tc_f64 tc_series_f64(tc_f64 r) { /* exp(r), |r| <= ln 2 / 2 */
    tc_f64 p = TC_FMA(r, 0x1.ad7f6f0799ee2p-26, 0x1.28ad72cc30daap-22);
    p = TC_FMA(r, p, 0x1.71df2552390c2p-19);
    p = TC_FMA(r, p, 0x1.a0199a0c677acp-16);
    p = TC_FMA(r, p, 0x1.a01a012a57b51p-13);
    p = TC_FMA(r, p, 0x1.6c16c1842a11dp-10);
    p = TC_FMA(r, p, 0x1.1111111127be5p-7);
    p = TC_FMA(r, p, 0x1.555555555087cp-5);
    p = TC_FMA(r, p, 0x1.55555555554fap-3);
    p = TC_FMA(r, p, 0x1.000000000000ap-1);
    p = TC_FMA(r, p, 1.0);
    return TC_FMA(r, p, 1.0);
}
#endif
"""

_EXP = """\
TC_OWN tc_f64 tc_exp_f64(tc_f64 x) {
    const tc_f64 shift = 0x1.8p52 + 2046; /* its sum with k has k + 2 * 1023 in the last bits */
    tc_f64 t = TC_FMA(x, 0x1.71547652b82fep+0, shift), k = t - shift, first, second, p;
    const tc_f64 r = TC_FMA(k, -0x1.a39ef35793c76p-33, TC_FMA(k, -0x1.62e42fee00000p-1, x));
    tc_u64 bits, half;
    p = tc_series_f64(r);
    __builtin_memcpy(&bits, &t, 8);
    half = bits >> 1;
    bits = (bits - half) << 52;
    half <<= 52;
    __builtin_memcpy(&first, &half, 8);
    __builtin_memcpy(&second, &bits, 8);
    p = p * first * second;
    p = x > 710.0 ? TC_INFINITY : p;
    return x < -746.0 ? 0 : p;
}
"""

_SERIESF = """\
#ifndef TC_SERIES_F32
#define TC_SERIES_F32
TC_OWN tc_f32 tc_series_f32(tc_f32 r) { /* exp(r), |r| <= ln 2 / 2 */
    tc_f32 p = TC_FMAF(r, 0x1.6a2434p-10f, 0x1.1239e2p-7f);
    p = TC_FMAF(r, p, 0x1.5558f2p-5f);
    p = TC_FMAF(r, p, 0x1.555492p-3f);
    p = TC_FMAF(r, p, 0x1.fffffcp-2f);
    p = TC_FMAF(r, p, 1.0f);
    return TC_FMAF(r, p, 1.0f);
}
#endif
"""

_EXPF = """\
TC_OWN tc_f32 tc_exp_f32(tc_f32 x) {
    const tc_f32 shift = 0x1.8p23f + 254;
    tc_f32 t = TC_FMAF(x, 0x1.715476p+0f, shift), k = t - shift, first, second, p;
    const tc_f32 r = TC_FMAF(k, -0x1.0bfbe8p-15f, TC_FMAF(k, -0x1.62ep-1f, x));
    tc_u32 bits, half;
    p = tc_series_f32(r);
    __builtin_memcpy(&bits, &t, 4);
    half = bits >> 1;
    bits = (bits - half) << 23;
    half <<= 23;
    __builtin_memcpy(&first, &half, 4);
    __builtin_memcpy(&second, &bits, 4);
    p = p * first * second;
    p = x > 89.0f ? (tc_f32)TC_INFINITY : p;
    return x < -104.0f ? 0 : p;
}
"""

_TANH = """\
TC_OWN tc_f64 tc_tanh_f64(tc_f64 x) {
    const tc_f64 size = __builtin_fabs(x), z = x * x, shift = 0x1.8p52 + 1023; /* its sum with k has k + 1023 in the last bits */
    const tc_f64 twice = size > 20.0 ? 40.0 : size + size; /* beyond 20 the result is 1 */
    const tc_f64 t = TC_FMA(twice, 0x1.71547652b82fep+0, shift), k = t - shift;
    const tc_f64 r = TC_FMA(k, -0x1.a39ef35793c76p-33, TC_FMA(k, -0x1.62e42fee00000p-1, twice));
    tc_f64 scale, p, q, first;
    tc_u64 bits;
    __builtin_memcpy(&bits, &t, 8);
    bits <<= 52;
    __builtin_memcpy(&scale, &bits, 8);
    p = TC_FMA(z, -0x1.1c591ba36722ap-14, -0x1.e9cf77348a514p-1);
    p = TC_FMA(z, p, -0x1.50d31d3b59eaep+6);
    p = TC_FMA(z, p, -0x1.47c75a2d43753p+10);
    q = TC_FMA(z, z + 0x1.81b38122cc450p+6, 0x1.c87d34e4a5016p+10);
    q = TC_FMA(z, q, 0x1.ebab0743e52fdp+11);
    p = size < 1.0 ? z * p : -2.0;
    q = size < 1.0 ? q : TC_FMA(scale, tc_series_f64(r), 1.0);
    first = size < 1.0 ? size : 1.0;
    return __builtin_copysign(TC_FMA(first, p / q, first), x);
}
"""

_TANHF = """\
TC_OWN tc_f32 tc_tanh_f32(tc_f32 x) {
    const tc_f32 size = __builtin_fabsf(x), z = x * x, shift = 0x1.8p23f + 127;
    const tc_f32 twice = size > 10.0f ? 20.0f : size + size;
    const tc_f32 t = TC_FMAF(twice, 0x1.715476p+0f, shift), k = t - shift;
    const tc_f32 r = TC_FMAF(k, -0x1.0bfbe8p-15f, TC_FMAF(k, -0x1.62ep-1f, twice));
    tc_f32 scale, p, q, first;
    tc_u32 bits;
    __builtin_memcpy(&bits, &t, 4);
    bits <<= 23;
    __builtin_memcpy(&scale, &bits, 4);
    p = TC_FMAF(z, -0x1.de462cp-1f, -0x1.52bd86p+4f);
    q = TC_FMAF(z, z + 0x1.c35398p+4f, 0x1.fc1c4ap+5f);
    p = size < 1.0f ? z * p : -2.0f;
    q = size < 1.0f ? q : TC_FMAF(scale, tc_series_f32(r), 1.0f);
    first = size < 1.0f ? size : 1.0f;
    return __builtin_copysignf(TC_FMAF(first, p / q, first), x);
}
"""

OWN: dict[tuple[str, str], str] = {
    ("exp", "float64"): _FMA + _SERIES + _EXP,
    ("exp", "float32"): _FMA + _SERIESF + _EXPF,
    ("tanh", "float64"): _FMA + _SERIES + _TANH,
    ("tanh", "float32"): _FMA + _SERIESF + _TANHF,
}
"""Text by function and dtype; the C name is ``tc_<function>_<dtype's suffix>``.

Errors in units in the last place: ``exp`` less than one; ``tanh`` less than 1.1 in float64 and 1.25 in float32, and less than 1.25 and 1.5
on machines without a fused product and sum.
"""
