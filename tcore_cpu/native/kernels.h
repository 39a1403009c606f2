/* Launches: which driver runs a kernel. */

/* A kernel over one element: no loop, no scratch. */
static void tc_run_single(const tc_kernel *kernel, const tc_launch *launch)
{
    const tc_phase *phase = &kernel->phases[0];
    const tc_params params = {launch->ints, launch->error, 0, 1, 0, 0};
    void *ptr[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS];
    int64_t iota[TC_MAXREFS];
    for (int r = 0; r < phase->nrefs; r++) {
        const tc_ref *ref = &phase->refs[r];
        tile[r] = tc_is_array(ref);
        ptr[r] = launch->data[ref->index];
        if (tile[r] && kernel->operands[ref->index].kind == TC_OPERAND_IOTA) {
            iota[r] = (int64_t)(intptr_t)ptr[r];
            ptr[r] = &iota[r];
        }
    }
    tc_call_body(phase, 1, ptr, tile, &params);
}

/* A kernel over few elements that are neighbours in all its arrays: one tile, which needs neither a plan nor scratch. Returns
 * whether it was one. */
static int tc_run_short(const tc_kernel *kernel, const tc_launch *launch, int64_t total)
{
    const tc_phase *phase = &kernel->phases[0];
    const tc_params params = {launch->ints, launch->error, 0, 1, 0, 0};
    void *ptr[TC_MAXREFS];
    uint8_t tile[TC_MAXREFS];
    for (int r = 0; r < phase->nrefs; r++) {
        const tc_ref *ref = &phase->refs[r];
        const int64_t *strides = launch->strides + ref->index * launch->ndim;
        tile[r] = ref->kind == TC_REF_ARRAY;
        if (!tile[r] && ref->kind != TC_REF_SCALAR)
            return 0;
        if (tile[r] && (kernel->operands[ref->index].kind != TC_OPERAND_ARRAY ||
                        tc_bytes_in_order(strides, strides, launch->ndim, launch->extents, ref->itemsize) < 0))
            return 0;
        ptr[r] = launch->data[ref->index];
    }
    tc_call_body(phase, total, ptr, tile, &params);
    return 1;
}

int tc_run_kernel(const tc_kernel *kernel, const tc_launch *launch)
{
    int simple = kernel->nphases == 1 && kernel->phases[0].level == 0 && kernel->phases[0].nreductions == 0 &&
                 kernel->nrows == 0 && launch->reduced == 0 && kernel->order != TC_ORDER_PREFIX;
    if (simple) {
        int64_t total = 1;
        for (int d = 0; d < launch->ndim; d++)
            total *= launch->extents[d];
        if (total <= 0)
            return 0;
        if (total == 1) {
            tc_run_single(kernel, launch);
            return 0;
        }
        if (total <= TC_TILE && kernel->order == TC_ORDER_ANY && tc_run_short(kernel, launch, total))
            return 0;
    }
    tc_job job; /* not cleared as a whole: the loops are large */
    job.kernel = kernel;
    job.launch = launch;
    job.part = 0;
    job.parts = 1;
    job.in_runs = 0;
    atomic_init(&job.failed, 0);
    tc_plan_loop(&job.kept, kernel, launch, 0);
    if (job.kept.total == 0)
        return 0;
    if (simple)
        tc_run_map(&job);
    else {
        tc_plan_loop(&job.row, kernel, launch, 1);
        if (kernel->order == TC_ORDER_PREFIX)
            tc_run_prefix(&job);
        else if (tc_wants_turning(&job))
            tc_run_turned(&job);
        else if (tc_wants_lanes(&job))
            tc_run_lanes(&job);
        else
            tc_run_rows(&job);
    }
    return atomic_load(&job.failed) ? -1 : 0;
}
