/* Sorts of keys: by their digits of eight bits, and of few keys by their ranks and merging. Equal keys keep their order. */

/* From here on an element is sorted by its digits. */
#define TC_DIGITS_FROM 384
/* Runs of this length are sorted by counting for each element how many belong before it: no branch depends on the data. */
#define TC_RUN 128

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
