/* The row driver: reduced axes are walked for one kept index at a time, phase after phase. */

/* A phase that runs once per row, for n rows of one run of the innermost kept axis. */
static void tc_once_phase(tc_job *job, const tc_phase *phase, int64_t run, int64_t at, int64_t n, char *cells,
                          char *scratch)
{
    const tc_params params = {job->launch->ints, job->launch->error, 0, 1, 0, 0};
    void *ptr[TC_MAXREFS];
    char *base[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS], packed[TC_MAXREFS];
    for (int r = 0; r < phase->nrefs; r++)
        if (phase->refs[r].kind == TC_REF_ARRAY) {
            int p = phase->refs[r].index;
            base[r] = job->launch->data[p] + tc_run_offset(&job->kept, p, run);
        }
    tc_fetch(job, phase, &job->kept, base, at, n, scratch, ptr, tile, packed);
    for (int r = 0; r < phase->nrefs; r++)
        if (phase->refs[r].kind == TC_REF_CELL) {
            tile[r] = 1;
            ptr[r] = tc_cell(cells, phase->refs[r].index);
        }
    tc_call_body(phase, n, ptr, tile, &params);
    tc_store_packed(phase, &job->kept, base, at, n, ptr, packed);
}

/* Scratch that a thread keeps for its next kernel; what rows need beyond it goes back. */
#define TC_SCRATCH_KEPT ((size_t)1 << 20)
#define TC_CELLS_BYTES ((size_t)TC_MAXCELLS * TC_TILE * TC_MAXITEM)

/* Tiles of kept indices: phase after phase for all rows of a tile. */
static void tc_rows_task(void *context, int64_t begin, int64_t end)
{
    tc_job *job = context;
    const tc_kernel *kernel = job->kernel;
    size_t tiles_bytes = tc_tiles_scratch(job);
    size_t rows_bytes = job->rows_bytes * (size_t)job->tile, sums_bytes = 0;
    for (int p = 0; p < kernel->nphases && !job->short_rows; p++) {
        size_t bytes = 2 * sizeof(tc_cascade) * (size_t)(job->tile * kernel->phases[p].nreductions);
        sums_bytes = sums_bytes < bytes ? bytes : sums_bytes;
    }
    size_t bytes = tiles_bytes + TC_CELLS_BYTES + rows_bytes + sums_bytes;
    char *borrowed = bytes > TC_SCRATCH_KEPT ? tc_block_get(bytes) : NULL, *scratch = borrowed ? borrowed : tc_scratch_get(bytes);
    if (!scratch) {
        atomic_store(&job->failed, 1);
        return;
    }
    char *cells = scratch + tiles_bytes, *rows = cells + TC_CELLS_BYTES;
    tc_cascade *sums = (tc_cascade *)(rows + rows_bytes);
    int64_t inner = tc_inner(&job->kept);
    for (int64_t t = begin; t < end; t++) {
        int64_t run = t / job->per_run, at = t % job->per_run * job->tile;
        int64_t n = inner - at < job->tile ? inner - at : job->tile;
        for (int p = 0; p < kernel->nphases; p++) {
            const tc_phase *phase = &kernel->phases[p];
            if (phase->level == 1)
                tc_once_phase(job, phase, run, at, n, cells, scratch);
            else if (job->short_rows)
                p = tc_short_rows(job, p, run, at, n, cells, rows, scratch) - 1;
            else
                tc_row_phase(job, phase, run, at, n, cells, rows, scratch, sums);
            if (tc_is_stopped())
                goto done;
        }
    }
    tc_stream_end(job);
done:
    tc_block_free(borrowed);
}

/* Few long rows: one after the other, each phase on all threads. */
static void tc_long_rows(tc_job *job)
{
    const tc_kernel *kernel = job->kernel;
    int64_t tiles = tc_row_tile_count(job), block = tc_block_tiles(job), blocks = (tiles + block - 1) / block;
    size_t once = tc_tiles_scratch(job);
    size_t values = sizeof(tc_value) * TC_MAXCELLS * (size_t)blocks;
    size_t positions = sizeof(int64_t) * TC_MAXCELLS * (size_t)blocks;
    char *memory = tc_block_get(TC_CELLS_BYTES + once + tc_round64(values) + tc_round64(positions) + job->rows_bytes);
    if (!memory) {
        atomic_store(&job->failed, 1);
        return;
    }
    job->cells = memory;
    char *scratch = memory + TC_CELLS_BYTES;
    job->block_values = (tc_value *)(scratch + once);
    job->block_positions = (int64_t *)(scratch + once + tc_round64(values));
    job->rows = scratch + once + tc_round64(values) + tc_round64(positions);
    int64_t inner = tc_inner(&job->kept);
    for (job->row_at = 0; job->row_at < job->kept.total; job->row_at++)
        for (int p = 0; p < kernel->nphases; p++) {
            const tc_phase *phase = job->phase = &kernel->phases[p];
            if (phase->level == 1) {
                tc_once_phase(job, phase, job->row_at / inner, job->row_at % inner, 1, job->cells, scratch);
                continue;
            }
            tc_parallel_for(blocks, 1, tc_block_task, job);
            if (atomic_load(&job->failed) || tc_is_stopped())
                goto done;
            tc_cascade total[TC_MAXCELLS];
            for (int s = 0; s < phase->nreductions; s++) {
                total[s].count = 0;
                for (int64_t b = 0; b < blocks; b++)
                    tc_cascade_push(&total[s], phase->reductions[s].op, phase->reductions[s].dtype,
                                    &job->block_values[b * phase->nreductions + s],
                                    job->block_positions[b * phase->nreductions + s]);
            }
            tc_store_cells(phase, total, job->cells, 0);
        }
done:
    tc_block_free(memory);
}

