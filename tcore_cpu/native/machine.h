/* The type Machine: runs the programs of a lazy graph as they turn out to be needed.
 *
 * A step is a program, called with values from cells, a choice between values, or the thunk of any other lazy node, which answers
 * with the positions of the inputs that it needs next, or with nothing when it is done. */

typedef struct {
    PyObject *run;      /* what is called; None: a choice, by the first of `reads`, between the first and the second half of the others */
    PyObject *tidy;     /* tidy(error, *values): the values as the program takes them; raises the error where that is no help */
    PyObject *there;    /* of a choice: tuple of cells that say of each of `reads` whether it is there */
    PyObject *reads;    /* tuple of cells */
    PyObject *writes;   /* tuple of cells */
    PyObject *numbers;  /* tuple: for each result, whether its cell holds a number, which programs give as an array of no axes */
    PyObject *flags;    /* tuple of cells: whether a result is there */
    int *producers;     /* by input: the step that makes it, or -1 */
    int *before;        /* steps that must have run */
    int *uses;          /* which collected values it reads */
    int *copied;        /* which values it gets copies of */
    int nproducers, nbefore, nuses, ncopied, lazy;
} machine_step;

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    machine_step *steps;
    int nsteps, ncollected;
    int *outputs, noutputs;   /* the step of each output, or -1 */
    int *readers;             /* by collected value: how many steps read it */
    PyObject *collected;      /* tuple of (cell, flag): values that are dropped when their last reader has run */
    PyObject *fail;           /* fail(error, step, done): raises the error with its node */
    PyObject *keep;           /* the tuples that the steps' objects are in */
} Machine;

/* What one call works on. */
typedef struct {
    int *left, *stack, depth, room;
    char *done;
} machine_run;

static void cells_set(PyObject *cells, PyObject *value)
{
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(cells); k++)
        cell_set(PyTuple_GET_ITEM(cells, k), Py_NewRef(value));
}

/* Drops a collected value; its flag says 2: there is one no more, and nobody needs one. */
static void machine_collect(Machine *m, int number)
{
    PyObject *pair = PyTuple_GET_ITEM(m->collected, number);
    cell_set(PyTuple_GET_ITEM(pair, 0), Py_NewRef(Py_None));
    cell_set(PyTuple_GET_ITEM(pair, 1), PyLong_FromLong(2));
}

/* The results of a program for the values in its cells, once more with tidy values where it refuses these: a new list. */
static PyObject *machine_results(const machine_step *step)
{
    Py_ssize_t n = PyTuple_GET_SIZE(step->reads);
    PyObject *small[32], **values = n < 32 ? small : PyMem_Calloc((size_t)n + 1, sizeof *values), *results = NULL;
    if (!values)
        return PyErr_NoMemory();
    for (Py_ssize_t k = 0; k < n; k++)
        values[k + 1] = Py_NewRef(PyList_GET_ITEM(PyTuple_GET_ITEM(step->reads, k), 0));
    for (int k = 0; k < step->ncopied; k++) {
        PyObject *value = values[1 + step->copied[k]];
        PyObject *copy = PyArray_Check(value) ? (PyObject *)PyArray_NewCopy((PyArrayObject *)value, NPY_KEEPORDER) : Py_NewRef(value);
        if (!copy)
            goto done;
        values[1 + step->copied[k]] = copy;
        Py_DECREF(value);
    }
    results = PyObject_Vectorcall(step->run, values + 1, (size_t)n, NULL);
    if (!results && PyErr_ExceptionMatches(PyExc_TypeError)) {
        PyObject *type, *error, *trace, *tidy;
        PyErr_Fetch(&type, &error, &trace);
        PyErr_NormalizeException(&type, &error, &trace);
        if (trace)
            PyException_SetTraceback(error, trace);
        values[0] = error;
        if ((tidy = PyObject_Vectorcall(step->tidy, values, (size_t)n + 1, NULL))) {
            PyObject *arguments = PySequence_Tuple(tidy);
            results = arguments ? PyObject_CallObject(step->run, arguments) : NULL;
            Py_XDECREF(arguments);
            Py_DECREF(tidy);
        }
        Py_XDECREF(type);
        Py_XDECREF(error);
        Py_XDECREF(trace);
    }
done:
    for (Py_ssize_t k = 0; k < n; k++)
        Py_DECREF(values[k + 1]);
    if (values != small)
        PyMem_Free(values);
    return results;
}

