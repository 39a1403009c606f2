/* Arrays that programs hand over: their memory order, what is wrong with them, whether they overlap. */

static const char *const DTYPES[] = {"bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
                                     "float16", "float32", "float64", "complex64", "complex128"};

__attribute__((format(printf, 3, 4))) static int fail(model_instance *m, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(m->message, sizeof m->message, format, args);
    va_end(args);
    return status;
}

static int no_memory(model_instance *m, int64_t bytes)
{
    return fail(m, TCORE_ERROR_MEMORY, "no memory for an array of %lld bytes", (long long)bytes);
}

static void c_order(int64_t *strides, const int64_t *dims, int ndim, int64_t itemsize)
{
    for (int d = ndim - 1; d >= 0; d--) {
        strides[d] = itemsize;
        itemsize *= dims[d];
    }
}

static int64_t bytes_of(const int64_t *dims, int ndim, int64_t itemsize)
{
    for (int d = 0; d < ndim; d++)
        itemsize *= dims[d];
    return itemsize;
}

static int is_c_order(const int64_t *strides, const int64_t *dims, int ndim, int64_t itemsize)
{
    for (int d = ndim - 1; d >= 0; itemsize *= dims[d--])
        if (dims[d] != 1 && strides[d] != itemsize)
            return bytes_of(dims, ndim, itemsize) == 0;
    return 1;
}

/* "(3, 4)" */
static const char *shape_text(char *text, size_t room, const int64_t *dims, int ndim)
{
    size_t at = (size_t)snprintf(text, room, "(");
    for (int d = 0; d < ndim && at < room; d++)
        at += (size_t)snprintf(text + at, room - at, d ? ", %lld" : "%lld", (long long)dims[d]);
    if (at < room)
        snprintf(text + at, room - at, ndim == 1 ? ",)" : ")");
    return text;
}

/* The name of a value in error texts. */
static const char *label(char *text, size_t room, const char *kind, int number, const tcore_value *value)
{
    snprintf(text, room, value->name[0] ? "%s %d (%.80s)" : "%s %d", kind, number, value->name);
    return text;
}

static void bind(tc_frame *f, int s, char *data, const int64_t *dims, const int64_t *strides)
{
    tc_array *slot = &f->slots[s];
    slot->data = data;
    memcpy(slot->dims, dims, sizeof *dims * (size_t)slot->ndim);
    if (strides)
        memcpy(slot->strides, strides, sizeof *strides * (size_t)slot->ndim);
    else
        c_order(slot->strides, dims, slot->ndim, slot->itemsize);
    slot->owner = s;
    slot->buffer = -1;
    /* Never written to: not the caller's inputs, and not states, which a failed call must leave as they were. */
    slot->flags = TC_SLOT_FOREIGN;
}

/* Whether an array is what a value must be; its lengths are not looked at beyond the known ones. */
static int check(model_instance *m, const char *kind, int number, const tcore_value *value, const tcore_array *array)
{
    char name[128], shape[400];
    int itemsize = tc_itemsize(value->dtype);
    int64_t misplaced = (int64_t)(uintptr_t)array->data, alignment = itemsize, nonzero = 1;
    label(name, sizeof name, kind, number, value);
    if (array->dtype != value->dtype)
        return fail(m, TCORE_ERROR_ARGUMENT, "%s has dtype %s, expected %s", name,
                    array->dtype >= 0 && array->dtype <= TCORE_COMPLEX128 ? DTYPES[array->dtype] : "(unknown)",
                    DTYPES[value->dtype]);
    if (array->ndim != value->ndim)
        return fail(m, TCORE_ERROR_ARGUMENT, "%s has %d dimensions, expected %d", name, array->ndim, value->ndim);
    for (int d = 0; d < array->ndim; d++) {
        if (array->dims[d] < 0)
            return fail(m, TCORE_ERROR_ARGUMENT, "%s has a negative length: shape %s", name,
                        shape_text(shape, sizeof shape, array->dims, array->ndim));
        if (value->length_one >> d & 1 && array->dims[d] != 1)
            return fail(m, TCORE_ERROR_SHAPE, "%s must have length 1 along axis %d, its shape is %s", name, d,
                        shape_text(shape, sizeof shape, array->dims, array->ndim));
        nonzero = nonzero && array->dims[d];
        if (array->strides && array->dims[d] > 1)
            misplaced |= array->strides[d];
    }
    if (!array->data && nonzero)
        return fail(m, TCORE_ERROR_ARGUMENT, "%s has no data", name);
    if (value->dtype == TCORE_COMPLEX64 || value->dtype == TCORE_COMPLEX128)
        alignment /= 2;
    if (nonzero && misplaced & (alignment - 1))
        return fail(m, TCORE_ERROR_ARGUMENT, "%s is not aligned to %d bytes", name, (int)alignment);
    return TCORE_OK;
}

/* Lowest address of an array's elements, and the one behind the highest. */
static void span_of(const tcore_array *array, char **low, char **high)
{
    int itemsize = tc_itemsize(array->dtype);
    *low = *high = array->data;
    if (!array->strides) {
        *high += bytes_of(array->dims, array->ndim, itemsize);
        return;
    }
    for (int d = 0; d < array->ndim; d++) {
        if (array->dims[d] == 0) {
            *low = *high = array->data;
            return;
        }
        int64_t reach = (array->dims[d] - 1) * array->strides[d];
        *(reach < 0 ? low : high) += reach;
    }
    *high += itemsize;
}

static int overlap(const tcore_array *a, const tcore_array *b)
{
    char *low, *high, *from, *to;
    if (!a->data || !b->data)
        return 0;
    span_of(a, &low, &high);
    span_of(b, &from, &to);
    return low < high && from < to && from < high && low < to;
}

/* Memory that was given for a result: of the right kind, no element twice, apart from that of other outputs. */
static int check_room(model_instance *m, const char *kind, int number, const tcore_value *value, const tcore_array *room)
{
    char name[128];
    int status = check(m, kind, number, value, room);
    for (int d = 0; !status && d < room->ndim; d++)
        if (room->strides && room->strides[d] == 0 && room->dims[d] > 1)
            return fail(m, TCORE_ERROR_ARGUMENT, "%s cannot be written into memory with stride 0 along axis %d",
                        label(name, sizeof name, kind, number, value), d);
    return status;
}
