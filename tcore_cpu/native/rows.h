/* The row driver: reduced axes are walked for one kept index at a time. */

static char *tc_cell(char *cells, int cell)
{
    return cells + (size_t)cell * TC_TILE * TC_MAXITEM;
}

/* Where scratch row k lies among the scratch of one kept index. */
static size_t tc_row_offset(const tc_job *job, int row)
{
    size_t offset = 0;
    for (int s = 0; s < row; s++)
        offset += tc_round64((size_t)job->kernel->row_itemsizes[s] * (size_t)job->row.total);
    return offset;
}

/* Tiles [begin, end) of one row under one phase; reductions go to the cascades. */
static void tc_row_tiles(tc_job *job, const tc_phase *phase, int64_t kept_run, int64_t kept_at, int64_t batch,
                         char *cells, char *rows, char *scratch, int64_t begin, int64_t end, tc_cascade *sums)
{
    const tc_params params = {job->launch->ints, job->launch->error};
    const tc_loop *loop = &job->row, *kept = &job->kept;
    int64_t inner = tc_inner(loop), per_run = (inner + TC_TILE - 1) / TC_TILE, run = -1;
    void *ptr[TC_MAXREFS];
    char *origin[TC_MAXREFS], *base[TC_MAXREFS], *row[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS], packed[TC_MAXREFS];
    for (int r = 0; r < phase->nrefs; r++) {
        int p = phase->refs[r].index;
        origin[r] = NULL;
        if (phase->refs[r].kind == TC_REF_ARRAY)
            origin[r] = job->launch->data[p] + tc_run_offset(kept, p, kept_run) + kept_at * kept->str[p][kept->nd - 1];
        else if (phase->refs[r].kind == TC_REF_ROW)
            row[r] = rows + tc_row_offset(job, p);
    }
    for (int64_t t = begin; t < end; t++) {
        if (t / per_run != run) {
            run = t / per_run;
            for (int r = 0; r < phase->nrefs; r++)
                if (origin[r] || phase->refs[r].kind == TC_REF_ARRAY)
                    base[r] = origin[r] + tc_run_offset(loop, phase->refs[r].index, run);
        }
        int64_t at = t % per_run * TC_TILE;
        int64_t n = inner - at < TC_TILE ? inner - at : TC_TILE;
        tc_fetch(job, phase, loop, base, at, n, scratch, ptr, tile, packed);
        for (int r = 0; r < phase->nrefs; r++) {
            const tc_ref *ref = &phase->refs[r];
            if (ref->kind == TC_REF_ROW) {
                tile[r] = 1;
                ptr[r] = row[r] + (run * inner + at) * ref->itemsize;
            } else if (ref->kind == TC_REF_CELL)
                ptr[r] = tc_cell(cells, ref->index) + batch * ref->itemsize;
        }
        if (phase->body) {
            tc_call_body(phase, n, ptr, tile, &params);
            tc_store_packed(phase, loop, base, at, n, ptr, packed);
        }
        for (int s = 0; s < phase->nreductions; s++) {
            const tc_reduction *reduction = &phase->reductions[s];
            tc_value value;
            int64_t position = 0;
            tc_fold_tile(reduction->op, reduction->dtype, reduction->source, ptr[reduction->value], n, &value);
            if (reduction->op == TC_ARGMIN || reduction->op == TC_ARGMAX) {
                int q = reduction->position;
                int64_t step = loop->str[phase->refs[q].index][loop->nd - 1];
                if (tc_cascade_loses(&sums[s], reduction->op, reduction->dtype, &value))
                    continue;
                tc_cascade_note(&sums[s], reduction->op, reduction->dtype, &value);
                position = tc_find(reduction->dtype, ptr[reduction->value], n, &value);
                position = (int64_t)(intptr_t)base[q] + (at + position) * step;
            }
            tc_cascade_push(&sums[s], reduction->op, reduction->dtype, &value, position);
        }
    }
}

