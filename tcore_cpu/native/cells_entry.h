/* The type CellsEntry: the fast way in of a function whose graph a Machine runs, or a block of users' C code.
 *
 * These work on cells, of which a function has one set. Where that is in use, by another thread or by a call around this one,
 * the general path finds another; it also takes what is no array or number of exactly the right kind. */

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *run;           /* called without arguments */
    PyObject *fail;          /* called with the exception of `run`: computes in another way, or raises; or None */
    int nargs, unpack;
    input_spec *inputs;      /* by argument */
    PyObject *cells;         /* tuple of cells: where the arguments go */
    PyObject *results;       /* tuple of cells: what is returned */
    PyObject *updates;       /* tuple of cells: new values of those in update_cells */
    PyObject *update_cells;  /* tuple of cells */
    PyObject *emptied;       /* tuple of cells: what nobody needs after a call */
    PyObject *prepare;       /* called before `run`, for values that it overwrites; or None */
    PyObject *plan, *hold, *release; /* locks of shared values, as those of an Entry */
    PyObject *enter, *leave; /* enter(False): whether the cells were free and are taken; leave() */
} CellsEntry;

static int cells_entry_traverse(PyObject *self, visitproc visit, void *arg)
{
    CellsEntry *e = (CellsEntry *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(e->run);
    Py_VISIT(e->fail);
    Py_VISIT(e->cells);
    Py_VISIT(e->results);
    Py_VISIT(e->updates);
    Py_VISIT(e->update_cells);
    Py_VISIT(e->emptied);
    Py_VISIT(e->prepare);
    Py_VISIT(e->plan);
    Py_VISIT(e->enter);
    Py_VISIT(e->leave);
    return 0;
}

static int cells_entry_clear(PyObject *self)
{
    CellsEntry *e = (CellsEntry *)self;
    Py_CLEAR(e->run);
    Py_CLEAR(e->fail);
    Py_CLEAR(e->cells);
    Py_CLEAR(e->results);
    Py_CLEAR(e->updates);
    Py_CLEAR(e->update_cells);
    Py_CLEAR(e->emptied);
    Py_CLEAR(e->prepare);
    Py_CLEAR(e->plan);
    Py_CLEAR(e->enter);
    Py_CLEAR(e->leave);
    return 0;
}

static void cells_entry_dealloc(PyObject *self)
{
    CellsEntry *e = (CellsEntry *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    cells_entry_clear(self);
    Py_CLEAR(e->hold);
    Py_CLEAR(e->release);
    PyMem_Free(e->inputs);
    type->tp_free(self);
    Py_DECREF(type);
}

/* The value of an argument for its cell, a new reference; NULL, without an exception, where it needs the general path. */
static PyObject *cells_value(const input_spec *spec, PyObject *value)
{
    long long room;
    if (spec->dtype == TC_OBJECT || is_fitting_array(spec, value))
        return Py_NewRef(value);
    if (PyArray_Check(value) || spec->ndim || !number_into(&room, spec->dtype, value))
        return NULL;
    PyObject *array = PyArray_SimpleNew(0, NULL, number_of(spec->dtype));
    if (array)
        memcpy(PyArray_DATA((PyArrayObject *)array), &room, (size_t)PyArray_ITEMSIZE((PyArrayObject *)array));
    else
        PyErr_Clear();
    return array;
}

/* The results as they are returned, once it has run and updates are stored: all of them or none. */
static PyObject *cells_answer(CellsEntry *e)
{
    Py_ssize_t nresults = PyTuple_GET_SIZE(e->results), nupdates = PyTuple_GET_SIZE(e->updates);
    PyObject *old = nupdates ? PyTuple_New(nupdates) : NULL, *answer;
    if (nupdates && !old)
        return NULL;
    if (e->unpack)
        answer = Py_NewRef(PyList_GET_ITEM(PyTuple_GET_ITEM(e->results, 0), 0));
    else if ((answer = PyList_New(nresults)))
        for (Py_ssize_t k = 0; k < nresults; k++)
            PyList_SET_ITEM(answer, k, Py_NewRef(PyList_GET_ITEM(PyTuple_GET_ITEM(e->results, k), 0)));
    if (answer) {
        /* two loops: a new value may be what another cell held */
        for (Py_ssize_t k = 0; k < nupdates; k++)
            PyTuple_SET_ITEM(old, k, Py_NewRef(PyList_GET_ITEM(PyTuple_GET_ITEM(e->updates, k), 0)));
        for (Py_ssize_t k = 0; k < nupdates; k++) {
            PyObject *cell = PyTuple_GET_ITEM(e->update_cells, k), *value = PyTuple_GET_ITEM(old, k);
            PyTuple_SET_ITEM(old, k, PyList_GET_ITEM(cell, 0));
            PyList_SET_ITEM(cell, 0, value);
        }
    }
    Py_XDECREF(old);
    return answer;
}

/* Runs, or lets Python help where that raises an exception: a new reference, or NULL. */
static PyObject *cells_compute(CellsEntry *e)
{
    PyObject *done = PyObject_CallNoArgs(e->run), *type, *error, *trace;
    if (done || e->fail == Py_None || !PyErr_ExceptionMatches(PyExc_Exception))
        return done;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace)
        PyException_SetTraceback(error, trace);
    done = PyObject_CallOneArg(e->fail, error);
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
    return done;
}

/* A call whose cells are its own: the arguments in them, the run, and what nobody needs any more out of them. */
static PyObject *cells_run(CellsEntry *e, PyObject **values)
{
    PyObject *answer = NULL, *done = NULL, *type, *error, *trace;
    PyObject *held = PyTuple_GET_SIZE(e->plan) ? PyObject_CallOneArg(e->hold, e->plan) : NULL;
    if (!held && PyErr_Occurred())
        return NULL;
    for (int k = 0; k < e->nargs; k++)
        cell_set(PyTuple_GET_ITEM(e->cells, k), Py_NewRef(values[k]));
    if (e->prepare == Py_None || (done = PyObject_CallNoArgs(e->prepare))) {
        Py_XDECREF(done);
        if ((done = cells_compute(e)))
            answer = cells_answer(e);
    }
    Py_XDECREF(done);
    PyErr_Fetch(&type, &error, &trace);
    cells_set(e->cells, Py_None);
    cells_set(e->emptied, Py_None);
    PyErr_Restore(type, error, trace);
    if (held && give_back(e->release, held))
        Py_CLEAR(answer);
    Py_XDECREF(held);
    return answer;
}

static PyObject *cells_entry_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    CellsEntry *e = (CellsEntry *)self;
    PyObject *small[16], **values = e->nargs <= 16 ? small : PyMem_Calloc((size_t)e->nargs, sizeof *values), *answer = NULL;
    int given = 0;
    if (!values)
        return PyErr_NoMemory();
    if (PyVectorcall_NARGS(nargsf) != e->nargs || (kwnames && PyTuple_GET_SIZE(kwnames)))
        goto general;
    for (; given < e->nargs; given++)
        if (!(values[given] = cells_value(&e->inputs[given], args[given])))
            goto general;
    PyObject *entered = PyObject_CallOneArg(e->enter, Py_False);
    if (!entered)
        goto done;
    Py_DECREF(entered);
    if (entered != Py_True)
        goto general;
    answer = cells_run(e, values);
    PyObject *type, *error, *trace, *left;
    PyErr_Fetch(&type, &error, &trace);
    if (!(left = PyObject_CallNoArgs(e->leave)))
        PyErr_Clear();
    Py_XDECREF(left);
    PyErr_Restore(type, error, trace);
    goto done;
general:
    answer = Py_NewRef(Py_NotImplemented);
done:
    while (given-- > 0)
        Py_DECREF(values[given]);
    if (values != small)
        PyMem_Free(values);
    return answer;
}

