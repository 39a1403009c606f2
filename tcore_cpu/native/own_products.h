/* Products of numbers that BLAS does not know: whole numbers wrap around as in NumPy, truth values are ors of ands, and half
 * precision is summed in float32.
 *
 * Both factors are packed as a tile of the result reads them, which also brings them into the type that is computed in. A sum is
 * made in the order of its terms, so it depends neither on blocks nor on threads.
 */

/* Terms that are packed together, and the longest sides of a block: rows, and bytes of a row. */
#define TC_OWN_DEPTH 128
#define TC_OWN_ROWS 128
#define TC_OWN_BYTES 1024

/* A tile: `ROWS` rows of two vectors each stay in registers while terms are added. */
#define TC_OWN_FOUR(DO) DO(0) DO(1) DO(2) DO(3)
#define TC_OWN_EIGHT(DO) TC_OWN_FOUR(DO) DO(4) DO(5) DO(6) DO(7)
#define TC_OWN_LOAD(R) V s##R, t##R; memcpy(&s##R, sums + R * ld, sizeof(V)); memcpy(&t##R, sums + R * ld + LANES, sizeof(V));
#define TC_OWN_STORE(R) memcpy(sums + R * ld, &s##R, sizeof(V)); memcpy(sums + R * ld + LANES, &t##R, sizeof(V));
#define TC_OWN_ADD(R) s##R += a[R] * p; t##R += a[R] * q;
#define TC_OWN_OR(R) s##R |= a[R] & p; t##R |= a[R] & q;
#define TC_OWN_TILE(NAME, TARGET, T, WIDTH, HEIGHT, ROWS, STEP)                 \
    TARGET static void NAME(const void *left, const void *right, int64_t k, void *block, int64_t ld) \
    {                                                                           \
        typedef T V __attribute__((vector_size(WIDTH)));                        \
        enum { LANES = WIDTH / sizeof(T) };                                     \
        const T *a = left, *b = right;                                          \
        T *sums = block;                                                        \
        V p, q;                                                                 \
        ROWS(TC_OWN_LOAD)                                                       \
        for (; k > 0; k--, a += HEIGHT, b += 2 * LANES) {                       \
            memcpy(&p, b, sizeof p);                                            \
            memcpy(&q, b + LANES, sizeof q);                                    \
            ROWS(STEP)                                                          \
        }                                                                       \
        ROWS(TC_OWN_STORE)                                                      \
    }
