/* Products of the matrices of two batches: small ones, and those of numbers that BLAS does not know, by loops of our own; others
 * by BLAS. */

/* Multiplications of real numbers up to which a call of BLAS costs more than the product. */
#define TC_SMALL_PRODUCT 400

typedef struct {
    const tc_array *c, *a, *b;
    int64_t m, n, k;
    int by_all; /* items go to all threads one by one */
    atomic_int failed;
} tc_batch_job;

/* N columns of one row of a product, a vector of type V: the sums stay in a register. */
#define TC_ROW_BLOCK(T, V, N)                                                   \
    {                                                                           \
        V sums = {0}, row;                                                      \
        for (int64_t p = 0; p < k; p++) {                                       \
            memcpy(&row, right + p * b_row, sizeof row);                        \
            sums += *(const T *)(left + p * a_step) * row;                      \
        }                                                                       \
        memcpy(to, &sums, sizeof sums);                                         \
        to += N;                                                                \
        right += N * sizeof(T);                                                 \
    }
#define TC_ROW_END(T)                                                           \
    for (; over > 0; over--, to++, right += sizeof(T)) {                        \
        T sum = 0;                                                              \
        for (int64_t p = 0; p < k; p++)                                         \
            sum += *(const T *)(left + p * a_step) * *(const T *)(right + p * b_row); \
        *to = sum;                                                              \
    }

/* c = a b for `items` items, where rows of b and c have no gaps; every sum is made in the order of its terms. */
#define TC_SMALL_PRODUCTS(NAME, TARGET, T, V16, V8, V4)                         \
    TARGET static void NAME(char *c, int64_t c_item, int64_t c_row, const char *a, int64_t a_item, int64_t a_row, \
                            int64_t a_step, const char *b, int64_t b_item, int64_t b_row, int64_t m, int64_t n, int64_t k, \
                            int64_t items)                                      \
    {                                                                           \
        for (; items > 0; items--, c += c_item, a += a_item, b += b_item)       \
            for (int64_t i = 0; i < m; i++) {                                   \
                const char *left = a + i * a_row, *right = b;                   \
                T *to = (T *)(c + i * c_row);                                   \
                int64_t over = n;                                               \
                for (; over >= 16; over -= 16)                                  \
                    TC_ROW_BLOCK(T, V16, 16)                                    \
                if (over >= 8) {                                                \
                    TC_ROW_BLOCK(T, V8, 8)                                      \
                    over -= 8;                                                  \
                }                                                               \
                if (over >= 4) {                                                \
                    TC_ROW_BLOCK(T, V4, 4)                                      \
                    over -= 4;                                                  \
                }                                                               \
                TC_ROW_END(T)                                                   \
            }                                                                   \
    }
#define TC_STRIDED_PRODUCT(NAME, T)                                             \
    static void NAME(const tc_array *c, const tc_array *a, const tc_array *b)   \
    {                                                                           \
        for (int64_t i = 0; i < c->dims[0]; i++)                                \
            for (int64_t j = 0; j < c->dims[1]; j++) {                          \
                const char *x = a->data + i * a->strides[0], *y = b->data + j * b->strides[1]; \
                T sum = 0;                                                      \
                for (int64_t p = 0; p < a->dims[1]; p++)                        \
                    sum += *(const T *)(x + p * a->strides[1]) * *(const T *)(y + p * b->strides[0]); \
                *(T *)(c->data + i * c->strides[0] + j * c->strides[1]) = sum;  \
            }                                                                   \
    }
/* Rows times columns: four sums at a time, because each addition waits for the one before. */
#define TC_ONE_DOT(N) *(const T *)(a + N * a_item + p * a_step) * *(const T *)(b + N * b_item + p * b_step)
#define TC_SMALL_DOTS(NAME, TYPE)                                               \
    static void NAME(char *c, int64_t c_item, const char *a, int64_t a_item, int64_t a_step, const char *b, int64_t b_item, \
                     int64_t b_step, int64_t k, int64_t items)                  \
    {                                                                           \
        typedef TYPE T;                                                         \
        for (; items >= 4; items -= 4, c += 4 * c_item, a += 4 * a_item, b += 4 * b_item) { \
            T s0 = 0, s1 = 0, s2 = 0, s3 = 0;                                   \
            for (int64_t p = 0; p < k; p++) {                                   \
                s0 += TC_ONE_DOT(0), s1 += TC_ONE_DOT(1);                       \
                s2 += TC_ONE_DOT(2), s3 += TC_ONE_DOT(3);                       \
            }                                                                   \
            *(T *)c = s0, *(T *)(c + c_item) = s1;                              \
            *(T *)(c + 2 * c_item) = s2, *(T *)(c + 3 * c_item) = s3;           \
        }                                                                       \
        for (; items > 0; items--, c += c_item, a += a_item, b += b_item) {     \
            T sum = 0;                                                          \
            for (int64_t p = 0; p < k; p++)                                     \
                sum += TC_ONE_DOT(0);                                           \
            *(T *)c = sum;                                                      \
        }                                                                       \
    }
typedef double tc_f64x16 __attribute__((vector_size(128)));
typedef double tc_f64x4 __attribute__((vector_size(32)));
typedef float tc_f32x8 __attribute__((vector_size(32)));
typedef float tc_f32x4 __attribute__((vector_size(16)));
TC_FOR_TARGETS(TC_SMALL_PRODUCTS, tc_small_f32, float, tc_f32x16, tc_f32x8, tc_f32x4)
TC_FOR_TARGETS(TC_SMALL_PRODUCTS, tc_small_f64, double, tc_f64x16, tc_f64x8, tc_f64x4)
TC_SMALL_DOTS(tc_small_dots_f32, float)
TC_SMALL_DOTS(tc_small_dots_f64, double)
TC_STRIDED_PRODUCT(tc_small_f32_strided, float)
TC_STRIDED_PRODUCT(tc_small_f64_strided, double)

