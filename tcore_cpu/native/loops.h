/* Loops: axes merged and reordered at run time, tiles fetched from and stored to strided memory. */

/* Shortest innermost axis for which tiles stay inside it. */
#define TC_SHORT 48

typedef struct {
    int nd;
    int64_t total;
    int64_t ext[TC_MAXDIM];
    int64_t str[TC_MAXREFS][TC_MAXDIM]; /* by operand */
} tc_loop;

/* How many operands want axis a outside of axis b, minus those that want the reverse. */
static int64_t tc_votes(const tc_kernel *k, const int64_t *sa, const int64_t *sb)
{
    int64_t votes = 0;
    for (int p = 0; p < k->noperands; p++)
        if (k->operands[p].kind == TC_OPERAND_ARRAY) {
            int64_t a = sa[p] < 0 ? -sa[p] : sa[p], b = sb[p] < 0 ? -sb[p] : sb[p];
            if (a && b)
                votes += a > b ? 1 : a < b ? -1 : 0;
        }
    return votes;
}

/* The loop over the axes whose bit in `reduced` equals `which`, outermost first. */
static void tc_plan_loop(tc_loop *loop, const tc_kernel *k, const tc_launch *l, int which)
{
    int order[TC_MAXDIM], nd = 0, np = k->noperands;
    int64_t column[TC_MAXDIM][TC_MAXREFS];
    loop->total = 1;
    for (int d = 0; d < l->ndim; d++) {
        if ((int)(l->reduced >> d & 1) != which)
            continue;
        loop->total *= l->extents[d];
        if (l->extents[d] == 1)
            continue;
        for (int p = 0; p < np; p++)
            column[nd][p] = l->strides[p * l->ndim + d];
        int at = nd;
        order[nd] = d;
        /* Insertion keeps the given order where operands do not object. */
        while ((k->order == TC_ORDER_ANY || k->order == TC_ORDER_PREFIX) && at > 0 && tc_votes(k, column[at], column[at - 1]) > 0) {
            int64_t swap[TC_MAXREFS];
            memcpy(swap, column[at], sizeof(int64_t) * (size_t)np);
            memcpy(column[at], column[at - 1], sizeof(int64_t) * (size_t)np);
            memcpy(column[at - 1], swap, sizeof(int64_t) * (size_t)np);
            int o = order[at];
            order[at] = order[at - 1];
            order[at - 1] = o;
            at--;
        }
        nd++;
    }
    loop->nd = 0;
    for (int j = 0; j < nd; j++) {
        int64_t ext = l->extents[order[j]];
        int m = loop->nd, joins = m > 0;
        for (int p = 0; joins && p < np; p++)
            joins = loop->str[p][m - 1] == column[j][p] * ext;
        if (joins) {
            loop->ext[m - 1] *= ext;
            for (int p = 0; p < np; p++)
                loop->str[p][m - 1] = column[j][p];
        } else {
            loop->ext[m] = ext;
            for (int p = 0; p < np; p++)
                loop->str[p][m] = column[j][p];
            loop->nd++;
        }
    }
    if (loop->nd == 0) {
        loop->nd = 1;
        loop->ext[0] = loop->total;
        for (int p = 0; p < np; p++)
            loop->str[p][0] = 0;
    }
}

static int64_t tc_inner(const tc_loop *loop)
{
    return loop->ext[loop->nd - 1];
}

/* Byte offset (IOTA: value) of the `outer`-th run of the innermost axis. */
static int64_t tc_run_offset(const tc_loop *loop, int operand, int64_t outer)
{
    int64_t offset = 0;
    const int64_t *str = loop->str[operand];
    for (int d = loop->nd - 2; d > 0; d--) {
        offset += outer % loop->ext[d] * str[d];
        outer /= loop->ext[d];
    }
    return loop->nd > 1 ? offset + outer * str[0] : offset;
}

#define TC_MOVE_RUN(T)                                                          \
    {                                                                           \
        if (storing)                                                            \
            for (int64_t i = 0; i < n; i++)                                     \
                *(T *)(memory + i * stride) = ((const T *)tile)[i];             \
        else if (stride == 0) {                                                 \
            T v = *(const T *)memory;                                           \
            for (int64_t i = 0; i < n; i++)                                     \
                ((T *)tile)[i] = v;                                             \
        } else                                                                  \
            for (int64_t i = 0; i < n; i++)                                     \
                ((T *)tile)[i] = *(const T *)(memory + i * stride);             \
        break;                                                                  \
    }

typedef struct {
    uint64_t a, b;
} tc_pair;

