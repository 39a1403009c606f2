/* Work that takes long: the host may do something else meanwhile, and is asked from time to time whether to stop. */

/* Nanoseconds of work from which releasing the host's lock pays. */
#define TC_LONG_NS 50000
/* What any step takes, about. */
#define TC_STEP_NS 100
/* What a byte takes that is copied. */
#define TC_COPY_NS 0.2
/* Rounds of a loop whose steps are counted at once. */
#define TC_ROUNDS 64

/* Lets the host do something else from now on, and asks it from time to time whether to stop. */
static __attribute__((noinline)) int tc_let_go(tc_frame *f)
{
    f->worked = 0;
    if (!f->on_poll)
        return 0;
    if (f->on_long)
        f->on_long(f->host);
    if (f->polled != 0)
        return tc_ask(f);
    f->polled = tc_seconds();
    return 0;
}

/* Work of about `ns` nanoseconds follows, which may be long together with what went before. 1: not even to begin. */
static inline int tc_add_work(tc_frame *f, double ns)
{
    f->worked += ns + TC_STEP_NS;
    return f->worked > TC_LONG_NS && tc_let_go(f);
}

/* The same, for a step that is watched until tc_watch_ends if it is long by itself: it may be stopped halfway. */
static inline int tc_watch_begins(tc_frame *f, double ns)
{
    if (tc_add_work(f, ns))
        return 1;
    if (ns > TC_LONG_NS && f->on_poll) {
        f->watched = 1;
        tc_watched = f;
        tc_stopped = 0;
    }
    return 0;
}

/* Whether the work was stopped halfway. */
static inline int tc_watch_ends(tc_frame *f)
{
    if (!f->watched)
        return 0;
    f->watched = 0;
    tc_watched = NULL;
    return tc_stopped;
}

static int tc_stop(tc_frame *f)
{
    return tc_fail(f, TC_ERROR_STOPPED, -1, -1, 0, 0, 0);
}

/* Copies an array into memory of its lengths. */
static int tc_step_copy(tc_frame *f, char *to, const int64_t *strides, const tc_array *x)
{
    int64_t bytes = x->itemsize;
    for (int d = 0; d < x->ndim; d++)
        bytes *= x->dims[d];
    if (tc_watch_begins(f, (double)bytes * TC_COPY_NS))
        return tc_stop(f);
    tc_copy(to, strides, x->data, x->strides, x->ndim, x->dims, x->itemsize);
    return tc_watch_ends(f) ? tc_stop(f) : TC_DONE;
}
