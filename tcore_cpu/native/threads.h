/* One thread pool per process: parallel_for over ranges, in chunks that poll a cancel flag.
 *
 * The thread that runs a long kernel asks its host between chunks whether to go on (Ctrl-C). One parallel region runs at a time; a region that is asked for meanwhile (or from within one) runs
 * serially in its own thread. After fork the child starts a fresh pool: its parent's threads are gone.
 *
 * Who waits, for the next region or for the end of this one, looks for as long as a wake-up costs and sleeps then: a program of
 * short regions wakes nobody, and an idle pool takes no core from anyone.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TC_MAXTHREADS 256

/* What one thread of a region does first, before it helps the others. */
typedef struct {
    _Alignas(64) atomic_llong next;
    int64_t end;
} tc_share;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t done;
    int workers;      /* threads that exist beside the callers */
    int wanted;       /* threads of a region, the caller's included; 0: not yet known */
    atomic_llong round; /* number of the region in progress */
    atomic_int running; /* workers that have not finished it */
    int admitted;     /* workers that may still join it */
    tc_task task;
    void *context;
    int64_t grain;
    int shares;
    tc_share share[TC_MAXTHREADS];
    atomic_int cancelled; /* the region in progress is not wanted any more */
} tc_pool = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static atomic_flag tc_region = ATOMIC_FLAG_INIT;
/* The frame for which this thread runs a long kernel. */
typedef struct {
    int (*poll)(void *host);
    void *host;
    int stopped;
} tc_caller;
static _Thread_local tc_caller *tc_caller_now;
static pthread_once_t tc_fork_once = PTHREAD_ONCE_INIT;
static int64_t tc_grain_ns = 40000;
/* What waking a sleeping thread costs, about; that of a guest system's more. */
#define TC_WAKE_NS 20000

static int64_t tc_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void tc_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void tc_after_fork(void)
{
    pthread_mutex_init(&tc_pool.lock, NULL);
    pthread_cond_init(&tc_pool.wake, NULL);
    pthread_cond_init(&tc_pool.done, NULL);
    tc_pool.workers = tc_pool.admitted = 0;
    tc_pool.running = 0;
    atomic_flag_clear(&tc_region);
}

static void tc_install_fork_handler(void)
{
    pthread_atfork(NULL, NULL, tc_after_fork);
}

static int tc_should_stop(void)
{
    tc_caller *caller = tc_caller_now;
    if (caller && !caller->stopped && caller->poll(caller->host))
        caller->stopped = 1;
    return caller && caller->stopped;
}

void tc_set_grain(int64_t ns)
{
    tc_grain_ns = ns;
}

void tc_set_threads(int n)
{
    if (n <= 0) {
        const char *text = getenv("OMP_NUM_THREADS");
        n = text ? atoi(text) : 0;
        if (n <= 0)
            n = (int)sysconf(_SC_NPROCESSORS_ONLN);
    }
    if (n < 1)
        n = 1;
    if (n > TC_MAXTHREADS)
        n = TC_MAXTHREADS;
    pthread_mutex_lock(&tc_pool.lock);
    tc_pool.wanted = n;
    pthread_mutex_unlock(&tc_pool.lock);
}

int tc_get_threads(void)
{
    if (!tc_pool.wanted)
        tc_set_threads(0);
    return tc_pool.wanted;
}

/* Runs chunks: those of the thread's own share, then what the others have not begun. Thread `me` has the same share of
 * equal ranges each time, so that its part of an array may still be in its cache. */
static void tc_take_chunks(tc_task task, void *context, int me, int shares, int64_t grain)
{
    for (int k = 0; k < shares; k++) {
        tc_share *share = &tc_pool.share[(me + k) % shares];
        for (;;) {
            int64_t begin = atomic_fetch_add(&share->next, grain), end = share->end;
            if (begin >= end)
                break;
            if (atomic_load_explicit(&tc_pool.cancelled, memory_order_relaxed))
                return;
            if (tc_should_stop()) {
                atomic_store(&tc_pool.cancelled, 1);
                return;
            }
            task(context, begin, begin + grain < end ? begin + grain : end);
        }
    }
}