/* Runs a program: 0, or -1 with an exception. */
static int machine_compute(const machine_step *step)
{
    PyObject *results = machine_results(step);
    if (!results)
        return -1;
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(step->writes); k++) {
        PyObject *value = PyList_GET_ITEM(results, k);
        if (PyTuple_GET_ITEM(step->numbers, k) == Py_True && PyArray_Check(value))
            value = PyArray_ToScalar(PyArray_DATA((PyArrayObject *)value), (PyArrayObject *)value);
        else
            Py_INCREF(value);
        if (!value) {
            Py_DECREF(results);
            return -1;
        }
        cell_set(PyTuple_GET_ITEM(step->writes, k), value);
    }
    Py_DECREF(results);
    cells_set(step->flags, Py_True);
    return 0;
}

static int machine_push(machine_run *r, int step)
{
    if (r->depth == r->room) {
        int *grown = PyMem_Realloc(r->stack, sizeof *grown * 2 * (size_t)r->room);
        if (!grown) {
            PyErr_NoMemory();
            return -1;
        }
        r->stack = grown;
        r->room *= 2;
    }
    r->stack[r->depth++] = step;
    return 0;
}

/* Makes a choice: as machine_ask. */
static int machine_choose(const machine_step *step, machine_run *r, int number)
{
    int count = (int)PyTuple_GET_SIZE(step->writes), first = 0, last = 0, base = r->depth, there, truth;
    for (;;) {
        for (int k = last; k >= first; k--) {
            if ((there = PyObject_IsTrue(PyList_GET_ITEM(PyTuple_GET_ITEM(step->there, k), 0))) < 0)
                return -1;
            if (there)
                continue;
            if (r->depth == base && machine_push(r, number))
                return -1;
            if (step->producers[k] >= 0 && !r->done[step->producers[k]] && machine_push(r, step->producers[k]))
                return -1;
        }
        if (r->depth > base)
            return 0;
        if (last)
            break;
        if ((truth = PyObject_IsTrue(PyList_GET_ITEM(PyTuple_GET_ITEM(step->reads, 0), 0))) < 0)
            return -1;
        first = truth ? 1 : 1 + count;
        last = first + count - 1;
    }
    for (int k = 0; k < count; k++)
        cell_set(PyTuple_GET_ITEM(step->writes, k), Py_NewRef(PyList_GET_ITEM(PyTuple_GET_ITEM(step->reads, first + k), 0)));
    cells_set(step->flags, Py_True);
    return 1;
}

/* Asks a lazy node: 1 when it is done, 0 when the steps that it waits for are on the stack, -1 with an exception. */
static int machine_ask(const machine_step *step, machine_run *r, int number)
{
    PyObject *needed = PyObject_CallNoArgs(step->run), *fast;
    if (!needed)
        return -1;
    int truth = PyObject_IsTrue(needed);
    if (truth <= 0) {
        Py_DECREF(needed);
        if (!truth)
            cells_set(step->flags, Py_True);
        return truth < 0 ? -1 : 1;
    }
    fast = PySequence_Fast(needed, "a lazy thunk answers with the positions of inputs, or with None");
    Py_DECREF(needed);
    int status = fast && !machine_push(r, number) ? 0 : -1;
    for (Py_ssize_t k = fast ? PySequence_Fast_GET_SIZE(fast) : 0; status == 0 && k-- > 0;) {
        long position = PyLong_AsLong(PySequence_Fast_GET_ITEM(fast, k));
        if (position < 0 || position >= step->nproducers) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_IndexError, "a lazy thunk asked for input %ld of %d", position, step->nproducers);
            status = -1;
        } else if (step->producers[position] >= 0 && !r->done[step->producers[position]])
            status = machine_push(r, step->producers[position]);
    }
    Py_XDECREF(fast);
    return status;
}

