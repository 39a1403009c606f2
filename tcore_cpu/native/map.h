/* The map driver: no reduced axis; tiles of the merged domain. */

static void tc_map_linear(tc_job *job, int64_t begin, int64_t end, char *scratch)
{
    const tc_phase *phase = &job->kernel->phases[0];
    const tc_params params = {job->launch->ints, job->launch->error};
    void *ptr[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS];
    for (int64_t t = begin; t < end; t++) {
        int64_t start = t * TC_TILE, n = job->kept.total - start;
        char *free_ = scratch;
        n = n < TC_TILE ? n : TC_TILE;
        for (int r = 0; r < phase->nrefs; r++) {
            const tc_ref *ref = &phase->refs[r];
            tile[r] = ref->kind == TC_REF_ARRAY;
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
    const tc_phase *phase = &job->kernel->phases[0];
    const tc_params params = {job->launch->ints, job->launch->error};
    const tc_loop *loop = &job->kept;
    int64_t inner = tc_inner(loop), run = -1;
    void *ptr[TC_MAXREFS];
    char *base[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS], packed[TC_MAXREFS];
    for (int64_t t = begin; t < end; t++) {
        if (t / job->per_run != run) {
            run = t / job->per_run;
            for (int r = 0; r < phase->nrefs; r++)
                if (phase->refs[r].kind == TC_REF_ARRAY) {
                    int p = phase->refs[r].index;
                    base[r] = job->launch->data[p] + tc_run_offset(loop, p, run);
                }
        }
        int64_t at = t % job->per_run * TC_TILE;
        int64_t n = inner - at < TC_TILE ? inner - at : TC_TILE;
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

static void tc_run_map(tc_job *job)
{
    int64_t inner = tc_inner(&job->kept), tiles;
    job->linear = job->kept.nd > 1 && inner < TC_SHORT;
    job->per_run = (inner + TC_TILE - 1) / TC_TILE;
    job->span = TC_TILE;
    job->streamed = job->linear ? 0 : tc_streamed(job, &job->kept, job->kept.total);
    if (job->linear)
        tiles = (job->kept.total + TC_TILE - 1) / TC_TILE;
    else
        tiles = job->kept.total / inner * job->per_run;
    if (tc_worth_threads(job->kernel, job->kept.total))
        tc_parallel_for(tiles, tc_grain_of(job->kernel, job->kept.total / tiles), tc_map_task, job);
    else
        tc_serial_for(tiles, tc_grain_of(job->kernel, job->kept.total / tiles), tc_map_task, job);
}