#if defined(__x86_64__)
#define TC_OWN_TILES(NAME, T, STEP)                                             \
    TC_OWN_TILE(NAME##_avx512, __attribute__((target("avx512f,avx512bw,avx512dq"))), T, 64, 8, TC_OWN_EIGHT, STEP) \
    TC_OWN_TILE(NAME##_avx2, __attribute__((target("avx2"))), T, 32, 4, TC_OWN_FOUR, STEP) \
    TC_OWN_TILE(NAME##_plain, , T, 16, 4, TC_OWN_FOUR, STEP)
#define TC_OWN_FORMS(NAME) {NAME##_avx512, NAME##_avx2, NAME##_plain}
#else
#define TC_OWN_TILES(NAME, T, STEP) TC_OWN_TILE(NAME##_plain, , T, 16, 4, TC_OWN_FOUR, STEP)
#define TC_OWN_FORMS(NAME) {NULL, NULL, NAME##_plain}
#endif
TC_OWN_TILES(tc_tile_bool, uint8_t, TC_OWN_OR)
TC_OWN_TILES(tc_tile_u16, uint16_t, TC_OWN_ADD)
TC_OWN_TILES(tc_tile_u32, uint32_t, TC_OWN_ADD)
TC_OWN_TILES(tc_tile_u64, uint64_t, TC_OWN_ADD)
TC_OWN_TILES(tc_tile_f32, float, TC_OWN_ADD)

/* Packs n lines of k numbers in strips of `height` lines, the numbers of a place side by side: there are `gap` bytes from line to
 * line and `step` from number to number. What the last strip lacks is 0. */
#define TC_OWN_PACK(NAME, S, T, READ)                                           \
    TC_CLONES static void NAME##_pack(void *packed, const char *from, int64_t gap, int64_t step, int64_t n, int64_t k, \
                                      int64_t height)                           \
    {                                                                           \
        T *to = packed;                                                         \
        for (; n > 0; n -= height, from += height * gap) {                      \
            const int64_t own = n < height ? n : height;                        \
            for (int64_t p = 0; p < k; p++, to += height) {                     \
                const char *x = from + p * step;                                \
                if (gap == (int64_t)sizeof(S))                                  \
                    for (int64_t i = 0; i < own; i++)                           \
                        to[i] = (T)READ(((const S *)x)[i]);                     \
                else                                                            \
                    for (int64_t i = 0; i < own; i++)                           \
                        to[i] = (T)READ(*(const S *)(x + i * gap));             \
                for (int64_t i = own; i < height; i++)                          \
                    to[i] = 0;                                                  \
            }                                                                   \
        }                                                                       \
    }
/* Stores a row of sums. */
#define TC_OWN_KEEP(NAME, S, T, WRITE)                                          \
    TC_CLONES static void NAME##_keep(char *to, int64_t step, const void *sums, int64_t n) \
    {                                                                           \
        if (step == (int64_t)sizeof(S))                                         \
            for (int64_t i = 0; i < n; i++)                                     \
                ((S *)to)[i] = (S)WRITE(((const T *)sums)[i]);                  \
        else                                                                    \
            for (int64_t i = 0; i < n; i++)                                     \
                *(S *)(to + i * step) = (S)WRITE(((const T *)sums)[i]);         \
    }

/* sums[j] += x[p] * b[p][j] for at most TC_TILE numbers in x, and as many sums; the step may be over p, over j or none. Where
 * numbers of a sum are neighbours it is made of sixteen, which are added in a fixed order. */
#define TC_OWN_LANES 16
#define TC_OWN_PLUS(SUM, X, Y) SUM += (X) * (Y)
#define TC_OWN_EITHER(SUM, X, Y) SUM |= (X) & (Y)
#define TC_OWN_LINE(NAME, S, T, READ, STEP)                                     \
    TC_CLONES static void NAME##_line(void *to, const void *from, const char *b, int64_t down, int64_t right, int64_t k, int64_t n) \
    {                                                                           \
        T *restrict sums = to;                                                  \
        const T *restrict x = from;                                             \
        const int64_t whole = k / TC_OWN_LANES * TC_OWN_LANES;                  \
        if (down == (int64_t)sizeof(S) && right != down)                        \
            for (int64_t j = 0; j < n; j++) {                                   \
                const S *restrict y = (const S *)(b + j * right);               \
                T lane[TC_OWN_LANES] = {0};                                     \
                for (int64_t p = 0; p < whole; p += TC_OWN_LANES)               \
                    for (int l = 0; l < TC_OWN_LANES; l++)                      \
                        STEP(lane[l], x[p + l], (T)READ(y[p + l]));             \
                for (int64_t p = whole; p < k; p++)                             \
                    STEP(lane[p - whole], x[p], (T)READ(y[p]));                 \
                for (int h = TC_OWN_LANES / 2; h; h /= 2)                       \
                    for (int l = 0; l < h; l++)                                 \
                        STEP(lane[l], (T)1, lane[l + h]);                       \
                STEP(sums[j], (T)1, lane[0]);                                   \
            }                                                                   \
        else if (right == (int64_t)sizeof(S))                                   \
            for (int64_t p = 0; p < k; p++) {                                   \
                const S *restrict y = (const S *)(b + p * down);                \
                for (int64_t j = 0; j < n; j++)                                 \
                    STEP(sums[j], x[p], (T)READ(y[j]));                         \
            }                                                                   \
        else                                                                    \
            for (int64_t p = 0; p < k; p++)                                     \
                for (int64_t j = 0; j < n; j++)                                 \
                    STEP(sums[j], x[p], (T)READ(*(const S *)(b + p * down + j * right))); \
    }
#define TC_OWN_NUMBERS(NAME, S, T, READ, WRITE, STEP) \
    TC_OWN_PACK(NAME, S, T, READ) TC_OWN_KEEP(NAME, S, T, WRITE) TC_OWN_LINE(NAME, S, T, READ, STEP)
#define TC_AS_IT_IS(X) (X)
#define TC_IS_TRUE(X) ((X) != 0)
TC_OWN_NUMBERS(tc_own_bool, uint8_t, uint8_t, TC_IS_TRUE, TC_AS_IT_IS, TC_OWN_EITHER)
TC_OWN_NUMBERS(tc_own_8, uint8_t, uint16_t, TC_AS_IT_IS, TC_AS_IT_IS, TC_OWN_PLUS)
TC_OWN_NUMBERS(tc_own_16, uint16_t, uint16_t, TC_AS_IT_IS, TC_AS_IT_IS, TC_OWN_PLUS)
TC_OWN_NUMBERS(tc_own_32, uint32_t, uint32_t, TC_AS_IT_IS, TC_AS_IT_IS, TC_OWN_PLUS)
TC_OWN_NUMBERS(tc_own_64, uint64_t, uint64_t, TC_AS_IT_IS, TC_AS_IT_IS, TC_OWN_PLUS)
TC_OWN_NUMBERS(tc_own_half, uint16_t, float, tc_from_half, tc_to_f16_f32, TC_OWN_PLUS)

/* How numbers of a type are multiplied. */
typedef struct {
    void (*tile[3])(const void *, const void *, int64_t, void *, int64_t); /* with AVX-512, with AVX2, without */
    void (*pack)(void *, const char *, int64_t, int64_t, int64_t, int64_t, int64_t);
    void (*keep)(char *, int64_t, const void *, int64_t);
    void (*line)(void *, const void *, const char *, int64_t, int64_t, int64_t, int64_t);
    int size; /* bytes of a number that is computed with */
} tc_own_kind;
#define TC_OWN_KIND(NAME, TILE, T) {TC_OWN_FORMS(TILE), NAME##_pack, NAME##_keep, NAME##_line, sizeof(T)}

static const tc_own_kind *tc_own_kind_of(int dtype)
{
    static const tc_own_kind kinds[] = {
        TC_OWN_KIND(tc_own_bool, tc_tile_bool, uint8_t), TC_OWN_KIND(tc_own_8, tc_tile_u16, uint16_t),
        TC_OWN_KIND(tc_own_16, tc_tile_u16, uint16_t),   TC_OWN_KIND(tc_own_32, tc_tile_u32, uint32_t),
        TC_OWN_KIND(tc_own_64, tc_tile_u64, uint64_t),   TC_OWN_KIND(tc_own_half, tc_tile_f32, float),
    };
    return &kinds[dtype == TC_BOOL ? 0 : dtype == TC_FLOAT16 ? 5 : 1 + (dtype - TC_INT8) / 2];
}

/* The best form for this machine, with the height of its tiles and the bytes of their rows. */
static int tc_own_form(int *height, int *width)
{
    int form = 2;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq"))
        form = 0;
    else if (__builtin_cpu_supports("avx2"))
        form = 1;
#endif
    *height = form == 0 ? 8 : 4;
    *width = 128 >> form;
    return form;
}

/* Item by item, c = a b; all are matrices. */
typedef struct {
    const tc_array *c, *a, *b;
    const tc_own_kind *kind;
    int64_t rows, columns; /* of a block, or columns of a tile */
    atomic_int failed;
} tc_own_job;

/* One block of the result, from row `top` and column `left` on. */
static void tc_own_block(const tc_own_job *j, char *scratch, int64_t top, int64_t left)
{
    const tc_array *a = j->a, *b = j->b, *c = j->c;
    int height, width;
    const int form = tc_own_form(&height, &width), size = j->kind->size;
    const int64_t rows = tc_least(j->rows, c->dims[0] - top), columns = tc_least(j->columns, c->dims[1] - left), k = a->dims[1];
    const int64_t ld = (columns * size + width - 1) / width * (width / size), lines = (rows + height - 1) / height * height;
    char *sums = scratch, *x = sums + lines * ld * size, *y = x + lines * TC_OWN_DEPTH * size;
    memset(sums, 0, (size_t)(lines * ld * size));
    for (int64_t p = 0; p < k && !tc_should_stop(); p += TC_OWN_DEPTH) {
        const int64_t depth = tc_least(TC_OWN_DEPTH, k - p);
        j->kind->pack(x, a->data + top * a->strides[0] + p * a->strides[1], a->strides[0], a->strides[1], rows, depth, height);
        j->kind->pack(y, b->data + left * b->strides[1] + p * b->strides[0], b->strides[1], b->strides[0], columns, depth, width / size);
        for (int64_t at = 0; at < ld * size; at += width)
            for (int64_t i = 0; i < lines; i += height)
                j->kind->tile[form](x + i * depth * size, y + at * depth, depth, sums + i * ld * size + at, ld);
    }
    for (int64_t i = 0; i < rows; i++)
        j->kind->keep(c->data + (top + i) * c->strides[0] + left * c->strides[1], c->strides[1], sums + i * ld * size, columns);
}

static void tc_own_blocks(void *context, int64_t begin, int64_t end)
{
    tc_own_job *j = context;
    const int64_t down = (j->c->dims[0] + j->rows - 1) / j->rows, size = j->kind->size, lines = j->rows + 8, columns = j->columns + 128;
    char *scratch = tc_scratch_get((size_t)(size * (lines * columns + (lines + columns) * TC_OWN_DEPTH)));
    if (!scratch)
        atomic_store(&j->failed, 1);
    for (int64_t t = begin; scratch && t < end; t++)
        tc_own_block(j, scratch, t % down * j->rows, t / down * j->columns);
}

/* Columns of a product with few rows, `columns` at once. */
static void tc_own_lines(void *context, int64_t begin, int64_t end)
{
    const tc_own_job *j = context;
    const tc_array *a = j->a, *b = j->b, *c = j->c;
    _Alignas(64) char x[TC_TILE * 8], sums[TC_TILE * 8];
    for (int64_t t = begin; t < end; t++)
        for (int64_t i = 0, left = t * j->columns, n = tc_least(j->columns, c->dims[1] - left); i < c->dims[0]; i++) {
            memset(sums, 0, (size_t)(n * j->kind->size));
            for (int64_t p = 0; p < a->dims[1]; p += TC_TILE) {
                const int64_t k = tc_least(TC_TILE, a->dims[1] - p);
                if (p / TC_TILE % 1024 == 1023 && tc_should_stop())
                    return;
                j->kind->pack(x, a->data + i * a->strides[0] + p * a->strides[1], a->strides[1], 0, k, 1, k);
                j->kind->line(sums, x, b->data + p * b->strides[0] + left * b->strides[1], b->strides[0], b->strides[1], k, n);
            }
            j->kind->keep(c->data + i * c->strides[0] + left * c->strides[1], c->strides[1], sums, n);
        }
}

/* The same matrix with its axes exchanged. */
static tc_array tc_with_axes_turned(const tc_array *x, int64_t dims[2], int64_t strides[2])
{
    tc_array turned = *x;
    dims[0] = x->dims[1], dims[1] = x->dims[0];
    strides[0] = x->strides[1], strides[1] = x->strides[0];
    turned.dims = dims, turned.strides = strides;
    return turned;
}

/* c = a b; 0 or an error code. */
static int64_t tc_own_product(const tc_array *c, const tc_array *a, const tc_array *b, int by_all)
{
    void (*run)(int64_t, int64_t, tc_task, void *) = by_all ? tc_parallel_for : tc_serial_for;
    const int64_t m = c->dims[0], n = c->dims[1], k = a->dims[1];
    tc_own_job j = {.c = c, .a = a, .b = b, .kind = tc_own_kind_of(c->dtype)};
    if (m == 0 || n == 0)
        return 0;
    if (m < 4) {
        /* Neighbours in memory are added at once: more of them where they are columns. */
        j.columns = b->strides[1] == b->itemsize ? TC_TILE : 32;
        run((n + j.columns - 1) / j.columns, 1 + tc_grain_ns / (1 + k * m * j.columns / 8), tc_own_lines, &j);
        return 0;
    }
    if (n < 4) {
        int64_t dims[6], strides[6];
        const tc_array z = tc_with_axes_turned(c, dims, strides), x = tc_with_axes_turned(b, dims + 2, strides + 2);
        const tc_array y = tc_with_axes_turned(a, dims + 4, strides + 4);
        return tc_own_product(&z, &x, &y, by_all);
    }
    j.columns = TC_OWN_BYTES / j.kind->size;
    j.rows = TC_OWN_ROWS;
    /* Two blocks for each thread, where that leaves work in them. */
    while (by_all && j.rows > 16 && ((m + j.rows - 1) / j.rows) * ((n + j.columns - 1) / j.columns) < 2 * tc_get_threads())
        j.rows /= 2;
    const int64_t blocks = ((m + j.rows - 1) / j.rows) * ((n + j.columns - 1) / j.columns);
    run(blocks, 1 + tc_grain_ns / (1 + tc_least(m, j.rows) * tc_least(n, j.columns) * k / 16), tc_own_blocks, &j);
    return atomic_load(&j.failed) ? TC_ERROR_MEMORY : 0;
}
