/* The driver for short rows: a tile of rows is turned in scratch, so that its rows stand side by side and every loop goes over as many of them as
 * the tile has, not over the few elements of one. Element after element of all rows is accumulated; results are turned back at the end. */

/* Longest rows for which turning pays: longer where positions are looked for, since a row alone is read twice for them. */
#define TC_TURNED_ROW 40
#define TC_TURNED_POSITIONS 100
/* Fewest rows for one pass, and for several; and how many bytes of them there may be at once, so that they stay in a cache nearby. */
#define TC_TURNED_ONCE 4
#define TC_TURNED_ROWS 16
#define TC_TURNED_BYTES ((int64_t)64 << 10)

/* From one element of all rows to the next: one cache line more than they need, so that elements of one row are not all in the same set of the cache. */
static int64_t tc_turned_pitch(const tc_job *job, int itemsize)
{
    return (int64_t)tc_round64((size_t)(itemsize * job->tile)) + 64;
}

/* Bytes of what operand p is turned into: one line of elements where all of a row are the same. */
static size_t tc_turned_bytes(const tc_job *job, int p)
{
    return (size_t)(tc_turned_pitch(job, job->kernel->operands[p].itemsize) * (job->row.str[p][0] ? job->row.total : 1));
}

static size_t tc_turned_sum_bytes(const tc_job *job)
{
    return (size_t)(tc_turned_pitch(job, TC_MAXITEM) * TC_WIDTH);
}

/* Whether a phase over elements sees operand p as one of them. */
static int tc_is_turned(const tc_kernel *kernel, int p)
{
    for (int f = 0; f < kernel->nphases; f++)
        for (int r = 0; r < kernel->phases[f].nrefs && kernel->phases[f].level == 0; r++)
            if (kernel->phases[f].refs[r].kind == TC_REF_ARRAY && kernel->phases[f].refs[r].index == p)
                return 1;
    return 0;
}

/* Accumulators of a reduction of n rows side by side. Sums and products have as many as those of one row alone (see folds.h), in the same order: a
 * row has the same bits either way. */
typedef struct {
    char *line;
    int64_t pitch, lines;
} tc_turned_sum;

/* Whether a reduction sums lines as they are (see line_sums.h), of a phase whose references move by `step` from element to element. */
static int tc_sums_lines(const tc_reduction *reduction, const int64_t *step)
{
    const int dtype = reduction->dtype;
    return reduction->op == TC_SUM && reduction->source == dtype && (dtype == TC_FLOAT64 || dtype == TC_FLOAT32) && step[reduction->value];
}

static void tc_turned_push(const tc_turned_sum *sum, const tc_reduction *reduction, const void *values, int64_t k, int64_t n)
{
    const int op = reduction->op, dtype = reduction->dtype;
    char *line = sum->line + k % sum->lines * sum->pitch;
    if (k < sum->lines && op == TC_SUM)
        memset(line, 0, (size_t)(n * tc_itemsize(dtype)));
    if (reduction->source != dtype)
        tc_add_wide_rows(reduction->source, line, values, n);
    else if (k < sum->lines && op != TC_SUM)
        memcpy(line, values, (size_t)(n * tc_itemsize(dtype)));
    else
        tc_fold_rows(op, dtype, line, values, n);
}

static void tc_turned_value(const tc_turned_sum *sum, const tc_reduction *reduction, int64_t length, char *to, int64_t n)
{
    const int64_t held = length < sum->lines ? length : sum->lines;
    for (int64_t half = sum->lines / 2; half; half /= 2)
        for (int64_t j = 0; j < half && j + half < held; j++)
            tc_fold_rows(reduction->op, reduction->dtype, sum->line + j * sum->pitch, sum->line + (j + half) * sum->pitch, n);
    memcpy(to, sum->line, (size_t)(n * tc_itemsize(reduction->dtype)));
    tc_normalize(reduction->dtype, to, n);
}

