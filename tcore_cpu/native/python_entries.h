/* The type Entry: a function's fast way in. */

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
