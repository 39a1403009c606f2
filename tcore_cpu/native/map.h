/* The map driver: no reduced axis; tiles of the merged domain. */

/* Threads that share results by parts: each of them looks at all elements. */
#define TC_MOST_PARTS 16
/* Tiles of a part between two questions whether to stop. */
#define TC_PART_TILES 256

static void tc_map_linear(tc_job *job, int64_t begin, int64_t end, char *scratch)
{
    const tc_phase *phase = job->phase;
    const tc_params params = {job->launch->ints, job->launch->error, job->part, job->parts, job->in_runs, 0};
    void *ptr[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS];
    for (int64_t t = begin; t < end; t++) {
        int64_t start = t * job->tile, n = job->kept.total - start;
        char *free_ = scratch;
        n = n < job->tile ? n : job->tile;
        for (int r = 0; r < phase->nrefs; r++) {
            const tc_ref *ref = &phase->refs[r];
            tile[r] = tc_is_array(ref);
            ptr[r] = tile[r] ? free_ : job->launch->data[ref->index];
            if (!tile[r])
                continue;
            if (ref->written != 1)
                tc_move_linear(&job->kept, ref->index, job->kernel->operands[ref->index].kind,
                               job->launch->data[ref->index], start, n, free_, ref->itemsize, 0);
            free_ += tc_tile_bytes(job, ref);
        }
        tc_call_body(phase, n, ptr, tile, &params);
        for (int r = 0; r < phase->nrefs; r++)
            if (tile[r] && phase->refs[r].written)
                tc_move_linear(&job->kept, phase->refs[r].index, TC_OPERAND_ARRAY,
                               job->launch->data[phase->refs[r].index], start, n, ptr[r],
                               phase->refs[r].itemsize, 1);
    }
}

static void tc_map_runs(tc_job *job, int64_t begin, int64_t end, char *scratch)
{
    const tc_phase *phase = job->phase;
    const tc_params params = {job->launch->ints, job->launch->error, job->part, job->parts, job->in_runs, 0};
    const tc_loop *loop = &job->kept;
    int64_t inner = tc_inner(loop), run = -1;
    void *ptr[TC_MAXREFS];
    char *base[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS], packed[TC_MAXREFS];
    for (int64_t t = begin; t < end; t++) {
        if (t / job->per_run != run) {
            run = t / job->per_run;
            for (int r = 0; r < phase->nrefs; r++)
                if (tc_is_array(&phase->refs[r])) {
                    int p = phase->refs[r].index;
                    base[r] = job->launch->data[p] + tc_run_offset(loop, p, run);
                }
        }
        int64_t at = t % job->per_run * job->tile;
        int64_t n = inner - at < job->tile ? inner - at : job->tile;
        tc_fetch(job, phase, loop, base, at, n, scratch, ptr, tile, packed);
        tc_call_body(phase, n, ptr, tile, &params);
        tc_store_packed(phase, loop, base, at, n, ptr, packed);
    }
}

static void tc_map_task(void *context, int64_t begin, int64_t end)
{
    tc_job *job = context;
    char *scratch = tc_scratch_get(tc_tiles_scratch(job));
    if (!scratch)
        atomic_store(&job->failed, 1);
    else if (job->linear)
        tc_map_linear(job, begin, end, scratch);
    else
        tc_map_runs(job, begin, end, scratch);
    tc_stream_end(job);
}

/* Makes some parts of the results: a part takes all tiles in order, and of each what is its own. */
static void tc_parts_task(void *context, int64_t begin, int64_t end)
{
    tc_job *whole = context, *job = malloc(sizeof *job);
    if (!job) {
        atomic_store(&whole->failed, 1);
        return;
    }
    memcpy(job, whole, sizeof *job);
    for (job->part = begin; job->part < end; job->part++)
        for (int64_t tile = 0; tile < whole->tiles && !tc_should_stop(); tile += TC_PART_TILES)
            tc_map_task(job, tile, tile + TC_PART_TILES < whole->tiles ? tile + TC_PART_TILES : whole->tiles);
    if (atomic_load(&job->failed))
        atomic_store(&whole->failed, 1);
    free(job);
}

/* Whether tiles are runs along the last axis of the kernel: PLACE references stay where they are, and the LINE goes on by one. */
static int tc_is_in_runs(const tc_job *job)
{
    int found = 0;
    for (int r = 0; r < job->phase->nrefs; r++) {
        const tc_ref *ref = &job->phase->refs[r];
        int64_t stride = job->kept.str[ref->index][job->kept.nd - 1];
        if (ref->kind == TC_REF_LINE)
            found = stride == 1;
        else if (ref->kind == TC_REF_PLACE && stride)
            return 0;
    }
    return found && !job->linear;
}

static void tc_run_map(tc_job *job)
{
    int64_t inner = tc_inner(&job->kept), elements = job->kept.total;
    job->linear = job->kept.nd > 1 && inner < TC_SHORT;
    job->per_run = (inner + TC_TILE - 1) / TC_TILE;
    job->phase = &job->kernel->phases[0];
    job->span = job->tile = TC_TILE;
    job->in_runs = tc_is_in_runs(job);
    job->streamed = job->linear ? 0 : tc_streamed(job, &job->kept, elements);
    job->tiles = job->linear ? (elements + TC_TILE - 1) / TC_TILE : elements / inner * job->per_run;
    int64_t grain = tc_grain_of(job->kernel, elements / job->tiles);
    if (tc_worth_threads(job->kernel, elements))
        tc_parallel_for(job->tiles, grain, tc_map_task, job);
    else if (job->kernel->order == TC_ORDER_PARTS && tc_worth(job->kernel, elements) && tc_get_threads() > 1) {
        job->parts = tc_get_threads() < TC_MOST_PARTS ? tc_get_threads() : TC_MOST_PARTS;
        tc_parallel_for(job->parts, 1, tc_parts_task, job);
    } else
        tc_serial_for(job->tiles, grain, tc_map_task, job);
}