/* Between a strided run and a tile. */
static void tc_move_run(char *tile, char *memory, int64_t stride, int64_t n, int itemsize, int storing)
{
    if (stride == itemsize) {
        if (storing)
            memcpy(memory, tile, (size_t)(n * itemsize));
        else
            memcpy(tile, memory, (size_t)(n * itemsize));
        return;
    }
    switch (itemsize) {
    case 1: TC_MOVE_RUN(uint8_t)
    case 2: TC_MOVE_RUN(uint16_t)
    case 4: TC_MOVE_RUN(uint32_t)
    case 8: TC_MOVE_RUN(uint64_t)
    case 16: TC_MOVE_RUN(tc_pair)
    default: break;
    }
}

static void tc_iota_run(int64_t *tile, int64_t value, int64_t step, int64_t n)
{
    /* Sums, as not every processor has vectors of products of such numbers. */
    for (int64_t i = 0; i < n; i++, value += step)
        tile[i] = value;
}

/* Between n elements from linear position `start` of the loop and a tile; runs may be short. */
static void tc_move_linear(const tc_loop *loop, int operand, int kind, char *base, int64_t start, int64_t n,
                           char *tile, int itemsize, int storing)
{
    const int64_t *str = loop->str[operand];
    int64_t at[TC_MAXDIM], offset = 0;
    int last = loop->nd - 1;
    for (int d = last; d >= 0; d--) {
        at[d] = start % loop->ext[d];
        start /= loop->ext[d];
        offset += at[d] * str[d];
    }
    while (n > 0) {
        int64_t run = loop->ext[last] - at[last];
        if (run > n)
            run = n;
        if (kind == TC_OPERAND_IOTA)
            tc_iota_run((int64_t *)tile, (int64_t)(intptr_t)base + offset, str[last], run);
        else
            tc_move_run(tile, base + offset, str[last], run, itemsize, storing);
        tile += run * itemsize;
        n -= run;
        offset += run * str[last];
        at[last] += run;
        for (int d = last; d > 0 && at[d] == loop->ext[d]; d--) {
            offset += str[d - 1] - at[d] * str[d];
            at[d] = 0;
            at[d - 1]++;
        }
    }
}

/* Thread-local scratch: grows, is kept between kernels, is freed when the thread ends. */
typedef struct {
    size_t bytes;
    char *memory;
} tc_scratch;

static pthread_key_t tc_scratch_key;
static pthread_once_t tc_scratch_once = PTHREAD_ONCE_INIT;
static __thread tc_scratch *tc_scratch_own;

static void tc_scratch_drop(void *scratch)
{
    free(((tc_scratch *)scratch)->memory);
    free(scratch);
}

static void tc_scratch_make_key(void)
{
    pthread_key_create(&tc_scratch_key, tc_scratch_drop);
}

static char *tc_scratch_get(size_t bytes)
{
    tc_scratch *s = tc_scratch_own;
    if (!s) {
        pthread_once(&tc_scratch_once, tc_scratch_make_key);
        s = calloc(1, sizeof *s);
        if (!s)
            return NULL;
        tc_scratch_own = s;
        pthread_setspecific(tc_scratch_key, s);
    }
    if (bytes == 0)
        bytes = 64; /* NULL means that there is no memory, also for who needs none */
    if (s->bytes < bytes) {
        free(s->memory);
        s->bytes = 0;
        if (posix_memalign((void **)&s->memory, 64, bytes)) {
            s->memory = NULL;
            return NULL;
        }
        s->bytes = bytes;
    }
    return s->memory;
}

/* Takes this thread's scratch away, so that another program may run in the thread; attaching gives it back. */
static void *tc_scratch_detach(void)
{
    tc_scratch *s = tc_scratch_own;
    tc_scratch_own = NULL;
    return s;
}

static void tc_scratch_attach(void *scratch)
{
    if (tc_scratch_own) {
        tc_scratch_drop(tc_scratch_own);
        pthread_setspecific(tc_scratch_key, scratch);
    }
    tc_scratch_own = scratch;
}

/* Runs a body on n elements. Bodies with vector functions only ever see whole vectors: the rest goes
 * through a lane buffer, so that no value depends on its position. `tile[r]` says which refs are tiles. */