/* Bytes of rows that the phases of a tile walk over again: they should stay in cache meanwhile. */
#define TC_ROWS_CACHED ((size_t)192 << 10)

/* How many rows a tile has: few enough for the cache where several phases walk over them, and for all threads. */
static int64_t tc_rows_of_tile(const tc_job *job, int threads)
{
    const tc_kernel *kernel = job->kernel;
    const int64_t inner = tc_inner(&job->kept);
    int64_t rows = job->kept.total / (threads * 4);
    size_t bytes = job->rows_bytes, walks = 0;
    for (int p = 0; p < kernel->nphases; p++)
        walks += kernel->phases[p].level == 0;
    for (int p = 0; p < kernel->noperands; p++)
        if (kernel->operands[p].kind == TC_OPERAND_ARRAY && job->row.str[p][job->row.nd - 1])
            bytes += (size_t)kernel->operands[p].itemsize * (size_t)job->row.total;
    if (walks > 1 && rows > (int64_t)(TC_ROWS_CACHED / (bytes + 1)))
        rows = (int64_t)(TC_ROWS_CACHED / (bytes + 1));
    rows = rows > 64 ? 64 : rows > inner ? inner : rows;
    return rows < 1 ? 1 : rows;
}

/* Longest row that is one tile: a few of them stay in the nearest cache. */
#define TC_SHORT_ROW 2048

/* Elements of a tile that is only read. */
#define TC_LONG_TILE 4096

/* Whether the only pass over a row reads an array as it is: then tiles may be long. */
static int tc_only_folds(const tc_kernel *kernel)
{
    for (int p = 0; p < kernel->nphases; p++)
        if (kernel->phases[p].level == 0 && (p || kernel->phases[p].body))
            return 0;
    return 1;
}

/* Whether rows of one tile are nearer in memory than elements of one row. */
static int tc_is_scattered(const tc_job *job)
{
    for (int p = 0; p < job->kernel->noperands; p++)
        if (job->kernel->operands[p].kind == TC_OPERAND_ARRAY) {
            int64_t row = llabs(job->row.str[p][job->row.nd - 1]), kept = llabs(job->kept.str[p][job->kept.nd - 1]);
            if (kept && kept < row)
                return 1;
        }
    return 0;
}

/* Whether each row is one tile. */
static int tc_has_short_rows(const tc_job *job)
{
    const tc_kernel *kernel = job->kernel;
    if (job->row.nd != 1 || job->row.total < 1 || job->row.total > TC_SHORT_ROW || (job->scattered && job->row.total > TC_TILE))
        return 0;
    for (int p = 0; p < kernel->nphases; p++)
        for (int s = 0; s < kernel->phases[p].nreductions; s++)
            if (kernel->phases[p].reductions[s].cell < 0)
                return 0;
    return 1;
}

/* The phase during which the next rows are asked for: one that computes from the caches, with vector functions if there is such a one. */
static const tc_phase *tc_overlapped(const tc_job *job)
{
    const tc_phase *found = NULL;
    for (int p = 1; p < job->kernel->nphases; p++) {
        const tc_phase *phase = &job->kernel->phases[p];
        if (phase->level == 0 && phase->body && (!found || (phase->lanes && !found->lanes)))
            found = phase;
    }
    return found;
}

static void tc_run_rows(tc_job *job)
{
    int64_t inner = tc_inner(&job->kept), elements = job->kept.total * (job->row.total ? job->row.total : 1);
    int threads = tc_worth_threads(job->kernel, elements) ? tc_get_threads() : 1;
    job->rows_bytes = tc_row_offset(job, job->kernel->nrows);
    job->scattered = tc_is_scattered(job);
    job->span = tc_only_folds(job->kernel) && !job->scattered ? TC_LONG_TILE : TC_TILE;
    job->streamed = tc_streamed(job, &job->row, elements);
    if (threads > 1 && job->kept.total < threads && tc_row_tile_count(job) > tc_block_tiles(job)) {
        tc_long_rows(job);
        return;
    }
    job->short_rows = tc_has_short_rows(job);
    if (job->short_rows && job->row.total > job->span)
        job->span = job->row.total;
    job->one_pass = job->short_rows && tc_is_one_pass(job->kernel);
    job->overlapped = job->short_rows ? tc_overlapped(job) : NULL;
    job->tile = tc_rows_of_tile(job, threads);
    job->per_run = (inner + job->tile - 1) / job->tile;
    int64_t tasks = job->kept.total / inner * job->per_run;
    if (threads > 1)
        tc_parallel_for(tasks, tc_grain_of(job->kernel, elements / tasks), tc_rows_task, job);
    else
        tc_serial_for(tasks, tc_grain_of(job->kernel, elements / tasks), tc_rows_task, job);
}
