/* The type CStep: a call of users' C code on values, without any Python code in between. */

/* An instance is what one call at a time uses: (struct, cells of the inputs, cells of the outputs). */
typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *run;      /* of the module: runs a struct */
    PyObject *make;     /* makes an instance */
    PyObject *blame;    /* blame(error, values, struct): raises the error with its node */
    PyObject *numbers;  /* tuple: for each input, whether it is a number, which slots keep as an array of no axes */
    PyObject *spare;    /* list of instances that nobody uses */
} CStep;

static int cstep_traverse(PyObject *self, visitproc visit, void *arg)
{
    CStep *s = (CStep *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(s->run);
    Py_VISIT(s->make);
    Py_VISIT(s->blame);
    Py_VISIT(s->spare);
    return 0;
}

static int cstep_clear(PyObject *self)
{
    CStep *s = (CStep *)self;
    Py_CLEAR(s->run);
    Py_CLEAR(s->make);
    Py_CLEAR(s->blame);
    Py_CLEAR(s->numbers);
    Py_CLEAR(s->spare);
    return 0;
}

static void cstep_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    cstep_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* A new reference to an instance: one that is free, or a new one. */
static PyObject *cstep_take(CStep *s)
{
    Py_ssize_t n = PyList_GET_SIZE(s->spare);
    if (!n)
        return PyObject_CallNoArgs(s->make);
    PyObject *instance = Py_NewRef(PyList_GET_ITEM(s->spare, n - 1));
    if (PyList_SetSlice(s->spare, n - 1, n, NULL)) {
        Py_DECREF(instance);
        return NULL;
    }
    return instance;
}

/* Gives a cell a value, whose reference it takes. */
static void cell_set(PyObject *cell, PyObject *value)
{
    PyObject *old = PyList_GET_ITEM(cell, 0);
    PyList_SET_ITEM(cell, 0, value);
    Py_XDECREF(old);
}

/* Computes in an instance: a tuple of the outputs. */
static PyObject *cstep_compute(CStep *s, PyObject *instance, PyObject *const *values)
{
    PyObject *inputs = PyTuple_GET_ITEM(instance, 1), *outputs = PyTuple_GET_ITEM(instance, 2), *results;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(inputs); k++) {
        PyObject *value = values[k];
        if (PyTuple_GET_ITEM(s->numbers, k) == Py_True && PyArray_Check(value) && PyArray_NDIM((PyArrayObject *)value) == 0)
            value = PyArray_ToScalar(PyArray_DATA((PyArrayObject *)value), (PyArrayObject *)value);
        else
            Py_INCREF(value);
        if (!value)
            return NULL;
        cell_set(PyTuple_GET_ITEM(inputs, k), value);
    }
    PyObject *done = PyObject_CallOneArg(s->run, PyTuple_GET_ITEM(instance, 0));
    if (!done)
        return NULL;
    Py_DECREF(done);
    results = PyTuple_New(PyTuple_GET_SIZE(outputs));
    for (Py_ssize_t k = 0; results && k < PyTuple_GET_SIZE(outputs); k++)
        PyTuple_SET_ITEM(results, k, Py_NewRef(PyList_GET_ITEM(PyTuple_GET_ITEM(outputs, k), 0)));
    return results;
}

/* Lets Python add the node to the exception; `instance` is what ran. */
static void cstep_blame(CStep *s, PyObject *instance, PyObject *const *values, Py_ssize_t count)
{
    PyObject *type, *value, *trace, *arguments = NULL, *result = NULL;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (trace && value)
        PyException_SetTraceback(value, trace);
    if (value && (arguments = PyTuple_New(count))) {
        for (Py_ssize_t k = 0; k < count; k++)
            PyTuple_SET_ITEM(arguments, k, Py_NewRef(values[k]));
        result = PyObject_CallFunctionObjArgs(s->blame, value, arguments, PyTuple_GET_ITEM(instance, 0), NULL);
        Py_DECREF(arguments);
    }
    if (result || !PyErr_Occurred()) {
        Py_XDECREF(result);
        PyErr_Restore(type, value, trace);
        return;
    }
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
}

static PyObject *cstep_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    CStep *s = (CStep *)self;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (nargs != PyTuple_GET_SIZE(s->numbers) || (kwnames && PyTuple_GET_SIZE(kwnames)))
        return PyErr_Format(PyExc_TypeError, "the node takes %zd values, got %zd", PyTuple_GET_SIZE(s->numbers), nargs);
    PyObject *instance = cstep_take(s);
    if (!instance)
        return NULL;
    PyObject *results = cstep_compute(s, instance, args), *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    for (int side = 1; side <= 2; side++)
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(PyTuple_GET_ITEM(instance, side)); k++)
            cell_set(PyTuple_GET_ITEM(PyTuple_GET_ITEM(instance, side), k), Py_NewRef(Py_None));
    if (!results) { /* before another call takes the instance, which knows where it failed */
        PyErr_Restore(type, value, trace);
        cstep_blame(s, instance, args, nargs);
        PyErr_Fetch(&type, &value, &trace);
    }
    if (PyList_Append(s->spare, instance))
        PyErr_Clear(); /* the next call makes another */
    Py_DECREF(instance);
    PyErr_Restore(type, value, trace);
    return results;
}

static PyObject *cstep_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *run, *make, *blame, *numbers;
    static char *names[] = {"run", "make", "blame", "numbers", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOO!", names, &run, &make, &blame, &PyTuple_Type, &numbers))
        return NULL;
    CStep *s = (CStep *)type->tp_alloc(type, 0);
    if (!s)
        return NULL;
    s->vectorcall = cstep_call;
    s->run = Py_NewRef(run);
    s->make = Py_NewRef(make);
    s->blame = Py_NewRef(blame);
    s->numbers = Py_NewRef(numbers);
    if (!(s->spare = PyList_New(0)))
        Py_CLEAR(s);
    return (PyObject *)s;
}

static PyMemberDef cstep_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CStep, vectorcall), READONLY, NULL},
    {"blame", T_OBJECT, offsetof(CStep, blame), READONLY, "blame(error, values, struct=None): raise the error with the node."},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot cstep_slots[] = {
    {Py_tp_new, cstep_new},
    {Py_tp_dealloc, cstep_dealloc},
    {Py_tp_traverse, cstep_traverse},
    {Py_tp_clear, cstep_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, cstep_members},
    {Py_tp_doc, "CStep(run, make, blame, numbers)\n\n"
                "Users' C code: called with the values of a node's inputs, returns the tuple of its outputs."},
    {0, NULL},
};

static PyType_Spec cstep_spec = {
    "tcore_cpu._runtime.CStep", sizeof(CStep), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, cstep_slots,
};
