/* The fixed reduction idioms, over tiles.
 *
 * A tile is summed in 16 interleaved accumulators and a tree; tiles are summed pairwise by a binary
 * counter (`tc_cascade`). Both depend on lengths alone, never on threads or on the machine's vectors,
 * so results repeat bit for bit. Extremes are a value plus a NaN flag.
 */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define TC_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define TC_CLONES
#endif

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

/* Calls DO(accumulator, suffix) for the dtype of elements that are summed in wider accumulators. */
#define TC_DISPATCH_WIDE(source, DO)                                            \
    switch (source) {                                                           \
    case TC_FLOAT32: DO(double, f32) break;                                     \
    case TC_INT8: DO(int64_t, i8) break;                                        \
    case TC_INT16: DO(int64_t, i16) break;                                      \
    case TC_INT32: DO(int64_t, i32) break;                                      \
    case TC_UINT8: DO(uint64_t, u8) break;                                      \
    case TC_UINT16: DO(uint64_t, u16) break;                                    \
    case TC_UINT32: DO(uint64_t, u32) break;                                    \
    default: break;                                                             \
    }

/* Calls DO(type, suffix) for a dtype; FLOATS likewise for those that are no integers. */
#define TC_DISPATCH(dtype, DO)                                                  \
    switch (dtype) {                                                            \
    case TC_INT8: DO(int8_t, i8) break;                                         \
    case TC_BOOL: case TC_UINT8: DO(uint8_t, u8) break;                         \
    case TC_INT16: DO(int16_t, i16) break;                                      \
    case TC_UINT16: DO(uint16_t, u16) break;                                    \
    case TC_INT32: DO(int32_t, i32) break;                                      \
    case TC_UINT32: DO(uint32_t, u32) break;                                    \
    case TC_INT64: DO(int64_t, i64) break;                                      \
    case TC_UINT64: DO(uint64_t, u64) break;                                    \
    case TC_FLOAT32: DO(float, f32) break;                                      \
    case TC_FLOAT64: DO(double, f64) break;                                     \
    default: break;                                                             \
    }
#define TC_DISPATCH_INTEGER(dtype, DO)                                          \
    switch (dtype) {                                                            \
    case TC_INT8: DO(int8_t, i8) break;                                         \
    case TC_BOOL: case TC_UINT8: DO(uint8_t, u8) break;                         \
    case TC_INT16: DO(int16_t, i16) break;                                      \
    case TC_UINT16: DO(uint16_t, u16) break;                                    \
    case TC_INT32: DO(int32_t, i32) break;                                      \
    case TC_UINT32: DO(uint32_t, u32) break;                                    \
    case TC_INT64: DO(int64_t, i64) break;                                      \
    case TC_UINT64: DO(uint64_t, u64) break;                                    \
    default: break;                                                             \
    }

/* Bytes of bool may be other than 0 and 1: `and` is their minimum and `or` their maximum, made 0 or 1 when it is done. */
static int tc_fold_op(int op, int dtype)
{
    return dtype != TC_BOOL ? op : op == TC_AND ? TC_MIN : op == TC_OR ? TC_MAX : op;
}

static void tc_normalize(int dtype, void *to, int64_t n)
{
    for (int64_t i = 0; dtype == TC_BOOL && i < n; i++)
        ((uint8_t *)to)[i] = ((uint8_t *)to)[i] != 0;
}

