/* Jobs: one launch of a kernel, and the tiles of one of its phases.
 *
 * The drivers that run them:
 *
 *   map    no reduced axis: tiles of the merged domain
 *   rows   reduced axes are walked for one kept index at a time (row programs, sums over inner axes)
 *   prefix the reduced axis is an ordered one: tiles of kept indices take step after step, or walk along it
 *   turned short rows: a tile of them is turned, so that they stand side by side
 *   lanes  the kept axis is innermost in memory: a tile of kept indices accumulates row after row
 */

typedef struct {
    const tc_kernel *kernel;
    const tc_launch *launch;
    tc_loop kept, row;
    int64_t per_run;  /* tiles of kept indices in one run of the innermost kept axis */
    int64_t tile;     /* kept indices of one tile */
    size_t rows_bytes; /* scratch rows of one kept index */
    int64_t span;     /* elements of a scratch tile: TC_TILE, or a whole row */
    uint64_t streamed; /* bit p: operand p is written around the caches */
    int scattered;    /* rows: elements of a row are far apart */
    int short_rows;   /* rows: each row is one tile */
    int one_pass;     /* rows: all phases of a row before the next row */
    const tc_phase *overlapped; /* rows: during this phase the next rows are asked for */
    int linear;       /* map: tiles cross the ends of runs */
    int64_t tiles;    /* map: how many there are */
    int64_t part, parts; /* map: which part of the results is made */
    int in_runs;      /* map: tiles are runs along the last axis, and bodies take them so */
    atomic_int failed;
    const tc_phase *phase; /* the phase in progress */
    /* One row in parallel: the values of its blocks. */
    int64_t row_at;
    char *cells;
    char *rows;
    tc_value *block_values;
    int64_t *block_positions;
} tc_job;

/* Elements of a block of tiles. */
#define TC_BLOCK (64 * TC_TILE)

/* Whether a reference is to one element per index. */
static int tc_is_array(const tc_ref *ref)
{
    return ref->kind == TC_REF_ARRAY || ref->kind == TC_REF_PLACE || ref->kind == TC_REF_LINE;
}

static size_t tc_round64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* Bytes of a scratch tile. Tiles begin at whole cache lines. */
static size_t tc_tile_bytes(const tc_job *job, const tc_ref *ref)
{
    return tc_round64((size_t)ref->itemsize * (size_t)job->span);
}

/* Bytes of tile scratch that a phase needs. */
static size_t tc_phase_scratch(const tc_job *job, const tc_phase *phase)
{
    size_t bytes = 0;
    for (int r = 0; r < phase->nrefs; r++)
        if (tc_is_array(&phase->refs[r]) || phase->refs[r].kind == TC_REF_TILE || phase->refs[r].kind == TC_REF_SPREAD)
            bytes += tc_tile_bytes(job, &phase->refs[r]);
    return bytes;
}

