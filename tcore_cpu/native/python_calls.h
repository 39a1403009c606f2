/* One call of a Program: the frame that it takes, the steps that are Python's, and what is told of a failure.
 *
 * A Program owns a pool of frames; a call takes one, so that concurrent and recursive calls each have their own. */

/* Values of a step that are kept on the stack. */
#define TC_STEP_VALUES 16

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    tc_program *program;
    int ninputs, nconstants, noutputs, nsteps;
    input_spec *inputs;
    int *constant_slots;
    int *outputs;
    int keeps;             /* whether intermediate values stay until the next call */
    int object_slots;      /* slots whose object is kept only during a call */
    int *touched;
    PyObject *constants;   /* tuple of arrays */
    PyObject *steps;       /* tuple of (callable, slots read, slots written) */
    PyObject *on_error;    /* called with the error record; raises */
    PyObject *keep;        /* what must live as long as the program: its libraries */
    frame *frames;
} Program;

/* ---- frames ---------------------------------------------------------------------------------- */

static void frame_free(Program *p, frame *f)
{
    if (!f)
        return;
    for (int s = 0; f->objects && s < p->program->nslots; s++)
        Py_XDECREF(f->objects[s]);
    tc_frame_free(f->core);
    PyMem_Free(f->objects);
    PyMem_Free(f->numbers);
    PyMem_Free(f);
}

/* Long work is coming: give the lock back. */
static void before_long_work(void *host)
{
    frame *f = host;
    if (!f->released) {
        f->went_long = 1;
        f->released = PyEval_SaveThread();
    }
}

/* During long work: a look at signals; whether one of them ends the call. */
static int check_signals(void *host)
{
    frame *f = host;
    int stop;
    if (f->released)
        PyEval_RestoreThread(f->released);
    stop = PyErr_CheckSignals();
    f->released = stop ? NULL : PyEval_SaveThread();
    return stop;
}

static void retake_lock(frame *f)
{
    if (f->released) {
        PyEval_RestoreThread(f->released);
        f->released = NULL;
    }
}

static frame *frame_take(Program *p)
{
    frame *f = p->frames;
    if (f) {
        p->frames = f->next;
        return f;
    }
    f = PyMem_Calloc(1, sizeof *f);
    if (!f || !(f->core = tc_frame_new(p->program)) ||
        !(f->objects = PyMem_Calloc((size_t)p->program->nslots + 1, sizeof *f->objects)) ||
        !(f->numbers = PyMem_Calloc((size_t)p->ninputs + 1, sizeof *f->numbers))) {
        if (f)
            frame_free(p, f);
        PyErr_NoMemory();
        return NULL;
    }
    f->core->host = f;
    f->core->on_long = before_long_work;
    f->core->on_poll = check_signals;
    for (int k = 0; k < p->nconstants; k++) {
        PyObject *value = PyTuple_GET_ITEM(p->constants, k);
        int s = p->constant_slots[k];
        f->objects[s] = Py_NewRef(value);
        if (f->core->slots[s].dtype != TC_OBJECT)
            slot_from_array(&f->core->slots[s], (PyArrayObject *)value, s);
    }
    return f;
}

static void frame_empty(Program *p, frame *f)
{
    f->filled = 0;
    for (int k = 0; k < p->object_slots; k++)
        Py_CLEAR(f->objects[p->touched[k]]);
    tc_frame_release(f->core);
}

static void frame_give_back(Program *p, frame *f)
{
    if (p->keeps && f->filled) {
        for (int k = 0; k < p->ninputs; k++)
            Py_CLEAR(f->objects[p->inputs[k].slot]);
        for (int k = 0; k < p->noutputs; k++)
            Py_CLEAR(f->objects[p->outputs[k]]);
    } else
        frame_empty(p, f);
    f->next = p->frames;
    p->frames = f;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Lets the step that returned what nobody can take say which node it runs; ``values`` are what it was called with. */
static void blame_step(PyObject *callable, PyObject *const *values, Py_ssize_t count)
{
    PyObject *type, *value, *trace, *blame, *result = NULL, *arguments;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    blame = PyObject_GetAttrString(callable, "blame");
    arguments = blame && value ? PyTuple_New(count) : NULL;
    if (arguments) {
        for (Py_ssize_t k = 0; k < count; k++)
            PyTuple_SET_ITEM(arguments, k, Py_NewRef(values[k]));
        result = PyObject_CallFunctionObjArgs(blame, value, arguments, NULL);
        Py_DECREF(arguments);
    }
    Py_XDECREF(blame);
    if (!result && PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_AttributeError)) {
        Py_XDECREF(type);
        Py_XDECREF(value);
        Py_XDECREF(trace);
        return;
    }
    Py_XDECREF(result);
    PyErr_Restore(type, value, trace);
}

