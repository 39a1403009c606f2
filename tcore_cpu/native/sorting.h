/* Sorting without comparisons: elements become unsigned integers of the same order, NaN last, which are sorted by their digits
 * of eight bits; few of them by their ranks and merging. All of it keeps the order of equal elements, so that places depend
 * neither on the kind of sort that was asked for nor on the number of threads. Values alone show no order of equal ones: where
 * the host has a sort of vectors (see tc_set_sort), it sorts short rows of them.
 */

/* From here on an element is sorted by its digits. */
#define TC_DIGITS_FROM 384
/* Runs of this length are sorted by counting for each element how many belong before it: no branch depends on the data. */
#define TC_RUN 128

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

/* An element's key and its place. Two sizes: what does not fit into the smaller one is sorted in the larger. */
typedef struct {
    uint32_t key, place;
} tc_pair32;
typedef struct {
    uint64_t key, place;
} tc_pair64;

/* Where each of up to TC_RUN keys belongs; of equal ones the first comes first. */
#define TC_RANKS_FOR(NAME, TARGET, K, V)                                        \
    TARGET static void NAME(const K *key, int64_t n, K *rank)                   \
    {                                                                           \
        enum { LANES = 64 / sizeof(K) };                                        \
        K numbers[LANES];                                                       \
        V lane, mine;                                                           \
        for (int u = 0; u < LANES; u++)                                         \
            numbers[u] = (K)u;                                                  \
        memcpy(&lane, numbers, 64);                                             \
        for (int64_t i = 0; i < n; i += LANES) {                                \
            const int64_t own = n - i < LANES ? n - i : LANES;                  \
            V before = {0};                                                     \
            int64_t k = 0;                                                      \
            memcpy(&mine, key + i, 64);                                         \
            for (; k < i; k++)                                                  \
                before -= (V)(key[k] <= mine);                                  \
            for (; k < i + own; k++)                                            \
                before -= (V)((key[k] < mine) | ((key[k] == mine) & ((K)(k - i) < lane))); \
            for (; k < n; k++)                                                  \
                before -= (V)(key[k] < mine);                                   \
            memcpy(rank + i, &before, 64);                                      \
        }                                                                       \
    }
