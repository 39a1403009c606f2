/* One phase over some rows, or several of them row by row: rows of many tiles go through cascades, those of one tile do not. */

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
    const tc_params params = {job->launch->ints, job->launch->error, 0, 1, 0, 0};
    const tc_loop *loop = &job->row, *kept = &job->kept;
    const int64_t inner = tc_inner(loop), span = job->span, per_run = (inner + span - 1) / span;
    int64_t run = -1;
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
        int64_t at = t % per_run * span;
        int64_t n = inner - at < span ? inner - at : span;
        tc_fetch(job, phase, loop, base, at, n, scratch, ptr, tile, packed);
        for (int r = 0; r < phase->nrefs; r++) {
            const tc_ref *ref = &phase->refs[r];
            if (ref->kind == TC_REF_ROW) {
                tile[r] = 1;
                ptr[r] = row[r] + (run * inner + at) * ref->itemsize;
            } else if (ref->kind == TC_REF_CELL)
                ptr[r] = tc_cell(cells, ref->index) + batch * ref->itemsize;
            else if (ref->kind == TC_REF_SPREAD)
                tc_move_run(ptr[r], tc_cell(cells, ref->index) + batch * ref->itemsize, 0, n, ref->itemsize, 0);
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

/* Tiles in a block; blocks are summed by themselves, so that they may run on any thread. */
static int64_t tc_block_tiles(const tc_job *job)
{
    return job->span < TC_BLOCK ? TC_BLOCK / job->span : 1;
}

static int64_t tc_row_tile_count(const tc_job *job)
{
    int64_t inner = tc_inner(&job->row);
    return inner ? job->row.total / inner * ((inner + job->span - 1) / job->span) : 0;
}

/* One block of the row in progress, its values kept for the ordered sum. */
static void tc_block_task(void *context, int64_t begin, int64_t end)
{
    tc_job *job = context;
    const tc_phase *phase = job->phase;
    int64_t tiles = tc_row_tile_count(job), block = tc_block_tiles(job), kept_inner = tc_inner(&job->kept);
    char *scratch = tc_scratch_get(tc_tiles_scratch(job));
    tc_cascade sums[TC_MAXCELLS];
    if (!scratch) {
        atomic_store(&job->failed, 1);
        return;
    }
    for (int64_t b = begin; b < end; b++) {
        int64_t last = (b + 1) * block;
        for (int s = 0; s < phase->nreductions; s++)
            sums[s].count = 0;
        tc_row_tiles(job, phase, job->row_at / kept_inner, job->row_at % kept_inner, 0, job->cells, job->rows, scratch,
                     b * block, last < tiles ? last : tiles, sums);
        for (int s = 0; s < phase->nreductions; s++) {
            int64_t k = b * phase->nreductions + s;
            job->block_positions[k] = tc_cascade_value(&sums[s], phase->reductions[s].op,
                                                       phase->reductions[s].dtype, &job->block_values[k]);
        }
    }
    tc_stream_end(job);
}

/* A level-0 phase of n rows, block by block, in this thread; `sums` holds two cascades for each row and reduction.
 * Where rows lie in several runs, all rows do one run before the next, and where the elements of a row are far apart, one tile
 * before the next: rows of one tile are neighbours in memory, whose cache lines they share. */
static void tc_row_phase(tc_job *job, const tc_phase *phase, int64_t run, int64_t at, int64_t n, char *cells,
                         char *rows, char *scratch, tc_cascade *sums)
{
    const int64_t tiles = tc_row_tile_count(job), inner = tc_inner(&job->row);
    const int64_t block_tiles = tc_block_tiles(job);
    const int64_t together = job->scattered ? 1 : (inner + job->span - 1) / job->span;
    const int count = phase->nreductions;
    tc_cascade *blocks = sums + n * count;
    for (int64_t s = 0; s < 2 * n * count; s++)
        sums[s].count = 0;
    for (int64_t t = 0, stop; t < tiles; t = stop) {
        int64_t block_end = (t / block_tiles + 1) * block_tiles, run_end = (t / together + 1) * together;
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

/* Elements of a row that are computed between two requests for the next ones, and between two stores around the caches. */
#define TC_ROW_PIECE 256

/* Arrays of which the next rows are asked for. */
typedef struct {
    int count;
    const char *next[TC_MAXREFS];
    int64_t step[TC_MAXREFS];
    int itemsize[TC_MAXREFS];
} tc_ahead;

/* What the first phase reads at kept index `at` and those that follow. */
static void tc_rows_ahead(const tc_job *job, int64_t run, int64_t at, tc_ahead *ahead)
{
    const tc_phase *first = &job->kernel->phases[0];
    ahead->count = 0;
    for (int r = 0; r < first->nrefs; r++) {
        const tc_ref *ref = &first->refs[r];
        int p = ref->index, k = ahead->count;
        if (ref->kind != TC_REF_ARRAY || ref->written || job->kernel->operands[p].kind != TC_OPERAND_ARRAY)
            continue;
        ahead->step[k] = job->kept.str[p][job->kept.nd - 1];
        ahead->itemsize[k] = ref->itemsize;
        if (job->row.str[p][0] != ref->itemsize || !ahead->step[k])
            continue;
        ahead->next[k] = job->launch->data[p] + tc_run_offset(&job->kept, p, run) + at * ahead->step[k];
        ahead->count++;
    }
}

/* A level-0 phase over rows of one tile each: no cascade, and pointers that move by fixed steps from row to row. */
typedef struct {
    const tc_phase *phase;
    void *ptr[TC_MAXREFS];
    char *memory[TC_MAXREFS], *result[TC_MAXCELLS];
    int64_t step[TC_MAXREFS], stride[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS], packed[TC_MAXREFS];
    int in_pieces;
    tc_ahead ahead;
} tc_pass;

static void tc_pass_begin(const tc_job *job, tc_pass *pass, const tc_phase *phase, int64_t run, int64_t at, int64_t n,
                          char *cells, char *rows, char *scratch)
{
    pass->phase = phase;
    pass->ahead.count = 0;
    if (phase == job->overlapped)
        tc_rows_ahead(job, run, at + n, &pass->ahead);
    pass->in_pieces = pass->ahead.count > 0;
    for (int r = 0; r < phase->nrefs; r++) {
        const tc_ref *ref = &phase->refs[r];
        const int p = ref->index;
        pass->packed[r] = 0;
        pass->step[r] = 0;
        pass->tile[r] = ref->kind == TC_REF_ARRAY || ref->kind == TC_REF_TILE || ref->kind == TC_REF_ROW || ref->kind == TC_REF_SPREAD;
        switch (ref->kind) {
        case TC_REF_ARRAY:
            pass->step[r] = job->kept.str[p][job->kept.nd - 1];
            pass->stride[r] = job->row.str[p][0];
            pass->memory[r] = job->launch->data[p] + tc_run_offset(&job->kept, p, run) + at * pass->step[r];
            if (job->kernel->operands[p].kind != TC_OPERAND_ARRAY || (pass->stride[r] != ref->itemsize && job->row.total != 1))
                pass->packed[r] = 1;
            else if (ref->written == 1 && (job->streamed >> p & 1))
                pass->packed[r] = 2, pass->in_pieces = 1;
            pass->ptr[r] = scratch;
            scratch += tc_tile_bytes(job, ref);
            break;
        case TC_REF_ROW:
            pass->step[r] = job->one_pass ? 0 : (int64_t)job->rows_bytes;
            pass->memory[r] = rows + tc_row_offset(job, p);
            break;
        case TC_REF_CELL:
            pass->step[r] = ref->itemsize;
            pass->memory[r] = tc_cell(cells, p);
            break;
        case TC_REF_SPREAD:
            pass->step[r] = ref->itemsize;
            pass->memory[r] = tc_cell(cells, p);
            pass->ptr[r] = scratch;
            scratch += tc_tile_bytes(job, ref);
            break;
        case TC_REF_TILE:
            pass->memory[r] = scratch;
            scratch += tc_tile_bytes(job, ref);
            break;
        default:
            pass->memory[r] = job->launch->data[p];
            break;
        }
    }
    for (int s = 0; s < phase->nreductions; s++)
        pass->result[s] = tc_cell(cells, phase->reductions[s].cell);
}

/* Row b through the body, piece by piece. What comes next is asked for meanwhile, and what goes around the caches is sent on its way: memory
 * is read and written while the machine computes. */
static void tc_pass_pieces(const tc_job *job, tc_pass *pass, int64_t b, const tc_params *params)
{
    const tc_phase *phase = pass->phase;
    tc_ahead *ahead = &pass->ahead;
    void *piece[TC_MAXREFS];
    for (int64_t at = 0, n; at < job->row.total; at += n) {
        n = job->row.total - at < TC_ROW_PIECE ? job->row.total - at : TC_ROW_PIECE;
        for (int k = 0; k < ahead->count; k++)
            tc_ask_for(ahead->next[k] + at * ahead->itemsize[k], n * ahead->itemsize[k]);
        for (int r = 0; r < phase->nrefs; r++)
            piece[r] = pass->tile[r] && pass->packed[r] != 2 ? (char *)pass->ptr[r] + at * phase->refs[r].itemsize : pass->ptr[r];
        tc_call_body(phase, n, piece, pass->tile, params);
        for (int r = 0; r < phase->nrefs; r++)
            if (pass->packed[r] == 2) {
                const int64_t size = phase->refs[r].itemsize;
                tc_stream(pass->memory[r] + b * pass->step[r] + at * size, piece[r], (size_t)(n * size));
            }
    }
    for (int k = 0; k < ahead->count; k++)
        ahead->next[k] += ahead->step[k];
}

/* Row b of the tile. */
static void tc_pass_row(const tc_job *job, tc_pass *pass, int64_t b, char *cells)
{
    const tc_phase *phase = pass->phase;
    const tc_params params = {job->launch->ints, job->launch->error, 0, 1, 0, 0};
    const int64_t length = job->row.total;
    for (int r = 0; r < phase->nrefs; r++) {
        const tc_ref *ref = &phase->refs[r];
        char *memory = pass->memory[r] + b * pass->step[r];
        if (ref->kind == TC_REF_SPREAD)
            tc_move_run(pass->ptr[r], memory, 0, length, ref->itemsize, 0);
        else if (!pass->packed[r])
            pass->ptr[r] = memory;
        else if (job->kernel->operands[ref->index].kind == TC_OPERAND_IOTA) {
            if (phase->body) /* else its place in the row tells an index */
                tc_iota_run(pass->ptr[r], (int64_t)(intptr_t)memory, pass->stride[r], length);
        } else if (ref->written != 1)
            tc_move_run(pass->ptr[r], memory, pass->stride[r], length, ref->itemsize, 0);
    }
    if (phase->body) {
        if (pass->in_pieces)
            tc_pass_pieces(job, pass, b, &params);
        else
            tc_call_body(phase, length, pass->ptr, pass->tile, &params);
        for (int r = 0; r < phase->nrefs; r++)
            if (pass->packed[r] == 1 && phase->refs[r].written)
                tc_move_run(pass->ptr[r], pass->memory[r] + b * pass->step[r], pass->stride[r], length, phase->refs[r].itemsize, 1);
    }
    for (int s = 0; s < phase->nreductions; s++) {
        const tc_reduction *reduction = &phase->reductions[s];
        const void *values = pass->ptr[reduction->value];
        char *result = pass->result[s] + b * tc_itemsize(reduction->dtype);
        tc_fold_tile(reduction->op, reduction->dtype, reduction->source, values, length, result);
        if (reduction->op == TC_ARGMIN || reduction->op == TC_ARGMAX) {
            int q = reduction->position;
            int64_t first = (int64_t)(intptr_t)pass->memory[q] + b * pass->step[q];
            int64_t found = tc_find(reduction->dtype, values, length, result);
            ((int64_t *)tc_cell(cells, reduction->cell2))[b] = first + found * pass->stride[q];
        }
    }
}

/* Phases that are done for one row before the next is begun: it stays in the nearest cache. */
#define TC_PASSES 8

/* The level-0 phases from p on, for n rows of one tile each; returns the phase that follows. */
static int tc_short_rows(const tc_job *job, int p, int64_t run, int64_t at, int64_t n, char *cells, char *rows, char *scratch)
{
    tc_pass passes[TC_PASSES];
    int count = 0;
    for (; count < TC_PASSES && p < job->kernel->nphases && job->kernel->phases[p].level == 0; p++, count++)
        tc_pass_begin(job, &passes[count], &job->kernel->phases[p], run, at, n, cells, rows, scratch);
    for (int64_t b = 0; b < n; b++)
        for (int k = 0; k < count; k++)
            tc_pass_row(job, &passes[k], b, cells);
    return p;
}

/* Whether all level-0 phases are done for one row before the next. */
static int tc_is_one_pass(const tc_kernel *kernel)
{
    int p = 0;
    while (p < kernel->nphases && kernel->phases[p].level == 0)
        p++;
    if (p > TC_PASSES)
        return 0;
    while (p < kernel->nphases && kernel->phases[p].level == 1)
        p++;
    return p == kernel->nphases;
}
