/* Slots and registers of a frame: integers, the memory of arrays, and the instructions that make one array of another
 * without computing an element. */

static int64_t tc_floor_div(int64_t a, int64_t b)
{
    if (b == 0)
        return 0;
    if (b == -1)
        return (int64_t)(0 - (uint64_t)a);
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static int64_t tc_arith(int64_t function, int64_t a, int64_t b)
{
    switch (function) {
    case TC_F_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case TC_F_SUB: return (int64_t)((uint64_t)a - (uint64_t)b);
    case TC_F_MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case TC_F_FLOORDIV: return tc_floor_div(a, b);
    case TC_F_MOD: return b == 0 ? 0 : (int64_t)((uint64_t)a - (uint64_t)tc_floor_div(a, b) * (uint64_t)b);
    case TC_F_MIN: return a < b ? a : b;
    case TC_F_MAX: return a > b ? a : b;
    case TC_F_LT: return a < b;
    case TC_F_LE: return a <= b;
    case TC_F_EQ: return a == b;
    case TC_F_NE: return a != b;
    case TC_F_GT: return a > b;
    case TC_F_GE: return a >= b;
    case TC_F_AND: return a && b;
    case TC_F_OR: return a || b;
    default: return 0;
    }
}

static int64_t tc_integer_value(const tc_array *x)
{
    switch (x->dtype) {
    case TC_BOOL: case TC_UINT8: return *(uint8_t *)x->data;
    case TC_INT8: return *(int8_t *)x->data;
    case TC_INT16: return *(int16_t *)x->data;
    case TC_UINT16: return *(uint16_t *)x->data;
    case TC_INT32: return *(int32_t *)x->data;
    case TC_UINT32: return *(uint32_t *)x->data;
    case TC_INT64: case TC_UINT64: return *(int64_t *)x->data;
    case TC_FLOAT16: return (int64_t)tc_from_half(*(uint16_t *)x->data);
    case TC_FLOAT32: return (int64_t) * (float *)x->data;
    case TC_FLOAT64: return (int64_t) * (double *)x->data;
    default: return 0;
    }
}

/* Strides for the slot's dims in the memory order of the slots `like`; -1 when the size overflows. */
static int64_t tc_lay_out(tc_frame *f, tc_array *slot, int nlike, const int64_t *like)
{
    int order[TC_MAXDIM], nd = slot->ndim;
    int64_t bytes = slot->itemsize;
    slot->flags &= ~TC_SLOT_PERMUTED;
    for (int d = 0; d < nd; d++) {
        int at = d;
        order[d] = d;
        for (; nlike && at > 0; at--) {
            int64_t votes = 0;
            for (int k = 0; k < nlike; k++) {
                const tc_array *x = &f->slots[like[k]];
                if (x->ndim != nd || x->dims[order[at]] == 1 || x->dims[order[at - 1]] == 1)
                    continue;
                int64_t a = llabs(x->strides[order[at]]), b = llabs(x->strides[order[at - 1]]);
                if (a && b)
                    votes += a > b ? 1 : a < b ? -1 : 0;
            }
            if (votes <= 0)
                break;
            int o = order[at];
            order[at] = order[at - 1];
            order[at - 1] = o;
            slot->flags |= TC_SLOT_PERMUTED;
        }
    }
    int empty = 0;
    for (int d = 0; d < nd; d++)
        empty |= slot->dims[d] == 0;
    for (int k = nd - 1; k >= 0; k--) {
        int d = order[k];
        slot->strides[d] = bytes;
        if (__builtin_mul_overflow(bytes, slot->dims[d] > 0 ? slot->dims[d] : 1, &bytes))
            return -1;
    }
    return empty ? 0 : bytes;
}

static int tc_take_buffer(tc_frame *f, tc_array *slot, int64_t buffer, int64_t bytes)
{
    if ((size_t)bytes > f->capacities[buffer] || !f->buffers[buffer]) {
        tc_block_free(f->buffers[buffer]);
        f->capacities[buffer] = 0;
        f->buffers[buffer] = tc_block_get((size_t)bytes + 1);
        if (!f->buffers[buffer])
            return -1;
        f->capacities[buffer] = (size_t)bytes;
    }
    slot->data = f->buffers[buffer];
    slot->buffer = (int32_t)buffer;
    return 0;
}

/* Where slots are that have no memory yet. */
static char tc_nowhere[TC_MAXITEM];

/* Memory for a slot whose dims are set: a TC_ALLOC event, TC_FAILED, or TC_DONE when it is there. */
static int tc_allocate(tc_frame *f, int64_t s, int64_t buffer, int nlike, const int64_t *like)
{
    tc_array *slot = &f->slots[s];
    int64_t bytes;
    for (int d = 0; d < slot->ndim; d++)
        if (slot->dims[d] < 0)
            return tc_fail(f, TC_ERROR_NEGATIVE, -1, s, d, slot->dims[d], 0);
    bytes = tc_lay_out(f, slot, nlike, like);
    slot->owner = (int32_t)s;
    slot->buffer = -1;
    if (bytes < 0)
        return tc_fail(f, TC_ERROR_MEMORY, -1, s, 0, bytes, 0);
    if (buffer == -2) {
        slot->data = tc_nowhere;
        return TC_DONE;
    }
    if (buffer < 0) {
        f->event_arg = s;
        return TC_ALLOC;
    }
    if (tc_take_buffer(f, slot, buffer, bytes))
        return tc_fail(f, TC_ERROR_MEMORY, -1, s, 0, bytes, 0);
    return TC_DONE;
}

static int tc_is_contiguous(const tc_array *x)
{
    int64_t step = x->itemsize;
    for (int d = x->ndim - 1; d >= 0; d--) {
        if (x->dims[d] != 1 && x->strides[d] != step)
            return x->dims[d] == 0;
        step *= x->dims[d];
    }
    return 1;
}

static void tc_step_view(tc_frame *f, const int64_t **at)
{
    const int64_t *c = *at;
    tc_array *v = &f->slots[c[0]], *x = &f->slots[c[1]];
    int64_t nstart = c[2], ndim = c[3];
    char *data = x->data;
    c += 4;
    for (; nstart > 0; nstart--, c += 2)
        data += x->strides[c[0]] * f->regs[c[1]];
    int empty = 0;
    for (int64_t d = 0; d < ndim; d++, c += 3) {
        v->dims[d] = f->regs[c[0]];
        v->strides[d] = c[1] < 0 ? 0 : x->strides[c[1]] * (c[2] < 0 ? 1 : f->regs[c[2]]);
        empty |= v->dims[d] == 0;
    }
    /* An empty view must not point outside of its owner. */
    v->data = empty ? x->data : data;
    v->owner = x->owner;
    v->buffer = x->buffer;
    v->flags = x->flags & TC_SLOT_FOREIGN;
    *at = c;
}

static int tc_step_reshape(tc_frame *f, const int64_t **at)
{
    const int64_t *c = *at;
    int64_t s = c[0], buffer = c[2], apply = c[3], ndim = c[4], known = 1;
    tc_array *v = &f->slots[s], *x = &f->slots[c[1]];
    const int64_t total = tc_elements(x);
    int unknown = -1, wrong = 0;
    c += 5;
    for (int d = 0; d < ndim; d++) {
        v->dims[d] = f->regs[*c++];
        if (v->dims[d] == -1 && unknown < 0)
            unknown = d;
        else
            wrong |= v->dims[d] < 0 || __builtin_mul_overflow(known, v->dims[d], &known);
    }
    if (wrong)
        return tc_fail(f, TC_ERROR_RESHAPE, apply, 0, -1, total, known);
    if (unknown >= 0) {
        if (known <= 0 || total % known)
            return tc_fail(f, TC_ERROR_RESHAPE, apply, 0, unknown, total, known);
        v->dims[unknown] = total / known;
    } else if (known != total)
        return tc_fail(f, TC_ERROR_RESHAPE, apply, 0, -1, total, known);
    if (!(v->flags & TC_SLOT_PENDING) && tc_is_contiguous(x)) {
        int64_t step = v->itemsize;
        for (int64_t d = ndim - 1; d >= 0; d--) {
            v->strides[d] = step;
            step *= v->dims[d];
        }
        v->data = x->data;
        v->owner = x->owner;
        v->buffer = x->buffer;
        v->flags = x->flags & TC_SLOT_FOREIGN;
        *at = c;
        return TC_DONE;
    }
    if (!(v->flags & TC_SLOT_PENDING)) {
        int event = tc_allocate(f, s, buffer, 0, NULL);
        if (event == TC_ALLOC)
            v->flags |= TC_SLOT_PENDING;
        if (event != TC_DONE)
            return event;
    }
    v->flags &= ~TC_SLOT_PENDING;
    int64_t strides[TC_MAXDIM], step = x->itemsize;
    for (int d = x->ndim - 1; d >= 0; d--) {
        strides[d] = step;
        step *= x->dims[d];
    }
    *at = c;
    return tc_step_copy(f, v->data, strides, x);
}

static int tc_step_private(tc_frame *f, const int64_t **at)
{
    const int64_t *c = *at;
    tc_array *v = &f->slots[c[0]], *x = &f->slots[c[1]];
    size_t lengths = sizeof(int64_t) * (size_t)x->ndim;
    memcpy(v->dims, x->dims, lengths);
    if (!(v->flags & TC_SLOT_PENDING)) {
        if (!(x->flags & TC_SLOT_FOREIGN)) {
            f->slots[x->owner].flags |= TC_SLOT_TAKEN;
            memcpy(v->strides, x->strides, lengths);
            v->data = x->data;
            v->owner = x->owner;
            v->buffer = x->buffer;
            *at = c + 2;
            return TC_DONE;
        }
        int event = tc_allocate(f, c[0], -1, 0, NULL);
        if (event == TC_ALLOC)
            v->flags |= TC_SLOT_PENDING;
        return event;
    }
    v->flags &= ~TC_SLOT_PENDING;
    *at = c + 2;
    return tc_step_copy(f, v->data, v->strides, x);
}
