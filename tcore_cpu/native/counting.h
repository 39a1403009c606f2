/* Results whose length depends on the data: each has a routine that finds the length, and one that fills the memory.
 *
 * Arrays have one axis without gaps unless said otherwise.
 */

/* -- different elements ------------------------------------------------------------------------ */

/* Calls DO for each element in rising order: `first` tells whether it differs from the one before, `place` where it stands in x. */
#define TC_WALK_IN_ORDER(V, KEY, DO)                                            \
    {                                                                           \
        enum { merged = 1 };                                                    \
        const int is_float = x->dtype >= TC_FLOAT16;                            \
        V before = 0;                                                           \
        for (int64_t i = 0; i < n; i++) {                                       \
            const int64_t place = places ? places[i] : i;                       \
            const V bits = ((const V *)x->data)[place], key = (V)(KEY);         \
            const int first = i == 0 || key != before || (apart && is_float && key == (V)~(V)0); \
            before = key;                                                       \
            DO                                                                  \
        }                                                                       \
    }

/* The same for complex numbers of type V, whose parts are `re` and `im`. */
#define TC_WALK_COMPLEX(V, DO)                                                  \
    {                                                                           \
        V before = {0};                                                         \
        int was_nan = 0;                                                        \
        for (int64_t i = 0; i < n; i++) {                                       \
            const int64_t place = places ? places[i] : i;                       \
            const V bits = ((const V *)x->data)[place];                         \
            const int is_nan = bits.re != bits.re || bits.im != bits.im;        \
            const int first = i == 0 || (is_nan ? apart || !was_nan : was_nan || bits.re != before.re || bits.im != before.im); \
            before = bits;                                                      \
            was_nan = is_nan;                                                   \
            DO                                                                  \
        }                                                                       \
    }
typedef struct {
    float re, im;
} tc_complex64;
typedef struct {
    double re, im;
} tc_complex128;

/* How many there are. `order` tells the places in x in rising order, NULL: x is sorted. NaN are `apart`, or all one. */
static int64_t tc_count_different(const tc_array *x, const tc_array *order, int apart)
{
    const int64_t n = x->dims[0], *places = order ? (const int64_t *)order->data : NULL;
    int64_t count = 0;
#define TC_COUNT(V, KEY, BACK) TC_WALK_IN_ORDER(V, KEY, { count += first; (void)place; })
    TC_FOR_KEYS(x->dtype, TC_COUNT)
#undef TC_COUNT
#define TC_COUNT { count += first; (void)place; }
    if (x->dtype == TC_COMPLEX64)
        TC_WALK_COMPLEX(tc_complex64, TC_COUNT)
    else if (x->dtype == TC_COMPLEX128)
        TC_WALK_COMPLEX(tc_complex128, TC_COUNT)
#undef TC_COUNT
    return count;
}

/* The elements themselves, and where they are wanted (not NULL): the place of each one's first, for each place which it is, how
 * often it occurs. */
static void tc_unique(const tc_array *x, const tc_array *order, int apart, const tc_array *values, const tc_array *index,
                      const tc_array *inverse, const tc_array *counts)
{
    const int64_t n = x->dims[0], *places = order ? (const int64_t *)order->data : NULL;
    int64_t *const firsts = index ? (int64_t *)index->data : NULL, *const back = inverse ? (int64_t *)inverse->data : NULL;
    int64_t *const often = counts ? (int64_t *)counts->data : NULL;
    int64_t at = -1, begin = 0;
#define TC_FILL(V)                                                              \
    {                                                                           \
        if (first) {                                                            \
            if (often && at >= 0)                                               \
                often[at] = i - begin;                                          \
            begin = i;                                                          \
            ((V *)values->data)[++at] = bits;                                   \
            if (firsts)                                                         \
                firsts[at] = place;                                             \
        }                                                                       \
        if (back)                                                               \
            back[place] = at;                                                   \
    }
#define TC_FILL_BY_KEY(V, KEY, BACK) TC_WALK_IN_ORDER(V, KEY, TC_FILL(V))
    TC_FOR_KEYS(x->dtype, TC_FILL_BY_KEY)
    if (x->dtype == TC_COMPLEX64)
        TC_WALK_COMPLEX(tc_complex64, TC_FILL(tc_complex64))
    else if (x->dtype == TC_COMPLEX128)
        TC_WALK_COMPLEX(tc_complex128, TC_FILL(tc_complex128))
#undef TC_FILL_BY_KEY
#undef TC_FILL
    if (often && at >= 0)
        often[at] = n - begin;
}