static int run_step(Program *p, frame *f, Py_ssize_t k)
{
    PyObject *step = PyTuple_GET_ITEM(p->steps, k), *callable = PyTuple_GET_ITEM(step, 0);
    PyObject *reads = PyTuple_GET_ITEM(step, 1), *writes = PyTuple_GET_ITEM(step, 2);
    Py_ssize_t nreads = PyTuple_GET_SIZE(reads), nwrites = PyTuple_GET_SIZE(writes), given = 0;
    PyObject *small[TC_STEP_VALUES], **arguments = small, *results = NULL;
    int status = -1;
    if (nreads > TC_STEP_VALUES && !(arguments = PyMem_Calloc((size_t)nreads, sizeof *arguments))) {
        PyErr_NoMemory();
        return -1;
    }
    for (; given < nreads; given++)
        if (!(arguments[given] = object_of_slot(f, (int)PyLong_AsLong(PyTuple_GET_ITEM(reads, given)))))
            goto done;
    results = PyObject_Vectorcall(callable, arguments, (size_t)nreads, NULL);
    if (!results)
        goto done;
    if (!PyTuple_Check(results) || PyTuple_GET_SIZE(results) != nwrites) {
        PyErr_Format(PyExc_TypeError, "a step returned %R instead of a tuple of %zd", results, nwrites);
        blame_step(callable, arguments, nreads);
        goto done;
    }
    for (Py_ssize_t i = 0; i < nwrites; i++)
        if (slot_from_result(f, (int)PyLong_AsLong(PyTuple_GET_ITEM(writes, i)), PyTuple_GET_ITEM(results, i))) {
            blame_step(callable, arguments, nreads);
            goto done;
        }
    status = 0;
done:
    while (given-- > 0)
        Py_DECREF(arguments[given]);
    if (arguments != small)
        PyMem_Free(arguments);
    Py_XDECREF(results);
    return status;
}

static PyObject *input_values(Program *p, frame *f)
{
    PyObject *values = PyTuple_New(p->ninputs);
    for (int k = 0; values && k < p->ninputs; k++) {
        PyObject *value = object_of_slot(f, p->inputs[k].slot);
        if (!value)
            Py_CLEAR(values);
        else
            PyTuple_SET_ITEM(values, k, value);
    }
    return values;
}

static PyObject *lengths_of_slot(frame *f, int64_t slot)
{
    PyObject *lengths = PyTuple_New(slot < 0 ? 0 : f->core->slots[slot].ndim);
    for (int d = 0; lengths && d < PyTuple_GET_SIZE(lengths); d++) {
        PyObject *length = PyLong_FromLongLong(f->core->slots[slot].dims[d]);
        if (!length)
            Py_CLEAR(lengths);
        else
            PyTuple_SET_ITEM(lengths, d, length);
    }
    return lengths;
}

/* Raises what on_error makes of the record, and of the values of the inputs; where memory ran out, of the lengths of the array.
 * Of a doubt it may make nothing. */
static void raise_record(Program *p, frame *f)
{
    const tc_error *e = &f->core->error;
    PyObject *values = e->code == TC_ERROR_MEMORY ? lengths_of_slot(f, e->operand) : input_values(p, f), *result;
    if (!values)
        return;
    result = PyObject_CallFunction(p->on_error, "(LLLLLL)O", (long long)e->code, (long long)e->apply,
                                   (long long)e->operand, (long long)e->axis, (long long)e->left, (long long)e->right,
                                   values);
    Py_DECREF(values);
    if (result) {
        Py_DECREF(result);
        if (e->code != TC_ERROR_DOUBT)
            PyErr_Format(PyExc_RuntimeError, "native code failed with record (%lld, %lld)", (long long)e->code,
                         (long long)e->apply);
    }
}

