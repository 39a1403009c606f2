/* Sums and products of complex numbers, each a pair of parts: over a tile, and of rows. Lanes and their order are those of folds.h. */

/* Complex numbers of parts T, n of them. A sum is that of reals, whose places tell which part they are. */
#define TC_SUM_PAIRS(NAME, T, W)                                                \
    TC_CLONES static void NAME(W *restrict to, const T *restrict x, int64_t n)  \
    {                                                                           \
        W a[2 * TC_WIDTH];                                                      \
        int64_t i = 0;                                                          \
        for (int j = 0; j < 2 * TC_WIDTH; j++)                                  \
            a[j] = 0;                                                           \
        for (; i + 2 * TC_WIDTH <= 2 * n; i += 2 * TC_WIDTH)                    \
            for (int j = 0; j < 2 * TC_WIDTH; j++)                              \
                a[j] += (W)x[i + j];                                            \
        for (int j = 0; i + j < 2 * n; j++)                                     \
            a[j] += (W)x[i + j];                                                \
        for (int h = TC_WIDTH; h > 1; h /= 2)                                   \
            for (int j = 0; j < h; j++)                                         \
                a[j] += a[j + h];                                               \
        to[0] = a[0];                                                           \
        to[1] = a[1];                                                           \
    }

/* gcc makes fused operations of alternating sums and differences of products, whatever it is told of contraction. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define TC_ROUNDED(x) __builtin_assoc_barrier(x)
#else
#define TC_ROUNDED(x) (x)
#endif

/* to[i] = from[i] * x[i], complex numbers. */
#define TC_TIMES(T, to, from, x)                                                \
    {                                                                           \
        T re = TC_ROUNDED((from)[0] * (x)[0]) - TC_ROUNDED((from)[1] * (x)[1]); \
        (to)[1] = TC_ROUNDED((from)[0] * (x)[1]) + TC_ROUNDED((from)[1] * (x)[0]); \
        (to)[0] = re;                                                           \
    }

/* Products begin with an element, not with 1: infinity times 1 + 0i is no infinity in both parts. */
#define TC_PROD_PAIRS(NAME, T)                                                  \
    TC_CLONES static void NAME(T *restrict to, const T *restrict x, int64_t n)  \
    {                                                                           \
        T a[2 * TC_WIDTH];                                                      \
        int64_t i = n < TC_WIDTH ? n : TC_WIDTH, held = i;                      \
        memcpy(a, x, sizeof(T) * 2 * (size_t)held);                             \
        for (; i + TC_WIDTH <= n; i += TC_WIDTH)                                \
            for (int j = 0; j < TC_WIDTH; j++)                                  \
                TC_TIMES(T, a + 2 * j, a + 2 * j, x + 2 * (i + j))              \
        for (int j = 0; i + j < n; j++)                                         \
            TC_TIMES(T, a + 2 * j, a + 2 * j, x + 2 * (i + j))                  \
        for (int h = TC_WIDTH / 2; h; h /= 2)                                   \
            for (int j = 0; j < h && j + h < held; j++)                         \
                TC_TIMES(T, a + 2 * j, a + 2 * j, a + 2 * (j + h))              \
        memcpy(to, a, sizeof(T) * 2);                                           \
    }                                                                           \
    TC_CLONES static void NAME##_rows(T *to, const T *from, const T *x, int64_t n) \
    {                                                                           \
        TC_INDEPENDENT                                                          \
        for (int64_t i = 0; i < 2 * n; i += 2)                                  \
            TC_TIMES(T, to + i, from + i, x + i)                                \
    }

TC_SUM_PAIRS(tc_sum_c64, float, float)
TC_SUM_PAIRS(tc_sum_c128, double, double)
TC_SUM_PAIRS(tc_wide_c64, float, double)
TC_PROD_PAIRS(tc_prod_c64, float)
TC_PROD_PAIRS(tc_prod_c128, double)

/* The dtype of the parts of a complex number; -1 for a real one. */
static int tc_part(int dtype)
{
    return dtype == TC_COMPLEX64 ? TC_FLOAT32 : dtype == TC_COMPLEX128 ? TC_FLOAT64 : -1;
}

/* The value of a tile of complex numbers, of which there are sums and products. */
static void tc_fold_pairs(int op, int dtype, int source, const void *x, int64_t n, void *to)
{
    if (op == TC_SUM && source != dtype)
        tc_wide_c64(to, x, n);
    else if (op == TC_SUM && dtype == TC_COMPLEX64)
        tc_sum_c64(to, x, n);
    else if (op == TC_SUM)
        tc_sum_c128(to, x, n);
    else if (dtype == TC_COMPLEX64)
        tc_prod_c64(to, x, n);
    else
        tc_prod_c128(to, x, n);
}

/* to[i] = from[i] * x[i] */
static void tc_multiply_pairs(int dtype, void *to, const void *from, const void *x, int64_t n)
{
    if (dtype == TC_COMPLEX64)
        tc_prod_c64_rows(to, from, x, n);
    else
        tc_prod_c128_rows(to, from, x, n);
}
