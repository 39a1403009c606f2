/* The type Machine as Python sees it: read from the tuples that a linker gives, and freed. */

static int machine_clear(PyObject *self)
{
    Machine *m = (Machine *)self;
    Py_CLEAR(m->fail);
    Py_CLEAR(m->keep);
    Py_CLEAR(m->collected);
    return 0;
}

static int machine_traverse(PyObject *self, visitproc visit, void *arg)
{
    Machine *m = (Machine *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(m->fail);
    Py_VISIT(m->keep);
    Py_VISIT(m->collected);
    return 0;
}

static void machine_dealloc(PyObject *self)
{
    Machine *m = (Machine *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    machine_clear(self);
    for (int k = 0; k < m->nsteps; k++) {
        PyMem_Free(m->steps[k].producers);
        PyMem_Free(m->steps[k].before);
        PyMem_Free(m->steps[k].uses);
        PyMem_Free(m->steps[k].copied);
    }
    PyMem_Free(m->steps);
    PyMem_Free(m->outputs);
    PyMem_Free(m->readers);
    type->tp_free(self);
    Py_DECREF(type);
}

static int machine_read_step(Machine *m, int number, PyObject *from)
{
    machine_step *s = &m->steps[number];
    PyObject *helper, *producers, *before, *uses, *copied;
    if (!PyArg_ParseTuple(from, "OOO!O!O!O!O!O!pO!O!", &s->run, &helper, &PyTuple_Type, &s->reads, &PyTuple_Type, &s->writes,
                          &PyTuple_Type, &s->numbers, &PyTuple_Type, &s->flags, &PyTuple_Type, &producers, &PyTuple_Type,
                          &before, &s->lazy, &PyTuple_Type, &uses, &PyTuple_Type, &copied))
        return -1;
    if (!(s->producers = ints_of_tuple(producers, &s->nproducers)) || !(s->before = ints_of_tuple(before, &s->nbefore)) ||
        !(s->uses = ints_of_tuple(uses, &s->nuses)) || !(s->copied = ints_of_tuple(copied, &s->ncopied)))
        return -1;
    int wrong = !all_cells(s->reads) || !all_cells(s->writes) || !all_cells(s->flags);
    wrong |= s->run != Py_None && PyTuple_GET_SIZE(s->numbers) != PyTuple_GET_SIZE(s->writes);
    if (s->run != Py_None)
        s->tidy = helper;
    else {
        s->there = helper;
        wrong |= !s->lazy || !PyTuple_Check(helper) || !all_cells(helper) || PyTuple_GET_SIZE(helper) != s->nproducers ||
                 PyTuple_GET_SIZE(s->reads) != s->nproducers || 2 * PyTuple_GET_SIZE(s->writes) + 1 != s->nproducers ||
                 s->nproducers < 3;
    }
    for (int k = 0; k < s->nproducers; k++)
        wrong |= s->producers[k] >= m->nsteps;
    for (int k = 0; k < s->nbefore; k++)
        wrong |= s->before[k] < 0 || s->before[k] >= m->nsteps;
    for (int k = 0; k < s->ncopied; k++)
        wrong |= s->copied[k] < 0 || s->copied[k] >= PyTuple_GET_SIZE(s->reads);
    for (int k = 0; k < s->nuses; k++)
        if (s->uses[k] < 0 || s->uses[k] >= m->ncollected)
            wrong = 1;
        else
            m->readers[s->uses[k]]++;
    if (wrong)
        PyErr_Format(PyExc_ValueError, "step %d of a machine does not fit it", number);
    return wrong ? -1 : 0;
}

static int machine_read(Machine *m, PyObject *steps, PyObject *outputs)
{
    m->steps = PyMem_Calloc((size_t)PyTuple_GET_SIZE(steps) + 1, sizeof *m->steps);
    m->readers = PyMem_Calloc((size_t)m->ncollected + 1, sizeof *m->readers);
    if (!m->steps || !m->readers || !(m->outputs = ints_of_tuple(outputs, &m->noutputs))) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        return -1;
    }
    m->nsteps = (int)PyTuple_GET_SIZE(steps);
    for (int k = 0; k < m->nsteps; k++)
        if (machine_read_step(m, k, PyTuple_GET_ITEM(steps, k)))
            return -1;
    for (int k = 0; k < m->noutputs; k++)
        if (m->outputs[k] >= m->nsteps) {
            PyErr_SetString(PyExc_ValueError, "an output of a machine has no step");
            return -1;
        }
    for (int k = 0; k < m->ncollected; k++) {
        PyObject *pair = PyTuple_GET_ITEM(m->collected, k);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 || !all_cells(pair)) {
            PyErr_SetString(PyExc_ValueError, "a collected value has a cell and a flag");
            return -1;
        }
    }
    return 0;
}

static PyObject *machine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    PyObject *steps, *outputs, *collected, *fail;
    static char *names[] = {"steps", "outputs", "collected", "fail", NULL};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O!O!O!O", names, &PyTuple_Type, &steps, &PyTuple_Type, &outputs, &PyTuple_Type,
                                     &collected, &fail))
        return NULL;
    Machine *m = (Machine *)type->tp_alloc(type, 0);
    if (!m)
        return NULL;
    m->vectorcall = machine_call;
    m->fail = Py_NewRef(fail);
    m->collected = Py_NewRef(collected);
    m->keep = Py_NewRef(steps);
    m->ncollected = (int)PyTuple_GET_SIZE(collected);
    if (machine_read(m, steps, outputs)) {
        Py_DECREF(m);
        return NULL;
    }
    return (PyObject *)m;
}

static PyMemberDef machine_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Machine, vectorcall), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot machine_slots[] = {
    {Py_tp_new, machine_new},
    {Py_tp_dealloc, machine_dealloc},
    {Py_tp_traverse, machine_traverse},
    {Py_tp_clear, machine_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_members, machine_members},
    {Py_tp_doc, "Machine(steps, outputs, collected, fail)\n\n"
                "Runs the programs of a lazy graph as they are needed: machine(positions=None)."},
    {0, NULL},
};

static PyType_Spec machine_spec = {
    "tcore_cpu._runtime.Machine", sizeof(Machine), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, machine_slots,
};
