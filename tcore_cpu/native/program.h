/* Programs: a flat table of instructions over slots (arrays) and integer registers.
 *
 * The core runs until it needs the host: for memory that the host owns, or for a step that only the
 * host can make. `tc_frame_run` then returns an event, and is called again when that is done.
 */

/* A launch with what it points to, read from an instruction. */
typedef struct {
    tc_launch launch;
    const tc_kernel *kernel;
    int64_t extents[TC_MAXDIM], strides[TC_MAXREFS * TC_MAXDIM], ints[256], error[4];
    char *data[TC_MAXREFS];
    int64_t slots[TC_MAXREFS]; /* by operand; -1: none */
    double elements;
} tc_set_up;

/* Reads TC_OP_KERNEL; `c` is behind its opcode. Returns where the next instruction is. */
static const int64_t *tc_read_launch(const tc_frame *f, const int64_t *c, tc_set_up *s)
{
    s->kernel = &f->program->kernels[c[0]];
    int ndim = (int)c[1], noperands = (int)c[3], nints = (int)c[4];
    uint32_t reduced = (uint32_t)c[2];
    c += 5;
    s->elements = 1;
    for (int d = 0; d < ndim; d++) {
        s->extents[d] = f->regs[*c++];
        s->elements *= (double)s->extents[d];
    }
    for (int p = 0; p < noperands; p++) {
        int64_t slot = *c++, nterms = *c++;
        const tc_array *x = slot >= 0 ? &f->slots[slot] : NULL;
        int64_t *own = s->strides + p * ndim;
        s->data[p] = x ? x->data : NULL;
        s->slots[p] = slot;
        memset(own, 0, sizeof(int64_t) * (size_t)ndim);
        for (; nterms > 0; nterms--, c += 3) {
            int64_t step = (x ? x->strides[c[1]] : 1) * (c[2] >= 0 ? f->regs[c[2]] : 1);
            if (c[0] >= 0)
                own[c[0]] += step;
            else
                s->data[p] += step;
        }
    }
    for (int k = 0; k < nints; k++)
        s->ints[k] = f->regs[*c++];
    memset(s->error, 0, sizeof s->error);
    s->launch = (tc_launch){ndim, reduced, s->extents, s->data, s->strides, s->ints, s->error, 1};
    return c;
}

/* How a launch ended: an event. */
static int tc_launch_ends(tc_frame *f, const tc_set_up *s, int status)
{
    int64_t made = -1;
    if (tc_watch_ends(f))
        return tc_stop(f);
    for (int p = 0; p < s->kernel->noperands; p++)
        made = s->kernel->operands[p].written ? s->slots[p] : made;
    if (status)
        return tc_fail(f, TC_ERROR_MEMORY, -1, made, 0, 0, 0);
    if (s->error[0])
        return tc_fail(f, TC_ERROR_INDEX, s->error[0] - 1, -1, 0, s->error[1], s->error[2]);
    return TC_DONE;
}

/* Runs TC_OP_KERNEL; *at is behind its opcode and moves behind the instruction. */
static int tc_step_kernel(tc_frame *f, const int64_t **at)
{
    tc_set_up s;
    *at = tc_read_launch(f, *at, &s);
    if (tc_watch_begins(f, s.elements * s.kernel->cost / 1000))
        return tc_stop(f);
    return tc_launch_ends(f, &s, tc_run_kernel(s.kernel, &s.launch));
}

/* Nanoseconds of a product, about. */
static double tc_gemm_cost(const tc_array *c, const tc_array *a)
{
    return (double)c->dims[0] * (double)c->dims[1] * (double)a->dims[1] * 0.05;
}

/* Runs TC_OP_EPILOGUE; *at is behind its opcode and moves behind the kernel's instruction. */
static int tc_step_epilogue(tc_frame *f, const int64_t **at)
{
    const int64_t *c = *at, buffer = c[5];
    tc_array *product = &f->slots[c[0]];
    const tc_array *alpha = c[3] < 0 ? NULL : &f->slots[c[3]], *beta = c[4] < 0 ? NULL : &f->slots[c[4]];
    tc_blocks_job job = {.axis = (int)c[6], .c = product, .a = &f->slots[c[1]], .b = &f->slots[c[2]], .alpha = alpha, .beta = beta};
    const int64_t bytes = product->dims[0] * product->dims[1] * product->itemsize;
    job.rows = tc_rows_of_block(product, job.a->dims[1]);
    if (buffer >= 0 && job.rows == product->dims[0] && tc_take_buffer(f, product, buffer, bytes))
        return tc_fail(f, TC_ERROR_MEMORY, -1, c[0], 0, bytes, 0);
    tc_set_up s;
    *at = tc_read_launch(f, c + 8, &s);
    job.kernel = s.kernel, job.launch = &s.launch;
    if (tc_watch_begins(f, tc_gemm_cost(product, job.a) + s.elements * s.kernel->cost / 1000))
        return tc_stop(f);
    int64_t code;
    if (job.rows == product->dims[0]) {
        code = tc_gemm(product, job.a, job.b, alpha, beta);
        code = code || tc_is_stopped() ? code : tc_run_kernel(s.kernel, &s.launch) ? TC_ERROR_MEMORY : 0;
    } else {
        for (int p = 0; buffer >= 0 && p < s.kernel->noperands; p++)
            job.shown |= s.slots[p] == c[0] ? (uint64_t)1 << p : 0;
        code = tc_run_blocks(&job);
    }
    if (code && code != TC_ERROR_MEMORY) {
        tc_watch_ends(f);
        return tc_fail(f, code, -1, c[0], 0, 0, 0);
    }
    return tc_launch_ends(f, &s, code != 0);
}