static PyObject *cells_entry_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"run", "fail", "inputs", "cells", "results", "updates", "update_cells", "emptied", "unpack", "prepare",
                            "plan", "hold", "release", "enter", "leave", NULL};
    PyObject *run, *fail, *inputs, *cells, *results, *updates, *update_cells, *emptied, *prepare, *plan, *hold, *release, *enter, *leave;
    int unpack;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO!O!O!O!O!O!pOO!OOOO", names, &run, &fail, &PyTuple_Type, &inputs, &PyTuple_Type, &cells,
                                     &PyTuple_Type, &results, &PyTuple_Type, &updates, &PyTuple_Type, &update_cells, &PyTuple_Type,
                                     &emptied, &unpack, &prepare, &PyTuple_Type, &plan, &hold, &release, &enter, &leave))
        return NULL;
    CellsEntry *e = (CellsEntry *)type->tp_alloc(type, 0);
    if (!e)
        return NULL;
    e->vectorcall = cells_entry_call;
    e->run = Py_NewRef(run);
    e->fail = Py_NewRef(fail);
    e->cells = Py_NewRef(cells);
    e->results = Py_NewRef(results);
    e->updates = Py_NewRef(updates);
    e->update_cells = Py_NewRef(update_cells);
    e->emptied = Py_NewRef(emptied);
    e->prepare = Py_NewRef(prepare);
    e->plan = Py_NewRef(plan);
    e->hold = Py_NewRef(hold);
    e->release = Py_NewRef(release);
    e->enter = Py_NewRef(enter);
    e->leave = Py_NewRef(leave);
    e->unpack = unpack;
    e->nargs = (int)PyTuple_GET_SIZE(inputs);
    if (!(e->inputs = PyMem_Calloc((size_t)e->nargs + 1, sizeof *e->inputs))) {
        PyErr_NoMemory();
        goto fail;
    }
    for (int k = 0; k < e->nargs; k++)
        if (!PyArg_ParseTuple(PyTuple_GET_ITEM(inputs, k), "iiK", &e->inputs[k].dtype, &e->inputs[k].ndim, &e->inputs[k].mask))
            goto fail;
    if (PyTuple_GET_SIZE(cells) != e->nargs || PyTuple_GET_SIZE(updates) != PyTuple_GET_SIZE(update_cells) || !all_cells(cells) ||
        !all_cells(results) || !all_cells(updates) || !all_cells(update_cells) || !all_cells(emptied) ||
        (unpack && PyTuple_GET_SIZE(results) != 1)) {
        PyErr_SetString(PyExc_ValueError, "the entry does not fit its cells");
        goto fail;
    }
    return (PyObject *)e;
fail:
    Py_DECREF(e);
    return NULL;
}

static PyMemberDef cells_entry_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CellsEntry, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot cells_entry_slots[] = {
    {Py_tp_new, cells_entry_new},
    {Py_tp_dealloc, cells_entry_dealloc},
    {Py_tp_traverse, cells_entry_traverse},
    {Py_tp_clear, cells_entry_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, cells_entry_members},
    {Py_tp_doc, "CellsEntry(run, fail, inputs, cells, results, updates, update_cells, emptied, unpack, prepare, plan, hold, release, enter, leave)\n\n"
                "The fast way in of a function that is computed on cells: returns NotImplemented, before any effect, where a call needs the general path."},
    {0, NULL},
};

static PyType_Spec cells_entry_spec = {
    "tcore_cpu._runtime.CellsEntry", sizeof(CellsEntry), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, cells_entry_slots,
};