/* Runs a step if it can run, as machine_ask. */
static int machine_advance(const machine_step *step, machine_run *r, int number)
{
    int base = r->depth;
    if (machine_push(r, number))
        return -1;
    if (!step->lazy)
        for (int k = step->nproducers; k-- > 0;)
            if (step->producers[k] >= 0 && !r->done[step->producers[k]] && machine_push(r, step->producers[k]))
                return -1;
    for (int k = step->nbefore; k-- > 0;)
        if (!r->done[step->before[k]] && machine_push(r, step->before[k]))
            return -1;
    if (r->depth > base + 1)
        return 0;
    r->depth = base;
    if (step->lazy)
        return step->run == Py_None ? machine_choose(step, r, number) : machine_ask(step, r, number);
    return machine_compute(step) ? -1 : 1;
}

/* Raises the exception that is set with its node. */
static void machine_blame(Machine *m, machine_run *r, int number)
{
    PyObject *type, *error, *trace, *done = PyList_New(0), *result = NULL;
    PyErr_Fetch(&type, &error, &trace);
    PyErr_NormalizeException(&type, &error, &trace);
    if (trace && error)
        PyException_SetTraceback(error, trace);
    for (int k = 0; done && k < m->nsteps; k++) {
        PyObject *position = r->done[k] ? PyLong_FromLong(k) : NULL;
        if (position && PyList_Append(done, position))
            Py_CLEAR(done);
        Py_XDECREF(position);
    }
    if (done && error)
        result = PyObject_CallFunction(m->fail, "OiO", error, number, done);
    Py_XDECREF(done);
    if (result || !PyErr_Occurred()) {
        Py_XDECREF(result);
        PyErr_Restore(type, error, trace);
        return;
    }
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
}

static int machine_run_all(Machine *m, machine_run *r)
{
    while (r->depth) {
        int number = r->stack[--r->depth];
        const machine_step *step = &m->steps[number];
        if (r->done[number])
            continue;
        int status = machine_advance(step, r, number);
        if (status < 0) {
            machine_blame(m, r, number);
            return -1;
        }
        if (!status)
            continue;
        r->done[number] = 1;
        for (int k = 0; k < step->nuses; k++)
            if (--r->left[step->uses[k]] == 0)
                machine_collect(m, step->uses[k]);
    }
    return 0;
}

/* machine(positions=None): compute all outputs, or those at some positions. */
static PyObject *machine_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *kwnames)
{
    Machine *m = (Machine *)self;
    Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
    if (nargs > 1 || (kwnames && PyTuple_GET_SIZE(kwnames)))
        return PyErr_Format(PyExc_TypeError, "a machine takes positions of outputs, got %zd arguments", nargs);
    PyObject *subset = nargs && args[0] != Py_None ? PySequence_Fast(args[0], "positions of outputs are a sequence") : NULL;
    if (PyErr_Occurred())
        return NULL;
    machine_run r = {PyMem_Malloc(sizeof(int) * (size_t)(m->ncollected + 1)), NULL, 0, m->nsteps + m->noutputs + 8,
                     PyMem_Calloc((size_t)m->nsteps + 1, 1)};
    r.stack = PyMem_Malloc(sizeof(int) * (size_t)r.room);
    int status = -1;
    if (!r.left || !r.stack || !r.done) {
        PyErr_NoMemory();
        goto done;
    }
    memcpy(r.left, m->readers, sizeof(int) * (size_t)m->ncollected);
    for (int k = 0; k < m->nsteps; k++)
        cells_set(m->steps[k].flags, Py_False);
    for (Py_ssize_t k = subset ? PySequence_Fast_GET_SIZE(subset) : m->noutputs; k-- > 0;) {
        long position = subset ? PyLong_AsLong(PySequence_Fast_GET_ITEM(subset, k)) : (long)k;
        if (position < 0 || position >= m->noutputs) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_IndexError, "there is no output %ld", position);
            goto done;
        }
        if (m->outputs[position] >= 0 && machine_push(&r, m->outputs[position]))
            goto done;
    }
    status = machine_run_all(m, &r);
    for (int k = 0; k < m->ncollected; k++)
        cell_set(PyTuple_GET_ITEM(PyTuple_GET_ITEM(m->collected, k), 0), Py_NewRef(Py_None));
done:
    PyMem_Free(r.left);
    PyMem_Free(r.stack);
    PyMem_Free(r.done);
    Py_XDECREF(subset);
    return status ? NULL : Py_NewRef(Py_None);
}
