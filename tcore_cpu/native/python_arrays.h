/* Between Python values and slots of a frame. */

/* Arrays from this size on take memory of the block cache. */
#define TC_BIG ((npy_intp)256 << 10)

typedef struct frame {
    tc_frame *core;
    PyObject **objects;   /* by slot: the array that holds its memory, where Python knows one */
    npy_longlong *numbers; /* by input: room for a number that came without an array */
    PyThreadState *released;
    int went_long;        /* whether this call gave the lock back */
    int filled;           /* whether the values of a call that succeeded are in it */
    struct frame *next;
} frame;

/* How an input must look. */
typedef struct {
    int slot;
    int dtype;
    int ndim;
    unsigned long long mask; /* bit k: axis k has length 1 */
    int destroyed;
    long long copies; /* how often a value was copied because it may not be written where it is */
} input_spec;

/* tc_dtype by NumPy type number; -1: none. */
static int dtype_of_number(int number)
{
    static const signed char table[] = {
        TC_BOOL, TC_INT8, TC_UINT8, TC_INT16, TC_UINT16, TC_INT32, TC_UINT32,
        sizeof(long) == 8 ? TC_INT64 : TC_INT32, sizeof(long) == 8 ? TC_UINT64 : TC_UINT32,
        TC_INT64, TC_UINT64, TC_FLOAT32, TC_FLOAT64, -1, TC_COMPLEX64, TC_COMPLEX128,
    };
    if (number == NPY_HALF)
        return TC_FLOAT16;
    return number >= 0 && number < (int)sizeof table ? table[number] : -1;
}

static int dtype_of(PyArrayObject *array)
{
    return dtype_of_number(PyArray_TYPE(array));
}

static int number_of(int dtype)
{
    static const int numbers[] = {NPY_BOOL, NPY_INT8, NPY_UINT8, NPY_INT16, NPY_UINT16, NPY_INT32, NPY_UINT32, NPY_INT64,
                                  NPY_UINT64, NPY_FLOAT16, NPY_FLOAT32, NPY_FLOAT64, NPY_COMPLEX64, NPY_COMPLEX128,
                                  NPY_OBJECT};
    return numbers[dtype];
}

/* Lengths or strides; NumPy has NULL for those of numbers, which memcpy must not see. */
static void copy_lengths(int64_t *to, const npy_intp *from, int ndim)
{
    for (int d = 0; d < ndim; d++)
        to[d] = from[d];
}

static void slot_from_array(tc_array *slot, PyArrayObject *array, int index)
{
    slot->data = PyArray_BYTES(array);
    copy_lengths(slot->dims, PyArray_DIMS(array), slot->ndim);
    copy_lengths(slot->strides, PyArray_STRIDES(array), slot->ndim);
    slot->owner = index;
    slot->buffer = -1;
    slot->flags = 0;
}

static int array_fits(PyArrayObject *array, int dtype, int ndim, unsigned long long mask)
{
    if (PyArray_NDIM(array) != ndim || dtype_of(array) != dtype || !PyArray_ISNOTSWAPPED(array) ||
        !PyArray_ISALIGNED(array))
        return 0;
    for (int k = 0; mask; k++, mask >>= 1)
        if (mask & 1 && PyArray_DIM(array, k) != 1)
            return 0;
    return 1;
}

/* The least and largest of the integers of a dtype; 0 where it has none, or more than a long long holds. */
static int integer_bounds(int dtype, long long *least, long long *largest)
{
    static const struct {
        long long least, largest;
    } table[] = {[TC_INT8] = {INT8_MIN, INT8_MAX},    [TC_UINT8] = {0, UINT8_MAX},   [TC_INT16] = {INT16_MIN, INT16_MAX},
                 [TC_UINT16] = {0, UINT16_MAX},       [TC_INT32] = {INT32_MIN, INT32_MAX}, [TC_UINT32] = {0, UINT32_MAX},
                 [TC_INT64] = {INT64_MIN, INT64_MAX}};
    if (dtype < TC_INT8 || dtype > TC_INT64)
        return 0;
    *least = table[dtype].least;
    *largest = table[dtype].largest;
    return 1;
}

/* A Python or NumPy number as an element of `dtype`, of 8 bytes at most; 0 when it needs the general path. */
static int number_into(void *room, int dtype, PyObject *value)
{
    long long least, largest, number;
    int overflow;
    if (dtype == TC_FLOAT64 && (PyFloat_CheckExact(value) || PyArray_IsScalar(value, Double))) {
        *(double *)room = PyFloat_AS_DOUBLE(value);
        return 1;
    }
    if (PyLong_CheckExact(value)) {
        number = PyLong_AsLongLongAndOverflow(value, &overflow);
        if (overflow)
            return 0;
        if (dtype == TC_FLOAT64 && number <= (1LL << 53) && number >= -(1LL << 53)) {
            *(double *)room = (double)number;
            return 1;
        }
        if (!integer_bounds(dtype, &least, &largest) || number < least || number > largest)
            return 0;
        switch (dtype) {
        case TC_INT8: case TC_UINT8: *(int8_t *)room = (int8_t)number; break;
        case TC_INT16: case TC_UINT16: *(int16_t *)room = (int16_t)number; break;
        case TC_INT32: case TC_UINT32: *(int32_t *)room = (int32_t)number; break;
        default: *(int64_t *)room = number; break;
        }
        return 1;
    }
    if (!PyArray_IsScalar(value, Number) && !PyArray_IsScalar(value, Bool))
        return 0;
    PyArray_Descr *descr = PyArray_DescrFromScalar(value);
    int same = descr && dtype_of_number(descr->type_num) == dtype && PyDataType_ELSIZE(descr) <= 8;
    Py_XDECREF(descr);
    if (same)
        PyArray_ScalarAsCtype(value, room);
    return same;
}