static void tc_call_body(const tc_phase *phase, int64_t n, void *const *ptr, const uint8_t *tile,
                         const tc_params *params)
{
    int64_t rest = phase->lanes ? n % TC_LANES : 0, whole = n - rest;
    if (whole)
        phase->body(whole, ptr, params);
    if (!rest)
        return;
    _Alignas(64) char lanes[TC_MAXREFS][TC_LANES * TC_MAXITEM];
    void *moved[TC_MAXREFS];
    for (int r = 0; r < phase->nrefs; r++) {
        int size = phase->refs[r].itemsize;
        moved[r] = ptr[r];
        if (!tile[r])
            continue;
        char *from = (char *)ptr[r] + whole * size;
        moved[r] = lanes[r];
        if (phase->refs[r].written == 1)
            continue;
        memcpy(lanes[r], from, (size_t)(rest * size));
        tc_move_run(lanes[r] + rest * size, from + (rest - 1) * size, 0, TC_LANES - rest, size, 0);
    }
    phase->body(TC_LANES, moved, params);
    for (int r = 0; r < phase->nrefs; r++)
        if (tile[r] && phase->refs[r].written) {
            int size = phase->refs[r].itemsize;
            memcpy((char *)ptr[r] + whole * size, lanes[r], (size_t)(rest * size));
        }
}

/* Elements of a copy that one thread moves at once, and bytes from which threads are worth it. */
#define TC_PIECE ((int64_t)16384)
#define TC_COPY_THREADS ((int64_t)1 << 20)

typedef struct {
    const tc_loop *loop;
    char *to, *from;
    int itemsize, streamed;
} tc_copying;

/* Pieces of runs of the innermost axis. */
static void tc_copy_pieces(void *context, int64_t begin, int64_t end)
{
    const tc_copying *c = context;
    const tc_loop *loop = c->loop;
    int64_t inner = tc_inner(loop), per_run = (inner + TC_PIECE - 1) / TC_PIECE;
    int64_t step = loop->str[0][loop->nd - 1], from_step = loop->str[1][loop->nd - 1];
    for (int64_t k = begin; k < end; k++) {
        int64_t at = k % per_run * TC_PIECE, n = inner - at < TC_PIECE ? inner - at : TC_PIECE;
        char *target = c->to + tc_run_offset(loop, 0, k / per_run) + at * step;
        char *source = c->from + tc_run_offset(loop, 1, k / per_run) + at * from_step;
        if (step == c->itemsize && from_step == c->itemsize && c->streamed)
            tc_stream(target, source, (size_t)(n * c->itemsize));
        else if (step == c->itemsize)
            tc_move_run(target, source, from_step, n, c->itemsize, 0);
        else if (from_step == c->itemsize)
            tc_move_run(source, target, step, n, c->itemsize, 1);
        else
            for (int64_t i = 0; i < n; i++)
                memcpy(target + i * step, source + i * from_step, (size_t)c->itemsize);
    }
#if defined(__SSE2__)
    if (c->streamed)
        _mm_sfence();
#endif
}

/* Bytes of an array, where neither of two layouts has gaps and both are in the order of the axes; else -1. */
static int64_t tc_bytes_in_order(const int64_t *first, const int64_t *second, int ndim, const int64_t *extents, int itemsize)
{
    int64_t bytes = itemsize;
    for (int d = ndim - 1; d >= 0; d--) {
        if (extents[d] != 1 && (first[d] != bytes || second[d] != bytes))
            return -1;
        bytes *= extents[d];
    }
    return bytes;
}

void tc_copy(char *to, const int64_t *to_strides, const char *from, const int64_t *from_strides,
             int ndim, const int64_t *extents, int itemsize)
{
    const int64_t bytes = tc_bytes_in_order(to_strides, from_strides, ndim, extents, itemsize);
    if (bytes >= 0 && bytes < TC_COPY_THREADS) {
        if (bytes && to != from)
            memcpy(to, from, (size_t)bytes);
        return;
    }
    tc_operand operands[2] = {{TC_OPERAND_ARRAY, itemsize, 1}, {TC_OPERAND_ARRAY, itemsize, 0}};
    tc_kernel kernel = {.noperands = 2, .operands = operands};
    char *data[2] = {to, (char *)(uintptr_t)from};
    int64_t strides[2 * TC_MAXDIM];
    tc_launch launch = {ndim, 0, extents, data, strides, NULL, NULL, 1};
    tc_loop loop;
    memcpy(strides, to_strides, sizeof(int64_t) * (size_t)ndim);
    memcpy(strides + ndim, from_strides, sizeof(int64_t) * (size_t)ndim);
    tc_plan_loop(&loop, &kernel, &launch, 0);
    if (loop.total == 0)
        return;
    tc_copying copying = {&loop, to, data[1], itemsize, loop.total * itemsize >= tc_largest_cache()};
    int64_t runs = loop.total / tc_inner(&loop), pieces = (tc_inner(&loop) + TC_PIECE - 1) / TC_PIECE;
    if (loop.total * itemsize < TC_COPY_THREADS)
        tc_copy_pieces(&copying, 0, runs * pieces);
    else
        tc_parallel_for(runs * pieces, 1 + TC_PIECE / (loop.total / (runs * pieces)), tc_copy_pieces, &copying);
}
