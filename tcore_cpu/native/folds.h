/* Loops that reduce a tile: written once, compiled for each dtype.
 *
 * A tile is summed in 16 interleaved accumulators and a tree, which depend on its length alone, never on the machine's vectors.
 * Extremes are a value plus a NaN flag.
 */

#define TC_WIDTH 16

typedef union {
    int64_t i;
    uint64_t u;
    float f;
    double d;
    float cf[2];
    double cd[2];
    char bytes[TC_MAXITEM];
} tc_value;

#define TC_ADD(a, b) ((a) + (b))
#define TC_MUL(a, b) ((a) * (b))
#define TC_BITAND(a, b) ((a) & (b))
#define TC_BITOR(a, b) ((a) | (b))
#define TC_BITXOR(a, b) ((a) ^ (b))

/* Seven rows at once: their streams run side by side, and the accumulators are loaded once for all of them. */
#define TC_SEVEN_ROWS(T)                                                        \
    const T *restrict x0 = (const T *)x, *restrict x1 = (const T *)(x + stride);        \
    const T *restrict x2 = (const T *)(x + 2 * stride), *restrict x3 = (const T *)(x + 3 * stride); \
    const T *restrict x4 = (const T *)(x + 4 * stride), *restrict x5 = (const T *)(x + 5 * stride); \
    const T *restrict x6 = (const T *)(x + 6 * stride);
#if defined(__clang__)
#define TC_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TC_INDEPENDENT _Pragma("GCC ivdep")
#endif

#define TC_FOLD_TILE(NAME, T, W, IDENTITY, OP)                                  \
    TC_CLONES static T NAME(const T *restrict x, int64_t n)                     \
    {                                                                           \
        W a[TC_WIDTH];                                                          \
        int64_t i = 0;                                                          \
        for (int j = 0; j < TC_WIDTH; j++)                                      \
            a[j] = (W)(IDENTITY);                                               \
        for (; i + TC_WIDTH <= n; i += TC_WIDTH)                                \
            for (int j = 0; j < TC_WIDTH; j++)                                  \
                a[j] = (W)OP(a[j], (W)x[i + j]);                                \
        for (int j = 0; i + j < n; j++)                                         \
            a[j] = (W)OP(a[j], (W)x[i + j]);                                    \
        for (int h = TC_WIDTH / 2; h; h /= 2)                                   \
            for (int j = 0; j < h; j++)                                         \
                a[j] = (W)OP(a[j], a[j + h]);                                   \
        return (T)a[0];                                                         \
    }                                                                           \
    TC_CLONES static void NAME##_rows(T *restrict to, const T *restrict x, int64_t n) \
    {                                                                           \
        for (int64_t i = 0; i < n; i++)                                         \
            to[i] = (T)(W)OP((W)to[i], (W)x[i]);                                \
    }                                                                           \
    TC_CLONES static void NAME##_rows7(T *to, const T *from, const char *x, int64_t stride, int64_t n) \
    {                                                                           \
        TC_SEVEN_ROWS(T)                                                        \
        TC_INDEPENDENT                                                          \
        for (int64_t i = 0; i < n; i++) {                                       \
            W v = (W)OP((W)from[i], (W)x0[i]);                                  \
            v = (W)OP((W)OP((W)OP(v, (W)x1[i]), (W)x2[i]), (W)x3[i]);           \
            to[i] = (T)(W)OP((W)OP((W)OP(v, (W)x4[i]), (W)x5[i]), (W)x6[i]);    \
        }                                                                       \
    }

/* Sums of T in wider accumulators W, without a copy of the elements in between. */
#define TC_WIDE_SUM(NAME, T, W)                                                 \
    TC_CLONES static W NAME(const T *restrict x, int64_t n)                     \
    {                                                                           \
        W a[TC_WIDTH];                                                          \
        int64_t i = 0;                                                          \
        for (int j = 0; j < TC_WIDTH; j++)                                      \
            a[j] = 0;                                                           \
        for (; i + TC_WIDTH <= n; i += TC_WIDTH)                                \
            for (int j = 0; j < TC_WIDTH; j++)                                  \
                a[j] += (W)x[i + j];                                            \
        for (int j = 0; i + j < n; j++)                                         \
            a[j] += (W)x[i + j];                                                \
        for (int h = TC_WIDTH / 2; h; h /= 2)                                   \
            for (int j = 0; j < h; j++)                                         \
                a[j] += a[j + h];                                               \
        return a[0];                                                            \
    }                                                                           \
    TC_CLONES static void NAME##_rows(W *restrict to, const T *restrict x, int64_t n) \
    {                                                                           \
        for (int64_t i = 0; i < n; i++)                                         \
            to[i] += (W)x[i];                                                   \
    }                                                                           \
    TC_CLONES static void NAME##_rows7(W *restrict to, const char *x, int64_t stride, int64_t n) \
    {                                                                           \
        TC_SEVEN_ROWS(T)                                                        \
        for (int64_t i = 0; i < n; i++) {                                       \
            W v = to[i] + (W)x0[i] + (W)x1[i] + (W)x2[i];                       \
            to[i] = v + (W)x3[i] + (W)x4[i] + (W)x5[i] + (W)x6[i];              \
        }                                                                       \
    }

