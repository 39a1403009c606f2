"""Half precision in kernels: float16 is a dtype of storage, in which nothing is computed.

Loads give patterns of 16 bits, which become float32 before anything is done with them; results are rounded back, one by
one. float32 has more than twice the digits of float16 and two more, so that ``+ - * /`` and ``sqrt`` rounded twice are what they would be
rounded once; NumPy computes in the same way, and a chain of operations has the bits that NumPy gives.

The conversions are text over bits that every language of the family understands, and free of branches, so that loops of
them become vectors. They are exact: ties go to even, subnormal numbers, infinities and NaN are what they are.
"""

from __future__ import annotations

__all__ = ["HALF", "HALF_HELPERS", "WIDE", "computed_in"]

HALF = "float16"
WIDE = "float32"
"""dtype in which values of float16 are computed."""


def computed_in(dtype: str) -> str:
    """The dtype of intermediate results and accumulators: ``dtype``, but float32 for half precision."""
    return WIDE if dtype == HALF else dtype


# Exponents differ by 112 (0x38000000 in float32). A subnormal number is the end of one next to 2**-14 (0x38800000), less 2**-14.
_TO_FLOAT32 = """\
TC_INLINE tc_f32 tc_to_f32_f16(tc_f16 x) {
    union { tc_f32 value; tc_u32 bits; } at, low;
    const tc_u32 digits = (tc_u32)(x & 0x7fff) << 13;
    at.bits = digits + ((x & 0x7c00) == 0x7c00 ? 0x70000000u : 0x38000000u);
    low.bits = digits + 0x38800000u;
    low.value -= 6.103515625e-05f;
    at.bits = ((x & 0x7c00) != 0 ? at.bits : low.bits) | (tc_u32)(x & 0x8000) << 16;
    return at.value;
}
"""
# Below 2**-14, a sum with 1/2 has the wanted digits last. From 65520 (0x477ff000) on all is infinite.
_FROM_FLOAT32 = """\
TC_INLINE tc_f16 tc_to_f16_f32(tc_f32 x) {
    union { tc_f32 value; tc_u32 bits; } at, low;
    at.value = x;
    const tc_u32 sign = at.bits >> 16 & 0x8000u, size = at.bits & 0x7fffffffu;
    const tc_u32 digits = (size + 0xc8000fffu + (size >> 13 & 1u)) >> 13;
    low.bits = size;
    low.value += 0.5f;
    at.bits = size < 0x38800000u ? low.bits - 0x3f000000u : digits;
    at.bits = size >= 0x477ff000u ? (size > 0x7f800000u ? 0x7e00u : 0x7c00u) : at.bits;
    return (tc_f16)(at.bits | sign);
}
"""
# What 2**13 times the number's power of two, or of the least and largest one, is added to ends at the last digit of half precision.
_ROUNDED = """\
TC_INLINE tc_f32 tc_half_f32(tc_f32 x) {
    union { tc_f32 value; tc_u32 bits; } at, large;
    at.value = x;
    const tc_u32 sign = at.bits & 0x80000000u;
    at.bits ^= sign;
    large.bits = at.bits & 0x7f800000u;
    large.bits = large.bits < 0x38800000u ? 0x38800000u : large.bits;
    large.bits = (large.bits > 0x47800000u ? 0x47800000u : large.bits) + 0x06800000u;
    at.value = at.value + large.value - large.value;
    at.bits = (at.value > 65504.0f ? 0x7f800000u : at.bits) | sign;
    return at.value;
}
"""
# The same in float64, whose last digit is 2**42 below half precision's; the rounded number fits float32 where it is not infinite anyway.
_FROM_FLOAT64 = """\
TC_INLINE tc_f16 tc_to_f16_f64(tc_f64 x) {
    union { tc_f64 value; tc_u64 bits; } at, large;
    union { tc_f32 value; tc_u32 bits; } low, wide;
    at.value = x;
    const tc_u64 sign = at.bits & TC_U64(0x8000000000000000);
    at.bits ^= sign;
    large.bits = at.bits & TC_U64(0x7ff0000000000000);
    large.bits = large.bits < TC_U64(0x3f10000000000000) ? TC_U64(0x3f10000000000000) : large.bits;
    large.bits = (large.bits > TC_U64(0x40f0000000000000) ? TC_U64(0x40f0000000000000) : large.bits) + TC_U64(0x02a0000000000000);
    wide.value = (tc_f32)(at.value + large.value - large.value);
    low.value = wide.value + 0.5f;
    low.bits = wide.bits < 0x38800000u ? low.bits - 0x3f000000u : (wide.bits - 0x38000000u) >> 13;
    low.bits = wide.bits >= 0x47800000u ? (wide.bits > 0x7f800000u ? 0x7e00u : 0x7c00u) : low.bits;
    return (tc_f16)(low.bits | (tc_u32)(sign >> 48));
}
"""

HALF_HELPERS: dict[tuple[str, str], str] = {
    ("to_f32", HALF): _TO_FLOAT32,
    ("to_f16", WIDE): _FROM_FLOAT32,
    ("to_f16", "float64"): _FROM_FLOAT64,
    ("half", WIDE): _ROUNDED,
}
"""Texts by name and dtype of the operand: conversions, and ``half``, the nearest number of half precision as a float32.

The CPU's routines round by the same texts, which stand once more in ``native/halves.h``: they are built where the core need not be.
"""