/* One tile: n rows that begin at `at` of a run, and the scratch of its thread. */
typedef struct {
    tc_job *job;
    int64_t run, at, n, passes;
    char *tiles, *cells, *rows, *sums;
    char *staged; /* what goes around the caches, as memory has it */
    char *turned[TC_MAXREFS]; /* by operand; NULL: only what is done once per row looks at it, in memory */
} tc_turned_tile;

/* All operands, to the tile or back to memory. */
static void tc_turn_all(const tc_turned_tile *t, int storing)
{
    const tc_job *job = t->job;
    for (int p = 0; p < job->kernel->noperands; p++) {
        const tc_operand *operand = &job->kernel->operands[p];
        if (!t->turned[p])
            continue;
        const int64_t across = job->kept.str[p][job->kept.nd - 1], along = job->row.str[p][0], length = along ? job->row.total : 1;
        const int64_t pitch = tc_turned_pitch(job, operand->itemsize);
        char *memory = job->launch->data[p] + tc_run_offset(&job->kept, p, t->run) + t->at * across;
        if (operand->kind == TC_OPERAND_IOTA) {
            for (int64_t k = 0; k < length && !storing; k++)
                tc_iota_run((int64_t *)(t->turned[p] + k * pitch), (int64_t)(intptr_t)memory + k * along, across, t->n);
        } else if (storing && (job->streamed >> p & 1) && across == length * operand->itemsize) {
            tc_turn(t->turned[p], pitch, t->staged, across, along, t->n, length, operand->itemsize, storing);
            tc_stream(memory, t->staged, (size_t)(t->n * across));
        } else if (storing ? operand->written : operand->written != 1)
            tc_turn(t->turned[p], pitch, memory, across, along, t->n, length, operand->itemsize, storing);
    }
}

/* While a tile is computed, step k of `steps`: a part of what the next tile reads, and of where this one is stored, comes into the caches. */
static void tc_expect_tile(const tc_turned_tile *t, int64_t k, int64_t steps)
{
    const tc_job *job = t->job;
    for (int p = 0; p < job->kernel->noperands; p++) {
        const tc_operand *operand = &job->kernel->operands[p];
        const int64_t across = job->kept.str[p][job->kept.nd - 1], begin = k * t->n / steps, end = (k + 1) * t->n / steps;
        if (!t->turned[p] || operand->kind != TC_OPERAND_ARRAY || job->row.str[p][0] != operand->itemsize || across != operand->itemsize * job->row.total)
            continue;
        const char *memory = job->launch->data[p] + tc_run_offset(&job->kept, p, t->run) + t->at * across;
        if (!(job->streamed >> p & 1))
            tc_ask_for(memory + (operand->written == 1 ? begin : t->n + begin) * across, (end - begin) * across);
    }
}