static void tc_store_cells(const tc_phase *phase, const tc_cascade *sums, char *cells, int64_t batch)
{
    for (int s = 0; s < phase->nreductions; s++) {
        const tc_reduction *reduction = &phase->reductions[s];
        int size = tc_itemsize(reduction->dtype);
        tc_value value;
        int64_t position = tc_cascade_value(&sums[s], reduction->op, reduction->dtype, &value);
        if (reduction->cell >= 0)
            memcpy(tc_cell(cells, reduction->cell) + batch * size, &value, (size_t)size);
        if (reduction->cell2 >= 0)
            ((int64_t *)tc_cell(cells, reduction->cell2))[batch] = position;
    }
}

static int64_t tc_row_tile_count(const tc_job *job)
{
    int64_t inner = tc_inner(&job->row);
    return inner ? job->row.total / inner * ((inner + TC_TILE - 1) / TC_TILE) : 0;
}

/* One block of the row in progress, its values kept for the ordered sum. */
static void tc_block_task(void *context, int64_t begin, int64_t end)
{
    tc_job *job = context;
    const tc_phase *phase = job->phase;
    int64_t tiles = tc_row_tile_count(job), kept_inner = tc_inner(&job->kept);
    char *scratch = tc_scratch_get(tc_tiles_scratch(job->kernel));
    tc_cascade sums[TC_MAXCELLS];
    if (!scratch) {
        atomic_store(&job->failed, 1);
        return;
    }
    for (int64_t b = begin; b < end; b++) {
        int64_t last = (b + 1) * TC_BLOCK;
        for (int s = 0; s < phase->nreductions; s++)
            sums[s].count = 0;
        tc_row_tiles(job, phase, job->row_at / kept_inner, job->row_at % kept_inner, 0, job->cells, job->rows, scratch,
                     b * TC_BLOCK, last < tiles ? last : tiles, sums);
        for (int s = 0; s < phase->nreductions; s++) {
            int64_t k = b * phase->nreductions + s;
            job->block_positions[k] = tc_cascade_value(&sums[s], phase->reductions[s].op,
                                                       phase->reductions[s].dtype, &job->block_values[k]);
        }
    }
}

/* A level-0 phase of n rows, block by block, in this thread; `sums` holds two cascades for each row and reduction.
 * Where rows lie in several runs, all rows do one run before the next: rows of one tile are neighbours in memory. */
static void tc_row_phase(tc_job *job, const tc_phase *phase, int64_t run, int64_t at, int64_t n, char *cells,
                         char *rows, char *scratch, tc_cascade *sums)
{
    const int64_t tiles = tc_row_tile_count(job), inner = tc_inner(&job->row), per_run = (inner + TC_TILE - 1) / TC_TILE;
    const int count = phase->nreductions;
    tc_cascade *blocks = sums + n * count;
    for (int64_t s = 0; s < 2 * n * count; s++)
        sums[s].count = 0;
    for (int64_t t = 0, stop; t < tiles; t = stop) {
        int64_t block_end = (t / TC_BLOCK + 1) * TC_BLOCK, run_end = (t / per_run + 1) * per_run;
        block_end = block_end < tiles ? block_end : tiles;
        stop = n > 1 && run_end < block_end ? run_end : block_end;
        if (tc_should_stop())
            return;
        for (int64_t b = 0; b < n; b++) {
            tc_row_tiles(job, phase, run, at + b, b, cells, rows + (size_t)b * job->rows_bytes, scratch, t, stop,
                         blocks + b * count);
            for (int s = 0; stop == block_end && s < count; s++) {
                const tc_reduction *reduction = &phase->reductions[s];
                tc_cascade *block = &blocks[b * count + s];
                tc_value value;
                int64_t position = tc_cascade_value(block, reduction->op, reduction->dtype, &value);
                tc_cascade_push(&sums[b * count + s], reduction->op, reduction->dtype, &value, position);
                block->count = 0;
            }
        }
    }
    for (int64_t b = 0; b < n; b++)
        tc_store_cells(phase, sums + b * count, cells, b);
}