/* -- integers ---------------------------------------------------------------------------------- */

#define TC_FOR_INTEGERS(DTYPE, LOOP)                                            \
    switch (DTYPE) {                                                            \
    case TC_BOOL: case TC_UINT8: LOOP(uint8_t) break;                           \
    case TC_INT8: LOOP(int8_t) break;                                           \
    case TC_UINT16: LOOP(uint16_t) break;                                       \
    case TC_INT16: LOOP(int16_t) break;                                         \
    case TC_UINT32: LOOP(uint32_t) break;                                       \
    case TC_INT32: LOOP(int32_t) break;                                         \
    case TC_INT64: case TC_UINT64: LOOP(int64_t) break;                         \
    default: break;                                                             \
    }

#define TC_EXTREMES(NAME, T)                                                    \
    TC_CLONES static void NAME(const char *x, int64_t stride, int64_t n, int64_t *low, int64_t *high) \
    {                                                                           \
        T least = *(const T *)x, most = least;                                  \
        if (stride == sizeof(T))                                                \
            for (int64_t i = 1; i < n; i++) {                                   \
                const T one = ((const T *)x)[i];                                \
                least = one < least ? one : least;                              \
                most = one > most ? one : most;                                 \
            }                                                                   \
        else                                                                    \
            for (int64_t i = 1; i < n; i++) {                                   \
                const T one = *(const T *)(x + i * stride);                     \
                least = one < least ? one : least;                              \
                most = one > most ? one : most;                                 \
            }                                                                   \
        *low = (int64_t)least;                                                  \
        *high = (int64_t)most;                                                  \
    }
TC_EXTREMES(tc_range_uint8_t, uint8_t)
TC_EXTREMES(tc_range_int8_t, int8_t)
TC_EXTREMES(tc_range_uint16_t, uint16_t)
TC_EXTREMES(tc_range_int16_t, int16_t)
TC_EXTREMES(tc_range_uint32_t, uint32_t)
TC_EXTREMES(tc_range_int32_t, int32_t)
TC_EXTREMES(tc_range_int64_t, int64_t)

/* The least and the largest; 0 and -1 where there are none. Any stride. */
static void tc_range(const tc_array *x, int64_t *low, int64_t *high)
{
    *low = 0;
    *high = -1;
    if (x->dims[0] == 0)
        return;
#define TC_RANGE(T) tc_range_##T(x->data, x->strides[0], x->dims[0], low, high);
    TC_FOR_INTEGERS(x->dtype, TC_RANGE)
#undef TC_RANGE
}

/* Their sum; -1 where one is negative, or the sum is too large. Any stride. */
static int64_t tc_total(const tc_array *x)
{
    const int64_t n = x->dims[0], stride = x->strides[0];
    int64_t sum = 0;
    int wrong = 0;
#define TC_ADD_ALL(T)                                                           \
    for (int64_t i = 0; i < n; i++) {                                           \
        const int64_t one = (int64_t) * (const T *)(x->data + i * stride);      \
        wrong |= one < 0 || __builtin_add_overflow(sum, one, &sum);             \
    }
    TC_FOR_INTEGERS(x->dtype, TC_ADD_ALL)
#undef TC_ADD_ALL
    return wrong ? -1 : sum;
}