/* A level-0 phase of a tile: element after element; its results go to the cells. */
static void tc_turned_phase(const tc_turned_tile *t, const tc_phase *phase, int64_t pass)
{
    const tc_job *job = t->job;
    const tc_params params = {job->launch->ints, job->launch->error, 0, 1, 0, 1};
    char *scratch = t->tiles, *rows = t->rows;
    void *ptr[TC_MAXREFS];
    int64_t step[TC_MAXREFS], offsets[64];
    uint8_t tile[TC_MAXREFS];
    tc_turned_sum sums[TC_MAXCELLS];
    for (int row = 0; row < job->kernel->nrows; row++) {
        offsets[row] = rows - t->rows;
        rows += tc_turned_pitch(job, job->kernel->row_itemsizes[row]) * job->row.total;
    }
    for (int r = 0; r < phase->nrefs; r++) {
        const tc_ref *ref = &phase->refs[r];
        const int64_t pitch = tc_turned_pitch(job, ref->itemsize);
        step[r] = 0;
        tile[r] = 1;
        switch (ref->kind) {
        case TC_REF_ARRAY:
            ptr[r] = t->turned[ref->index];
            step[r] = job->row.str[ref->index][0] ? pitch : 0;
            break;
        case TC_REF_ROW:
            ptr[r] = t->rows + offsets[ref->index];
            step[r] = pitch;
            break;
        case TC_REF_CELL:
        case TC_REF_SPREAD:
            ptr[r] = tc_cell(t->cells, ref->index);
            break;
        case TC_REF_TILE:
            ptr[r] = scratch;
            scratch += tc_tile_bytes(job, ref);
            break;
        default:
            ptr[r] = job->launch->data[ref->index];
            tile[r] = 0;
            break;
        }
    }
    for (int s = 0; s < phase->nreductions; s++) {
        const int op = phase->reductions[s].op;
        sums[s] = (tc_turned_sum){t->sums + (size_t)s * tc_turned_sum_bytes(job), tc_turned_pitch(job, TC_MAXITEM), op == TC_SUM || op == TC_PROD ? TC_WIDTH : 1};
    }
    for (int64_t k = 0; k < job->row.total; k++) {
        tc_expect_tile(t, pass * job->row.total + k, t->passes * job->row.total);
        if (phase->body)
            tc_call_body(phase, t->n, ptr, tile, &params);
        for (int s = 0; s < phase->nreductions; s++) {
            const tc_reduction *reduction = &phase->reductions[s];
            if (tc_sums_lines(reduction, step))
                continue; /* all at once, below */
            if (reduction->op == TC_ARGMIN || reduction->op == TC_ARGMAX) {
                int q = phase->refs[reduction->position].index;
                tc_keep_best(reduction->op, reduction->dtype, tc_cell(t->cells, reduction->cell), (int64_t *)tc_cell(t->cells, reduction->cell2),
                             ptr[reduction->value], (int64_t)(intptr_t)job->launch->data[q] + k * job->row.str[q][0], k == 0, t->n);
            } else
                tc_turned_push(&sums[s], reduction, ptr[reduction->value], k, t->n);
        }
        for (int r = 0; r < phase->nrefs; r++)
            ptr[r] = (char *)ptr[r] + step[r];
    }
    for (int s = 0; s < phase->nreductions; s++) {
        const tc_reduction *reduction = &phase->reductions[s];
        char *cell = tc_cell(t->cells, reduction->cell);
        if (tc_sums_lines(reduction, step)) {
            const char *lines = (char *)ptr[reduction->value] - job->row.total * step[reduction->value];
            if (reduction->dtype == TC_FLOAT64)
                tc_sum_of_lines_f64((double *)cell, lines, step[reduction->value], job->row.total, t->n);
            else
                tc_sum_of_lines_f32((float *)cell, lines, step[reduction->value], job->row.total, t->n);
        } else if (reduction->op != TC_ARGMIN && reduction->op != TC_ARGMAX)
            tc_turned_value(&sums[s], reduction, job->row.total, cell, t->n);
    }
}

static void tc_turned_task(void *context, int64_t begin, int64_t end)
{
    tc_job *job = context;
    const tc_kernel *kernel = job->kernel;
    const int64_t inner = tc_inner(&job->kept);
    tc_turned_tile t = {.job = job};
    size_t tiles = tc_tiles_scratch(job), rows = 0, operands = 0, sums = 0, staged = 0;
    for (int p = 0; p < kernel->nphases; p++)
        sums = (size_t)kernel->phases[p].nreductions > sums ? (size_t)kernel->phases[p].nreductions : sums;
    for (int p = 0; p < kernel->nphases; p++)
        t.passes += kernel->phases[p].level == 0;
    for (int row = 0; row < kernel->nrows; row++)
        rows += (size_t)(tc_turned_pitch(job, kernel->row_itemsizes[row]) * job->row.total);
    for (int p = 0; p < kernel->noperands; p++) {
        operands += tc_is_turned(kernel, p) ? tc_turned_bytes(job, p) : 0;
        if (job->streamed >> p & 1)
            staged = (size_t)(TC_MAXITEM * job->row.total * job->tile);
    }
    t.tiles = tc_scratch_get(tiles + TC_CELLS_BYTES + rows + operands + sums * tc_turned_sum_bytes(job) + staged);
    if (!t.tiles) {
        atomic_store(&job->failed, 1);
        return;
    }
    t.cells = t.tiles + tiles;
    t.rows = t.cells + TC_CELLS_BYTES;
    t.sums = t.rows + rows;
    char *turned = t.sums + sums * tc_turned_sum_bytes(job);
    for (int p = 0; p < kernel->noperands; p++) {
        t.turned[p] = tc_is_turned(kernel, p) ? turned : NULL;
        turned += t.turned[p] ? tc_turned_bytes(job, p) : 0;
    }
    t.staged = turned;
    for (int64_t k = begin; k < end && !tc_is_stopped(); k++) {
        t.run = k / job->per_run;
        t.at = k % job->per_run * job->tile;
        t.n = inner - t.at < job->tile ? inner - t.at : job->tile;
        tc_turn_all(&t, 0);
        for (int p = 0, pass = 0; p < kernel->nphases; p++)
            if (kernel->phases[p].level == 1)
                tc_once_phase(job, &kernel->phases[p], t.run, t.at, t.n, t.cells, t.tiles);
            else
                tc_turned_phase(&t, &kernel->phases[p], pass++);
        tc_turn_all(&t, 1);
    }
    tc_stream_end(job);
}

