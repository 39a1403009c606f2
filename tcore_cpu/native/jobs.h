/* Jobs: one launch of a kernel, and the tiles of one of its phases.
 *
 * The drivers that run them:
 *
 *   map    no reduced axis: tiles of the merged domain
 *   rows   reduced axes are walked for one kept index at a time (row programs, sums over inner axes)
 *   lanes  the kept axis is innermost in memory: a tile of kept indices accumulates row after row
 */

typedef struct {
    const tc_kernel *kernel;
    const tc_launch *launch;
    tc_loop kept, row;
    int64_t per_run;  /* tiles of kept indices in one run of the innermost kept axis */
    int64_t tile;     /* kept indices of one tile */
    size_t rows_bytes; /* scratch rows of one kept index */
    int short_rows;   /* rows: each row is one tile */
    int linear;       /* map: tiles cross the ends of runs */
    atomic_int failed;
    /* One row in parallel: the phase in progress and the values of its blocks. */
    const tc_phase *phase;
    int64_t row_at;
    char *cells;
    char *rows;
    tc_value *block_values;
    int64_t *block_positions;
} tc_job;

/* Tiles in a block; blocks are summed by themselves, so that they may run on any thread. */
#define TC_BLOCK 64

static size_t tc_round64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* Bytes of tile scratch that a phase needs. */
static size_t tc_phase_scratch(const tc_phase *phase)
{
    size_t bytes = 0;
    for (int r = 0; r < phase->nrefs; r++)
        if (phase->refs[r].kind == TC_REF_ARRAY || phase->refs[r].kind == TC_REF_TILE)
            bytes += (size_t)phase->refs[r].itemsize * TC_TILE;
    return bytes;
}

static size_t tc_tiles_scratch(const tc_kernel *kernel)
{
    size_t most = 0;
    for (int p = 0; p < kernel->nphases; p++) {
        size_t bytes = tc_phase_scratch(&kernel->phases[p]);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static int64_t tc_grain_of(const tc_kernel *kernel, int64_t elements_per_task)
{
    /* Chunks of about half the threshold; a task per chunk at least. */
    int64_t cost = elements_per_task * (kernel->cost > 0 ? kernel->cost : 1000) / 1000;
    int64_t grain = (tc_grain_ns / 2) / (cost > 0 ? cost : 1);
    return grain < 1 ? 1 : grain;
}

static int tc_worth_threads(const tc_kernel *kernel, int64_t elements)
{
    return !kernel->serial && elements * (kernel->cost > 0 ? kernel->cost : 1000) / 1000 >= tc_grain_ns;
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
        case TC_REF_ARRAY: {
            const tc_operand *operand = &job->kernel->operands[ref->index];
            int64_t stride = loop->str[ref->index][last];
            char *memory = base[r] + at * stride;
            tile[r] = 1;
            if (operand->kind == TC_OPERAND_ARRAY && (stride == ref->itemsize || n == 1))
                ptr[r] = memory;
            else {
                ptr[r] = scratch;
                packed[r] = 1;
                if (operand->kind == TC_OPERAND_IOTA)
                    tc_iota_run((int64_t *)scratch, (int64_t)(intptr_t)memory, stride, n);
                else if (ref->written != 1)
                    tc_move_run(scratch, memory, stride, n, ref->itemsize, 0);
            }
            scratch += (size_t)ref->itemsize * TC_TILE;
            break;
        }
        case TC_REF_TILE:
            tile[r] = 1;
            ptr[r] = scratch;
            scratch += (size_t)ref->itemsize * TC_TILE;
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

static void tc_store_packed(const tc_phase *phase, const tc_loop *loop, char *const *base, int64_t at, int64_t n,
                            void **ptr, const uint8_t *packed)
{
    for (int r = 0; r < phase->nrefs; r++)
        if (packed[r] && phase->refs[r].written) {
            int64_t stride = loop->str[phase->refs[r].index][loop->nd - 1];
            tc_move_run(ptr[r], base[r] + at * stride, stride, n, phase->refs[r].itemsize, 1);
        }
}
