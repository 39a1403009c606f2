/* Sorting without comparisons: the keys of elements (native/sort_keys.h) are sorted by their digits (native/digit_sorts.h). All of it
 * keeps the order of equal elements, so that places depend neither on the kind of sort that was asked for nor on the number of
 * threads. Values alone show no order of equal ones: where the host has a sort of vectors (see tc_set_sort), it sorts short rows of
 * them.
 */

static tc_sort_fn tc_host_sorts[TC_OBJECT];

void tc_set_sort(int dtype, tc_sort_fn sort)
{
    if (dtype >= 0 && dtype < TC_OBJECT)
        tc_host_sorts[dtype] = sort;
}

/* Below these lengths NumPy's sort of a row is faster than ours, on machines whose vectors it has a form for. */
static int64_t tc_host_sorts_below(int dtype)
{
#if defined(__x86_64__)
    const int wide = __builtin_cpu_supports("avx512f"), wider = __builtin_cpu_supports("avx512vbmi2");
    switch (dtype) {
    case TC_BOOL: case TC_INT8: case TC_UINT8: return 48;
    case TC_INT16: case TC_UINT16: return wider ? 800 : 16;
    case TC_FLOAT16: return wider ? TC_DIGITS_FROM : 16;
    default: return wide ? 1200 : __builtin_cpu_supports("avx2") ? 600 : 16;
    }
#else
    return dtype == TC_BOOL || dtype == TC_INT8 || dtype == TC_UINT8 ? 48 : 16;
#endif
}

static int tc_sorts_by_host(char *out, int64_t out_stride, const char *x, int64_t stride, int64_t n, int dtype, char *work)
{
    const int64_t size = tc_itemsize(dtype);
    const tc_sort_fn sort = tc_host_sorts[dtype];
    if (!sort || n >= tc_host_sorts_below(dtype))
        return 0;
    char *const row = out_stride == size ? out : work;
    if (stride == size)
        memmove(row, x, (size_t)(n * size));
    else
        tc_copy(row, &size, x, &stride, 1, &n, (int)size);
    if (sort(row, (intptr_t)n, NULL))
        return 0;
    if (row != out)
        tc_copy(out, &out_stride, row, &size, 1, &n, (int)size);
    return 1;
}

/* Sorts n elements of x to `out`; `work` has room for twice as many. */
static void tc_sort_values(char *out, int64_t out_stride, const char *x, int64_t stride, int64_t n, int dtype, char *work)
{
    const int merged = 0;
    char *const spare = work + n * tc_itemsize(dtype);
    if (tc_sorts_by_host(out, out_stride, x, stride, n, dtype, work))
        return;
#define TC_LOAD(V, KEY, BACK)                                                   \
    for (int64_t i = 0; i < n; i++) {                                           \
        const V bits = *(const V *)(x + i * stride);                            \
        ((V *)work)[i] = (V)(KEY);                                              \
    }
    TC_FOR_KEYS(dtype, TC_LOAD)
#undef TC_LOAD
    switch (tc_itemsize(dtype)) {
    case 1: tc_sort8((uint8_t *)work, n); break;
    case 2: tc_sort16((uint16_t *)work, (uint16_t *)spare, n); break;
    case 4: tc_sort32((uint32_t *)work, (uint32_t *)spare, n); break;
    default: tc_sort64((uint64_t *)work, (uint64_t *)spare, n);
    }
#define TC_STORE(V, KEY, BACK)                                                  \
    for (int64_t i = 0; i < n; i++) {                                           \
        const V key = ((const V *)work)[i];                                     \
        *(V *)(out + i * out_stride) = (V)(BACK);                               \
    }
    TC_FOR_KEYS(dtype, TC_STORE)
#undef TC_STORE
}

/* The same for pairs of key and place, which stay in `work`. */
static void tc_sort_places(const char *x, int64_t stride, int64_t n, int dtype, char *work)
{
    const int merged = 1;
    char *const spare = work + n * tc_pair_size(n, dtype);
#define TC_LOAD_PAIRS(V, KEY, BACK)                                             \
    if (tc_fits_pair32(n, dtype))                                               \
        for (int64_t i = 0; i < n; i++) {                                       \
            const V bits = *(const V *)(x + i * stride);                        \
            ((tc_pair32 *)work)[i] = (tc_pair32){(uint32_t)(V)(KEY), (uint32_t)i}; \
        }                                                                       \
    else                                                                        \
        for (int64_t i = 0; i < n; i++) {                                       \
            const V bits = *(const V *)(x + i * stride);                        \
            ((tc_pair64 *)work)[i] = (tc_pair64){(uint64_t)(V)(KEY), (uint64_t)i}; \
        }
    TC_FOR_KEYS(dtype, TC_LOAD_PAIRS)
#undef TC_LOAD_PAIRS
    if (tc_fits_pair32(n, dtype))
        tc_sort_pairs32((tc_pair32 *)work, (tc_pair32 *)spare, n);
    else
        tc_sort_pairs64((tc_pair64 *)work, (tc_pair64 *)spare, n);
}

