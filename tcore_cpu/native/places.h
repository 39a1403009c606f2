/* Places of what is not zero: counted and listed by parts, on all threads. */

#define TC_FOR_NONZERO(DTYPE, LOOP)                                             \
    switch (DTYPE) {                                                            \
    case TC_BOOL: case TC_INT8: case TC_UINT8: LOOP(uint8_t, x[i] != 0) break;  \
    case TC_INT16: case TC_UINT16: LOOP(uint16_t, x[i] != 0) break;             \
    case TC_FLOAT16: LOOP(uint16_t, (x[i] & 0x7fff) != 0) break;                \
    case TC_INT32: case TC_UINT32: LOOP(uint32_t, x[i] != 0) break;             \
    case TC_INT64: case TC_UINT64: LOOP(uint64_t, x[i] != 0) break;             \
    case TC_FLOAT32: LOOP(float, x[i] != 0) break;                              \
    case TC_FLOAT64: LOOP(double, x[i] != 0) break;                             \
    case TC_COMPLEX64: LOOP(float, (x[2 * i] != 0) | (x[2 * i + 1] != 0)) break; \
    case TC_COMPLEX128: LOOP(double, (x[2 * i] != 0) | (x[2 * i + 1] != 0)) break; \
    default: break;                                                             \
    }

/* Elements that a thread looks at together. */
#define TC_MASK_PART 16384

typedef struct {
    const tc_array *mask;
    int64_t n;
    int64_t *found; /* how many in each part; then, where its places begin */
    int ndim;
    const int64_t *lengths;
    int64_t **places; /* by axis of the mask */
} tc_mask_job;

static int64_t tc_count_part(const tc_array *mask, int64_t begin, int64_t end)
{
    int64_t count = 0;
#define TC_COUNT(T, IS)                                                         \
    {                                                                           \
        const T *x = (const T *)mask->data;                                     \
        for (int64_t i = begin; i < end;) {                                     \
            /* Short sums in few bits are fast sums. */                         \
            const int64_t stop = end - i < 255 ? end : i + 255;                 \
            uint8_t some = 0;                                                   \
            for (; i < stop; i++)                                               \
                some += (uint8_t)(IS);                                          \
            count += some;                                                      \
        }                                                                       \
    }
    TC_FOR_NONZERO(mask->dtype, TC_COUNT)
#undef TC_COUNT
    return count;
}

static void tc_count_parts(void *context, int64_t begin, int64_t end)
{
    const tc_mask_job *j = context;
    for (int64_t k = begin; k < end; k++) {
        const int64_t first = k * TC_MASK_PART;
        j->found[k] = tc_count_part(j->mask, first, first + TC_MASK_PART < j->n ? first + TC_MASK_PART : j->n);
    }
}

/* The first place from i on whose byte may be other than 0. */
static inline int64_t tc_skip_zeros(const uint8_t *x, int64_t i, int64_t n)
{
    uint64_t eight;
    for (; i + 8 <= n; i += 8) {
        memcpy(&eight, x + i, 8);
        if (eight)
            break;
    }
    return i;
}

static void tc_list_parts(void *context, int64_t begin, int64_t end)
{
    const tc_mask_job *j = context;
    int64_t *const last = j->places[j->ndim - 1];
    for (int64_t k = begin; k < end; k++) {
        const int64_t start = j->found[k], stop = j->found[k + 1];
        const int rare = stop - start < TC_MASK_PART / 32;
        int64_t i = k * TC_MASK_PART, at = start;
#define TC_LIST(T, IS)                                                          \
    {                                                                           \
        const T *x = (const T *)j->mask->data;                                  \
        for (; at < stop; i++) {                                                \
            if (sizeof(T) == 1 && rare)                                         \
                i = tc_skip_zeros((const uint8_t *)x, i, j->n);                 \
            last[at] = i;                                                       \
            at += IS;                                                           \
        }                                                                       \
    }
        TC_FOR_NONZERO(j->mask->dtype, TC_LIST)
#undef TC_LIST
        if (j->ndim == 1)
            continue;
        for (at = start; at < stop; at++) {
            int64_t rest = last[at];
            for (int d = j->ndim - 1; d > 0; d--) {
                j->places[d][at] = rest % j->lengths[d];
                rest /= j->lengths[d];
            }
            j->places[0][at] = rest;
        }
    }
}

/* Counts by parts: `parts` gets where the places of each begin, one number more than there are parts; returns how many there are. */
static int64_t tc_count_places(const tc_array *mask, int64_t *parts)
{
    const int64_t n = mask->dims[0], count = (n + TC_MASK_PART - 1) / TC_MASK_PART;
    tc_mask_job j = {.mask = mask, .n = n, .found = parts};
    tc_parallel_for(count, 8, tc_count_parts, &j);
    int64_t sum = 0;
    for (int64_t k = 0; k < count; k++) {
        const int64_t own = parts[k];
        parts[k] = sum;
        sum += own;
    }
    parts[count] = sum;
    return sum;
}

/* The index arrays, by axis of the mask, whose lengths are given. */
static void tc_list_places(const tc_array *mask, int64_t *parts, int ndim, const int64_t *lengths, int64_t **places)
{
    const int64_t n = mask->dims[0];
    tc_mask_job j = {mask, n, parts, ndim, lengths, places};
    tc_parallel_for((n + TC_MASK_PART - 1) / TC_MASK_PART, 4, tc_list_parts, &j);
}