static double tc_real_value(const char *at, int dtype)
{
    switch (dtype) {
    case TC_FLOAT16: return tc_from_half(*(const uint16_t *)at);
    case TC_FLOAT32: return *(const float *)at;
    case TC_FLOAT64: return *(const double *)at;
    case TC_UINT64: return (double)*(const uint64_t *)at;
    case TC_INT64: return (double)*(const int64_t *)at;
    case TC_INT32: return *(const int32_t *)at;
    case TC_UINT32: return *(const uint32_t *)at;
    case TC_INT16: return *(const int16_t *)at;
    case TC_UINT16: return *(const uint16_t *)at;
    case TC_INT8: return *(const int8_t *)at;
    default: return *(const uint8_t *)at;
    }
}

/* Numbers that are counted together, and how many counters a thread may have for itself. */
#define TC_COUNT_PART ((int64_t)1 << 18)
#define TC_OWN_COUNTERS 16384

typedef struct {
    const tc_array *out, *x;
    pthread_mutex_t lock; /* of out */
    atomic_int failed;
} tc_bincount_job;

static void tc_count_numbers(int64_t *counts, const tc_array *x, int64_t begin, int64_t end)
{
    const int64_t stride = x->strides[0];
#define TC_COUNT(T)                                                             \
    for (int64_t i = begin; i < end; i++)                                       \
        counts[*(const T *)(x->data + i * stride)]++;
    TC_FOR_INTEGERS(x->dtype, TC_COUNT)
#undef TC_COUNT
}

static void tc_bincount_parts(void *context, int64_t begin, int64_t end)
{
    tc_bincount_job *j = context;
    const int64_t bins = j->out->dims[0], n = j->x->dims[0];
    int64_t *const own = tc_block_get(sizeof *own * (size_t)bins);
    if (!own) {
        atomic_store(&j->failed, TC_ERROR_MEMORY);
        return;
    }
    memset(own, 0, sizeof *own * (size_t)bins);
    tc_count_numbers(own, j->x, begin * TC_COUNT_PART, end * TC_COUNT_PART < n ? end * TC_COUNT_PART : n);
    pthread_mutex_lock(&j->lock);
    for (int64_t k = 0; k < bins; k++)
        ((int64_t *)j->out->data)[k] += own[k];
    pthread_mutex_unlock(&j->lock);
    tc_block_free(own);
}

/* out[x[i]] += weights[i], or 1; none of x is outside. Sums are made in float64, in the order of i. x and weights have any stride. */
static int64_t tc_bincount(const tc_array *out, const tc_array *x, const tc_array *weights)
{
    const int64_t n = x->dims[0], bins = out->dims[0], stride = x->strides[0];
    memset(out->data, 0, (size_t)(bins * out->itemsize));
    if (!weights && bins > 0 && bins <= TC_OWN_COUNTERS && n > TC_COUNT_PART) {
        tc_bincount_job j = {.out = out, .x = x, .lock = PTHREAD_MUTEX_INITIALIZER};
        tc_parallel_for((n + TC_COUNT_PART - 1) / TC_COUNT_PART, 1, tc_bincount_parts, &j);
        return atomic_load(&j.failed);
    }
    if (!weights) {
        tc_count_numbers((int64_t *)out->data, x, 0, n);
        return 0;
    }
    double *sums = (double *)out->data;
    const int64_t step = weights->strides[0];
    if (out->dtype != TC_FLOAT64) {
        sums = tc_block_get(sizeof *sums * (size_t)bins + 1);
        if (!sums)
            return TC_ERROR_MEMORY;
        memset(sums, 0, sizeof *sums * (size_t)bins);
    }
#define TC_WEIGH(T)                                                             \
    if (weights->dtype == TC_FLOAT64)                                           \
        for (int64_t i = 0; i < n; i++)                                         \
            sums[*(const T *)(x->data + i * stride)] += *(const double *)(weights->data + i * step); \
    else                                                                        \
        for (int64_t i = 0; i < n; i++)                                         \
            sums[*(const T *)(x->data + i * stride)] += tc_real_value(weights->data + i * step, weights->dtype);
    TC_FOR_INTEGERS(x->dtype, TC_WEIGH)
#undef TC_WEIGH
    if (out->dtype == TC_FLOAT32)
        for (int64_t k = 0; k < bins; k++)
            ((float *)out->data)[k] = (float)sums[k];
    if (out->dtype == TC_FLOAT16)
        for (int64_t k = 0; k < bins; k++)
            ((uint16_t *)out->data)[k] = tc_to_f16_f64(sums[k]);
    if (out->dtype != TC_FLOAT64)
        tc_block_free(sums);
    return 0;
}

