/* The type Program: a table of instructions, with what its steps and constants need of Python. */

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
