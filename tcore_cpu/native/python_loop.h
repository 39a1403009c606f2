/* Program.loop: a program run again and again, on rows of arrays, without any Python between one run and the next. */
#include <time.h>

/* Steps between two looks at the clock. */
#define TC_LOOP_LOOK 64

/* Rows of an array that an input reads, or an output becomes, one a step: (step + offset) modulo places. */
typedef struct {
    char *base;
    npy_intp stride, places, at;
    int direct; /* nobody reads the row in the step that writes it */
} loop_rows;

/* What the runs of one loop share. */
typedef struct {
    Program *program;
    frame *frame;
    loop_rows *reads;  /* by input; places 0: the same value in all steps */
    loop_rows *writes; /* by output; places 0: not kept */
    char **own;        /* by slot: memory of a value that the program leaves to its host */
    size_t *capacity;
} loop_state;

static int rows_from_tuple(loop_rows *rows, PyObject *entry, npy_intp first, PyArrayObject **array)
{
    PyObject *value;
    Py_ssize_t offset, places;
    int direct;
    if (!PyArg_ParseTuple(entry, "Onnp", &value, &offset, &places, &direct))
        return -1;
    *array = PyArray_Check(value) ? (PyArrayObject *)value : NULL;
    rows->places = places;
    rows->direct = direct;
    if (places > 0 && *array && PyArray_NDIM(*array) > 0) {
        rows->base = PyArray_BYTES(*array);
        rows->stride = PyArray_STRIDE(*array, 0);
        rows->at = (first + offset) % places;
    }
    return 0;
}

/* 1 when all values are as the program wants them, 0 when not, -1 with an exception. */
static int loop_bind(loop_state *loop, PyObject *reads, PyObject *writes, npy_intp first, npy_intp last)
{
    Program *p = loop->program;
    frame *f = loop->frame;
    PyArrayObject *array;
    for (int k = 0; k < p->ninputs; k++) {
        const input_spec *spec = &p->inputs[k];
        tc_array *slot = &f->core->slots[spec->slot];
        PyObject *entry = PyTuple_GET_ITEM(reads, k);
        if (rows_from_tuple(&loop->reads[k], entry, first, &array))
            return -1;
        if (loop->reads[k].places <= 0) {
            if (!slot_from_value(f, k, spec, PyTuple_GET_ITEM(entry, 0)))
                return 0;
            continue;
        }
        if (!array || spec->dtype == TC_OBJECT || spec->destroyed || !array_fits(array, spec->dtype, spec->ndim + 1, spec->mask << 1))
            return 0;
        Py_CLEAR(f->objects[spec->slot]);
        copy_lengths(slot->dims, PyArray_DIMS(array) + 1, slot->ndim);
        copy_lengths(slot->strides, PyArray_STRIDES(array) + 1, slot->ndim);
        slot->owner = spec->slot;
        slot->buffer = -1;
    }
    for (int k = 0; k < p->noutputs; k++) {
        tc_array *slot = &f->core->slots[p->outputs[k]];
        if (rows_from_tuple(&loop->writes[k], PyTuple_GET_ITEM(writes, k), first, &array))
            return -1;
        if (loop->writes[k].places > 0 && (!array || !array_fits(array, slot->dtype, slot->ndim + 1, 0) || !PyArray_ISWRITEABLE(array)))
            return 0;
    }
    return 1;
}

/* Row `at` of what an output becomes has these lengths. */
static int same_lengths(const tc_array *slot, PyArrayObject *array)
{
    for (int d = 0; d < slot->ndim; d++)
        if (slot->dims[d] != PyArray_DIM(array, d + 1))
            return 0;
    return 1;
}

/* Memory for a value that the program leaves to its host: the row that it becomes, where that may be written already. */
static int loop_allocate(loop_state *loop, PyObject *writes, int s)
{
    Program *p = loop->program;
    tc_array *slot = &loop->frame->core->slots[s];
    size_t bytes = (size_t)slot->itemsize;
    for (int k = 0; k < p->noutputs; k++) {
        loop_rows *rows = &loop->writes[k];
        if (p->outputs[k] != s || rows->places <= 0 || !rows->direct || slot->flags & TC_SLOT_PERMUTED)
            continue;
        PyArrayObject *array = (PyArrayObject *)PyTuple_GET_ITEM(PyTuple_GET_ITEM(writes, k), 0);
        if (!PyArray_IS_C_CONTIGUOUS(array) || !same_lengths(slot, array))
            continue;
        slot->data = rows->base + rows->at * rows->stride;
        return 0;
    }
    for (int d = 0; d < slot->ndim; d++)
        bytes *= (size_t)slot->dims[d];
    if (loop->capacity[s] < bytes || !loop->own[s]) {
        tc_block_free(loop->own[s]);
        loop->own[s] = tc_block_get(bytes ? bytes : 1);
        loop->capacity[s] = loop->own[s] ? bytes : 0;
    }
    slot->data = loop->own[s];
    return slot->data ? 0 : -1;
}

