"""Helpers of the C family: functions printed into the source that uses them, where a formula would repeat too much.

What they give where C leaves a result undefined, :mod:`tcore.codegen.functions` states.
"""

from __future__ import annotations

from tcore.codegen.functions import kind
from tcore.codegen.half import HALF, HALF_HELPERS
from tcore.records import frozen
from tcore.scalar.casting import reached_first

__all__ = ["HELPERS", "Helper", "cast_helper"]


@frozen
class Helper:
    """A function printed into the source that uses it.

    ``text`` has ``T`` (type), ``N`` (suffix of its name), ``U`` (unsigned type) and ``W`` (bits) to fill
    in, and ``@name(`` for mathematics.
    """

    name: str
    text: str


_SIGNED_DIVISION = """\
TC_INLINE T tc_floordiv_N(T a, T b) {
    if (b == 0) return 0;
    if (b == -1) return (T)(0 - (U)a);
    return (T)(a / b - (a % b != 0 && (a < 0) != (b < 0)));
}
"""
_UNSIGNED_DIVISION = "TC_INLINE T tc_floordiv_N(T a, T b) { return b == 0 ? 0 : (T)(a / b); }\n"
_FLOAT_DIVISION = """\
TC_INLINE T tc_floordiv_N(T a, T b) {
    if (b == 0) return a / b;
    T mod = @fmod(a, b), quotient = (a - mod) / b;
    if (mod != 0 && (b < 0) != (mod < 0)) quotient -= 1;
    if (quotient == 0) return @copysign((T)0, a / b);
    T whole = @floor(quotient);
    return quotient - whole > (T)0.5 ? whole + 1 : whole;
}
"""
_SIGNED_MODULO = """\
TC_INLINE T tc_mod_N(T a, T b) {
    if (b == 0 || b == -1) return 0;
    T mod = (T)(a % b);
    return (T)(mod != 0 && (mod < 0) != (b < 0) ? mod + b : mod);
}
"""
_UNSIGNED_MODULO = "TC_INLINE T tc_mod_N(T a, T b) { return b == 0 ? 0 : (T)(a % b); }\n"
_FLOAT_MODULO = """\
TC_INLINE T tc_mod_N(T a, T b) {
    T mod = @fmod(a, b);
    if (b == 0) return mod;
    if (mod == 0) return @copysign((T)0, b);
    return (b < 0) != (mod < 0) ? mod + b : mod;
}
"""
_SHIFTS = {
    ("shl", "i"): "TC_INLINE T tc_shl_N(T a, T b) { return (b < 0 || b >= W) ? 0 : (T)((U)a << b); }\n",
    ("shl", "u"): "TC_INLINE T tc_shl_N(T a, T b) { return b >= W ? 0 : (T)((U)a << b); }\n",
    ("shr", "i"): "TC_INLINE T tc_shr_N(T a, T b) { return (b < 0 || b >= W) ? (T)(a < 0 ? -1 : 0) : (T)(a >> b); }\n",
    ("shr", "u"): "TC_INLINE T tc_shr_N(T a, T b) { return b >= W ? 0 : (T)(a >> b); }\n",
}
# 0.5 has the exponent bits 0x3FE; 2**52 + k has the integer k in its low bits, which saves a conversion.
_MANTISSA = """\
TC_INLINE T tc_mantissa_N(T x) {
    union { T value; tc_u64 bits; } at;
    at.value = x;
    at.bits = (at.bits & TC_U64(0x000FFFFFFFFFFFFF)) | TC_U64(0x3FE0000000000000);
    return at.value;
}
"""
_EXPONENT = """\
TC_INLINE T tc_exponent_N(T x) {
    union { T value; tc_u64 bits; } at;
    at.value = x;
    at.bits = (at.bits >> 52) | TC_U64(0x4330000000000000);
    return at.value - 4503599627371518.0;
}
"""
# Unrolled: loops within loops are not vectorized at the level at which kernels compile.
_PHILOX = """\
TC_INLINE T tc_philox_N(T key, T stream, T place) {
    tc_u32 c0 = (tc_u32)place, c1 = (tc_u32)(place >> 32), c2 = (tc_u32)stream, c3 = (tc_u32)(stream >> 32);
    tc_u32 k0 = (tc_u32)key, k1 = (tc_u32)(key >> 32);
""" + """\
    { const T p0 = (T)3528531795u * c0, p1 = (T)3449720151u * c2;
      c0 = (tc_u32)(p1 >> 32) ^ c1 ^ k0; c1 = (tc_u32)p1; c2 = (tc_u32)(p0 >> 32) ^ c3 ^ k1; c3 = (tc_u32)p0;
      k0 += 2654435769u; k1 += 3144134277u; }
""" * 10 + """\
    return ((T)c1 << 32) | c0;
}
"""
# Float to integer: T is the float type, I the integer reached first, LOW and HIGH its open bounds.
_TO_INT32 = """\
TC_INLINE tc_i32 tc_to_i32_N(T x) {
    return x > (T)-2147483649.0 && x < (T)2147483648.0 ? (tc_i32)x : (tc_i32)(-2147483647 - 1);
}
"""
# float32 cannot tell -2147483649 from -2147483648, hence the closed bound there.
_TO_INT32_FROM_FLOAT32 = _TO_INT32.replace("x > (T)-2147483649.0", "x >= (T)-2147483648.0")
_TO_INT64 = """\
TC_INLINE tc_i64 tc_to_i64_N(T x) {
    return x >= (T)-9223372036854775808.0 && x < (T)9223372036854775808.0
        ? (tc_i64)x : (tc_i64)(-TC_I64(9223372036854775807) - 1);
}
"""
_TO_UINT64 = """\
TC_INLINE tc_u64 tc_to_u64_N(T x) {
    if (x >= (T)9223372036854775808.0) return x < (T)18446744073709551616.0 ? (tc_u64)x : 0;
    return x >= (T)-9223372036854775808.0 ? (tc_u64)(tc_i64)x : (tc_u64)1 << 63;
}
"""

HELPERS: dict[tuple[str, str], Helper] = {
    (name, key): Helper(name, text)
    for (name, key), text in (
        {
            ("floordiv", "i"): _SIGNED_DIVISION,
            ("floordiv", "u"): _UNSIGNED_DIVISION,
            ("floordiv", "f"): _FLOAT_DIVISION,
            ("mod", "i"): _SIGNED_MODULO,
            ("mod", "u"): _UNSIGNED_MODULO,
            ("mod", "f"): _FLOAT_MODULO,
            ("mantissa", "float64"): _MANTISSA,
            ("exponent", "float64"): _EXPONENT,
            ("philox", "uint64"): _PHILOX,
            ("to_i32", "float64"): _TO_INT32,
            ("to_i32", "float32"): _TO_INT32_FROM_FLOAT32,
            ("to_i64", "f"): _TO_INT64,
            ("to_u64", "f"): _TO_UINT64,
        }
        | _SHIFTS
        | HALF_HELPERS
    ).items()
}
"""Helpers by name and dtype, or kind where all dtypes of a kind share one."""


def cast_helper(source: str, target: str) -> str | None:
    """Name of the helper that converts a float to an integer dtype, or from and to half precision; None where a C cast will do."""
    if HALF in (source, target):
        return "to_f16" if target == HALF else "to_f32"
    if kind(source) != "f" or kind(target) not in "iu":
        return None
    if target == "uint64":
        return "to_u64"
    return "to_i64" if reached_first(target) == "int64" else "to_i32"