/* Whether a value is an array of just the form of an input. */
static int is_fitting_array(const input_spec *spec, PyObject *value)
{
    return PyArray_Check(value) && array_fits((PyArrayObject *)value, spec->dtype, spec->ndim, spec->mask) &&
           /* A masked array is refused where it is filtered. */
           (PyArray_CheckExact(value) || !PyObject_HasAttrString(value, "filled"));
}

/* 1 when the value is in the slot, 0 when it needs the general path. */
static int slot_from_value(frame *f, int k, const input_spec *spec, PyObject *value)
{
    tc_array *slot = &f->core->slots[spec->slot];
    if (spec->dtype == TC_OBJECT) {
        Py_INCREF(value);
        Py_XSETREF(f->objects[spec->slot], value);
        return 1;
    }
    if (!PyArray_Check(value)) {
        if (spec->ndim || !number_into(&f->numbers[k], spec->dtype, value))
            return 0;
        slot->data = (char *)&f->numbers[k];
        slot->owner = spec->slot;
        slot->buffer = -1;
        slot->flags = 0;
        return 1;
    }
    if (!is_fitting_array(spec, value))
        return 0;
    slot_from_array(slot, (PyArrayObject *)value, spec->slot);
    Py_INCREF(value);
    Py_XSETREF(f->objects[spec->slot], value);
    return 1;
}

/* Lowest and highest address of an array's elements. */
static void span_of(PyArrayObject *array, char **low, char **high)
{
    *low = *high = PyArray_BYTES(array);
    *high += PyArray_ITEMSIZE(array);
    for (int k = 0; k < PyArray_NDIM(array); k++) {
        npy_intp reach = (PyArray_DIM(array, k) - 1) * PyArray_STRIDE(array, k);
        *(reach < 0 ? low : high) += reach;
    }
}

/* Whether each element has memory of its own: no zero stride, no window that slides. */
static int elements_apart(PyArrayObject *array)
{
    int used = 0;
    npy_intp strides[NPY_MAXDIMS], lengths[NPY_MAXDIMS], span = PyArray_ITEMSIZE(array);
    if (PyArray_IS_C_CONTIGUOUS(array) || PyArray_IS_F_CONTIGUOUS(array))
        return 1;
    for (int d = 0; d < PyArray_NDIM(array); d++) {
        npy_intp stride = PyArray_STRIDE(array, d), length = PyArray_DIM(array, d);
        if (length < 2)
            continue;
        stride = stride < 0 ? -stride : stride;
        int at = used++;
        for (; at > 0 && strides[at - 1] > stride; at--) {
            strides[at] = strides[at - 1];
            lengths[at] = lengths[at - 1];
        }
        strides[at] = stride;
        lengths[at] = length;
    }
    for (int d = 0; d < used; d++) {
        if (strides[d] < span)
            return 0;
        span += strides[d] * (lengths[d] - 1);
    }
    return 1;
}

static int overlaps(const char *low, const char *high, PyObject *other)
{
    char *from, *to;
    if (!other || !PyArray_Check(other) || PyArray_SIZE((PyArrayObject *)other) == 0)
        return 0;
    span_of((PyArrayObject *)other, &from, &to);
    return from < high && low < to;
}

/* Whether input k, which the program writes, may be written where it is; alignment and byte order were checked. */
static int may_write(frame *f, const input_spec *inputs, int ninputs, int k, PyObject *constants)
{
    PyObject *object = f->objects[inputs[k].slot];
    if (!object || !PyArray_Check(object))
        return 0;
    PyArrayObject *array = (PyArrayObject *)object;
    char *low, *high;
    if (!PyArray_ISWRITEABLE(array))
        return 0;
    if (PyArray_SIZE(array) == 0)
        return 1;
    if (!elements_apart(array))
        return 0;
    span_of(array, &low, &high);
    for (int j = 0; j < ninputs; j++)
        if (j != k && overlaps(low, high, f->objects[inputs[j].slot]))
            return 0;
    for (Py_ssize_t j = 0; j < PyTuple_GET_SIZE(constants); j++)
        if (overlaps(low, high, PyTuple_GET_ITEM(constants, j)))
            return 0;
    return 1;
}

static void free_block(PyObject *capsule)
{
    tc_block_free(PyCapsule_GetPointer(capsule, "tcore_cpu.block"));
}

