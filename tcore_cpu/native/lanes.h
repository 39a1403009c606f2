/* The lane driver: a tile of kept indices accumulates row after row, in one phase after the other. */

/* Rows are added in groups of 64 and groups of 64 groups: rounding errors grow with the logarithm. */
#define TC_LEVELS 3
#define TC_LANE_GROUP 64

#define TC_LONG_PIECE 4096

typedef struct {
    char *level[TC_LEVELS];
    int64_t count[TC_LEVELS];
} tc_lane_sum;

static void tc_lane_push(tc_lane_sum *sum, int level, int op, int dtype, int source, const void *values, int64_t n,
                         int itemsize)
{
    /* A sum begins with 0, not with its first element: -0.0 + -0.0 is 0.0 as NumPy adds. */
    if (sum->count[level] == 0 && op == TC_SUM)
        memset(sum->level[level], 0, (size_t)(n * itemsize));
    if (source != dtype)
        tc_add_wide_rows(source, sum->level[level], values, n);
    else if (sum->count[level] == 0 && op != TC_SUM)
        memcpy(sum->level[level], values, (size_t)(n * itemsize));
    else
        tc_fold_rows(op, dtype, sum->level[level], values, n);
    if (++sum->count[level] == TC_LANE_GROUP && level + 1 < TC_LEVELS) {
        sum->count[level] = 0;
        tc_lane_push(sum, level + 1, op, dtype, dtype, sum->level[level], n, itemsize);
    }
}

/* Pushes the next rows of an array at once: returns how many, 0 where single ones are due. */
static int64_t tc_lane_push_rows(tc_lane_sum *sum, int op, int dtype, int source, const char *rows, int64_t stride,
                                 int64_t most, int64_t n, int itemsize)
{
    int fresh = sum->count[0] == 0 && op != TC_SUM, taken = 7 + fresh;
    if (most < taken || sum->count[0] + taken > TC_LANE_GROUP)
        return 0;
    /* Short pieces: the machine does not see where they lead. */
    if (n * itemsize < TC_LONG_PIECE)
        for (int r = 0; r < 7; r++)
            tc_ask_for(rows + (taken + r) * stride, n * itemsize);
    if (sum->count[0] == 0 && op == TC_SUM)
        memset(sum->level[0], 0, (size_t)(n * itemsize));
    tc_fold_seven(op, dtype, source, sum->level[0], fresh ? rows : sum->level[0], rows + fresh * stride, stride, n);
    sum->count[0] += taken;
    if (sum->count[0] == TC_LANE_GROUP) {
        sum->count[0] = 0;
        tc_lane_push(sum, 1, op, dtype, dtype, sum->level[0], n, itemsize);
    }
    return taken;
}

static void tc_lane_value(tc_lane_sum *sum, int op, int dtype, char *to, int64_t n, int itemsize)
{
    int found = 0;
    for (int level = TC_LEVELS - 1; level >= 0; level--)
        if (sum->count[level]) {
            if (found)
                tc_fold_rows(op, dtype, to, sum->level[level], n);
            else
                memcpy(to, sum->level[level], (size_t)(n * itemsize));
            found = 1;
        }
    for (int64_t i = 0; !found && i < n; i++)
        tc_identity(op, dtype, to + i * itemsize, itemsize);
    tc_normalize(dtype, to, n);
}

/* Whether the rows of an array are folded as they are in memory. */
static int tc_reads_rows(const tc_job *job, const tc_phase *phase, int *itemsize)
{
    if (phase->body || phase->nreductions != 1)
        return 0;
    const tc_ref *ref = &phase->refs[phase->reductions[0].value];
    *itemsize = ref->itemsize;
    return ref->kind == TC_REF_ARRAY && job->kernel->operands[ref->index].kind == TC_OPERAND_ARRAY &&
           job->kept.str[ref->index][job->kept.nd - 1] == ref->itemsize;
}