/* Item `item` of a batch. */
static tc_array tc_item(const tc_array *x, int64_t item)
{
    tc_array one = *x;
    one.data += item * x->strides[0];
    one.dims++;
    one.strides++;
    one.ndim = 2;
    return one;
}

/* The only row (axis 0 left out) or column of a matrix. */
static tc_array tc_line(const tc_array *x, int left_out)
{
    tc_array one = *x;
    one.dims += !left_out;
    one.strides += !left_out;
    one.ndim = 1;
    return one;
}

static int tc_is_small(int dtype, int64_t m, int64_t n, int64_t k)
{
    return dtype >= TC_FLOAT32 && !tc_is_complex(tc_letter(dtype)) && ((double)m * (double)n * (double)k <= TC_SMALL_PRODUCT || k == 0);
}

static int64_t tc_item_product(const tc_array *c, const tc_array *a, const tc_array *b, int by_all)
{
    const int64_t m = c->dims[0], n = c->dims[1], k = a->dims[1];
    if (c->dtype < TC_FLOAT32)
        return tc_own_product(c, a, b, by_all);
    if (tc_is_small(c->dtype, m, n, k)) {
        (c->dtype == TC_FLOAT32 ? tc_small_f32_strided : tc_small_f64_strided)(c, a, b);
        return 0;
    }
    if (n == 1) {
        const tc_array y = tc_line(c, 1), x = tc_line(b, 1);
        return tc_gemv_by(by_all ? tc_run_gemv : tc_run_whole_gemv, &y, a, &x, NULL, NULL);
    }
    if (m == 1) {
        const tc_array y = tc_line(c, 0), x = tc_line(a, 0);
        int64_t dims[2] = {b->dims[1], b->dims[0]}, strides[2] = {b->strides[1], b->strides[0]};
        tc_array turned = *b;
        turned.dims = dims;
        turned.strides = strides;
        return tc_gemv_by(by_all ? tc_run_gemv : tc_run_whole_gemv, &y, &turned, &x, NULL, NULL);
    }
    return tc_gemm_by(by_all ? tc_run_gemm : tc_run_whole_gemm, c, a, b, NULL, NULL);
}

static void tc_batch_items(void *context, int64_t begin, int64_t end)
{
    tc_batch_job *j = context;
    const tc_array *x = j->a, *y = j->b, *z = j->c;
    const int64_t size = z->itemsize;
    if (tc_is_small(z->dtype, j->m, j->n, j->k) && j->m == 1 && j->n == 1) {
        (size == 4 ? tc_small_dots_f32 : tc_small_dots_f64)(z->data + begin * z->strides[0], z->strides[0], x->data + begin * x->strides[0],
                                                            x->strides[0], x->strides[2], y->data + begin * y->strides[0],
                                                            y->strides[0], y->strides[1], j->k, end - begin);
        return;
    }
    if (tc_is_small(z->dtype, j->m, j->n, j->k) && (j->n == 1 || (y->strides[2] == size && z->strides[2] == size))) {
        (size == 4 ? TC_FOR_THIS_MACHINE(tc_small_f32) : TC_FOR_THIS_MACHINE(tc_small_f64))(
            z->data + begin * z->strides[0], z->strides[0], z->strides[1], x->data + begin * x->strides[0], x->strides[0],
            x->strides[1], x->strides[2], y->data + begin * y->strides[0], y->strides[0], y->strides[1], j->m, j->n, j->k,
            end - begin);
        return;
    }
    for (int64_t item = begin; item < end && !atomic_load_explicit(&j->failed, memory_order_relaxed); item++) {
        const tc_array c = tc_item(j->c, item), a = tc_item(j->a, item), b = tc_item(j->b, item);
        const int64_t code = tc_item_product(&c, &a, &b, j->by_all);
        if (code)
            atomic_store(&j->failed, (int)code);
    }
}

/* Nanoseconds of a product of an item, about. */
static double tc_item_cost(int64_t m, int64_t n, int64_t k)
{
    return 30 + 0.1 * (double)m * (double)n * (double)k;
}

/* c[i] = a[i] b[i]; all have three axes. */
static int64_t tc_batched_product(const tc_array *c, const tc_array *a, const tc_array *b)
{
    tc_batch_job j = {.c = c, .a = a, .b = b, .m = c->dims[1], .n = c->dims[2], .k = a->dims[2]};
    const int64_t items = c->dims[0];
    const double cost = tc_item_cost(j.m, j.n, j.k);
    if (tc_elements(c) == 0)
        return 0;
    /* Few large products are cut into blocks instead, each by all threads. */
    j.by_all = items == 1 || (items < 8 && cost > 1e6);
    if (j.by_all) {
        tc_batch_items(&j, 0, items);
        return atomic_load(&j.failed);
    }
    const int tell = tc_blas_set_threads && c->dtype >= TC_FLOAT32 && !tc_is_small(c->dtype, j.m, j.n, j.k);
    if (tell)
        tc_product_begins();
    tc_parallel_for(items, (int64_t)((double)tc_grain_ns / cost) + 1, tc_batch_items, &j);
    if (tell)
        tc_product_ends();
    return atomic_load(&j.failed);
}