/* The value of a tile of at least one element; `source` is the dtype of its elements, `dtype` that of the value. */
static void tc_fold_tile(int op, int dtype, int source, const void *x, int64_t n, void *to)
{
#define TC_WIDE_TILE(W, S) *(W *)to = tc_wide_##S(x, n);
    if (source != dtype) {
        TC_DISPATCH_WIDE(source, TC_WIDE_TILE)
        return;
    }
#define TC_DO(KIND) TC_DO_##KIND
#define TC_DO_SUM(T, S) *(T *)to = tc_sum_##S(x, n);
#define TC_DO_PROD(T, S) *(T *)to = tc_prod_##S(x, n);
#define TC_DO_MIN(T, S) *(T *)to = tc_min_##S(x, n);
#define TC_DO_MAX(T, S) *(T *)to = tc_max_##S(x, n);
#define TC_DO_AND(T, S) *(T *)to = tc_and_##S(x, n);
#define TC_DO_OR(T, S) *(T *)to = tc_or_##S(x, n);
#define TC_DO_XOR(T, S) *(T *)to = tc_xor_##S(x, n);
    switch (tc_fold_op(op, dtype)) {
    case TC_SUM: TC_DISPATCH(dtype, TC_DO_SUM) break;
    case TC_PROD: TC_DISPATCH(dtype, TC_DO_PROD) break;
    case TC_MIN: case TC_ARGMIN: TC_DISPATCH(dtype, TC_DO_MIN) break;
    case TC_MAX: case TC_ARGMAX: TC_DISPATCH(dtype, TC_DO_MAX) break;
    case TC_AND: TC_DISPATCH_INTEGER(dtype, TC_DO_AND) break;
    case TC_OR: TC_DISPATCH_INTEGER(dtype, TC_DO_OR) break;
    case TC_XOR: TC_DISPATCH_INTEGER(dtype, TC_DO_XOR) break;
    }
    tc_normalize(dtype, to, 1);
}

/* to[i] = to[i] op x[i] */
static void tc_fold_rows(int op, int dtype, void *to, const void *x, int64_t n)
{
#define TC_ROWS_SUM(T, S) tc_sum_##S##_rows(to, x, n);
#define TC_ROWS_PROD(T, S) tc_prod_##S##_rows(to, x, n);
#define TC_ROWS_MIN(T, S) tc_min_##S##_rows(to, x, n);
#define TC_ROWS_MAX(T, S) tc_max_##S##_rows(to, x, n);
#define TC_ROWS_AND(T, S) tc_and_##S##_rows(to, x, n);
#define TC_ROWS_OR(T, S) tc_or_##S##_rows(to, x, n);
#define TC_ROWS_XOR(T, S) tc_xor_##S##_rows(to, x, n);
    switch (tc_fold_op(op, dtype)) {
    case TC_SUM: TC_DISPATCH(dtype, TC_ROWS_SUM) break;
    case TC_PROD: TC_DISPATCH(dtype, TC_ROWS_PROD) break;
    case TC_MIN: TC_DISPATCH(dtype, TC_ROWS_MIN) break;
    case TC_MAX: TC_DISPATCH(dtype, TC_ROWS_MAX) break;
    case TC_AND: TC_DISPATCH_INTEGER(dtype, TC_ROWS_AND) break;
    case TC_OR: TC_DISPATCH_INTEGER(dtype, TC_ROWS_OR) break;
    case TC_XOR: TC_DISPATCH_INTEGER(dtype, TC_ROWS_XOR) break;
    }
}

/* to[i] = to[i] + x[i], with elements of another dtype than the accumulators'. */
static void tc_add_wide_rows(int source, void *to, const void *x, int64_t n)
{
#define TC_WIDE_ROWS(W, S) tc_wide_##S##_rows(to, x, n);
    TC_DISPATCH_WIDE(source, TC_WIDE_ROWS)
}

/* to[i] = from[i] op x[i] op x[i + stride] op …, seven rows in this order; `from` may be `to`, and is where dtypes differ. */
static void tc_fold_seven(int op, int dtype, int source, void *to, const void *from, const char *x, int64_t stride, int64_t n)
{
#define TC_WIDE_SEVEN(W, S) tc_wide_##S##_rows7(to, x, stride, n);
    if (source != dtype) {
        TC_DISPATCH_WIDE(source, TC_WIDE_SEVEN)
        return;
    }
#define TC_SEVEN_SUM(T, S) tc_sum_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_PROD(T, S) tc_prod_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_MIN(T, S) tc_min_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_MAX(T, S) tc_max_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_AND(T, S) tc_and_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_OR(T, S) tc_or_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_XOR(T, S) tc_xor_##S##_rows7(to, from, x, stride, n);
    switch (tc_fold_op(op, dtype)) {
    case TC_SUM: TC_DISPATCH(dtype, TC_SEVEN_SUM) break;
    case TC_PROD: TC_DISPATCH(dtype, TC_SEVEN_PROD) break;
    case TC_MIN: TC_DISPATCH(dtype, TC_SEVEN_MIN) break;
    case TC_MAX: TC_DISPATCH(dtype, TC_SEVEN_MAX) break;
    case TC_AND: TC_DISPATCH_INTEGER(dtype, TC_SEVEN_AND) break;
    case TC_OR: TC_DISPATCH_INTEGER(dtype, TC_SEVEN_OR) break;
    case TC_XOR: TC_DISPATCH_INTEGER(dtype, TC_SEVEN_XOR) break;
    }
}

