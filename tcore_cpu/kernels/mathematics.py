"""Mathematics in the text of kernels: functions that compilers turn into vectors of any width, in place.

``exp(x) = 2^k exp(r)`` with k the whole number next to x / ln 2 and |r| <= ln 2 / 2. The polynomials are minimax in relative
error (Remez' algorithm in 60 digits, with 1 + r fixed): 2^-57.9 for float64, 2^-28.2 for float32. ln 2 stands in two
parts, the first so short that its product with k is exact. The scale 2^k is two factors, the one half of k each, so that results below
the smallest normal number are rounded once and those beyond the largest become infinite. Each step is one IEEE
operation: a value is the same bits alone, in a vector of any width, at any position.
"""

from __future__ import annotations

__all__ = ["OWN"]

_FMA = """\
#ifndef TC_FMA
#if defined(__FP_FAST_FMA) || defined(__FMA__) || defined(__aarch64__)
#define TC_FMA(a, b, c) __builtin_fma(a, b, c)
#define TC_FMAF(a, b, c) __builtin_fmaf(a, b, c)
#else
#define TC_FMA(a, b, c) ((a) * (b) + (c))
#define TC_FMAF(a, b, c) ((a) * (b) + (c))
#endif
#endif
"""

_EXP = """\
TC_INLINE tc_f64 tc_exp_f64(tc_f64 x) {
    const tc_f64 shift = 0x1.8p52 + 2046; /* its sum with k has k + 2 * 1023 in the last bits */
    tc_f64 t = TC_FMA(x, 0x1.71547652b82fep+0, shift), k = t - shift, first, second, p;
    const tc_f64 r = TC_FMA(k, -0x1.a39ef35793c76p-33, TC_FMA(k, -0x1.62e42fee00000p-1, x));
    tc_u64 bits, half;
    p = TC_FMA(r, 0x1.ad7f6f0799ee2p-26, 0x1.28ad72cc30daap-22);
    p = TC_FMA(r, p, 0x1.71df2552390c2p-19);
    p = TC_FMA(r, p, 0x1.a0199a0c677acp-16);
    p = TC_FMA(r, p, 0x1.a01a012a57b51p-13);
    p = TC_FMA(r, p, 0x1.6c16c1842a11dp-10);
    p = TC_FMA(r, p, 0x1.1111111127be5p-7);
    p = TC_FMA(r, p, 0x1.555555555087cp-5);
    p = TC_FMA(r, p, 0x1.55555555554fap-3);
    p = TC_FMA(r, p, 0x1.000000000000ap-1);
    p = TC_FMA(r, p, 1.0);
    p = TC_FMA(r, p, 1.0);
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

_EXPF = """\
TC_INLINE tc_f32 tc_exp_f32(tc_f32 x) {
    const tc_f32 shift = 0x1.8p23f + 254;
    tc_f32 t = TC_FMAF(x, 0x1.715476p+0f, shift), k = t - shift, first, second, p;
    const tc_f32 r = TC_FMAF(k, -0x1.0bfbe8p-15f, TC_FMAF(k, -0x1.62ep-1f, x));
    tc_u32 bits, half;
    p = TC_FMAF(r, 0x1.6a2434p-10f, 0x1.1239e2p-7f);
    p = TC_FMAF(r, p, 0x1.5558f2p-5f);
    p = TC_FMAF(r, p, 0x1.555492p-3f);
    p = TC_FMAF(r, p, 0x1.fffffcp-2f);
    p = TC_FMAF(r, p, 1.0f);
    p = TC_FMAF(r, p, 1.0f);
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

OWN: dict[tuple[str, str], str] = {("exp", "float64"): _FMA + _EXP, ("exp", "float32"): _FMA + _EXPF}
"""Text by function and dtype; the C name is ``tc_<function>_<dtype's suffix>``. Errors: less than one unit in the last place."""