static int tc_step_blas(tc_frame *f, int64_t instruction, const int64_t *c)
{
    const tc_array *s = f->slots;
#define TC_SLOT_OR_NULL(k) ((k) >= 0 ? &s[k] : NULL)
    int64_t code;
    double rows = s[c[0]].ndim ? (double)s[c[0]].dims[0] : 1, work;
    switch (instruction) {
    case TC_OP_GEMM: work = tc_gemm_cost(&s[c[0]], &s[c[1]]); break;
    case TC_OP_GEMV: work = rows * (double)s[c[2]].dims[0] * 0.3; break;
    case TC_OP_GER: work = rows * (double)s[c[0]].dims[1] * 0.5; break;
    default: work = (double)s[c[1]].dims[0] * 0.3;
    }
    if (tc_watch_begins(f, work))
        return tc_stop(f);
    switch (instruction) {
    case TC_OP_GEMM: code = tc_gemm(&s[c[0]], &s[c[1]], &s[c[2]], TC_SLOT_OR_NULL(c[3]), TC_SLOT_OR_NULL(c[4])); break;
    case TC_OP_GEMV: code = tc_gemv(&s[c[0]], &s[c[1]], &s[c[2]], TC_SLOT_OR_NULL(c[3]), TC_SLOT_OR_NULL(c[4])); break;
    case TC_OP_GER: code = tc_ger(&s[c[0]], &s[c[1]], &s[c[2]], TC_SLOT_OR_NULL(c[3])); break;
    default: code = tc_dot(&s[c[0]], &s[c[1]], &s[c[2]]);
    }
    if (tc_watch_ends(f))
        return tc_stop(f);
    return code ? tc_fail(f, code, -1, c[0], 0, 0, 0) : TC_DONE;
}

/* Runs TC_OP_ROUTINE; *at is behind its opcode and moves behind the instruction. */
static int tc_step_routine(tc_frame *f, const int64_t **at)
{
    const int64_t *c = *at, routine = c[0], apply = c[1], nslots = c[2], nargs = c[3];
    tc_array *slots[TC_MAXDIM + 2];
    for (int64_t k = 0; k < nslots; k++)
        slots[k] = c[4 + k] < 0 ? NULL : &f->slots[c[4 + k]];
    *at = c + 4 + nslots + nargs;
    if (tc_watch_begins(f, tc_routine_cost(routine, slots)))
        return tc_stop(f);
    int64_t code = tc_run_routine(routine, slots, c + 4 + nslots, (int)nargs, f->regs);
    if (tc_watch_ends(f))
        return tc_stop(f);
    return code ? tc_fail(f, code, code == TC_ERROR_MEMORY ? -1 : apply, c[4], 0, 0, 0) : TC_DONE;
}

/* Runs TC_OP_LINALG; *at is behind its opcode and moves behind the instruction. */
static int tc_step_linalg(tc_frame *f, const int64_t **at)
{
    const int64_t *c = *at;
    int64_t operation = c[0], apply = c[3], nout = c[4], nparts = c[4] + c[5], out = c[6];
    const tc_array *parts[TC_MAXPARTS];
    int core[TC_MAXPARTS];
    tc_stack stack;
    for (int64_t k = 0; k < nparts; k++)
        parts[k] = &f->slots[c[6 + 2 * k]], core[k] = (int)c[7 + 2 * k];
    *at = c + 6 + 2 * nparts;
    int64_t code = tc_prepare_stack(&stack, operation, c[1], c[2], (int)nparts, (int)nout, parts, core);
    if (code)
        return tc_fail(f, code, apply, out, 0, 0, 0);
    double ns = tc_linalg_cost(&stack, operation, (int)nout);
    if (tc_watch_begins(f, ns * (double)tc_items(&stack)))
        return tc_stop(f);
    tc_run_stack(&stack, ns);
    if (tc_watch_ends(f))
        return tc_stop(f);
    switch (atomic_load(&stack.failed)) {
    case 1: return tc_fail(f, TC_ERROR_MEMORY, -1, out, 0, 0, 0);
    case 2: return tc_fail(f, TC_ERROR_LINALG, apply, 0, 0, atomic_load(&stack.info), 0);
    default: return TC_DONE;
    }
}

