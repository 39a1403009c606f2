/* Numbers of half precision, one at a time: kernels convert them by the text of tcore.codegen.half. */

#include <math.h>

static double tc_from_half(uint16_t half)
{
    const int exponent = half >> 10 & 31, digits = half & 1023;
    const double sign = half & 0x8000 ? -1 : 1;
    if (exponent == 31)
        return digits ? (double)NAN : sign * (double)INFINITY;
    return sign * (exponent ? ldexp(digits + 1024, exponent - 25) : ldexp(digits, -24));
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
