/* Numbers of half precision in routines. */

/* Exact, subnormal numbers and NaN included. Kernels choose between two forms where this multiplies, as devices that know no subnormal numbers cannot;
 * compiled for any machine, as routines are, the product takes little more than half of the time. */
static inline float tc_from_half(uint16_t half)
{
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float value;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    /* The exponent of infinities and NaN has no bit but that of 2^112 to gain. */
    bits |= (half & 0x7c00) == 0x7c00 ? 0x7f800000u : 0;
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* To the nearest one, of two to the even one. This is the text of kernels, of tcore.codegen.half; a test holds it to that. */
typedef uint16_t tc_f16;
typedef uint32_t tc_u32;
typedef uint64_t tc_u64;
typedef float tc_f32;
typedef double tc_f64;
#define TC_INLINE static inline
#define TC_U64(x) UINT64_C(x)

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

#undef TC_U64
#undef TC_INLINE