/* Written out for each machine, because the compiler splits vectors before it makes clones. */
#if defined(__x86_64__)
#define TC_FOR_TARGETS(DEFINE, NAME, ...)                                       \
    DEFINE(NAME##_avx512, __attribute__((target("avx512f"))), __VA_ARGS__)      \
    DEFINE(NAME##_avx2, __attribute__((target("avx2"))), __VA_ARGS__)           \
    DEFINE(NAME##_plain, , __VA_ARGS__)
#define TC_FOR_THIS_MACHINE(NAME)                                               \
    (__builtin_cpu_supports("avx512f") ? NAME##_avx512 : __builtin_cpu_supports("avx2") ? NAME##_avx2 : NAME##_plain)
#else
#define TC_FOR_TARGETS(DEFINE, NAME, ...) DEFINE(NAME##_plain, , __VA_ARGS__)
#define TC_FOR_THIS_MACHINE(NAME) NAME##_plain
#endif
typedef uint32_t tc_u32x16 __attribute__((vector_size(64)));
typedef uint64_t tc_u64x8 __attribute__((vector_size(64)));
TC_FOR_TARGETS(TC_RANKS_FOR, tc_ranks32, uint32_t, tc_u32x16)
TC_FOR_TARGETS(TC_RANKS_FOR, tc_ranks64, uint64_t, tc_u64x8)

/* Sorts n elements of type E, whose key of DIGITS bytes is KEY(element); `spare` is as long. */
#define TC_SORTER(NAME, E, KEY, DIGITS, K, RANKS)                               \
    static void NAME##_few(E *a, E *spare, int64_t n)                           \
    {                                                                           \
        K keys[TC_RUN], ranks[TC_RUN];                                          \
        for (int64_t begin = 0; begin < n; begin += TC_RUN) {                   \
            const int64_t own = n - begin < TC_RUN ? n - begin : TC_RUN;        \
            for (int64_t i = 0; i < own; i++)                                   \
                keys[i] = KEY(a[begin + i]);                                    \
            /* Whole vectors are read. */                                       \
            for (int64_t i = own; i % (64 / (int64_t)sizeof(K)); i++)           \
                keys[i] = 0;                                                    \
            TC_FOR_THIS_MACHINE(RANKS)(keys, own, ranks);                       \
            for (int64_t i = 0; i < own; i++)                                   \
                spare[begin + (int64_t)ranks[i]] = a[begin + i];                \
        }                                                                       \
        E *from = spare, *to = a;                                               \
        for (int64_t run = TC_RUN; run < n; run *= 2) {                         \
            for (int64_t begin = 0; begin < n; begin += 2 * run) {              \
                const int64_t middle = begin + run < n ? begin + run : n;       \
                const int64_t end = middle + run < n ? middle + run : n;        \
                int64_t i = begin, k = middle, at = begin;                      \
                while (i < middle && k < end) {                                 \
                    const int right = KEY(from[k]) < KEY(from[i]);              \
                    to[at++] = from[right ? k : i];                             \
                    k += right;                                                 \
                    i += !right;                                                \
                }                                                               \
                memcpy(to + at, from + i, sizeof(E) * (size_t)(middle - i));    \
                at += middle - i;                                               \
                memcpy(to + at, from + k, sizeof(E) * (size_t)(end - k));       \
            }                                                                   \
            E *other = from;                                                    \
            from = to;                                                          \
            to = other;                                                         \
        }                                                                       \
        if (from != a)                                                          \
            memcpy(a, from, sizeof(E) * (size_t)n);                             \
    }                                                                           \
    static void NAME(E *a, E *spare, int64_t n)                                 \
    {                                                                           \
        if (n < TC_DIGITS_FROM) {                                               \
            NAME##_few(a, spare, n);                                            \
            return;                                                             \
        }                                                                       \
        int64_t starts[DIGITS][256];                                            \
        memset(starts, 0, sizeof starts);                                       \
        for (int64_t i = 0; i < n; i++)                                         \
            for (int d = 0; d < DIGITS; d++)                                    \
                starts[d][KEY(a[i]) >> (8 * d) & 255]++;                        \
        E *from = a, *to = spare;                                               \
        for (int d = 0; d < DIGITS; d++) {                                      \
            int64_t *start = starts[d], sum = 0;                                \
            /* Where all have one digit there is nothing to move. */            \
            if (start[KEY(from[0]) >> (8 * d) & 255] == n)                      \
                continue;                                                       \
            for (int k = 0; k < 256; k++) {                                     \
                const int64_t count = start[k];                                 \
                start[k] = sum;                                                 \
                sum += count;                                                   \
            }                                                                   \
            for (int64_t i = 0; i < n; i++) {                                   \
                const E one = from[i];                                          \
                to[start[KEY(one) >> (8 * d) & 255]++] = one;                   \
            }                                                                   \
            E *other = from;                                                    \
            from = to;                                                          \
            to = other;                                                         \
        }                                                                       \
        if (from != a)                                                          \
            memcpy(a, from, sizeof(E) * (size_t)n);                             \
    }
#define TC_ITSELF(E) (E)
#define TC_KEY_OF(E) ((E).key)
TC_SORTER(tc_sort16, uint16_t, TC_ITSELF, 2, uint32_t, tc_ranks32)
TC_SORTER(tc_sort32, uint32_t, TC_ITSELF, 4, uint32_t, tc_ranks32)
TC_SORTER(tc_sort64, uint64_t, TC_ITSELF, 8, uint64_t, tc_ranks64)
TC_SORTER(tc_sort_pairs32, tc_pair32, TC_KEY_OF, 4, uint32_t, tc_ranks32)
TC_SORTER(tc_sort_pairs64, tc_pair64, TC_KEY_OF, 8, uint64_t, tc_ranks64)

/* Keys of one byte are counted. */
static void tc_sort8(uint8_t *a, int64_t n)
{
    int64_t counts[256];
    memset(counts, 0, sizeof counts);
    for (int64_t i = 0; i < n; i++)
        counts[a[i]]++;
    for (int key = 0; key < 256; a += counts[key], key++)
        if (counts[key])
            memset(a, key, (size_t)counts[key]);
}

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

static int tc_fits_pair32(int64_t n, int dtype)
{
    return tc_itemsize(dtype) <= 4 && n <= UINT32_MAX;
}

/* Bytes of a pair for n elements of a dtype. */
static int64_t tc_pair_size(int64_t n, int dtype)
{
    return tc_fits_pair32(n, dtype) ? (int64_t)sizeof(tc_pair32) : (int64_t)sizeof(tc_pair64);
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

static int64_t tc_elements(const tc_array *x)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim; d++)
        n *= x->dims[d];
    return n;
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
