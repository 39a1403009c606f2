/* Numbers of half precision in routines: kernels convert them by the text of tcore.codegen.half. */

#include <math.h>

/* Exact, subnormal numbers and NaN included. */
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

/* The nearest one; of two, the even one. */
static uint16_t tc_to_half(double value)
{
    const uint16_t sign = signbit(value) ? 0x8000 : 0;
    const double size = fabs(value);
    if (value != value)
        return sign | 0x7e00;
    if (size >= 65520)
        return sign | 0x7c00;
    if (size < 0x1p-14)
        return sign | (uint16_t)nearbyint(size * 0x1p24);
    int exponent;
    const double digits = nearbyint(frexp(size, &exponent) * 2048); /* 2048 is 1024 of the next power of two */
    return (uint16_t)(sign | ((exponent + 13) * 1024 + (int)digits));
}

/* The same of a float32, without branches: for loops. */
static inline uint16_t tc_f32_to_half(float value)
{
    uint32_t bits, magnitude, small;
    memcpy(&bits, &value, sizeof bits);
    magnitude = bits & 0x7fffffff;
    float size, shifted;
    memcpy(&size, &magnitude, sizeof size);
    /* Below the smallest normal half, 0.5 + size has what is wanted in its last bits. */
    shifted = size + 0.5f;
    memcpy(&small, &shifted, sizeof small);
    small -= 0x3f000000;
    uint32_t normal = (magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13;
    uint32_t half = magnitude < 0x38800000 ? small : normal;
    half = magnitude >= 0x477ff000 ? 0x7c00 : half;
    half = magnitude > 0x7f800000 ? 0x7e00 : half;
    return (uint16_t)(half | (bits >> 16 & 0x8000));
}
