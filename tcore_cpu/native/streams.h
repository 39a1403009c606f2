/* Around and ahead of the caches: results too large for them are stored without being fetched first, and rows that are next are asked for
 * while this one is computed. */
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#define TC_USUAL_CACHE ((int64_t)32 << 20)

static atomic_llong tc_stream_from;

void tc_set_stream(int64_t bytes)
{
    atomic_store(&tc_stream_from, bytes);
}

/* Bytes that the largest cache of a core holds, a usual size at most. */
static int64_t tc_largest_cache(void)
{
    int64_t bytes = atomic_load_explicit(&tc_stream_from, memory_order_relaxed);
    if (!bytes) {
#ifdef _SC_LEVEL3_CACHE_SIZE
        bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
        /* Some systems tell the sum of several caches, of which a core reaches one. */
        if (bytes <= 0 || bytes > TC_USUAL_CACHE)
            bytes = TC_USUAL_CACHE;
        tc_set_stream(bytes);
    }
    return bytes;
}

/* A copy whose whole lines go around the caches. */
static void tc_stream(char *to, const char *from, size_t bytes)
{
#if defined(__SSE2__)
    size_t head = (64 - ((uintptr_t)to & 63)) & 63;
    if (bytes >= 256 && (head & 15) == 0) {
        memcpy(to, from, head);
        to += head;
        from += head;
        bytes -= head;
        for (; bytes >= 64; bytes -= 64, to += 64, from += 64) {
            __m128i a = _mm_loadu_si128((const __m128i *)from), b = _mm_loadu_si128((const __m128i *)(from + 16));
            __m128i c = _mm_loadu_si128((const __m128i *)(from + 32)), d = _mm_loadu_si128((const __m128i *)(from + 48));
            _mm_stream_si128((__m128i *)to, a);
            _mm_stream_si128((__m128i *)(to + 16), b);
            _mm_stream_si128((__m128i *)(to + 32), c);
            _mm_stream_si128((__m128i *)(to + 48), d);
        }
    }
#endif
    memcpy(to, from, bytes);
}

/* Asks for `bytes` from an address; they need not exist. */
static void tc_ask_for(const char *from, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(from + i, 0, 2);
}
