/* Elements as unsigned integers of the same order, NaN last: their keys, alone or with the places of the elements. */

#define TC_SIGN(T) ((T)((T)1 << (8 * sizeof(T) - 1)))

/* The key of a float in its bits: the larger float has the larger key. Zeros are equal where `merged`. */
#define TC_FLOAT_KEY(NAME, T, S, INFINITE)                                      \
    static inline T NAME(T bits, int merged)                                    \
    {                                                                           \
        if ((T)(bits & (T)~TC_SIGN(T)) > INFINITE)                              \
            return (T)~(T)0;                                                    \
        if (merged && bits == TC_SIGN(T))                                       \
            bits = 0;                                                           \
        return (T)(bits ^ ((T)((S)bits >> (8 * sizeof(T) - 1)) | TC_SIGN(T)));  \
    }                                                                           \
    static inline T NAME##_back(T key)                                          \
    {                                                                           \
        return (T)(key ^ ((T)((S)(T)~key >> (8 * sizeof(T) - 1)) | TC_SIGN(T))); \
    }
TC_FLOAT_KEY(tc_key_f16, uint16_t, int16_t, 0x7c00u)
TC_FLOAT_KEY(tc_key_f32, uint32_t, int32_t, 0x7f800000u)
TC_FLOAT_KEY(tc_key_f64, uint64_t, int64_t, 0x7ff0000000000000u)

/* One loop for each dtype: V is the unsigned integer with the element's bits, KEY the key of `bits`, BACK the bits of `key`, which the loop
 * has; `merged` stands before it. */
#define TC_FOR_KEYS(DTYPE, LOOP)                                                \
    switch (DTYPE) {                                                            \
    case TC_BOOL: LOOP(uint8_t, (uint8_t)(bits != 0), key) break;               \
    case TC_UINT8: LOOP(uint8_t, bits, key) break;                              \
    case TC_INT8: LOOP(uint8_t, bits ^ 0x80, key ^ 0x80) break;                 \
    case TC_UINT16: LOOP(uint16_t, bits, key) break;                            \
    case TC_INT16: LOOP(uint16_t, bits ^ 0x8000, key ^ 0x8000) break;           \
    case TC_FLOAT16: LOOP(uint16_t, tc_key_f16(bits, merged), tc_key_f16_back(key)) break; \
    case TC_UINT32: LOOP(uint32_t, bits, key) break;                            \
    case TC_INT32: LOOP(uint32_t, bits ^ TC_SIGN(uint32_t), key ^ TC_SIGN(uint32_t)) break; \
    case TC_FLOAT32: LOOP(uint32_t, tc_key_f32(bits, merged), tc_key_f32_back(key)) break; \
    case TC_UINT64: LOOP(uint64_t, bits, key) break;                            \
    case TC_INT64: LOOP(uint64_t, bits ^ TC_SIGN(uint64_t), key ^ TC_SIGN(uint64_t)) break; \
    case TC_FLOAT64: LOOP(uint64_t, tc_key_f64(bits, merged), tc_key_f64_back(key)) break; \
    default: break;                                                             \
    }

/* The key of a complex number for a pass: NaN last, first those with a number as real part, then by real and by imaginary parts. */
static uint64_t tc_complex_key(const char *at, int dtype, int pass)
{
    uint64_t parts[2];
    if (dtype == TC_COMPLEX64) {
        uint32_t bits[2];
        memcpy(bits, at, sizeof bits);
        for (int k = 0; k < 2; k++)
            parts[k] = bits[k] << 1 > 0xff000000u ? ~(uint64_t)0 : tc_key_f32(bits[k], 1);
    } else {
        memcpy(parts, at, sizeof parts);
        for (int k = 0; k < 2; k++)
            parts[k] = tc_key_f64(parts[k], 1);
    }
    return pass == 0 ? parts[1] : pass == 1 ? parts[0] : parts[0] == ~(uint64_t)0 ? 2 : parts[1] == ~(uint64_t)0;
}

/* An element's key and its place. Two sizes: what does not fit into the smaller one is sorted in the larger. */
typedef struct {
    uint32_t key, place;
} tc_pair32;
typedef struct {
    uint64_t key, place;
} tc_pair64;

static int tc_fits_pair32(int64_t n, int dtype)
{
    return tc_itemsize(dtype) <= 4 && n <= UINT32_MAX;
}

/* Bytes of a pair for n elements of a dtype. */
static int64_t tc_pair_size(int64_t n, int dtype)
{
    return tc_fits_pair32(n, dtype) ? (int64_t)sizeof(tc_pair32) : (int64_t)sizeof(tc_pair64);
}