/* Tells on the exception which inputs the call may have begun to overwrite. */
static void note_written(Program *p, frame *f)
{
    PyObject *type, *value, *trace, *positions;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace)
        PyException_SetTraceback(value, trace);
    positions = PyList_New(0);
    for (int k = 0; positions && k < p->ninputs; k++) {
        if (!p->inputs[k].destroyed || !(f->core->slots[p->inputs[k].slot].flags & TC_SLOT_TAKEN))
            continue;
        PyObject *number = PyLong_FromLong(k);
        if (!number || PyList_Append(positions, number) < 0)
            Py_CLEAR(positions);
        Py_XDECREF(number);
    }
    if (!positions || PyObject_SetAttrString(value, "written_inputs", positions) < 0)
        PyErr_Clear();
    Py_XDECREF(positions);
    PyErr_Restore(type, value, trace);
}

/* The host could not allocate: a record like that of the core, so that the report names the node. */
static void raise_no_memory(Program *p, frame *f, int slot)
{
    if (!PyErr_ExceptionMatches(PyExc_MemoryError))
        return;
    const tc_array *wanted = &f->core->slots[slot];
    int64_t bytes = wanted->itemsize;
    for (int d = 0; d < wanted->ndim; d++)
        bytes *= wanted->dims[d];
    PyErr_Clear();
    f->core->error = (tc_error){TC_ERROR_MEMORY, -1, slot, 0, bytes, 0};
    raise_record(p, f);
}

/* One call: 0 with new references in results, -1 with an exception, 1 when an argument needs the general path. */
static int execute(Program *p, PyObject *const *values, PyObject **results)
{
    int status = -1;
    frame *f = frame_take(p);
    if (!f)
        return -1;
    for (int k = 0; k < p->ninputs; k++)
        if (!slot_from_value(f, k, &p->inputs[k], values[k])) {
            frame_give_back(p, f);
            return 1;
        }
    for (int k = 0; k < p->ninputs; k++)
        if (p->inputs[k].destroyed && p->inputs[k].dtype != TC_OBJECT && !may_write(f, p->inputs, p->ninputs, k, p->constants)) {
            f->core->slots[p->inputs[k].slot].flags |= TC_SLOT_FOREIGN;
            p->inputs[k].copies++;
        }
    f->went_long = f->filled = 0;
    tc_frame_start(f->core);
    for (;;) {
        int event = tc_frame_run(f->core);
        if (event == TC_DONE)
            break;
        retake_lock(f);
        if (event == TC_ALLOC) {
            PyObject *array = new_array(&f->core->slots[f->core->event_arg]);
            if (!array) {
                raise_no_memory(p, f, (int)f->core->event_arg);
                goto done;
            }
            Py_XSETREF(f->objects[f->core->event_arg], array);
        } else if (event == TC_FORGET) {
            Py_CLEAR(f->objects[f->core->event_arg]);
        } else if (event == TC_CALL) {
            if (run_step(p, f, f->core->event_arg))
                goto done;
        } else {
            if (!PyErr_Occurred())
                raise_record(p, f);
            if (PyErr_Occurred())
                goto done;
        }
    }
    retake_lock(f);
    /* Ctrl-C during long work ends the call here, before anything is stored. */
    if (f->went_long && PyErr_CheckSignals())
        goto done;
    for (int k = 0; k < p->noutputs; k++)
        if (!(results[k] = object_of_slot(f, p->outputs[k]))) {
            while (k-- > 0)
                Py_CLEAR(results[k]);
            goto done;
        }
    status = 0;
    f->filled = 1;
done:
    if (status < 0)
        note_written(p, f);
    frame_give_back(p, f);
    return status;
}

/* program(*values): a list of all outputs; TypeError where a value is not as its input's type says. */
static PyObject *program_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Program *p = (Program *)self;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (nargs != p->ninputs || (kwnames && PyTuple_GET_SIZE(kwnames)))
        return PyErr_Format(PyExc_TypeError, "program takes %d values, got %zd", p->ninputs, nargs);
    PyObject *list = PyList_New(p->noutputs);
    if (!list)
        return NULL;
    int status = execute(p, args, ((PyListObject *)list)->ob_item);
    if (status) {
        Py_DECREF(list);
        if (status > 0)
            PyErr_SetString(PyExc_TypeError, "a value has not the dtype, dimensions or memory layout of its input");
        return NULL;
    }
    return list;
}