/* A level-0 phase of n rows of one tile each, one after the other: no cascade, and pointers that move by fixed steps. */
static void tc_short_rows(tc_job *job, const tc_phase *phase, int64_t run, int64_t at, int64_t n, char *cells, char *rows,
                          char *scratch)
{
    const tc_kernel *kernel = job->kernel;
    const tc_params params = {job->launch->ints, job->launch->error};
    const int64_t length = job->row.total;
    void *ptr[TC_MAXREFS];
    char *memory[TC_MAXREFS], *result[TC_MAXCELLS];
    int64_t step[TC_MAXREFS], stride[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS], packed[TC_MAXREFS];
    for (int r = 0; r < phase->nrefs; r++) {
        const tc_ref *ref = &phase->refs[r];
        int p = ref->index;
        packed[r] = 0;
        step[r] = 0;
        tile[r] = ref->kind == TC_REF_ARRAY || ref->kind == TC_REF_TILE || ref->kind == TC_REF_ROW;
        switch (ref->kind) {
        case TC_REF_ARRAY:
            step[r] = job->kept.str[p][job->kept.nd - 1];
            stride[r] = job->row.str[p][0];
            memory[r] = job->launch->data[p] + tc_run_offset(&job->kept, p, run) + at * step[r];
            packed[r] = kernel->operands[p].kind != TC_OPERAND_ARRAY || (stride[r] != ref->itemsize && length != 1);
            if (packed[r])
                ptr[r] = scratch;
            scratch += (size_t)ref->itemsize * TC_TILE;
            break;
        case TC_REF_ROW:
            step[r] = (int64_t)job->rows_bytes;
            memory[r] = rows + tc_row_offset(job, p);
            break;
        case TC_REF_CELL:
            step[r] = ref->itemsize;
            memory[r] = tc_cell(cells, p);
            break;
        case TC_REF_TILE:
            memory[r] = scratch;
            scratch += (size_t)ref->itemsize * TC_TILE;
            break;
        default:
            memory[r] = job->launch->data[p];
            break;
        }
    }
    for (int s = 0; s < phase->nreductions; s++)
        result[s] = tc_cell(cells, phase->reductions[s].cell);
    for (int64_t b = 0; b < n; b++) {
        for (int r = 0; r < phase->nrefs; r++) {
            const tc_ref *ref = &phase->refs[r];
            if (!packed[r])
                ptr[r] = memory[r] + b * step[r];
            else if (kernel->operands[ref->index].kind == TC_OPERAND_IOTA)
                tc_iota_run(ptr[r], (int64_t)(intptr_t)memory[r] + b * step[r], stride[r], length);
            else if (ref->written != 1)
                tc_move_run(ptr[r], memory[r] + b * step[r], stride[r], length, ref->itemsize, 0);
        }
        if (phase->body) {
            tc_call_body(phase, length, ptr, tile, &params);
            for (int r = 0; r < phase->nrefs; r++)
                if (packed[r] && phase->refs[r].written)
                    tc_move_run(ptr[r], memory[r] + b * step[r], stride[r], length, phase->refs[r].itemsize, 1);
        }
        for (int s = 0; s < phase->nreductions; s++) {
            const tc_reduction *reduction = &phase->reductions[s];
            tc_fold_tile(reduction->op, reduction->dtype, reduction->source, ptr[reduction->value], length, result[s]);
            result[s] += tc_itemsize(reduction->dtype);
        }
    }
}