static void *tc_worker(void *number)
{
    const int me = (int)(intptr_t)number;
    int64_t seen = 0;
    pthread_mutex_lock(&tc_pool.lock);
    for (;;) {
        if (tc_pool.round == seen) {
            pthread_mutex_unlock(&tc_pool.lock);
            for (int64_t end = tc_now_ns() + TC_WAKE_NS; tc_pool.round == seen && tc_now_ns() < end;)
                tc_relax();
            pthread_mutex_lock(&tc_pool.lock);
        }
        while (tc_pool.round == seen || tc_pool.admitted == 0) {
            seen = tc_pool.round;
            pthread_cond_wait(&tc_pool.wake, &tc_pool.lock);
        }
        seen = tc_pool.round;
        tc_pool.admitted--;
        tc_task task = tc_pool.task;
        void *context = tc_pool.context;
        int64_t grain = tc_pool.grain;
        int shares = tc_pool.shares;
        pthread_mutex_unlock(&tc_pool.lock);
        tc_take_chunks(task, context, me, shares, grain);
        pthread_mutex_lock(&tc_pool.lock);
        if (--tc_pool.running == 0)
            pthread_cond_signal(&tc_pool.done);
    }
    return NULL;
}

/* Starts workers up to `wanted`; called with the lock held. Fewer are fine: the caller works, too. */
static void tc_grow_pool(int wanted)
{
    pthread_attr_t attributes;
    sigset_t all, old;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 2 << 20);
    /* Signals belong to the host's threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (tc_pool.workers < wanted) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, tc_worker, (void *)(intptr_t)(tc_pool.workers + 1)))
            break;
        tc_pool.workers++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
}

void tc_parallel_for(int64_t n, int64_t grain, tc_task task, void *context)
{
    int threads = tc_get_threads();
    if (grain < 1)
        grain = 1;
    if (threads == 1 || n <= grain || atomic_flag_test_and_set(&tc_region)) {
        if (!tc_caller_now) {
            if (n > 0)
                task(context, 0, n);
            return;
        }
        for (int64_t begin = 0; begin < n && !tc_should_stop(); begin += grain)
            task(context, begin, begin + grain < n ? begin + grain : n);
        return;
    }
    pthread_once(&tc_fork_once, tc_install_fork_handler);
    pthread_mutex_lock(&tc_pool.lock);
    int64_t chunks = (n + grain - 1) / grain;
    int helpers = chunks < threads ? (int)chunks - 1 : threads - 1;
    tc_grow_pool(helpers);
    if (helpers > tc_pool.workers)
        helpers = tc_pool.workers;
    tc_pool.task = task;
    tc_pool.context = context;
    tc_pool.grain = grain;
    tc_pool.shares = helpers + 1;
    for (int k = 0; k <= helpers; k++) {
        atomic_store(&tc_pool.share[k].next, n * k / (helpers + 1));
        tc_pool.share[k].end = n * (k + 1) / (helpers + 1);
    }
    atomic_store(&tc_pool.cancelled, 0);
    tc_pool.admitted = helpers;
    tc_pool.running = helpers;
    tc_pool.round++;
    pthread_cond_broadcast(&tc_pool.wake);
    pthread_mutex_unlock(&tc_pool.lock);
    tc_take_chunks(task, context, 0, helpers + 1, grain);
    pthread_mutex_lock(&tc_pool.lock);
    /* Workers that did not wake in time have nothing left to do: they need not be waited for. */
    tc_pool.running -= tc_pool.admitted;
    tc_pool.admitted = 0;
    pthread_mutex_unlock(&tc_pool.lock);
    if (tc_pool.running > 0)
        for (int64_t end = tc_now_ns() + TC_WAKE_NS; tc_pool.running > 0 && tc_now_ns() < end;)
            tc_relax();
    pthread_mutex_lock(&tc_pool.lock);
    while (tc_pool.running > 0)
        pthread_cond_wait(&tc_pool.done, &tc_pool.lock);
    pthread_mutex_unlock(&tc_pool.lock);
    atomic_flag_clear(&tc_region);
}
