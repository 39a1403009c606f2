/* The types Program and Entry. */

/* ---- Program --------------------------------------------------------------------------------- */

static int program_clear(PyObject *self)
{
    Program *p = (Program *)self;
    Py_CLEAR(p->steps);
    Py_CLEAR(p->on_error);
    return 0;
}

static int program_traverse(PyObject *self, visitproc visit, void *arg)
{
    Program *p = (Program *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(p->constants);
    Py_VISIT(p->steps);
    Py_VISIT(p->on_error);
    Py_VISIT(p->keep);
    return 0;
}

static void program_dealloc(PyObject *self)
{
    Program *p = (Program *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    while (p->frames) {
        frame *f = p->frames;
        p->frames = f->next;
        frame_free(p, f);
    }
    program_clear(self);
    tc_program_free(p->program);
    PyMem_Free(p->inputs);
    PyMem_Free(p->constant_slots);
    PyMem_Free(p->outputs);
    PyMem_Free(p->touched);
    Py_CLEAR(p->constants);
    Py_CLEAR(p->keep);
    type->tp_free(self);
    Py_DECREF(type);
}

static int *ints_of_tuple(PyObject *tuple, int *count)
{
    Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    int *ints = PyMem_Calloc((size_t)n + 1, sizeof *ints);
    *count = (int)n;
    if (!ints) {
        PyErr_NoMemory();
        return NULL;
    }
    for (Py_ssize_t k = 0; k < n; k++) {
        ints[k] = (int)PyLong_AsLong(PyTuple_GET_ITEM(tuple, k));
        if (PyErr_Occurred()) {
            PyMem_Free(ints);
            return NULL;
        }
    }
    return ints;
}

static int program_read_inputs(Program *p, PyObject *inputs)
{
    p->ninputs = (int)PyTuple_GET_SIZE(inputs);
    p->inputs = PyMem_Calloc((size_t)p->ninputs + 1, sizeof *p->inputs);
    for (int k = 0; p->inputs && k < p->ninputs; k++) {
        input_spec *spec = &p->inputs[k];
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(inputs, k), "iiiKi", &spec->slot, &spec->dtype, &spec->ndim, &spec->mask,
                              &spec->destroyed))
            return -1;
        if (spec->slot < 0 || spec->slot >= p->program->nslots) {
            PyErr_SetString(PyExc_ValueError, "an input has no slot");
            return -1;
        }
    }
    return p->inputs ? 0 : -1;
}

/* Slots whose objects are dropped after a call: all but those of constants. */
static int program_find_touched(Program *p)
{
    p->touched = PyMem_Calloc((size_t)p->program->nslots + 1, sizeof *p->touched);
    if (!p->touched)
        return -1;
    for (int s = 0; s < p->program->nslots; s++) {
        int constant = 0;
        for (int k = 0; k < p->nconstants; k++)
            constant |= p->constant_slots[k] == s;
        if (!constant)
            p->touched[p->object_slots++] = s;
    }
    return 0;
}

static PyObject *program_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    Py_buffer spec;
    PyObject *inputs, *constant_slots, *constants, *outputs, *steps, *on_error, *keep;
    static char *names[] = {"spec", "inputs", "constant_slots", "constants", "outputs", "steps", "on_error", "keep", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "y*O!O!O!O!O!OO", names, &spec, &PyTuple_Type, &inputs, &PyTuple_Type,
                                     &constant_slots, &PyTuple_Type, &constants, &PyTuple_Type, &outputs, &PyTuple_Type,
                                     &steps, &on_error, &keep))
        return NULL;
    Program *p = (Program *)type->tp_alloc(type, 0);
    if (!p) {
        PyBuffer_Release(&spec);
        return NULL;
    }
    p->vectorcall = program_call;
    p->program = tc_program_new(spec.buf, (int64_t)(spec.len / 8));
    PyBuffer_Release(&spec);
    if (!p->program) {
        PyErr_SetString(PyExc_ValueError, "malformed program");
        goto fail;
    }
    p->constants = Py_NewRef(constants);
    p->steps = Py_NewRef(steps);
    p->on_error = Py_NewRef(on_error);
    p->keep = Py_NewRef(keep);
    if (program_read_inputs(p, inputs) || !(p->constant_slots = ints_of_tuple(constant_slots, &p->nconstants)) ||
        !(p->outputs = ints_of_tuple(outputs, &p->noutputs)) || program_find_touched(p))
        goto fail;
    for (int k = 0; k < p->nconstants; k++) {
        PyObject *value = PyTuple_GET_ITEM(constants, k);
        int s = p->constant_slots[k];
        if (p->program->slot_dtypes[s] != TC_OBJECT &&
            !(PyArray_Check(value) &&
              array_fits((PyArrayObject *)value, p->program->slot_dtypes[s], p->program->slot_ndims[s], 0))) {
            PyErr_Format(PyExc_ValueError, "constant %d does not fit its slot", k);
            goto fail;
        }
    }
    return (PyObject *)p;
fail:
    Py_DECREF(p);
    return NULL;
}

