/* The parts of the function, and the values that they hand to one another: each part runs when a result turns out to need it. */

/* Forgets a value's memory: that of the caller, of a state or of the library is none of its own. */
static void drop(value *v)
{
    tc_block_free(v->block);
    v->block = NULL;
}

/* One reader less: memory that nobody reads any more is given back. */
static void release(model_instance *m, int number)
{
    value *root = &m->values[m->values[number].root];
    if (--root->left == 0)
        drop(root);
}

/* Where a value is; strides NULL: C order. */
static void set_value(model_instance *m, int number, char *data, const int64_t *dims, const int64_t *strides)
{
    value *v = &m->values[number];
    int ndim = kinds[number].ndim;
    v->data = data;
    memcpy(v->dims, dims, sizeof *dims * (size_t)ndim);
    if (strides)
        memcpy(v->strides, strides, sizeof *strides * (size_t)ndim);
    else
        c_order(v->strides, dims, ndim, tc_itemsize(kinds[number].dtype));
}

/* Lets output k's slot have the caller's memory, where that is safe: 1 if it has it now. */
static int adopt(model_instance *m, int k, tc_array *slot)
{
    const tcore_array *room = &m->outputs[k];
    if (!room->data || m->adopted[k] || memcmp(room->dims, slot->dims, sizeof *room->dims * (size_t)slot->ndim) ||
        (room->strides && !is_c_order(room->strides, room->dims, room->ndim, slot->itemsize)))
        return 0;
    for (int j = 0; j < MODEL_INPUTS; j++)
        if (overlap(room, &m->inputs[j]))
            return 0;
    slot->data = room->data;
    return m->adopted[k] = 1;
}

/* The output whose value is that of a number, and which lies in the caller's memory `data`: or -1. */
static int adopted_as(const model_instance *m, int number, const char *data)
{
    for (int k = 0; k < MODEL_OUTPUTS; k++)
        if (m->adopted[k] && result_values[k] == number && m->outputs[k].data == data)
            return k;
    return -1;
}

/* Memory for a slot whose lengths and strides are set; what leaves the part is in C order. */
static int allocate(model_instance *m, int s, int number)
{
    tc_array *slot = &m->parts[s].frame->slots[number];
    char **owned = &m->parts[s].owned[number];
    for (int k = steps[s].writes; k < steps[s].writes + steps[s].nwrites; k++) {
        if (writes[k].slot != number)
            continue;
        c_order(slot->strides, slot->dims, slot->ndim, slot->itemsize);
        for (int j = 0; j < MODEL_OUTPUTS; j++)
            if (result_values[j] == writes[k].value && adopt(m, j, slot))
                return TCORE_OK;
    }
    int64_t bytes = bytes_of(slot->dims, slot->ndim, slot->itemsize);
    tc_block_free(*owned);
    *owned = slot->data = tc_block_get((size_t)bytes + 1);
    return slot->data ? TCORE_OK : no_memory(m, bytes);
}