/* A new array with the dims and strides of a slot; the slot gets its memory. */
static PyObject *new_array(tc_array *slot)
{
    npy_intp bytes = slot->itemsize;
    PyArray_Descr *descr = PyArray_DescrFromType(number_of(slot->dtype));
    PyObject *array;
    for (int d = 0; d < slot->ndim; d++)
        bytes *= slot->dims[d];
    npy_intp *strides = slot->flags & TC_SLOT_PERMUTED ? (npy_intp *)slot->strides : NULL;
    if (bytes < TC_BIG)
        array = PyArray_NewFromDescr(&PyArray_Type, descr, slot->ndim, (npy_intp *)slot->dims, strides, NULL, 0, NULL);
    else {
        void *block = tc_block_get((size_t)bytes);
        if (!block) {
            Py_DECREF(descr);
            return PyErr_Format(PyExc_MemoryError, "no memory for an array of %zd bytes", (Py_ssize_t)bytes);
        }
        PyObject *capsule = PyCapsule_New(block, "tcore_cpu.block", free_block);
        if (!capsule) {
            tc_block_free(block);
            Py_DECREF(descr);
            return NULL;
        }
        array = PyArray_NewFromDescr(&PyArray_Type, descr, slot->ndim, (npy_intp *)slot->dims, strides, block,
                                     NPY_ARRAY_WRITEABLE, NULL);
        if (!array)
            Py_DECREF(capsule);
        else if (PyArray_SetBaseObject((PyArrayObject *)array, capsule) < 0)
            Py_CLEAR(array);
    }
    if (!array)
        return NULL;
    slot->data = PyArray_BYTES((PyArrayObject *)array);
    copy_lengths(slot->strides, PyArray_STRIDES((PyArrayObject *)array), slot->ndim);
    return array;
}

/* The value of a slot as a Python object: the array that holds it, a view of that, or a copy. */
static PyObject *object_of_slot(frame *f, int s)
{
    tc_array *slot = &f->core->slots[s];
    PyObject *own = f->objects[s];
    if (own)
        return Py_NewRef(own);
    if (slot->dtype == TC_OBJECT)
        return PyErr_Format(PyExc_SystemError, "a step reads a value that no step made");
    PyObject *owner = slot->owner != s ? f->objects[slot->owner] : NULL;
    if (owner && PyArray_Check(owner)) {
        int flags = PyArray_FLAGS((PyArrayObject *)owner) & NPY_ARRAY_WRITEABLE;
        PyObject *view = PyArray_NewFromDescr(&PyArray_Type, PyArray_DescrFromType(number_of(slot->dtype)), slot->ndim,
                                              (npy_intp *)slot->dims, (npy_intp *)slot->strides, slot->data, flags, NULL);
        if (!view)
            return NULL;
        if (PyArray_SetBaseObject((PyArrayObject *)view, Py_NewRef(owner)) < 0)
            Py_CLEAR(view);
        return view;
    }
    tc_array copy = *slot;
    npy_intp dims[NPY_MAXDIMS + 1], strides[NPY_MAXDIMS + 1];
    memcpy(dims, slot->dims, sizeof(npy_intp) * (size_t)slot->ndim);
    copy.dims = (int64_t *)dims;
    copy.strides = (int64_t *)strides;
    copy.flags = 0;
    PyObject *array = new_array(&copy);
    if (array)
        tc_copy(copy.data, copy.strides, slot->data, slot->strides, slot->ndim, slot->dims, slot->itemsize);
    return array;
}

/* Binds what a Python step returned to a slot. */
static int slot_from_result(frame *f, int s, PyObject *value)
{
    tc_array *slot = &f->core->slots[s];
    PyObject *array = NULL;
    if (slot->dtype == TC_OBJECT)
        array = Py_NewRef(value);
    else if (PyArray_Check(value) && PyArray_NDIM((PyArrayObject *)value) == slot->ndim &&
             dtype_of((PyArrayObject *)value) == slot->dtype)
        array = PyArray_ISBEHAVED_RO((PyArrayObject *)value)
                    ? Py_NewRef(value)
                    : PyArray_FromArray((PyArrayObject *)value, PyArray_DescrFromType(number_of(slot->dtype)),
                                        NPY_ARRAY_CARRAY);
    else if (PyArray_IsAnyScalar(value) && slot->ndim == 0) {
        array = PyArray_FromAny(value, PyArray_DescrFromType(number_of(slot->dtype)), 0, 0, NPY_ARRAY_CARRAY, NULL);
    } else if (PyArray_Check(value)) {
        PyErr_Format(PyExc_TypeError, "the op made an array of %d dimensions and %R where one of %d dimensions and its output's dtype belongs",
                     PyArray_NDIM((PyArrayObject *)value), (PyObject *)PyArray_DESCR((PyArrayObject *)value), slot->ndim);
    } else
        PyErr_Format(PyExc_TypeError, "the op made %R where an array of %d dimensions and its output's dtype belongs",
                     value == Py_None ? value : (PyObject *)Py_TYPE(value), slot->ndim);
    if (!array)
        return -1;
    Py_XSETREF(f->objects[s], array);
    if (slot->dtype != TC_OBJECT)
        slot_from_array(slot, (PyArrayObject *)array, s);
    return 0;
}