/* copies(): by input, how often its value was copied because it may not be overwritten where it is. */
static PyObject *program_copies(PyObject *self, PyObject *unused)
{
    Program *p = (Program *)self;
    PyObject *counts = PyTuple_New(p->ninputs);
    (void)unused;
    for (int k = 0; counts && k < p->ninputs; k++) {
        PyObject *count = PyLong_FromLongLong(p->inputs[k].copies);
        if (!count)
            Py_CLEAR(counts);
        else
            PyTuple_SET_ITEM(counts, k, count);
    }
    return counts;
}

/* keep_values(): from now on intermediate values stay until the next call. */
static PyObject *program_keep(PyObject *self, PyObject *unused)
{
    (void)unused;
    ((Program *)self)->keeps = 1;
    Py_RETURN_NONE;
}

/* kept_value(slot): a copy of the intermediate value that the last call left in a slot, or None. */
static PyObject *program_kept(PyObject *self, PyObject *slot)
{
    Program *p = (Program *)self;
    long s = PyLong_AsLong(slot);
    if (s == -1 && PyErr_Occurred())
        return NULL;
    frame *f = p->frames;
    /* what is neither an object nor in a buffer showed an argument or a result */
    if (s < 0 || s >= p->program->nslots || !f || !f->filled || (!f->objects[s] && f->core->slots[s].buffer < 0))
        Py_RETURN_NONE;
    return object_of_slot(f, (int)s);
}

/* forget_values(): drops the values that calls left. */
static PyObject *program_forget(PyObject *self, PyObject *unused)
{
    Program *p = (Program *)self;
    (void)unused;
    for (frame *f = p->frames; f; f = f->next)
        frame_empty(p, f);
    Py_RETURN_NONE;
}