static int report(model_instance *m, int s)
{
    const tc_error *e = &m->parts[s].frame->error;
    const char *node = e->apply >= 0 && e->apply < steps[s].napplies ? applies[steps[s].applies + e->apply] : "";
    const char *in = node[0] ? " in " : "", *missing;
    long long left = e->left, right = e->right;
    switch (e->code) {
    case TC_ERROR_SHAPE:
        return fail(m, TCORE_ERROR_SHAPE, "lengths do not fit%s%s: input %lld has length %lld along axis %lld, where %lld is needed",
                    in, node, (long long)e->operand, left, (long long)e->axis, right);
    case TC_ERROR_INDEX:
        return fail(m, TCORE_ERROR_INDEX, "an index is out of bounds%s%s: %lld, where the axis has length %lld", in, node, left, right);
    case TC_ERROR_DEMAND:
        return fail(m, TCORE_ERROR_VALUE, "a condition on lengths or numbers does not hold%s%s", in, node);
    case TC_ERROR_NEGATIVE:
        return fail(m, TCORE_ERROR_VALUE, "a length is negative: %lld along axis %lld", left, (long long)e->axis);
    case TC_ERROR_RESHAPE:
        return fail(m, TCORE_ERROR_SHAPE, "an array of %lld elements cannot be reshaped%s%s: %lld does not fit", left, in, node, right);
    case TC_ERROR_MEMORY:
        return e->left > 0 ? no_memory(m, left) : fail(m, TCORE_ERROR_MEMORY, "no memory");
    case TC_ERROR_BLAS:
        missing = model_missing_blas();
        if (!missing)
            return fail(m, TCORE_ERROR_BLAS, "a matrix is too large for BLAS");
        return fail(m, TCORE_ERROR_BLAS, "there is no BLAS: link the program with one that has %s_, or give it to model_set_blas", missing);
    case TC_ERROR_LINALG:
        return fail(m, TCORE_ERROR_VALUE, "LAPACK found no result%s%s: the matrix is singular, not positive definite or not finite, or an "
                    "iteration did not converge (%lld)", in, node, left);
    default:
        return fail(m, TCORE_ERROR_VALUE, "native code failed: %lld", (long long)e->code);
    }
}

/* Runs the program of part s. */
static int run_part(model_instance *m, int s)
{
    part *p = &m->parts[s];
    tc_frame_start(p->frame);
    for (;;) {
        int status = TCORE_OK;
        switch (tc_frame_run(p->frame)) {
        case TC_DONE:
            return TCORE_OK;
        case TC_ALLOC:
            status = allocate(m, s, (int)p->frame->event_arg);
            break;
        case TC_FORGET:
            tc_block_free(p->owned[p->frame->event_arg]);
            p->owned[p->frame->event_arg] = NULL;
            break;
        case TC_CALL:
            status = fail(m, TCORE_ERROR_VALUE, "a loop makes no step, or has fewer rows than steps: %s",
                          calls[steps[s].calls + p->frame->event_arg]);
            break;
        default:
            /* nobody is there to look closer, and few doubts turn out to be right */
            status = p->frame->error.code == TC_ERROR_DOUBT ? TCORE_OK : report(m, s);
        }
        if (status)
            return status;
    }
}

/* Gives part s its values: memory that nobody else will read is its own, to be overwritten if need be. */
static void hand_in(model_instance *m, int s)
{
    part *p = &m->parts[s];
    for (int k = steps[s].reads; k < steps[s].reads + steps[s].nreads; k++) {
        value *v = &m->values[reads[k].value], *root = &m->values[v->root];
        bind(p->frame, reads[k].slot, v->data, v->dims, v->strides);
        if (root->left == 1 && root->block) {
            p->owned[reads[k].slot] = root->block;
            root->block = NULL;
            p->frame->slots[reads[k].slot].flags = 0;
        }
    }
}

/* The results of part s that somebody reads, each in memory of its own: that of its slot, or a copy. */
static int take_out(model_instance *m, int s)
{
    for (int k = steps[s].writes; k < steps[s].writes + steps[s].nwrites; k++) {
        const tc_array *slot = &m->parts[s].frame->slots[writes[k].slot];
        char **owned = &m->parts[s].owned[slot->owner];
        value *v = &m->values[writes[k].value];
        if (!v->left)
            continue;
        set_value(m, writes[k].value, slot->data, slot->dims, NULL);
        if (adopted_as(m, writes[k].value, slot->data) >= 0)
            continue;
        if (*owned && *owned == slot->data && is_c_order(slot->strides, slot->dims, slot->ndim, slot->itemsize)) {
            v->block = *owned;
            *owned = NULL;
            continue;
        }
        int64_t bytes = bytes_of(slot->dims, slot->ndim, slot->itemsize);
        if (!(v->block = v->data = tc_block_get((size_t)bytes + 1)))
            return no_memory(m, bytes);
        tc_copy(v->data, v->strides, slot->data, slot->strides, slot->ndim, slot->dims, slot->itemsize);
    }
    return TCORE_OK;
}

