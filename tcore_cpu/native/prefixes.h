/* The prefix driver: an ordered axis with carried values, as in cumulative sums.
 *
 * Its kernels have a body that walks along the ordered axis, for one element of the other axes after another, and as first phase one
 * that takes a step for a tile of them, their state kept in scratch. Both compute the same; which one reads memory in its order
 * depends on the strides.
 */

/* Elements that one tile of walks is to have, about. */
#define TC_WALK 16384

static void tc_across_task(void *context, int64_t begin, int64_t end)
{
    tc_job *job = context;
    const tc_phase *phase = job->phase;
    const tc_params params = {job->launch->ints, job->launch->error, 0, 1, 0, 0};
    int64_t inner = tc_inner(&job->kept);
    char *scratch = tc_scratch_get(tc_phase_scratch(job, phase));
    void *ptr[TC_MAXREFS];
    char *origin[TC_MAXREFS], *base[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS], packed[TC_MAXREFS];
    if (!scratch) {
        atomic_store(&job->failed, 1);
        return;
    }
    for (int64_t t = begin; t < end; t++) {
        int64_t run = t / job->per_run, at = t % job->per_run * job->tile;
        int64_t n = inner - at < job->tile ? inner - at : job->tile;
        for (int r = 0; r < phase->nrefs; r++)
            if (phase->refs[r].kind == TC_REF_ARRAY) {
                int p = phase->refs[r].index;
                origin[r] = job->launch->data[p] + tc_run_offset(&job->kept, p, run);
            }
        for (int64_t k = 0; k < job->row.total; k++) {
            if (k % 1024 == 1023 && tc_should_stop())
                return;
            for (int r = 0; r < phase->nrefs; r++)
                if (phase->refs[r].kind == TC_REF_ARRAY)
                    base[r] = origin[r] + k * job->row.str[phase->refs[r].index][0];
            tc_fetch(job, phase, &job->kept, base, at, n, scratch, ptr, tile, packed);
            tc_expect_row(job, phase, ptr, packed, n);
            tc_call_body(phase, n, ptr, tile, &params);
            tc_store_packed(phase, &job->kept, base, at, n, ptr, packed);
        }
    }
}

/* Whether neighbours of a tile are nearer to each other than those along the ordered axis. */
static int tc_wants_across(const tc_job *job)
{
    int64_t votes = 0;
    if (job->kernel->nphases == 1 || tc_inner(&job->kept) < 16)
        return 0;
    for (int p = 0; p < job->kernel->noperands; p++)
        if (job->kernel->operands[p].kind == TC_OPERAND_ARRAY) {
            int64_t a = llabs(job->row.str[p][0]), b = llabs(job->kept.str[p][job->kept.nd - 1]);
            votes += a && b ? a > b ? 1 : -1 : 0;
        }
    return votes > 0;
}

static void tc_run_prefix(tc_job *job)
{
    const tc_kernel *kernel = job->kernel;
    int64_t inner = tc_inner(&job->kept), length = job->row.total, elements = job->kept.total * length, tiles;
    int across = tc_wants_across(job);
    tc_task task = across ? tc_across_task : tc_map_task;
    job->phase = &kernel->phases[across ? 0 : kernel->nphases - 1];
    job->span = TC_TILE;
    job->streamed = 0;
    job->in_runs = 0;
    if (across) {
        /* As wide as may be, but some tiles for each thread. */
        job->linear = 0;
        job->tile = (inner / (2 * tc_get_threads()) + 63) / 64 * 64;
        job->tile = job->tile < 64 ? 64 : job->tile > TC_TILE ? TC_TILE : job->tile;
    } else {
        job->linear = job->kept.nd > 1 && inner < TC_SHORT;
        job->tile = TC_WALK / (length ? length : 1);
        job->tile = job->tile < 1 ? 1 : job->tile > TC_TILE ? TC_TILE : job->tile;
    }
    job->per_run = (inner + job->tile - 1) / job->tile;
    tiles = job->linear ? (job->kept.total + job->tile - 1) / job->tile : job->kept.total / inner * job->per_run;
    if (tc_worth(kernel, elements))
        tc_parallel_for(tiles, tc_grain_of(kernel, elements / tiles), task, job);
    else
        tc_serial_for(tiles, tc_grain_of(kernel, elements / tiles), task, job);
}
