/* Products of a matrix and a vector, both without gaps: memory is all that they wait for, so our own loops need no BLAS.
 *
 * Every result is the sum of its own terms in an order that depends on their number alone: neither blocks, nor threads, nor
 * the place of a row in the matrix show in its bits.
 */

/* Sums of four rows times x, in two vectors of 64 bytes for each row. */
#define TC_DOT_STEP(X, ROW)                                                     \
    memcpy(&p, X, 64);                                                          \
    memcpy(&q, (X) + LANES, 64);                                                \
    TC_DOT_ROW(0, ROW) TC_DOT_ROW(1, ROW) TC_DOT_ROW(2, ROW) TC_DOT_ROW(3, ROW)
#define TC_DOT_ROW(N, ROW)                                                      \
    memcpy(&u, ROW(N), 64);                                                     \
    memcpy(&v, ROW(N) + LANES, 64);                                             \
    s##N += u * p;                                                              \
    t##N += v * q;
#define TC_DOT_WHOLE(N) (row[N] + i)
#define TC_DOT_PADDED(N) rest[N]

/* OUT[n]: the sum of the lanes of vector n, halves upon halves. With shuffles, the four vectors need the instructions of one. */
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define TC_SHUFFLES
#endif
#endif
#ifdef TC_SHUFFLES
#define TC_HALVES_F64(A, B)                                                  \
    (__builtin_shufflevector(A, B, 0, 1, 2, 3, 8, 9, 10, 11) + __builtin_shufflevector(A, B, 4, 5, 6, 7, 12, 13, 14, 15))