static size_t tc_tiles_scratch(const tc_job *job)
{
    size_t most = 0;
    for (int p = 0; p < job->kernel->nphases; p++) {
        size_t bytes = tc_phase_scratch(job, &job->kernel->phases[p]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

/* Which operands go around the caches: arrays that these would not hold, that are stored once and not read. Their lines are not fetched first. */
static uint64_t tc_streamed(const tc_job *job, const tc_loop *loop, int64_t elements)
{
    const tc_kernel *kernel = job->kernel;
    uint64_t streamed = 0;
    elements *= job->launch->whole;
    if (elements * TC_MAXITEM < tc_largest_cache())
        return 0;
    for (int p = 0; p < kernel->noperands; p++) {
        const tc_operand *operand = &kernel->operands[p];
        int uses = 0;
        if (operand->kind != TC_OPERAND_ARRAY || operand->written != 1 || loop->str[p][loop->nd - 1] != operand->itemsize)
            continue;
        if (elements * operand->itemsize < tc_largest_cache())
            continue;
        for (int f = 0; f < kernel->nphases; f++)
            for (int r = 0; r < kernel->phases[f].nrefs; r++)
                uses += kernel->phases[f].refs[r].kind == TC_REF_ARRAY && kernel->phases[f].refs[r].index == p;
        for (int o = 0; o < kernel->noperands; o++)
            uses += o != p && job->launch->data[o] == job->launch->data[p];
        if (uses == 1)
            streamed |= (uint64_t)1 << p;
    }
    return streamed;
}

/* Makes streamed results visible to other threads: once, when a task is done. */
static void tc_stream_end(const tc_job *job)
{
#if defined(__SSE2__)
    if (job->streamed)
        _mm_sfence();
#else
    (void)job;
#endif
}

static int64_t tc_grain_of(const tc_kernel *kernel, int64_t elements_per_task)
{
    /* Chunks of about half the threshold, be it one of work or of elements; a task per chunk at least. */
    int64_t cost = elements_per_task * (kernel->cost > 0 ? kernel->cost : 1000) / 1000;
    int64_t grain = (tc_grain_ns / 2) / (cost > 0 ? cost : 1);
    int64_t most = tc_least_elements / 2 / (elements_per_task > 0 ? elements_per_task : 1);
    grain = grain < most ? grain : most;
    return grain < 1 ? 1 : grain;
}

static int tc_worth(const tc_kernel *kernel, int64_t elements)
{
    return elements >= tc_least_elements || elements * (kernel->cost > 0 ? kernel->cost : 1000) / 1000 >= tc_grain_ns;
}

static int tc_worth_threads(const tc_kernel *kernel, int64_t elements)
{
    return kernel->order == TC_ORDER_ANY && tc_worth(kernel, elements);
}

/* Pointers of a phase for n elements, runs of the innermost axis of `loop`. `base[r]` is where the run
 * begins for ref r (operand data plus outer offsets), `at` the position in the run. */
static void tc_fetch(const tc_job *job, const tc_phase *phase, const tc_loop *loop, char *const *base, int64_t at,
                     int64_t n, char *scratch, void **ptr, uint8_t *tile, uint8_t *packed)
{
    int last = loop->nd - 1;
    for (int r = 0; r < phase->nrefs; r++) {
        const tc_ref *ref = &phase->refs[r];
        tile[r] = packed[r] = 0;
        switch (ref->kind) {
        case TC_REF_ARRAY:
        case TC_REF_PLACE:
        case TC_REF_LINE: {
            const tc_operand *operand = &job->kernel->operands[ref->index];
            int64_t stride = loop->str[ref->index][last];
            char *memory = base[r] + at * stride;
            tile[r] = 1;
            int streamed = ref->written == 1 && (job->streamed >> ref->index & 1);
            if (job->in_runs && ref->kind != TC_REF_ARRAY) {
                /* The first element only. */
                tile[r] = 0;
                ptr[r] = operand->kind == TC_OPERAND_IOTA ? scratch : memory;
                if (operand->kind == TC_OPERAND_IOTA)
                    *(int64_t *)scratch = (int64_t)(intptr_t)memory;
            } else if (operand->kind == TC_OPERAND_ARRAY && ((stride == ref->itemsize && !streamed) || n == 1))
                ptr[r] = memory;
            else {
                ptr[r] = scratch;
                packed[r] = 1 + (stride == ref->itemsize);
                if (operand->kind == TC_OPERAND_IOTA) {
                    if (phase->body)
                        tc_iota_run((int64_t *)scratch, (int64_t)(intptr_t)memory, stride, n);
                } else if (ref->written != 1)
                    tc_move_run(scratch, memory, stride, n, ref->itemsize, 0);
            }
            scratch += tc_tile_bytes(job, ref);
            break;
        }
        case TC_REF_TILE:
        case TC_REF_SPREAD:
            tile[r] = 1;
            ptr[r] = scratch;
            scratch += tc_tile_bytes(job, ref);
            break;
        case TC_REF_SCALAR:
        case TC_REF_BASE:
            ptr[r] = job->launch->data[ref->index];
            break;
        default:
            break;
        }
    }
}

/* From a scratch tile to memory; `packed` is 2 where it is to go around the caches. */
static void tc_store_run(void *tile, char *memory, int64_t stride, int64_t n, int itemsize, int packed)
{
    if (packed == 2)
        tc_stream(memory, tile, (size_t)(n * itemsize));
    else
        tc_move_run(tile, memory, stride, n, itemsize, 1);
}

static void tc_store_packed(const tc_phase *phase, const tc_loop *loop, char *const *base, int64_t at, int64_t n,
                            void **ptr, const uint8_t *packed)
{
    for (int r = 0; r < phase->nrefs; r++)
        if (packed[r] && phase->refs[r].written) {
            int64_t stride = loop->str[phase->refs[r].index][loop->nd - 1];
            tc_store_run(ptr[r], base[r] + at * stride, stride, n, phase->refs[r].itemsize, packed[r]);
        }
}