static void leave_part(model_instance *m, int s)
{
    part *p = &m->parts[s];
    for (int k = 0; p->program && k < p->program->nslots; k++) {
        tc_block_free(p->owned[k]);
        p->owned[k] = NULL;
    }
    if (p->frame)
        tc_frame_release(p->frame);
}

static int compute(model_instance *m, int s)
{
    hand_in(m, s);
    int status = run_part(m, s);
    if (!status)
        status = take_out(m, s);
    leave_part(m, s);
    for (int k = steps[s].reads; k < steps[s].reads + steps[s].nreads; k++)
        release(m, reads[k].value);
    return status;
}

/* ---- choices --------------------------------------------------------------------------------- */

/* Whether a number is not zero; NaN is not. */
static int is_true(const char *data, int dtype)
{
    uint16_t half;
    switch (dtype) {
    case TCORE_FLOAT16:
        memcpy(&half, data, sizeof half);
        return (half & 0x7fff) != 0;
    case TCORE_FLOAT32:
        return *(const float *)data != 0;
    case TCORE_FLOAT64:
        return *(const double *)data != 0;
    case TCORE_COMPLEX64:
        return ((const float *)data)[0] != 0 || ((const float *)data)[1] != 0;
    case TCORE_COMPLEX128:
        return ((const double *)data)[0] != 0 || ((const double *)data)[1] != 0;
    default:
        for (int k = 0; k < tc_itemsize(dtype); k++)
            if (data[k])
                return 1;
        return 0;
    }
}

/* Which of its reads a choice takes first: behind the condition come the values of two branches. */
static int branch(const model_instance *m, int s)
{
    int condition = reads[steps[s].reads].value;
    return 1 + (is_true(m->values[condition].data, kinds[condition].dtype) ? 0 : steps[s].nwrites);
}

/* The results of choice s are the values of one branch, in the same memory. */
static void choose(model_instance *m, int s)
{
    int first = steps[s].reads + branch(m, s);
    for (int k = 0; k < steps[s].nwrites; k++) {
        const value *from = &m->values[reads[first + k].value];
        value *to = &m->values[writes[steps[s].writes + k].value];
        set_value(m, writes[steps[s].writes + k].value, from->data, from->dims, from->strides);
        to->root = from->root;
        m->values[to->root].left += to->left;
    }
    for (int k = steps[s].reads; k < steps[s].reads + steps[s].nreads; k++)
        release(m, reads[k].value);
}

/* ---- what is needed -------------------------------------------------------------------------- */

/* The part that has to run before step s goes on, or -1. */
static int missing_part(model_instance *m, int s)
{
    int *next = &m->next[s], end = steps[s].nreads;
    for (;;) {
        if (!steps[s].length && *next > 0) {
            int first = branch(m, s);
            end = first + steps[s].nwrites;
            if (*next < first)
                *next = first;
        }
        if (*next >= end)
            return -1;
        int maker = kinds[reads[steps[s].reads + *next].value].maker;
        if (maker >= 0 && !m->done[maker])
            return maker;
        ++*next;
    }
}

static int run(model_instance *m)
{
    for (int k = 0; k < NRESULTS; k++) {
        int depth = 0, maker = kinds[result_values[k]].maker;
        if (maker >= 0 && !m->done[maker])
            m->stack[depth++] = maker;
        while (depth) {
            int s = m->stack[depth - 1], needed = missing_part(m, s), status = TCORE_OK;
            if (needed >= 0) {
                m->stack[depth++] = needed;
                continue;
            }
            if (steps[s].length)
                status = compute(m, s);
            else
                choose(m, s);
            if (status)
                return status;
            m->done[s] = 1;
            depth--;
        }
    }
    return TCORE_OK;
}