#define TC_HALVES_F32(A, B)                                                  \
    (__builtin_shufflevector(A, B, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) + \
     __builtin_shufflevector(A, B, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
#define TC_FOUR_SUMS_F64(T, V, A, B, C, D, OUT)                                 \
    V one = TC_HALVES_F64(A, B), two = TC_HALVES_F64(C, D);               \
    one = __builtin_shufflevector(one, two, 0, 1, 4, 5, 8, 9, 12, 13) + __builtin_shufflevector(one, two, 2, 3, 6, 7, 10, 11, 14, 15); \
    one = __builtin_shufflevector(one, one, 0, 2, 4, 6, 0, 2, 4, 6) + __builtin_shufflevector(one, one, 1, 3, 5, 7, 1, 3, 5, 7); \
    memcpy(OUT, &one, 64);
#define TC_FOUR_SUMS_F32(T, V, A, B, C, D, OUT)                                 \
    V one = TC_HALVES_F32(A, B), two = TC_HALVES_F32(C, D);               \
    one = __builtin_shufflevector(one, two, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) + \
          __builtin_shufflevector(one, two, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31); \
    one = __builtin_shufflevector(one, one, 0, 1, 4, 5, 8, 9, 12, 13, 0, 1, 4, 5, 8, 9, 12, 13) + \
          __builtin_shufflevector(one, one, 2, 3, 6, 7, 10, 11, 14, 15, 2, 3, 6, 7, 10, 11, 14, 15); \
    one = __builtin_shufflevector(one, one, 0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6, 0, 2, 4, 6) + \
          __builtin_shufflevector(one, one, 1, 3, 5, 7, 1, 3, 5, 7, 1, 3, 5, 7, 1, 3, 5, 7); \
    memcpy(OUT, &one, 64);
#else
#define TC_FOUR_SUMS_F64(T, V, A, B, C, D, OUT)                                 \
    V four[4] = {A, B, C, D};                                                   \
    for (int n = 0; n < 4; n++) {                                               \
        T lanes[LANES];                                                         \
        memcpy(lanes, &four[n], 64);                                            \
        for (int h = LANES / 2; h; h /= 2)                                      \
            for (int j = 0; j < h; j++)                                         \
                lanes[j] += lanes[j + h];                                       \
        OUT[n] = lanes[0];                                                      \
    }
#define TC_FOUR_SUMS_F32 TC_FOUR_SUMS_F64
#endif

/* y[r] = alpha * (row r of a) . x + beta * y[r]. Written out for each machine, because the compiler splits vectors before it
 * makes clones. */
#define TC_DOTS_FOR(NAME, TARGET, T, V, FOUR_SUMS)                                        \
    TARGET static void NAME(const T *restrict a, int64_t ld, const T *restrict x, int64_t k, T alpha, T beta, \
                            T *restrict y, int64_t rows)                        \
    {                                                                           \
        enum { LANES = 64 / sizeof(T), STEP = 2 * LANES };                      \
        const int64_t whole = k / STEP * STEP;                                  \
        const size_t left = sizeof(T) * (size_t)(k - whole);                    \
        T end[STEP] = {0}, rest[4][STEP] = {{0}};                               \
        memcpy(end, x + whole, left);                                           \
        for (int64_t r = 0; r < rows; r += 4) {                                 \
            const T *row[4];                                                    \
            V p, q, u, v, s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0}, t0 = {0}, t1 = {0}, t2 = {0}, t3 = {0}; \
            /* Where fewer are left, the last one takes part again. */          \
            for (int n = 0; n < 4; n++)                                         \
                row[n] = a + (r + n < rows ? r + n : rows - 1) * ld;            \
            for (int64_t i = 0; i < whole; i += STEP) {                         \
                TC_DOT_STEP(x + i, TC_DOT_WHOLE)                                \
            }                                                                   \
            if (left) {                                                         \
                for (int n = 0; n < 4; n++)                                     \
                    memcpy(rest[n], row[n] + whole, left);                      \
                TC_DOT_STEP(end, TC_DOT_PADDED)                                 \
            }                                                                   \
            T sums[LANES];                                                      \
            s0 += t0, s1 += t1, s2 += t2, s3 += t3;                             \
            FOUR_SUMS(T, V, s0, s1, s2, s3, sums)                               \
            for (int n = 0; n < 4 && r + n < rows; n++)                         \
                y[r + n] = beta == 0 ? alpha * sums[n] : alpha * sums[n] + beta * y[r + n]; \
        }                                                                       \
    }

#if defined(__x86_64__)
#define TC_DOTS(NAME, T, V, FOUR_SUMS)                                          \
    TC_DOTS_FOR(NAME##_avx512, __attribute__((target("avx512f"))), T, V, FOUR_SUMS) \
    TC_DOTS_FOR(NAME##_avx2, __attribute__((target("avx2"))), T, V, FOUR_SUMS)  \
    TC_DOTS_FOR(NAME##_plain, , T, V, FOUR_SUMS)                                \
    static void NAME(const T *a, int64_t ld, const T *x, int64_t k, T alpha, T beta, T *y, int64_t rows) \
    {                                                                           \
        if (__builtin_cpu_supports("avx512f"))                                  \
            NAME##_avx512(a, ld, x, k, alpha, beta, y, rows);                   \
        else if (__builtin_cpu_supports("avx2"))                                \
            NAME##_avx2(a, ld, x, k, alpha, beta, y, rows);                     \
        else                                                                    \
            NAME##_plain(a, ld, x, k, alpha, beta, y, rows);                    \
    }
#else
#define TC_DOTS(NAME, T, V, FOUR_SUMS) TC_DOTS_FOR(NAME, , T, V, FOUR_SUMS)
#endif

/* y[i] = alpha * (sum of x[r] * a[r][i]) + beta * y[i]: sums over the first half of the rows and over the second, eight rows at
 * once. Of a matrix that a cache near the core holds, some columns after the others, so that their sums stay in registers; else
 * all columns of eight rows, as memory has them. */
/* Rows of the first half: whole groups of eight. */
#define TC_MIDDLE(ROWS) (((ROWS) / 8 + 1) / 2 * 8)
#define TC_NEAR ((int64_t)1 << 18)
#define TC_FOUR_VECTORS(DO) DO(0) DO(1) DO(2) DO(3)
#define TC_EIGHT_VECTORS(DO) TC_FOUR_VECTORS(DO) DO(4) DO(5) DO(6) DO(7)
#define TC_COLUMNS_BEGIN(N) V s##N = {0}, u##N;
#define TC_COLUMNS_ONE(N) memcpy(&u##N, b + N * LANES, sizeof(V)); s##N += x[r] * u##N;
#define TC_COLUMNS_ROW(N, ROW) V v##ROW; memcpy(&v##ROW, b + ROW * ld + N * LANES, sizeof(V));
#define TC_COLUMNS_EIGHT(N)                                                     \
    {                                                                           \
        TC_COLUMNS_ROW(N, 0) TC_COLUMNS_ROW(N, 1) TC_COLUMNS_ROW(N, 2) TC_COLUMNS_ROW(N, 3) \
        TC_COLUMNS_ROW(N, 4) TC_COLUMNS_ROW(N, 5) TC_COLUMNS_ROW(N, 6) TC_COLUMNS_ROW(N, 7) \
        s##N += ((c0 * v0 + c1 * v1) + (c2 * v2 + c3 * v3)) + ((c4 * v4 + c5 * v5) + (c6 * v6 + c7 * v7)); \
    }
#define TC_COLUMNS_RUN(T, VECTORS, FROM, TO)                                    \
    {                                                                           \
        const T *b = a + (FROM) * ld;                                           \
        int64_t r = (FROM);                                                     \
        for (; r + 8 <= (TO); r += 8, b += 8 * ld) {                            \
            const T c0 = x[r], c1 = x[r + 1], c2 = x[r + 2], c3 = x[r + 3];     \
            const T c4 = x[r + 4], c5 = x[r + 5], c6 = x[r + 6], c7 = x[r + 7]; \
            VECTORS(TC_COLUMNS_EIGHT)                                           \
        }                                                                       \
        for (; r < (TO); r++, b += ld) {                                        \
            VECTORS(TC_COLUMNS_ONE)                                             \
        }                                                                       \
    }
#define TC_COLUMNS_KEEP(N) half[N] = s##N; s##N = (V){0};
#define TC_COLUMNS_END(N)                                                       \
    s##N += half[N];                                                            \
    memcpy(&u##N, y + N * LANES, sizeof(V));                                    \
    s##N = beta == 0 ? alpha * s##N : alpha * s##N + beta * u##N;               \
    memcpy(y + N * LANES, &s##N, sizeof(V));
/* How many columns it did; `back`: the second half of the rows first, which gives the same bits. */
#define TC_NEAR_COLUMNS(NAME, TARGET, T, WIDTH, VECTORS, MANY)                  \
    TARGET static int64_t NAME(const T *restrict a, int64_t ld, const T *restrict x, int64_t rows, T alpha, T beta, \
                               T *restrict y, int64_t n, int back)            \
    {                                                                           \
        typedef T V __attribute__((vector_size(WIDTH)));                        \
        enum { LANES = WIDTH / sizeof(T), OWN = MANY * LANES };                 \
        const int64_t middle = TC_MIDDLE(rows), from = back ? middle : 0, to = back ? rows : middle; \
        const int64_t then = back ? 0 : middle, end = back ? middle : rows;     \
        int64_t done = 0;                                                       \
        for (; done + OWN <= n; done += OWN, a += OWN, y += OWN) {              \
            V half[MANY];                                                       \
            VECTORS(TC_COLUMNS_BEGIN)                                           \
            TC_COLUMNS_RUN(T, VECTORS, from, to)                                \
            VECTORS(TC_COLUMNS_KEEP)                                            \
            TC_COLUMNS_RUN(T, VECTORS, then, end)                               \
            VECTORS(TC_COLUMNS_END)                                             \
        }                                                                       \
        return done;                                                            \
    }
#if defined(__x86_64__)
#define TC_COLUMNS(NAME, T)                                                     \
    TC_NEAR_COLUMNS(NAME##_avx512, __attribute__((target("avx512f"))), T, 64, TC_EIGHT_VECTORS, 8) \
    TC_NEAR_COLUMNS(NAME##_avx2, __attribute__((target("avx2"))), T, 32, TC_FOUR_VECTORS, 4) \
    static int64_t NAME(const T *a, int64_t ld, const T *x, int64_t rows, T alpha, T beta, T *y, int64_t n, int back) \
    {                                                                           \
        if (__builtin_cpu_supports("avx512f"))                                  \
            return NAME##_avx512(a, ld, x, rows, alpha, beta, y, n, back);      \
        return __builtin_cpu_supports("avx2") ? NAME##_avx2(a, ld, x, rows, alpha, beta, y, n, back) : 0; \
    }
#else
#define TC_COLUMNS(NAME, T) TC_NEAR_COLUMNS(NAME, , T, 16, TC_EIGHT_VECTORS, 8)
#endif

#define TC_ALL_COLUMNS(NAME, T)                                                 \
    TC_CLONES static void NAME(const T *restrict a, int64_t ld, const T *restrict x, int64_t rows, T alpha, T beta, \
                               T *restrict y, int64_t n)                        \
    {                                                                           \
        T halves[2][TC_TILE];                                                   \
        for (; n > 0; n -= TC_TILE, a += TC_TILE, y += TC_TILE) {               \
            int64_t m = n < TC_TILE ? n : TC_TILE;                              \
            for (int h = 0; h < 2; h++) {                                       \
                T *restrict t = halves[h];                                      \
                int64_t r = h ? TC_MIDDLE(rows) : 0, end = h ? rows : TC_MIDDLE(rows); \
                memset(t, 0, sizeof(T) * (size_t)m);                            \
                for (; r + 8 <= end; r += 8) {                                  \
                    const T *restrict b = a + r * ld;                           \
                    const T c0 = x[r], c1 = x[r + 1], c2 = x[r + 2], c3 = x[r + 3]; \
                    const T c4 = x[r + 4], c5 = x[r + 5], c6 = x[r + 6], c7 = x[r + 7]; \
                    for (int64_t i = 0; i < m; i++)                             \
                        t[i] += ((c0 * b[i] + c1 * b[ld + i]) + (c2 * b[2 * ld + i] + c3 * b[3 * ld + i])) + \
                                ((c4 * b[4 * ld + i] + c5 * b[5 * ld + i]) + (c6 * b[6 * ld + i] + c7 * b[7 * ld + i])); \
                }                                                               \
                for (; r < end; r++)                                            \
                    for (int64_t i = 0; i < m; i++)                             \
                        t[i] += x[r] * a[r * ld + i];                           \
            }                                                                   \
            for (int64_t i = 0; i < m; i++) {                                   \
                const T sum = halves[0][i] + halves[1][i];                      \
                y[i] = beta == 0 ? alpha * sum : alpha * sum + beta * y[i];     \
            }                                                                   \
        }                                                                       \
    }
/* A matrix that just fits into the first-level cache is gone from it when the next step of a loop comes back for its first row:
 * what a thread read last it reads first the next time, and finds half of it. */
static __thread int tc_rows_back;
#define TC_WEIGHTED_ROWS(NAME, T)                                               \
    TC_COLUMNS(NAME##_near, T)                                                  \
    TC_ALL_COLUMNS(NAME##_far, T)                                               \
    static void NAME(const T *a, int64_t ld, const T *x, int64_t rows, T alpha, T beta, T *y, int64_t n) \
    {                                                                           \
        int64_t done = 0;                                                       \
        if (rows * ld * (int64_t)sizeof(T) <= TC_NEAR)                          \
            done = NAME##_near(a, ld, x, rows, alpha, beta, y, n, tc_rows_back = !tc_rows_back); \
        if (done < n)                                                           \
            NAME##_far(a + done, ld, x, rows, alpha, beta, y + done, n - done); \
    }

TC_DOTS(tc_dots_f32, float, tc_f32x16, TC_FOUR_SUMS_F32)
TC_DOTS(tc_dots_f64, double, tc_f64x8, TC_FOUR_SUMS_F64)
TC_WEIGHTED_ROWS(tc_weighted_rows_f32, float)
TC_WEIGHTED_ROWS(tc_weighted_rows_f64, double)
