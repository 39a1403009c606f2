/* One thread pool per process: parallel_for over ranges, in chunks that poll a cancel flag.
 *
 * The thread that runs a long step asks its host between chunks whether to go on (Ctrl-C). One parallel region runs at a
 * time; a region that is asked for meanwhile (or from within one) runs serially in its own thread. After fork the child
 * starts a fresh pool: its parent's threads are gone.
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
/* The frame for which this thread runs a long step; NULL in the pool's own threads. */
static _Thread_local tc_frame *tc_watched;
/* Whether its host wants no more of it. */
static _Thread_local int tc_stopped;
static _Thread_local int tc_in_pool;
static pthread_once_t tc_fork_once = PTHREAD_ONCE_INIT;
static int64_t tc_grain_ns = 40000;
static int64_t tc_least_elements = INT64_MAX;
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

static double tc_seconds(void)
{
    return 1e-9 * (double)tc_now_ns();
}

static void *tc_scratch_detach(void);
static void tc_scratch_attach(void *scratch);

/* Asks the host of a frame whether to stop, unless it was asked just before. A signal handler of the host may run programs in
 * this thread meanwhile. */
static int tc_ask(tc_frame *f)
{
    static _Thread_local int depth;
    double now = tc_seconds();
    /* Handlers that are interrupted by handlers, and so on, must not use up the stack. */
    if (now - f->polled < TC_POLL || depth == 4)
        return 0;
    f->polled = now;
    tc_frame *watched = tc_watched;
    void *scratch = tc_scratch_detach();
    tc_watched = NULL;
    depth++;
    int stop = f->on_poll(f->host);
    depth--;
    tc_watched = watched;
    tc_scratch_attach(scratch);
    return stop;
}

/* Whether the rest of the step at hand is not wanted any more: what it has made so far must not be read. */
static int tc_is_stopped(void)
{
    return tc_in_pool ? atomic_load_explicit(&tc_pool.cancelled, memory_order_relaxed) : tc_watched && tc_stopped;
}

/* The same, after asking: between the chunks of a long step. */
static int tc_should_stop(void)
{
    if (tc_watched && !tc_stopped)
        tc_stopped = tc_ask(tc_watched);
    return tc_is_stopped();
}

void tc_set_grain(int64_t ns)
{
    tc_grain_ns = ns;
}

void tc_set_elements(int64_t n)
{
    tc_least_elements = n;
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
            if (tc_should_stop()) {
                atomic_store(&tc_pool.cancelled, 1);
                return;
            }
            int64_t begin = atomic_fetch_add(&share->next, grain), end = share->end;
            if (begin >= end)
                break;
            task(context, begin, begin + grain < end ? begin + grain : end);
        }
    }
}

static void *tc_worker(void *number)
{
    const int me = (int)(intptr_t)number;
    int64_t seen = 0;
    tc_in_pool = 1;
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

/* All of a range in this thread; in chunks where somebody may want to stop it. */
static void tc_serial_for(int64_t n, int64_t grain, tc_task task, void *context)
{
    if (!tc_watched) {
        if (n > 0)
            task(context, 0, n);
        return;
    }
    for (int64_t begin = 0; begin < n && !tc_should_stop(); begin += grain)
        task(context, begin, begin + grain < n ? begin + grain : n);
}

/* Sleeps until the last worker is done, or it is time to ask again whether to stop; called with the lock held. */
static void tc_wait_for_workers(void)
{
    if (!tc_watched || tc_stopped) {
        pthread_cond_wait(&tc_pool.done, &tc_pool.lock);
        return;
    }
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(TC_POLL * 1e9);
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (pthread_cond_timedwait(&tc_pool.done, &tc_pool.lock, &until) == 0)
        return;
    pthread_mutex_unlock(&tc_pool.lock);
    if (tc_should_stop())
        atomic_store(&tc_pool.cancelled, 1);
    pthread_mutex_lock(&tc_pool.lock);
}

void tc_parallel_for(int64_t n, int64_t grain, tc_task task, void *context)
{
    int threads = tc_get_threads();
    if (grain < 1)
        grain = 1;
    if (threads == 1 || n <= grain || atomic_flag_test_and_set(&tc_region)) {
        tc_serial_for(n, grain, task, context);
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
        tc_wait_for_workers();
    pthread_mutex_unlock(&tc_pool.lock);
    atomic_flag_clear(&tc_region);
}

/* For code of users' ops. Their step may hold the host's lock, so nobody asks the host meanwhile whether to stop. */
static void tc_lent_parallel_for(int64_t n, int64_t grain, tc_task task, void *context)
{
    tc_frame *watched = tc_watched;
    tc_watched = NULL;
    tc_parallel_for(n, grain, task, context);
    tc_watched = watched;
}

int64_t tc_lent_threads(void)
{
    return (int64_t)(intptr_t)tc_lent_parallel_for;
}