/* One step: 0, or -1 with an exception. The lock is given back at most times. */
static int loop_step(loop_state *loop, PyObject *writes)
{
    frame *f = loop->frame;
    tc_frame_start(f->core);
    for (;;) {
        int event = tc_frame_run(f->core);
        if (event == TC_DONE)
            return 0;
        if (event == TC_FORGET)
            continue;
        if (event == TC_ALLOC && !loop_allocate(loop, writes, (int)f->core->event_arg))
            continue;
        retake_lock(f);
        if (event == TC_ALLOC) {
            PyErr_NoMemory();
            raise_no_memory(loop->program, f, (int)f->core->event_arg);
        } else if (!PyErr_Occurred())
            raise_record(loop->program, f);
        if (PyErr_Occurred())
            return -1;
        f->released = PyEval_SaveThread();
    }
}

/* The outputs of a step go into their rows; -1 where one has another shape than these. */
static int loop_store(loop_state *loop, PyObject *writes)
{
    Program *p = loop->program;
    for (int k = 0; k < p->noutputs; k++) {
        loop_rows *rows = &loop->writes[k];
        if (rows->places <= 0)
            continue;
        PyArrayObject *array = (PyArrayObject *)PyTuple_GET_ITEM(PyTuple_GET_ITEM(writes, k), 0);
        const tc_array *slot = &loop->frame->core->slots[p->outputs[k]];
        char *to = rows->base + rows->at * rows->stride;
        if (!same_lengths(slot, array))
            return -1;
        if (slot->data != to)
            tc_copy(to, (const int64_t *)PyArray_STRIDES(array) + 1, slot->data, slot->strides, slot->ndim, slot->dims, slot->itemsize);
    }
    return 0;
}

static void loop_advance(loop_rows *rows, int count)
{
    for (int k = 0; k < count; k++)
        if (rows[k].places > 0 && ++rows[k].at == rows[k].places)
            rows[k].at = 0;
}

static double loop_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Runs the steps; how many were made, -1 with an exception. `finished`: whether no step is left. A step whose output has another shape
 * than its row is not counted, and ends the loop. */
static npy_intp loop_run(loop_state *loop, PyObject *writes, npy_intp count, int until, int *finished)
{
    Program *p = loop->program;
    frame *f = loop->frame;
    npy_intp done = 0;
    double asked = loop_clock();
    f->released = PyEval_SaveThread();
    while (done < count) {
        for (int k = 0; k < p->ninputs; k++)
            if (loop->reads[k].places > 0) {
                tc_array *slot = &f->core->slots[p->inputs[k].slot];
                slot->data = loop->reads[k].base + loop->reads[k].at * loop->reads[k].stride;
                slot->flags = 0;
            }
        if (loop_step(loop, writes)) {
            retake_lock(f);
            return -1;
        }
        if (loop_store(loop, writes))
            break;
        done++;
        loop_advance(loop->reads, p->ninputs);
        loop_advance(loop->writes, p->noutputs);
        if (until >= 0 && *(char *)f->core->slots[p->outputs[until]].data) {
            *finished = 1;
            break;
        }
        if (done % TC_LOOP_LOOK == 0 && loop_clock() - asked > TC_POLL) {
            if (check_signals(f))
                return -1;
            asked = loop_clock();
        }
    }
    retake_lock(f);
    *finished |= done == count;
    return done;
}

/* loop(first, last, reads, writes, until): the number of steps that were made, and whether no step is left; None where a value is not as
 * the program wants it, and nothing was done. */
static PyObject *program_loop(PyObject *self, PyObject *args)
{
    Program *p = (Program *)self;
    PyObject *reads, *writes, *result = NULL;
    Py_ssize_t first, last;
    int until, finished = 0;
    if (!PyArg_ParseTuple(args, "nnO!O!i", &first, &last, &PyTuple_Type, &reads, &PyTuple_Type, &writes, &until))
        return NULL;
    if (PyTuple_GET_SIZE(reads) != p->ninputs || PyTuple_GET_SIZE(writes) != p->noutputs || until >= p->noutputs || p->nsteps ||
        (until >= 0 && (p->program->slot_dtypes[p->outputs[until]] != TC_BOOL || p->program->slot_ndims[p->outputs[until]])))
        Py_RETURN_NONE;
    frame *f = frame_take(p);
    if (!f)
        return NULL;
    loop_state loop = {p, f, PyMem_Calloc((size_t)p->ninputs + 1, sizeof *loop.reads), PyMem_Calloc((size_t)p->noutputs + 1, sizeof *loop.writes),
                       PyMem_Calloc((size_t)p->program->nslots + 1, sizeof *loop.own),
                       PyMem_Calloc((size_t)p->program->nslots + 1, sizeof *loop.capacity)};
    f->went_long = f->filled = 0;
    if (!loop.reads || !loop.writes || !loop.own || !loop.capacity)
        PyErr_NoMemory();
    else {
        int fits = loop_bind(&loop, reads, writes, first, last);
        if (!fits)
            result = Py_NewRef(Py_None);
        else if (fits > 0) {
            npy_intp done = loop_run(&loop, writes, last - first, until, &finished);
            result = done < 0 ? NULL : Py_BuildValue("nN", (Py_ssize_t)done, PyBool_FromLong(finished));
        }
    }
    for (int s = 0; loop.own && s < p->program->nslots; s++)
        tc_block_free(loop.own[s]);
    PyMem_Free(loop.reads);
    PyMem_Free(loop.writes);
    PyMem_Free(loop.own);
    PyMem_Free(loop.capacity);
    frame_give_back(p, f);
    return result;
}
