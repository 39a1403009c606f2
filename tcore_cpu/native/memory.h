/* Memory: blocks of 256 KiB and more live in a size-classed cache, with huge-page advice.
 *
 * A block is preceded by a header of one cache line, so that it can be given back by its address.
 */
#include <sys/mman.h>

#define TC_CACHED_FROM ((size_t)256 << 10)
#define TC_CLASSES 120
#define TC_HEADER 64
typedef struct tc_block {
    size_t bytes; /* the whole block, header included */
    int class_;   /* -1: not cached */
    int64_t freed; /* when, in nanoseconds */
    struct tc_block *next;
    size_t wanted; /* without header and rounding */
} tc_block;

static struct {
    pthread_mutex_t lock;
    tc_block *classes[TC_CLASSES];
    int64_t held, limit;
    int64_t age; /* nanoseconds after which a block that nobody wanted goes back to the system */
} tc_cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .limit = (int64_t)1 << 30, .age = (int64_t)10000000000};

/* Bytes wanted of blocks of cached sizes that somebody has, and the most since tc_memory_watch. */
static _Atomic int64_t tc_bytes_used, tc_bytes_most;

static void tc_count_bytes(int64_t bytes)
{
    int64_t used = atomic_fetch_add(&tc_bytes_used, bytes) + bytes, most = atomic_load(&tc_bytes_most);
    while (used > most && !atomic_compare_exchange_weak(&tc_bytes_most, &most, used))
        ;
}

int64_t tc_memory_watch(void)
{
    int64_t used = atomic_load(&tc_bytes_used);
    atomic_store(&tc_bytes_most, used);
    return used;
}

int64_t tc_memory_most(void)
{
    return atomic_load(&tc_bytes_most);
}

/* A fork waits until no thread works on the lists, and the child owns the lock that its parent took. */
static void tc_cache_before_fork(void)
{
    pthread_mutex_lock(&tc_cache.lock);
}

static void tc_cache_after_fork(void)
{
    pthread_mutex_unlock(&tc_cache.lock);
}

static pthread_once_t tc_cache_once = PTHREAD_ONCE_INIT;

static void tc_cache_install_fork_handler(void)
{
    pthread_atfork(tc_cache_before_fork, tc_cache_after_fork, tc_cache_after_fork);
}

/* Four size classes per power of two: at most a fifth of a block is unused. */
static int tc_size_class(size_t bytes, size_t *rounded)
{
    int k = 0;
    size_t size = TC_CACHED_FROM;
    while (size * 2 <= bytes && k < TC_CLASSES - 4) {
        size *= 2;
        k += 4;
    }
    size_t step = size / 4;
    size_t quarters = bytes <= size ? 0 : (bytes - size + step - 1) / step;
    *rounded = size + quarters * step;
    return k + (int)quarters;
}

static void tc_block_release(tc_block *block)
{
    if (block->class_ < 0)
        free(block);
    else
        munmap(block, block->bytes);
}

void *tc_block_get(size_t bytes)
{
    tc_block *block;
    size_t whole = bytes + TC_HEADER;
    if (whole < TC_CACHED_FROM) {
        if (posix_memalign((void **)&block, 64, whole))
            return NULL;
        block->bytes = whole;
        block->class_ = -1;
        return (char *)block + TC_HEADER;
    }
    int k = tc_size_class(whole, &whole);
    pthread_once(&tc_cache_once, tc_cache_install_fork_handler);
    pthread_mutex_lock(&tc_cache.lock);
    block = k < TC_CLASSES ? tc_cache.classes[k] : NULL;
    if (block) {
        tc_cache.classes[k] = block->next;
        tc_cache.held -= (int64_t)block->bytes;
    }
    pthread_mutex_unlock(&tc_cache.lock);
    if (block) {
        block->wanted = bytes;
        tc_count_bytes((int64_t)bytes);
        return (char *)block + TC_HEADER;
    }
    block = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) { /* blocks that are kept for nobody may be what lacks */
        tc_cache_trim();
        block = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (block == MAP_FAILED)
        return NULL;
#ifdef MADV_HUGEPAGE
    madvise(block, whole, MADV_HUGEPAGE);
#endif
    block->bytes = whole;
    block->class_ = k;
    block->wanted = bytes;
    tc_count_bytes((int64_t)bytes);
    return (char *)block + TC_HEADER;
}

/* Unlinks blocks that are too old, or all of them (`bytes` of room wanted: until there is room). */
static tc_block *tc_cache_collect(int64_t older_than, int64_t keep)
{
    tc_block *dropped = NULL;
    for (int k = TC_CLASSES - 1; k >= 0; k--)
        for (tc_block **at = &tc_cache.classes[k]; *at;) {
            tc_block *block = *at;
            if (block->freed < older_than || tc_cache.held > keep) {
                *at = block->next;
                tc_cache.held -= (int64_t)block->bytes;
                block->next = dropped;
                dropped = block;
            } else
                at = &block->next;
        }
    return dropped;
}

static void tc_blocks_release(tc_block *blocks)
{
    while (blocks) {
        tc_block *next = blocks->next;
        tc_block_release(blocks);
        blocks = next;
    }
}

void tc_block_free(void *memory)
{
    if (!memory)
        return;
    tc_block *block = (tc_block *)((char *)memory - TC_HEADER);
    if (block->class_ >= 0)
        tc_count_bytes(-(int64_t)block->wanted);
    if (block->class_ < 0 || block->class_ >= TC_CLASSES) {
        tc_block_release(block);
        return;
    }
    int64_t now = tc_now_ns();
    pthread_mutex_lock(&tc_cache.lock);
    block->freed = now;
    block->next = tc_cache.classes[block->class_];
    tc_cache.classes[block->class_] = block;
    tc_cache.held += (int64_t)block->bytes;
    tc_block *dropped = tc_cache_collect(now - tc_cache.age, tc_cache.limit);
    pthread_mutex_unlock(&tc_cache.lock);
    tc_blocks_release(dropped);
}

void tc_cache_limit(int64_t bytes)
{
    pthread_mutex_lock(&tc_cache.lock);
    tc_cache.limit = bytes;
    tc_block *dropped = tc_cache_collect(0, bytes);
    pthread_mutex_unlock(&tc_cache.lock);
    tc_blocks_release(dropped);
}

void tc_cache_age(int64_t ns)
{
    pthread_mutex_lock(&tc_cache.lock);
    tc_cache.age = ns;
    pthread_mutex_unlock(&tc_cache.lock);
}

void tc_cache_trim(void)
{
    pthread_mutex_lock(&tc_cache.lock);
    tc_block *dropped = tc_cache_collect(0, 0);
    pthread_mutex_unlock(&tc_cache.lock);
    tc_blocks_release(dropped);
}

int64_t tc_cache_held(void)
{
    return tc_cache.held;
}