static PyMethodDef program_methods[] = {
    {"keep_values", program_keep, METH_NOARGS, "From now on intermediate values stay until the next call."},
    {"kept_value", program_kept, METH_O, "A copy of the intermediate value that the last call left in a slot, or None."},
    {"forget_values", program_forget, METH_NOARGS, "Drops the values that calls left."},
    {"copies", program_copies, METH_NOARGS, "By input: how often its value was copied because it may not be overwritten."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef program_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Program, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot program_slots[] = {
    {Py_tp_new, program_new},
    {Py_tp_dealloc, program_dealloc},
    {Py_tp_traverse, program_traverse},
    {Py_tp_clear, program_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, program_members},
    {Py_tp_methods, program_methods},
    {Py_tp_doc, "Program(spec, inputs, constant_slots, constants, outputs, steps, on_error, keep)\n\n"
                "A compiled graph: called with the values of all inputs, returns the list of all outputs."},
    {0, NULL},
};

static PyType_Spec program_spec = {
    "tcore_cpu._runtime.Program", sizeof(Program), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, program_slots,
};

/* ---- Entry: a function's fast way in --------------------------------------------------------- */

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    Program *program;
    int nargs, nimplicit, nupdates, nresults, unpack;
    int *positions; /* explicit arguments, then implicit ones: which input each is */
    int *updates;   /* outputs that are stored */
    int *results;   /* outputs that are returned */
    PyObject *cells;         /* tuple of lists: values of the implicit inputs */
    PyObject *update_cells;  /* tuple of lists */
    PyObject *plan, *hold, *release; /* locks of shared values; plan is an empty tuple without any */
} Entry;

static int entry_traverse(PyObject *self, visitproc visit, void *arg)
{
    Entry *e = (Entry *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT((PyObject *)e->program);
    Py_VISIT(e->cells);
    Py_VISIT(e->update_cells);
    Py_VISIT(e->plan);
    return 0;
}

static int entry_clear(PyObject *self)
{
    Entry *e = (Entry *)self;
    Py_CLEAR(e->cells);
    Py_CLEAR(e->update_cells);
    Py_CLEAR(e->plan);
    return 0;
}

static void entry_dealloc(PyObject *self)
{
    Entry *e = (Entry *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    entry_clear(self);
    Py_CLEAR(e->program);
    Py_CLEAR(e->hold);
    Py_CLEAR(e->release);
    PyMem_Free(e->positions);
    PyMem_Free(e->updates);
    PyMem_Free(e->results);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *entry_run(Entry *e, PyObject *const *args)
{
    Program *p = e->program;
    PyObject *small[32], *outputs[32], **values = small, **results = outputs, *answer = NULL;
    if (p->ninputs > 32 || p->noutputs > 32) {
        values = PyMem_Calloc((size_t)(p->ninputs + p->noutputs) + 1, sizeof *values);
        if (!values)
            return PyErr_NoMemory();
        results = values + p->ninputs;
    }
    for (int k = 0; k < e->nargs; k++)
        values[e->positions[k]] = Py_NewRef(args[k]);
    for (int k = 0; k < e->nimplicit; k++)
        values[e->positions[e->nargs + k]] = Py_NewRef(PyList_GET_ITEM(PyTuple_GET_ITEM(e->cells, k), 0));
    int status = execute(p, values, results);
    for (int k = 0; k < p->ninputs; k++)
        Py_DECREF(values[k]);
    if (status > 0)
        answer = Py_NewRef(Py_NotImplemented);
    else if (status == 0) {
        if (e->unpack)
            answer = Py_NewRef(results[e->results[0]]);
        else if ((answer = PyList_New(e->nresults)))
            for (int k = 0; k < e->nresults; k++)
                PyList_SET_ITEM(answer, k, Py_NewRef(results[e->results[k]]));
        /* All updates or none; no Python code (of values that go) runs between them. */
        for (int k = 0; answer && k < e->nupdates; k++) {
            PyObject *cell = PyTuple_GET_ITEM(e->update_cells, k);
            values[k] = PyList_GET_ITEM(cell, 0);
            PyList_SET_ITEM(cell, 0, Py_NewRef(results[e->updates[k]]));
        }
        for (int k = 0; answer && k < e->nupdates; k++)
            Py_XDECREF(values[k]);
        for (int k = 0; k < p->noutputs; k++)
            Py_DECREF(results[k]);
    }
    if (values != small)
        PyMem_Free(values);
    return answer;
}

/* Releases locks, again where a signal handler raised before all were free: 0, or -1 with that exception. An exception that
 * was there before stays. */
static int give_back(PyObject *release, PyObject *held)
{
    PyObject *type, *value, *trace, *done;
    PyErr_Fetch(&type, &value, &trace);
    while (!(done = PyObject_CallOneArg(release, held)) && PyDict_CheckExact(held) && PyDict_GET_SIZE(held)) {
        if (type)
            PyErr_Clear();
        else
            PyErr_Fetch(&type, &value, &trace);
    }
    if (type) {
        if (!done)
            PyErr_Clear();
        PyErr_Restore(type, value, trace);
    }
    int status = done && !type ? 0 : -1;
    Py_XDECREF(done);
    return status;
}

static PyObject *entry_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Entry *e = (Entry *)self;
    if (PyVectorcall_NARGS(nargsf) != e->nargs || (kwnames && PyTuple_GET_SIZE(kwnames)))
        return Py_NewRef(Py_NotImplemented);
    if (!PyTuple_GET_SIZE(e->plan))
        return entry_run(e, args);
    PyObject *held = PyObject_CallOneArg(e->hold, e->plan);
    if (!held)
        return NULL;
    PyObject *answer = entry_run(e, args);
    if (give_back(e->release, held))
        Py_CLEAR(answer);
    Py_DECREF(held);
    return answer;
}

static int all_cells(PyObject *tuple)
{
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(tuple); k++) {
        PyObject *cell = PyTuple_GET_ITEM(tuple, k);
        if (!PyList_CheckExact(cell) || PyList_GET_SIZE(cell) != 1)
            return 0;
    }
    return 1;
}

static PyObject *entry_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *program, *positions, *cells, *updates, *update_cells, *results, *plan, *hold, *release;
    int unpack;
    static char *names[] = {"program", "positions", "cells", "updates", "update_cells", "results", "unpack", "plan", "hold", "release", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO!O!O!O!O!pO!OO", names, &program, &PyTuple_Type, &positions,
                                     &PyTuple_Type, &cells, &PyTuple_Type, &updates, &PyTuple_Type, &update_cells,
                                     &PyTuple_Type, &results, &unpack, &PyTuple_Type, &plan, &hold, &release))
        return NULL;
    Entry *e = (Entry *)type->tp_alloc(type, 0);
    int count;
    if (!e)
        return NULL;
    e->vectorcall = entry_call;
    e->program = (Program *)Py_NewRef(program);
    e->cells = Py_NewRef(cells);
    e->update_cells = Py_NewRef(update_cells);
    e->plan = Py_NewRef(plan);
    e->hold = Py_NewRef(hold);
    e->release = Py_NewRef(release);
    e->unpack = unpack;
    e->nimplicit = (int)PyTuple_GET_SIZE(cells);
    if (!(e->positions = ints_of_tuple(positions, &count)) || !(e->updates = ints_of_tuple(updates, &e->nupdates)) ||
        !(e->results = ints_of_tuple(results, &e->nresults)))
        goto fail;
    e->nargs = count - e->nimplicit;
    if (count != e->program->ninputs || e->nupdates != PyTuple_GET_SIZE(update_cells) || !all_cells(cells) ||
        !all_cells(update_cells) || (unpack && e->nresults != 1)) {
        PyErr_SetString(PyExc_ValueError, "the entry does not fit its program");
        goto fail;
    }
    return (PyObject *)e;
fail:
    Py_DECREF(e);
    return NULL;
}

static PyMemberDef entry_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Entry, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot entry_slots[] = {
    {Py_tp_new, entry_new},
    {Py_tp_dealloc, entry_dealloc},
    {Py_tp_traverse, entry_traverse},
    {Py_tp_clear, entry_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, entry_members},
    {Py_tp_doc, "Entry(program, positions, cells, updates, update_cells, results, unpack, plan, hold, release)\n\n"
                "A function's fast way in: returns NotImplemented, before any effect, where an argument needs the general path."},
    {0, NULL},
};

static PyType_Spec entry_spec = {
    "tcore_cpu._runtime.Entry", sizeof(Entry), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, entry_slots,
};