/* -- copies ------------------------------------------------------------------------------------ */

/* Pieces of one size, each `often` times, to `out`. */
static char *tc_repeat_pieces(char *out, const char *x, int64_t pieces, int64_t size, int64_t often)
{
#define TC_COPIES(T)                                                            \
    for (int64_t i = 0; i < pieces; i++)                                        \
        for (int64_t k = 0; k < often; k++, out += sizeof(T))                   \
            *(T *)out = ((const T *)x)[i];
    switch (size) {
    case 1: TC_COPIES(uint8_t) break;
    case 2: TC_COPIES(uint16_t) break;
    case 4: TC_COPIES(uint32_t) break;
    case 8: TC_COPIES(uint64_t) break;
    default:
        for (int64_t i = 0; i < pieces; i++, x += size)
            for (int64_t k = 0; k < often; k++, out += size)
                memcpy(out, x, (size_t)size);
    }
#undef TC_COPIES
    return out;
}

typedef struct {
    char *out;
    const char *x;
    int64_t size, often;
} tc_repeat_job;

static void tc_repeat_part(void *context, int64_t begin, int64_t end)
{
    const tc_repeat_job *j = context;
    tc_repeat_pieces(j->out + begin * j->often * j->size, j->x + begin * j->size, end - begin, j->size, j->often);
}

static int64_t tc_number_at(const char *at, int dtype)
{
    int64_t number = 0;
#define TC_READ(T) number = (int64_t) * (const T *)at;
    TC_FOR_INTEGERS(dtype, TC_READ)
#undef TC_READ
    return number;
}

/* Pieces of `inner` elements along an axis of `length`, each as often as its number says (one number: that of all). x and out
 * have no gaps, counts any stride. */
static void tc_repeat(const tc_array *to, const tc_array *from, const tc_array *counts, int64_t length, int64_t inner)
{
    const int64_t size = inner * from->itemsize, pieces = tc_elements(from) ? tc_elements(from) / inner : 0;
    const char *x = from->data;
    char *out = to->data;
    const char *const end = out + tc_elements(to) * to->itemsize;
    if (counts->dims[0] == 1) {
        tc_repeat_job j = {out, x, size, tc_number_at(counts->data, counts->dtype)};
        const double cost = 1 + (double)(j.often * size) / 12; /* nanoseconds, about */
        tc_parallel_for(pieces, (int64_t)((double)tc_grain_ns / cost) + 1, tc_repeat_part, &j);
        return;
    }
    for (int64_t i = 0, at = 0; i < pieces; i++, x += size, at = at + 1 < length ? at + 1 : 0) {
        const int64_t often = tc_number_at(counts->data + at * counts->strides[0], counts->dtype);
        /* Stores that the next piece overwrites cost less than to find out how many are needed. */
        if (size == 8 && often <= 4 && end - out >= 32) {
            for (int k = 0; k < 4; k++)
                ((uint64_t *)out)[k] = *(const uint64_t *)x;
            out += 8 * often;
        } else if (size == 4 && often <= 4 && end - out >= 16) {
            for (int k = 0; k < 4; k++)
                ((uint32_t *)out)[k] = *(const uint32_t *)x;
            out += 4 * often;
        } else {
            out = tc_repeat_pieces(out, x, 1, size, often);
        }
    }
}