/* Asks for what the next row reads: its pieces are too short for the machine to see where they lead. */
static void tc_expect_row(const tc_job *job, const tc_phase *phase, void *const *ptr, const uint8_t *packed, int64_t n)
{
    for (int r = 0; r < phase->nrefs; r++)
        if (phase->refs[r].kind == TC_REF_ARRAY && !packed[r] && !phase->refs[r].written) {
            const char *next = (const char *)ptr[r] + job->row.str[phase->refs[r].index][job->row.nd - 1];
            if (next != ptr[r])
                for (int64_t i = 0; i < n * phase->refs[r].itemsize; i += 64)
                    __builtin_prefetch(next + i);
        }
}

/* Scratch of a thread, one part behind the other. */
typedef struct {
    char *tiles, *cells, *sums;
} tc_lane_scratch;

/* A level-0 phase of a tile of n lanes that begin at `at` of a run: all rows; its results go to the cells. 0: stopped halfway. */
static int tc_lane_phase(tc_job *job, const tc_phase *phase, int64_t run, int64_t at, int64_t n, const tc_lane_scratch *scratch)
{
    const tc_params params = {job->launch->ints, job->launch->error, 0, 1, 0, 0};
    int64_t row_inner = tc_inner(&job->row);
    int itemsize = 0, direct = tc_reads_rows(job, phase, &itemsize);
    tc_lane_sum sums[TC_MAXCELLS];
    void *ptr[TC_MAXREFS];
    char *origin[TC_MAXREFS], *base[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS], packed[TC_MAXREFS];
    for (int s = 0; s < phase->nreductions; s++)
        for (int level = 0; level < TC_LEVELS; level++) {
            sums[s].level[level] = scratch->sums + (size_t)(s * TC_LEVELS + level) * TC_TILE * TC_MAXITEM;
            sums[s].count[level] = 0;
        }
    for (int r = 0; r < phase->nrefs; r++)
        if (phase->refs[r].kind == TC_REF_ARRAY) {
            int p = phase->refs[r].index;
            origin[r] = job->launch->data[p] + tc_run_offset(&job->kept, p, run);
        }
    for (int64_t k = 0, visits = 1; k < job->row.total; k++, visits++) {
        if (visits % 1024 == 0 && tc_should_stop())
            return 0;
        if (direct) {
            int p = phase->refs[phase->reductions[0].value].index;
            const tc_reduction *reduction = &phase->reductions[0];
            int64_t taken, at_row = k % row_inner, stride = job->row.str[p][job->row.nd - 1];
            const char *rows = origin[reduction->value] + at_row * stride + at * itemsize;
            if (job->row.nd > 1)
                rows += tc_run_offset(&job->row, p, k / row_inner);
            if ((taken = tc_lane_push_rows(&sums[0], reduction->op, reduction->dtype, reduction->source, rows, stride,
                                           row_inner - at_row, n, tc_itemsize(reduction->dtype)))) {
                k += taken - 1;
                continue;
            }
        }
        for (int r = 0; r < phase->nrefs; r++)
            if (phase->refs[r].kind == TC_REF_ARRAY) {
                int p = phase->refs[r].index;
                base[r] = origin[r] + k % row_inner * job->row.str[p][job->row.nd - 1];
                if (job->row.nd > 1)
                    base[r] += tc_run_offset(&job->row, p, k / row_inner);
            }
        tc_fetch(job, phase, &job->kept, base, at, n, scratch->tiles, ptr, tile, packed);
        for (int r = 0; r < phase->nrefs; r++)
            if (phase->refs[r].kind == TC_REF_SPREAD)
                ptr[r] = tc_cell(scratch->cells, phase->refs[r].index);
        tc_expect_row(job, phase, ptr, packed, n);
        if (phase->body) {
            tc_call_body(phase, n, ptr, tile, &params);
            tc_store_packed(phase, &job->kept, base, at, n, ptr, packed);
        }
        for (int s = 0; s < phase->nreductions; s++) {
            const tc_reduction *reduction = &phase->reductions[s];
            tc_lane_push(&sums[s], 0, reduction->op, reduction->dtype, reduction->source, ptr[reduction->value], n,
                         tc_itemsize(reduction->dtype));
        }
    }
    for (int s = 0; s < phase->nreductions; s++) {
        const tc_reduction *reduction = &phase->reductions[s];
        tc_lane_value(&sums[s], reduction->op, reduction->dtype, tc_cell(scratch->cells, reduction->cell), n,
                      tc_itemsize(reduction->dtype));
    }
    return 1;
}