int tc_frame_run(tc_frame *f)
{
    const int64_t *code = f->program->code, *c = code + f->pc;
    int64_t *regs = f->regs;
    int event;
    for (;;) {
        const int64_t *start = c;
        switch (*c++) {
        case TC_OP_END:
            f->pc = -1;
            return TC_DONE;
        case TC_OP_CONST:
            regs[c[0]] = c[1];
            c += 2;
            break;
        case TC_OP_DIM:
            regs[c[0]] = f->slots[c[1]].dims[c[2]];
            c += 3;
            break;
        case TC_OP_STRIDE:
            regs[c[0]] = f->slots[c[1]].strides[c[2]];
            c += 3;
            break;
        case TC_OP_VALUE:
            regs[c[0]] = tc_integer_value(&f->slots[c[1]]);
            c += 2;
            break;
        case TC_OP_ARITH:
            regs[c[0]] = tc_arith(c[1], regs[c[2]], regs[c[3]]);
            c += 4;
            break;
        case TC_OP_SELECT:
            regs[c[0]] = regs[c[1]] ? regs[c[2]] : regs[c[3]];
            c += 4;
            break;
        case TC_OP_CHECK:
            if (regs[c[4]] != regs[c[5]])
                return tc_fail(f, c[0], c[1], c[2], c[3], regs[c[4]], regs[c[5]]);
            c += 6;
            break;
        case TC_OP_REQUIRE:
            if (!regs[c[2]]) {
                f->pc = c + 5 - code;
                return tc_fail(f, c[0], c[1], 0, 0, regs[c[3]], regs[c[4]]);
            }
            c += 5;
            break;
        case TC_OP_ALLOC: {
            tc_array *slot = &f->slots[c[0]];
            for (int64_t d = 0; d < c[2]; d++)
                slot->dims[d] = regs[c[4 + d]];
            event = tc_allocate(f, c[0], c[1], (int)c[3], c + 4 + c[2]);
            c += 4 + c[2] + c[3];
            if (event != TC_DONE) {
                f->pc = c - code;
                return event;
            }
            break;
        }
        case TC_OP_VIEW:
            tc_step_view(f, &c);
            break;
        case TC_OP_RESHAPE:
        case TC_OP_PRIVATE:
            event = *start == TC_OP_RESHAPE ? tc_step_reshape(f, &c) : tc_step_private(f, &c);
            if (event != TC_DONE) {
                f->pc = start - code;
                return event;
            }
            break;
        case TC_OP_KERNEL:
            event = tc_step_kernel(f, &c);
            if (event != TC_DONE)
                return event;
            break;
        case TC_OP_EPILOGUE:
            event = tc_step_epilogue(f, &c);
            if (event != TC_DONE)
                return event;
            break;
        case TC_OP_GEMM:
        case TC_OP_GEMV:
        case TC_OP_GER:
        case TC_OP_DOT:
            event = tc_step_blas(f, *start, c);
            if (event != TC_DONE)
                return event;
            c += *start == TC_OP_DOT ? 3 : *start == TC_OP_GER ? 4 : 5;
            break;
        case TC_OP_ROUTINE:
            event = tc_step_routine(f, &c);
            if (event != TC_DONE)
                return event;
            break;
        case TC_OP_LINALG:
            event = tc_step_linalg(f, &c);
            if (event != TC_DONE)
                return event;
            break;
        case TC_OP_COPY:
            event = tc_step_copy(f, f->slots[c[0]].data, f->slots[c[0]].strides, &f->slots[c[1]]);
            if (event != TC_DONE)
                return event;
            c += 2;
            break;
        case TC_OP_STORE:
            for (int64_t k = 0; k < c[1]; k++)
                ((int64_t *)f->slots[c[0]].data)[k] = regs[c[2 + k]];
            c += 2 + c[1];
            break;
        case TC_OP_CALL:
        case TC_OP_FORGET:
            f->event_arg = c[0];
            c += 1;
            f->pc = c - code;
            return *start == TC_OP_CALL ? TC_CALL : TC_FORGET;
        case TC_OP_RELEASE:
            tc_release_buffer(f, c[0]);
            c += 1;
            break;
        case TC_OP_JUMP:
            c = regs[c[0]] ? c + 2 : start + c[1];
            break;
        case TC_OP_REPEAT: {
            int64_t round = ++regs[c[0]];
            if (round >= regs[c[1]] || (c[2] >= 0 && regs[c[2]])) {
                c += 4;
                break;
            }
            if (round % TC_ROUNDS == 0 && tc_add_work(f, TC_ROUNDS * TC_STEP_NS))
                return tc_stop(f);
            c = start + c[3];
            break;
        }
        default:
            return tc_fail(f, TC_ERROR_BLAS, -1, -1, 0, *start, 0);
        }
    }
}