/* Extremes of integers: LESS(x, a) picks the new value. */
#define TC_EXTREME_INTEGER(NAME, T, LESS)                                       \
    TC_CLONES static T NAME(const T *restrict x, int64_t n)                     \
    {                                                                           \
        T best = x[0];                                                          \
        for (int64_t i = 0; i < n; i++)                                         \
            best = LESS(x[i], best) ? x[i] : best;                              \
        return best;                                                            \
    }                                                                           \
    TC_CLONES static void NAME##_rows7(T *to, const T *from, const char *x, int64_t stride, int64_t n) \
    {                                                                           \
        TC_SEVEN_ROWS(T)                                                        \
        TC_INDEPENDENT                                                          \
        for (int64_t i = 0; i < n; i++) {                                       \
            T a = LESS(x0[i], from[i]) ? x0[i] : from[i];                       \
            a = LESS(x1[i], a) ? x1[i] : a;                                     \
            a = LESS(x2[i], a) ? x2[i] : a;                                     \
            a = LESS(x3[i], a) ? x3[i] : a;                                     \
            a = LESS(x4[i], a) ? x4[i] : a;                                     \
            a = LESS(x5[i], a) ? x5[i] : a;                                     \
            to[i] = LESS(x6[i], a) ? x6[i] : a;                                 \
        }                                                                       \
    }

/* Extremes of floats: a value plus a NaN flag, 128 bytes at a time. V and M are vectors of 64 bytes. Written out for
 * each machine, because the compiler splits vectors before it makes clones. */
#define TC_EXTREME_FLOAT_FOR(NAME, TARGET, T, V, M, LESS)                       \
    TARGET static T NAME(const T *restrict x, int64_t n)                        \
    {                                                                           \
        enum { LANES = 64 / sizeof(T) };                                        \
        T best = x[0];                                                          \
        int any = 0;                                                            \
        int64_t i = 0;                                                          \
        if (n >= 2 * LANES) {                                                   \
            V a, b, u, v;                                                       \
            M bad;                                                              \
            memcpy(&a, x, 64);                                                  \
            memcpy(&b, x + LANES, 64);                                          \
            bad = (a != a) | (b != b);                                          \
            for (i = 2 * LANES; i <= n - 2 * LANES; i += 2 * LANES) {           \
                memcpy(&u, x + i, 64);                                          \
                memcpy(&v, x + i + LANES, 64);                                  \
                M up = LESS(u, a), vp = LESS(v, b);                             \
                bad |= (u != u) | (v != v);                                     \
                a = (V)(((M)u & up) | ((M)a & ~up));                            \
                b = (V)(((M)v & vp) | ((M)b & ~vp));                            \
            }                                                                   \
            T lanes[LANES];                                                     \
            uint64_t flags[8];                                                  \
            M bp = LESS(b, a);                                                  \
            a = (V)(((M)b & bp) | ((M)a & ~bp));                                \
            memcpy(lanes, &a, 64);                                              \
            memcpy(flags, &bad, 64);                                            \
            for (int h = LANES / 2; h; h /= 2)                                  \
                for (int j = 0; j < h; j++)                                     \
                    lanes[j] = LESS(lanes[j + h], lanes[j]) ? lanes[j + h] : lanes[j]; \
            best = lanes[0];                                                    \
            for (int j = 0; j < 8; j++)                                         \
                any |= flags[j] != 0;                                           \
        }                                                                       \
        for (; i < n; i++) {                                                    \
            any |= TC_ISNAN(x[i]);                                              \
            best = LESS(x[i], best) ? x[i] : best;                              \
        }                                                                       \
        for (i = 0; any && i < n; i++)                                          \
            if (TC_ISNAN(x[i]))                                                 \
                return x[i];                                                    \
        return best;                                                            \
    }                                                                           \
    TARGET static void NAME##_rows7(T *to, const T *from, const char *x, int64_t stride, int64_t n) \
    {                                                                           \
        enum { LANES = 64 / sizeof(T) };                                        \
        int64_t i = 0;                                                          \
        for (; i + LANES <= n; i += LANES) {                                    \
            V a, v;                                                             \
            memcpy(&a, from + i, 64);                                           \
            for (int r = 0; r < 7; r++) {                                       \
                memcpy(&v, x + r * stride + i * (int64_t)sizeof(T), 64);        \
                M keep = LESS(a, v) | (a == v) | (a != a);                      \
                a = (V)(((M)a & keep) | ((M)v & ~keep));                        \
            }                                                                   \
            memcpy(to + i, &a, 64);                                             \
        }                                                                       \
        for (; i < n; i++) {                                                    \
            T a = from[i];                                                      \
            for (int r = 0; r < 7; r++) {                                       \
                T v = *(const T *)(x + r * stride + i * (int64_t)sizeof(T));    \
                a = LESS(a, v) || a == v || TC_ISNAN(a) ? a : v;                \
            }                                                                   \
            to[i] = a;                                                          \
        }                                                                       \
    }