static void tc_lanes_task(void *context, int64_t begin, int64_t end)
{
    tc_job *job = context;
    const tc_kernel *kernel = job->kernel;
    size_t tiles_bytes = tc_tiles_scratch(job);
    size_t sum_bytes = (size_t)TC_LEVELS * TC_TILE * TC_MAXITEM;
    int most = 0;
    for (int p = 0; p < kernel->nphases; p++)
        most = kernel->phases[p].nreductions > most ? kernel->phases[p].nreductions : most;
    tc_lane_scratch scratch;
    scratch.tiles = tc_scratch_get(tiles_bytes + TC_CELLS_BYTES + sum_bytes * (size_t)most);
    if (!scratch.tiles) {
        atomic_store(&job->failed, 1);
        return;
    }
    scratch.cells = scratch.tiles + tiles_bytes;
    scratch.sums = scratch.cells + TC_CELLS_BYTES;
    int64_t inner = tc_inner(&job->kept);
    for (int64_t t = begin; t < end; t++) {
        int64_t run = t / job->per_run, at = t % job->per_run * job->tile;
        int64_t n = inner - at < job->tile ? inner - at : job->tile;
        for (int p = 0; p < kernel->nphases; p++)
            if (kernel->phases[p].level == 1)
                tc_once_phase(job, &kernel->phases[p], run, at, n, scratch.cells, scratch.tiles);
            else if (!tc_lane_phase(job, &kernel->phases[p], run, at, n, &scratch))
                return;
    }
}

/* Whether a phase can run in lanes: what it reads of reductions is there for each lane, and positions are of rows. */
static int tc_runs_in_lanes(const tc_phase *phase)
{
    for (int r = 0; r < phase->nrefs; r++)
        if (phase->refs[r].kind == TC_REF_CELL)
            return 0;
    for (int s = 0; s < phase->nreductions; s++)
        if (phase->reductions[s].op == TC_ARGMIN || phase->reductions[s].op == TC_ARGMAX)
            return 0;
    return 1;
}

/* Whether kept indices should be the lanes: they are nearer in memory, or rows are very short. */
static int tc_wants_lanes(const tc_job *job)
{
    const tc_kernel *kernel = job->kernel;
    int64_t votes = 0;
    if (kernel->phases[0].level != 0 || kernel->nrows || tc_inner(&job->kept) < 4)
        return 0;
    for (int p = 0; p < kernel->nphases; p++)
        if (kernel->phases[p].level == 0 && !tc_runs_in_lanes(&kernel->phases[p]))
            return 0;
    if (job->row.total <= 16)
        return 1;
    for (int p = 0; p < kernel->noperands; p++)
        if (kernel->operands[p].kind == TC_OPERAND_ARRAY) {
            int64_t a = llabs(job->row.str[p][job->row.nd - 1]), b = llabs(job->kept.str[p][job->kept.nd - 1]);
            if (a && b)
                votes += a > b ? 1 : -1;
        }
    return votes > 0;
}

static void tc_run_lanes(tc_job *job)
{
    int64_t inner = tc_inner(&job->kept);
    job->span = job->tile = TC_TILE;
    job->per_run = (inner + TC_TILE - 1) / TC_TILE;
    job->streamed = 0;
    int64_t tasks = job->kept.total / inner * job->per_run;
    int64_t elements = job->kept.total * (job->row.total ? job->row.total : 1);
    if (tc_worth_threads(job->kernel, elements))
        tc_parallel_for(tasks, tc_grain_of(job->kernel, elements / tasks), tc_lanes_task, job);
    else
        tc_serial_for(tasks, tc_grain_of(job->kernel, elements / tasks), tc_lanes_task, job);
}
