/* Programs from their flat description, and frames: what one call works on. */

typedef struct {
    const int64_t *at, *end;
    int bad;
} tc_reader;

static int64_t tc_read(tc_reader *r)
{
    if (r->at < r->end)
        return *r->at++;
    r->bad = 1;
    return 0;
}

/* A count in [0, most]. */
static int32_t tc_read_count(tc_reader *r, int64_t most)
{
    int64_t n = tc_read(r);
    if (n < 0 || n > most)
        r->bad = 1;
    return r->bad ? 0 : (int32_t)n;
}

static int32_t *tc_read_ints(tc_reader *r, int64_t n)
{
    int32_t *ints = calloc((size_t)n + 1, sizeof *ints);
    for (int64_t k = 0; ints && k < n; k++)
        ints[k] = (int32_t)tc_read(r);
    return ints;
}

static void tc_read_kernel(tc_reader *r, tc_kernel *kernel)
{
    int32_t nphases;
    kernel->noperands = tc_read_count(r, TC_MAXREFS);
    nphases = tc_read_count(r, 64);
    kernel->nrows = tc_read_count(r, 64);
    kernel->order = (int32_t)tc_read(r);
    kernel->cost = (int32_t)tc_read(r);
    kernel->operands = (tc_operand *)tc_read_ints(r, 3 * (int64_t)kernel->noperands);
    kernel->row_itemsizes = tc_read_ints(r, kernel->nrows);
    tc_phase *phases = calloc((size_t)nphases + 1, sizeof *phases);
    kernel->phases = phases;
    for (int p = 0; phases && p < nphases && !r->bad; p++) {
        phases[p].body = (tc_body)(intptr_t)tc_read(r);
        phases[p].level = (int32_t)tc_read(r);
        phases[p].lanes = (int32_t)tc_read(r);
        phases[p].by_lane = (int32_t)tc_read(r);
        phases[p].nrefs = tc_read_count(r, TC_MAXREFS);
        phases[p].nreductions = tc_read_count(r, TC_MAXCELLS);
        phases[p].refs = (tc_ref *)tc_read_ints(r, 4 * (int64_t)phases[p].nrefs);
        phases[p].reductions = (tc_reduction *)tc_read_ints(r, 7 * (int64_t)phases[p].nreductions);
        kernel->nphases = p + 1;
    }
}

void tc_program_free(tc_program *program)
{
    if (!program)
        return;
    for (int k = 0; k < program->nkernels; k++) {
        const tc_kernel *kernel = &program->kernels[k];
        for (int p = 0; p < kernel->nphases; p++) {
            free((void *)kernel->phases[p].refs);
            free((void *)kernel->phases[p].reductions);
        }
        free((void *)kernel->phases);
        free((void *)kernel->operands);
        free((void *)kernel->row_itemsizes);
    }
    free((void *)program->kernels);
    free((void *)program->slot_ndims);
    free((void *)program->slot_dtypes);
    free((void *)program->code);
    free(program);
}

tc_program *tc_program_new(const int64_t *spec, int64_t length)
{
    tc_reader r = {spec, spec + length, 0};
    tc_program *program = calloc(1, sizeof *program);
    if (!program)
        return NULL;
    program->nslots = tc_read_count(&r, length);
    program->nregs = tc_read_count(&r, INT32_MAX);
    program->nbuffers = tc_read_count(&r, INT32_MAX);
    int32_t nkernels = tc_read_count(&r, length);
    program->ncode = tc_read_count(&r, length);
    program->slot_ndims = tc_read_ints(&r, program->nslots);
    program->slot_dtypes = tc_read_ints(&r, program->nslots);
    int64_t *code = calloc((size_t)program->ncode + 1, sizeof *code);
    tc_kernel *kernels = calloc((size_t)nkernels + 1, sizeof *kernels);
    program->code = code;
    program->kernels = kernels;
    for (int k = 0; code && k < program->ncode; k++)
        code[k] = tc_read(&r);
    for (int k = 0; kernels && k < nkernels && !r.bad; k++) {
        program->nkernels = k + 1;
        tc_read_kernel(&r, &kernels[k]);
    }
    if (r.bad || r.at != r.end || !code || !kernels) {
        tc_program_free(program);
        return NULL;
    }
    return program;
}

tc_frame *tc_frame_new(const tc_program *program)
{
    size_t lengths = 0;
    for (int s = 0; s < program->nslots; s++)
        lengths += 2 * (size_t)program->slot_ndims[s];
    tc_frame *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->program = program;
    f->slots = calloc((size_t)program->nslots + 1, sizeof *f->slots);
    f->regs = calloc((size_t)program->nregs + 1, sizeof *f->regs);
    f->buffers = calloc((size_t)program->nbuffers + 1, sizeof *f->buffers);
    f->capacities = calloc((size_t)program->nbuffers + 1, sizeof *f->capacities);
    f->lengths = calloc(lengths + 1, sizeof *f->lengths);
    if (!f->slots || !f->regs || !f->buffers || !f->capacities || !f->lengths) {
        tc_frame_free(f);
        return NULL;
    }
    int64_t *at = f->lengths;
    for (int s = 0; s < program->nslots; s++) {
        tc_array *slot = &f->slots[s];
        slot->ndim = program->slot_ndims[s];
        slot->dtype = program->slot_dtypes[s];
        slot->itemsize = tc_itemsize(slot->dtype);
        slot->buffer = -1;
        slot->owner = s;
        slot->dims = at;
        slot->strides = at + slot->ndim;
        at += 2 * slot->ndim;
    }
    return f;
}

void tc_frame_free(tc_frame *f)
{
    if (!f)
        return;
    for (int b = 0; f->buffers && b < f->program->nbuffers; b++)
        tc_block_free(f->buffers[b]);
    free(f->slots);
    free(f->regs);
    free(f->buffers);
    free(f->capacities);
    free(f->lengths);
    free(f);
}

void tc_frame_start(tc_frame *f)
{
    if (f->pc >= 0)
        /* The last run did not come to its end. */
        for (int s = 0; s < f->program->nslots; s++)
            f->slots[s].flags &= ~TC_SLOT_PENDING;
    f->pc = 0;
    f->polled = f->worked = 0;
    f->watched = 0;
    f->error.code = TC_ERROR_NONE;
}

/* Small buffers stay for the next call. */
static void tc_release_buffer(tc_frame *f, int64_t b)
{
    if (f->capacities[b] >= TC_CACHED_FROM) {
        tc_block_free(f->buffers[b]);
        f->buffers[b] = NULL;
        f->capacities[b] = 0;
    }
}

void tc_frame_release(tc_frame *f)
{
    for (int b = 0; b < f->program->nbuffers; b++)
        tc_release_buffer(f, b);
}

static int tc_fail(tc_frame *f, int64_t code, int64_t apply, int64_t operand, int64_t axis, int64_t left, int64_t right)
{
    tc_error error = {code, apply, operand, axis, left, right};
    f->error = error;
    return TC_FAILED;
}