static void tc_argsort_values(char *out, int64_t out_stride, const char *x, int64_t stride, int64_t n, int dtype, char *work)
{
    tc_sort_places(x, stride, n, dtype, work);
    if (tc_fits_pair32(n, dtype))
        for (int64_t i = 0; i < n; i++)
            *(int64_t *)(out + i * out_stride) = ((const tc_pair32 *)work)[i].place;
    else
        for (int64_t i = 0; i < n; i++)
            *(int64_t *)(out + i * out_stride) = (int64_t)((const tc_pair64 *)work)[i].place;
}

/* Complex numbers, or their places: sorted by the last key first, as each pass keeps the order of equal keys. */
static void tc_sort_complex(char *out, int64_t out_stride, const char *x, int64_t stride, int64_t n, int dtype, int places, char *work)
{
    tc_pair64 *const pairs = (tc_pair64 *)work;
    for (int64_t i = 0; i < n; i++)
        pairs[i].place = (uint64_t)i;
    for (int pass = 0; pass < 3; pass++) {
        uint64_t any = 0;
        for (int64_t i = 0; i < n; i++)
            any |= pairs[i].key = tc_complex_key(x + (int64_t)pairs[i].place * stride, dtype, pass);
        if (any)
            tc_sort_pairs64(pairs, pairs + n, n);
    }
    for (int64_t i = 0; i < n; i++, out += out_stride)
        if (places)
            *(int64_t *)out = (int64_t)pairs[i].place;
        else
            memcpy(out, x + (int64_t)pairs[i].place * stride, (size_t)tc_itemsize(dtype));
}

static int tc_has_parts(int dtype)
{
    return dtype == TC_COMPLEX64 || dtype == TC_COMPLEX128;
}

/* All rows along an axis, by threads. */
typedef struct {
    const tc_array *out, *x;
    int axis, places; /* whether places are wanted, else values */
    atomic_int failed;
} tc_sort_job;

static void tc_sort_rows(void *context, int64_t begin, int64_t end)
{
    tc_sort_job *j = context;
    const tc_array *out = j->out, *x = j->x;
    const int64_t n = x->dims[j->axis];
    const int64_t size = tc_has_parts(x->dtype) ? (int64_t)sizeof(tc_pair64) : j->places ? tc_pair_size(n, x->dtype) : x->itemsize;
    char *work = tc_block_get((size_t)(2 * n * size) + 1);
    if (!work) {
        atomic_store(&j->failed, 1);
        return;
    }
    for (int64_t row = begin; row < end; row++) {
        int64_t rest = row, from = 0, to = 0;
        for (int d = x->ndim - 1; d >= 0; d--) {
            if (d == j->axis)
                continue;
            from += rest % x->dims[d] * x->strides[d];
            to += rest % x->dims[d] * out->strides[d];
            rest /= x->dims[d];
        }
        if (tc_has_parts(x->dtype))
            tc_sort_complex(out->data + to, out->strides[j->axis], x->data + from, x->strides[j->axis], n, x->dtype, j->places, work);
        else
            (j->places ? tc_argsort_values : tc_sort_values)(out->data + to, out->strides[j->axis], x->data + from,
                                                             x->strides[j->axis], n, x->dtype, work);
    }
    tc_block_free(work);
}

/* Nanoseconds for a row of n elements, about. */
static double tc_sort_cost(int64_t n, int itemsize)
{
    return n < TC_DIGITS_FROM ? 8.0 * (double)n : (4.0 + 2.0 * itemsize) * (double)n;
}

static int64_t tc_sort(const tc_array *out, const tc_array *x, int axis, int places)
{
    tc_sort_job j = {out, x, axis, places, 0};
    const int64_t n = x->dims[axis], total = tc_elements(x);
    if (total == 0)
        return 0;
    int64_t grain = (int64_t)((double)tc_grain_ns / tc_sort_cost(n, x->itemsize)) + 1;
    tc_parallel_for(total / n, grain, tc_sort_rows, &j);
    return atomic_load(&j.failed) ? TC_ERROR_MEMORY : 0;
}