/* Whether rows are short, and nothing that is stored is read under another name: results are in memory at the end only. */
static int tc_wants_turning(const tc_job *job)
{
    const tc_kernel *kernel = job->kernel;
    int64_t votes = 0, longest = TC_TURNED_ROW, passes = 0;
    for (int p = 0; p < kernel->nphases; p++)
        passes += kernel->phases[p].level == 0;
    for (int p = 0; p < kernel->nphases; p++)
        for (int s = 0; s < kernel->phases[p].nreductions; s++)
            if (kernel->phases[p].reductions[s].position >= 0)
                longest = TC_TURNED_POSITIONS;
    if (job->row.nd != 1 || job->row.total < 1 || job->row.total > longest || tc_inner(&job->kept) < (passes > 1 ? TC_TURNED_ROWS : TC_TURNED_ONCE))
        return 0;
    for (int p = 0; p < kernel->nphases; p++)
        for (int r = 0; r < kernel->phases[p].nrefs && kernel->phases[p].level == 0; r++) {
            const tc_ref *ref = &kernel->phases[p].refs[r];
            if (ref->kind == TC_REF_PLACE || ref->kind == TC_REF_LINE || (ref->kind == TC_REF_CELL && !kernel->phases[p].by_lane))
                return 0;
        }
    for (int p = 0; p < kernel->noperands; p++) {
        if (kernel->operands[p].kind != TC_OPERAND_ARRAY)
            continue;
        for (int o = 0; o < kernel->noperands && kernel->operands[p].written; o++)
            if (o != p && job->launch->data[o] == job->launch->data[p])
                return 0;
        int64_t along = llabs(job->row.str[p][0]), across = llabs(job->kept.str[p][job->kept.nd - 1]);
        if (along && across)
            votes += along < across ? 1 : -1;
    }
    return votes > 0;
}

static void tc_run_turned(tc_job *job)
{
    const tc_kernel *kernel = job->kernel;
    const int64_t inner = tc_inner(&job->kept), elements = job->kept.total * job->row.total;
    int64_t bytes = 0;
    for (int row = 0; row < kernel->nrows; row++)
        bytes += kernel->row_itemsizes[row];
    for (int p = 0; p < kernel->noperands; p++)
        bytes += job->row.str[p][0] ? kernel->operands[p].itemsize : 0;
    int64_t rows = TC_TURNED_BYTES / (bytes * job->row.total + 1) / 64 * 64;
    job->span = job->tile = rows < 64 ? 64 : rows < TC_TILE ? rows : TC_TILE;
    job->per_run = (inner + job->tile - 1) / job->tile;
    job->streamed = tc_streamed(job, &job->row, elements);
    int64_t tasks = job->kept.total / inner * job->per_run;
    if (tc_worth_threads(kernel, elements))
        tc_parallel_for(tasks, tc_grain_of(kernel, elements / tasks), tc_turned_task, job);
    else
        tc_serial_for(tasks, tc_grain_of(kernel, elements / tasks), tc_turned_task, job);
}