/* Position of the first NaN or extreme in a tile whose extreme is *best. */
static int64_t tc_find(int dtype, const void *x, int64_t n, const void *best)
{
#define TC_WHERE_MIN(T, S) return tc_where_##S(x, n, *(const T *)best);
    TC_DISPATCH(dtype, TC_WHERE_MIN)
    return 0;
}

static int tc_wins(int op, int dtype, const void *v, int64_t p, const void *a, int64_t q)
{
#define TC_WINS_MIN(T, S) return tc_min_##S##_wins(*(const T *)v, p, *(const T *)a, q);
#define TC_WINS_MAX(T, S) return tc_max_##S##_wins(*(const T *)v, p, *(const T *)a, q);
    if (op == TC_ARGMIN) {
        TC_DISPATCH(dtype, TC_WINS_MIN)
    } else {
        TC_DISPATCH(dtype, TC_WINS_MAX)
    }
    return 0;
}

/* The value of no element, where there is one. */
static void tc_identity(int op, int dtype, void *to, int itemsize)
{
    memset(to, op == TC_AND && dtype != TC_BOOL ? 0xff : 0, (size_t)itemsize);
    if (op == TC_AND && dtype == TC_BOOL)
        *(uint8_t *)to = 1;
    if (op == TC_PROD) {
#define TC_ONE(T, S) *(T *)to = (T)1;
        TC_DISPATCH(dtype, TC_ONE)
    }
    /* of floats only: those of no integers are refused before any kernel runs */
    if ((op == TC_MAX || op == TC_MIN) && dtype == TC_FLOAT64)
        *(double *)to = op == TC_MAX ? -__builtin_inf() : __builtin_inf();
    if ((op == TC_MAX || op == TC_MIN) && dtype == TC_FLOAT32)
        *(float *)to = op == TC_MAX ? -__builtin_inff() : __builtin_inff();
}

/* Pairwise combination by a binary counter: level k holds the value of 2^k parts. */
typedef struct {
    int64_t count;
    tc_value best; /* argmin, argmax: the extreme so far */
    tc_value level[40];
    int64_t position[40];
} tc_cascade;

static void tc_combine(int op, int dtype, tc_value *a, int64_t *q, const tc_value *b, int64_t p)
{
    if (op == TC_ARGMIN || op == TC_ARGMAX) {
        if (tc_wins(op, dtype, b, p, a, *q)) {
            *a = *b;
            *q = p;
        }
    } else
        tc_fold_rows(op, dtype, a, b, 1);
}

static void tc_cascade_push(tc_cascade *c, int op, int dtype, const tc_value *value, int64_t position)
{
    int k = 0;
    tc_value v = *value;
    for (int64_t bits = c->count; bits & 1; bits >>= 1, k++) {
        tc_value left = c->level[k];
        int64_t at = c->position[k];
        tc_combine(op, dtype, &left, &at, &v, position);
        v = left;
        position = at;
    }
    c->level[k] = v;
    c->position[k] = position;
    c->count++;
}

/* Whether a value can no more become the extreme, so that its position need not be looked for. */
static int tc_cascade_loses(const tc_cascade *c, int op, int dtype, const tc_value *value)
{
    return c->count && tc_wins(op, dtype, &c->best, 1, value, 0);
}

static void tc_cascade_note(tc_cascade *c, int op, int dtype, const tc_value *value)
{
    if (!c->count || tc_wins(op, dtype, value, 0, &c->best, 1))
        c->best = *value;
}

static int64_t tc_cascade_value(const tc_cascade *c, int op, int dtype, tc_value *to)
{
    int found = 0, k = 0;
    int64_t at = 0;
    for (int64_t bits = c->count; bits; bits >>= 1, k++)
        if (bits & 1) {
            if (!found) {
                *to = c->level[k];
                at = c->position[k];
                found = 1;
            } else {
                tc_value left = c->level[k];
                int64_t p = c->position[k];
                tc_combine(op, dtype, &left, &p, to, at);
                *to = left;
                at = p;
            }
        }
    if (!found)
        tc_identity(op, dtype, to, TC_MAXITEM);
    return at;
}