/* A phase that runs once per row, for n rows of one run of the innermost kept axis. */
static void tc_once_phase(tc_job *job, const tc_phase *phase, int64_t run, int64_t at, int64_t n, char *cells,
                          char *scratch)
{
    const tc_params params = {job->launch->ints, job->launch->error};
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

#define TC_CELLS_BYTES ((size_t)TC_MAXCELLS * TC_TILE * TC_MAXITEM)

/* Tiles of kept indices: phase after phase for all rows of a tile. */
static void tc_rows_task(void *context, int64_t begin, int64_t end)
{
    tc_job *job = context;
    const tc_kernel *kernel = job->kernel;
    size_t tiles_bytes = tc_round64(tc_tiles_scratch(kernel));
    size_t rows_bytes = job->rows_bytes * (size_t)job->tile, sums_bytes = 0;
    for (int p = 0; p < kernel->nphases && !job->short_rows; p++) {
        size_t bytes = 2 * sizeof(tc_cascade) * (size_t)(job->tile * kernel->phases[p].nreductions);
        sums_bytes = sums_bytes < bytes ? bytes : sums_bytes;
    }
    char *scratch = tc_scratch_get(tiles_bytes + TC_CELLS_BYTES + rows_bytes + sums_bytes);
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
                tc_short_rows(job, phase, run, at, n, cells, rows, scratch);
            else
                tc_row_phase(job, phase, run, at, n, cells, rows, scratch, sums);
            if (tc_is_stopped())
                return;
        }
    }
}

/* Few long rows: one after the other, each phase on all threads. */
static void tc_long_rows(tc_job *job)
{
    const tc_kernel *kernel = job->kernel;
    int64_t tiles = tc_row_tile_count(job), blocks = (tiles + TC_BLOCK - 1) / TC_BLOCK;
    size_t once = tc_round64(tc_tiles_scratch(kernel));
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
#define TC_ROWS_CACHED ((size_t)48 << 10)

/* How many rows a tile has: few enough for the cache where several phases walk over them, and for all threads. */
static int64_t tc_rows_of_tile(const tc_job *job, int threads)
{
    const tc_kernel *kernel = job->kernel;
    int64_t rows = tc_inner(&job->kept) / (threads * 4);
    size_t bytes = job->rows_bytes, walks = 0;
    for (int p = 0; p < kernel->nphases; p++)
        walks += kernel->phases[p].level == 0;
    for (int p = 0; p < kernel->noperands; p++)
        if (kernel->operands[p].kind == TC_OPERAND_ARRAY && job->row.str[p][job->row.nd - 1])
            bytes += (size_t)kernel->operands[p].itemsize * (size_t)job->row.total;
    if (walks > 1 && rows > (int64_t)(TC_ROWS_CACHED / (bytes + 1)))
        rows = (int64_t)(TC_ROWS_CACHED / (bytes + 1));
    return rows < 1 ? 1 : rows > 64 ? 64 : rows;
}

/* Whether each row is one tile and no phase looks for positions. */
static int tc_has_short_rows(const tc_job *job)
{
    const tc_kernel *kernel = job->kernel;
    if (job->row.nd != 1 || job->row.total < 1 || job->row.total > TC_TILE)
        return 0;
    for (int p = 0; p < kernel->nphases; p++)
        for (int s = 0; s < kernel->phases[p].nreductions; s++) {
            const tc_reduction *reduction = &kernel->phases[p].reductions[s];
            if (reduction->op == TC_ARGMIN || reduction->op == TC_ARGMAX || reduction->cell < 0)
                return 0;
        }
    return 1;
}

static void tc_run_rows(tc_job *job)
{
    int64_t inner = tc_inner(&job->kept), elements = job->kept.total * (job->row.total ? job->row.total : 1);
    int threads = tc_worth_threads(job->kernel, elements) ? tc_get_threads() : 1;
    job->rows_bytes = tc_row_offset(job, job->kernel->nrows);
    if (threads > 1 && job->kept.total < threads && tc_row_tile_count(job) > TC_BLOCK) {
        tc_long_rows(job);
        return;
    }
    job->short_rows = tc_has_short_rows(job);
    job->tile = tc_rows_of_tile(job, threads);
    job->per_run = (inner + job->tile - 1) / job->tile;
    int64_t tasks = job->kept.total / inner * job->per_run;
    if (threads > 1)
        tc_parallel_for(tasks, tc_grain_of(job->kernel, elements / tasks), tc_rows_task, job);
    else
        tc_serial_for(tasks, tc_grain_of(job->kernel, elements / tasks), tc_rows_task, job);
}
