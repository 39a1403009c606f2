/* Sums of float64 and float32 over lines of scratch, element by element: to[i] is that of element i of all lines, in the order in which folds.h sums a tile.
 * Each vector is read once, and all accumulators are registers. Lines have room for whole vectors. */

#define TC_SIXTEEN(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12) DO(13) DO(14) DO(15)
#define TC_LINE_FIRST(J)                                                        \
    __typeof__(v) a##J = zero;                                                  \
    if (J < length) {                                                           \
        memcpy(&v, at + J * pitch, 64);                                         \
        a##J += v;                                                              \
    }
#define TC_LINE_MORE(J)                                                         \
    if (k + J < length) {                                                       \
        memcpy(&v, at + (k + J) * pitch, 64);                                   \
        a##J += v;                                                              \
    }
#define TC_SUM_OF_LINES_FOR(NAME, TARGET, T, V)                                 \
    TARGET static void NAME(T *restrict to, const char *lines, int64_t pitch, int64_t length, int64_t n) \
    {                                                                           \
        const V zero = {0};                                                     \
        for (int64_t i = 0; i < n; i += (int64_t)(64 / sizeof(T))) {            \
            const char *at = lines + i * (int64_t)sizeof(T);                    \
            V v;                                                                \
            TC_SIXTEEN(TC_LINE_FIRST)                                           \
            for (int64_t k = TC_WIDTH; k < length; k += TC_WIDTH) {             \
                TC_SIXTEEN(TC_LINE_MORE)                                        \
            }                                                                   \
            a0 += a8, a1 += a9, a2 += a10, a3 += a11, a4 += a12, a5 += a13, a6 += a14, a7 += a15; \
            a0 += a4, a1 += a5, a2 += a6, a3 += a7;                             \
            a0 += a2, a1 += a3;                                                 \
            a0 += a1;                                                           \
            memcpy(to + i, &a0, 64);                                            \
        }                                                                       \
    }
#if defined(__x86_64__)
#define TC_SUM_OF_LINES(NAME, T, V)                                             \
    TC_SUM_OF_LINES_FOR(NAME##_avx512, __attribute__((target("avx512f"))), T, V) \
    TC_SUM_OF_LINES_FOR(NAME##_avx2, __attribute__((target("avx2"))), T, V)     \
    TC_SUM_OF_LINES_FOR(NAME##_plain, , T, V)                                   \
    static void NAME(T *to, const char *lines, int64_t pitch, int64_t length, int64_t n) \
    {                                                                           \
        if (__builtin_cpu_supports("avx512f"))                                  \
            NAME##_avx512(to, lines, pitch, length, n);                         \
        else if (__builtin_cpu_supports("avx2"))                                \
            NAME##_avx2(to, lines, pitch, length, n);                           \
        else                                                                    \
            NAME##_plain(to, lines, pitch, length, n);                          \
    }
#else
#define TC_SUM_OF_LINES(NAME, T, V) TC_SUM_OF_LINES_FOR(NAME, , T, V)
#endif
TC_SUM_OF_LINES(tc_sum_of_lines_f64, double, tc_f64x8)
TC_SUM_OF_LINES(tc_sum_of_lines_f32, float, tc_f32x16)