#if defined(__x86_64__)
#define TC_EXTREME_FLOAT(NAME, T, V, M, LESS)                                   \
    TC_EXTREME_FLOAT_FOR(NAME##_avx512, __attribute__((target("avx512f"))), T, V, M, LESS) \
    TC_EXTREME_FLOAT_FOR(NAME##_avx2, __attribute__((target("avx2"))), T, V, M, LESS) \
    TC_EXTREME_FLOAT_FOR(NAME##_plain, , T, V, M, LESS)                         \
    static T NAME(const T *restrict x, int64_t n)                               \
    {                                                                           \
        return __builtin_cpu_supports("avx512f") ? NAME##_avx512(x, n)          \
             : __builtin_cpu_supports("avx2")    ? NAME##_avx2(x, n)            \
                                                 : NAME##_plain(x, n);          \
    }                                                                           \
    static void NAME##_rows7(T *to, const T *from, const char *x, int64_t stride, int64_t n) \
    {                                                                           \
        if (__builtin_cpu_supports("avx512f"))                                  \
            NAME##_avx512_rows7(to, from, x, stride, n);                        \
        else if (__builtin_cpu_supports("avx2"))                                \
            NAME##_avx2_rows7(to, from, x, stride, n);                          \
        else                                                                    \
            NAME##_plain_rows7(to, from, x, stride, n);                         \
    }
#else
#define TC_EXTREME_FLOAT(NAME, T, V, M, LESS) TC_EXTREME_FLOAT_FOR(NAME, , T, V, M, LESS)
#endif

typedef float tc_f32x16 __attribute__((vector_size(64)));
typedef double tc_f64x8 __attribute__((vector_size(64)));
typedef int32_t tc_i32x16 __attribute__((vector_size(64)));
typedef int64_t tc_i64x8 __attribute__((vector_size(64)));

/* The position of the first element that is `best`, a NaN or an extreme of these elements; ISNAN is 0 for integers. */
#define TC_WHERE(NAME, T, ISNAN)                                                \
    TC_CLONES static int64_t NAME(const T *restrict x, int64_t n, T best)      \
    {                                                                           \
        const int nan = ISNAN(best);                                            \
        int64_t i = 0;                                                          \
        for (; !nan && i + TC_SOUGHT <= n; i += TC_SOUGHT) { /* by blocks: a loop that leaves early is no vector loop */ \
            TC_MASK(T) found = 0;                                               \
            for (int j = 0; j < TC_SOUGHT; j++)                                 \
                found |= x[i + j] == best;                                      \
            if (found)                                                          \
                break;                                                          \
        }                                                                       \
        for (; i < n; i++)                                                      \
            if (x[i] == best || (nan && ISNAN(x[i])))                           \
                return i;                                                       \
        return 0;                                                               \
    }

/* What else extremes need. */
#define TC_EXTREME_TILE(NAME, T, LESS, ISNAN)                                   \
    TC_CLONES static void NAME##_rows(T *restrict to, const T *restrict x, int64_t n) \
    {                                                                           \
        for (int64_t i = 0; i < n; i++) {                                       \
            T v = x[i], a = to[i];                                              \
            to[i] = ISNAN(a) ? a : (ISNAN(v) || LESS(v, a)) ? v : a;            \
        }                                                                       \
    }                                                                           \
    /* Extremes so far and where they were found, of n rows side by side whose next elements, at `position`, are x. */ \
    TC_CLONES static void NAME##_best(T *restrict best, int64_t *restrict where, const T *restrict x, int64_t position, int64_t n) \
    {                                                                           \
        for (int64_t i = 0; i < n; i++) {                                       \
            T v = x[i], a = best[i];                                            \
            int better = (!ISNAN(a)) & (ISNAN(v) | LESS(v, a));                  \
            best[i] = better ? v : a;                                           \
            where[i] = better ? position : where[i];                            \
        }                                                                       \
    }                                                                           \
    /* Whether (v, p) beats (a, q): NaN first, then the extreme, then the lower position. */ \
    static int NAME##_wins(T v, int64_t p, T a, int64_t q)                      \
    {                                                                           \
        int vn = ISNAN(v), an = ISNAN(a);                                       \
        if (vn != an)                                                           \
            return vn;                                                          \
        if (vn || v == a)                                                       \
            return p < q;                                                       \
        return LESS(v, a);                                                      \
    }

#define TC_LT(a, b) ((a) < (b))
#define TC_GT(a, b) ((a) > (b))
#define TC_ISNAN(x) ((x) != (x))
/* Elements that a search compares at once, and an integer as wide as an element for what it found. */
#define TC_SOUGHT 64
#define TC_MASK(T) __typeof__(_Generic((T)0, double: (int64_t)0, float: (int32_t)0, default: (T)0))
#define TC_NEVER(x) 0

#define TC_ALL_INTEGER(T, W, S)                                                 \
    TC_FOLD_TILE(tc_sum_##S, T, W, 0, TC_ADD)                                   \
    TC_FOLD_TILE(tc_prod_##S, T, W, 1, TC_MUL)                                  \
    TC_FOLD_TILE(tc_and_##S, T, W, ~(W)0, TC_BITAND)                            \
    TC_FOLD_TILE(tc_or_##S, T, W, 0, TC_BITOR)                                  \
    TC_FOLD_TILE(tc_xor_##S, T, W, 0, TC_BITXOR)                                \
    TC_WHERE(tc_where_##S, T, TC_NEVER)                                         \
    TC_EXTREME_INTEGER(tc_min_##S, T, TC_LT) TC_EXTREME_TILE(tc_min_##S, T, TC_LT, TC_NEVER)                             \
    TC_EXTREME_INTEGER(tc_max_##S, T, TC_GT) TC_EXTREME_TILE(tc_max_##S, T, TC_GT, TC_NEVER)

#define TC_ALL_FLOAT(T, V, M, S)                                                     \
    TC_FOLD_TILE(tc_sum_##S, T, T, 0, TC_ADD)                                   \
    TC_FOLD_TILE(tc_prod_##S, T, T, 1, TC_MUL)                                  \
    TC_WHERE(tc_where_##S, T, TC_ISNAN)                                         \
    TC_EXTREME_FLOAT(tc_min_##S, T, V, M, TC_LT) TC_EXTREME_TILE(tc_min_##S, T, TC_LT, TC_ISNAN)                             \
    TC_EXTREME_FLOAT(tc_max_##S, T, V, M, TC_GT) TC_EXTREME_TILE(tc_max_##S, T, TC_GT, TC_ISNAN)

TC_ALL_INTEGER(int8_t, uint8_t, i8)
TC_ALL_INTEGER(uint8_t, uint8_t, u8)
TC_ALL_INTEGER(int16_t, uint32_t, i16)
TC_ALL_INTEGER(uint16_t, uint32_t, u16)
TC_ALL_INTEGER(int32_t, uint32_t, i32)
TC_ALL_INTEGER(uint32_t, uint32_t, u32)
TC_ALL_INTEGER(int64_t, uint64_t, i64)
TC_ALL_INTEGER(uint64_t, uint64_t, u64)
TC_ALL_FLOAT(float, tc_f32x16, tc_i32x16, f32)
TC_ALL_FLOAT(double, tc_f64x8, tc_i64x8, f64)

TC_WIDE_SUM(tc_wide_f32, float, double)
TC_WIDE_SUM(tc_wide_i8, int8_t, int64_t)
TC_WIDE_SUM(tc_wide_i16, int16_t, int64_t)
TC_WIDE_SUM(tc_wide_i32, int32_t, int64_t)
TC_WIDE_SUM(tc_wide_u8, uint8_t, uint64_t)
TC_WIDE_SUM(tc_wide_u16, uint16_t, uint64_t)
TC_WIDE_SUM(tc_wide_u32, uint32_t, uint64_t)
