/* The extension module tcore_cpu._runtime: functions that set the runtime core up, and the types that call it.
 *
 * Multi-phase initialisation, no Python object in static storage. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#define NPY_NO_DEPRECATED_API NPY_1_7_API_VERSION
#include <numpy/arrayobject.h>
#include <numpy/arrayscalars.h>
#include <string.h>

#include "native/runtime_core.h"
#include "native/python_arrays.h"
#include "native/python_calls.h"
#include "native/python_programs.h"
#include "native/python_entries.h"
#include "native/python_steps.h"
#include "native/machine.h"
#include "native/machine_type.h"
#include "native/cells_entry.h"

#ifndef TC_SOURCE_HASH
#define TC_SOURCE_HASH "unknown"
#endif

static PyObject *module_set_threads(PyObject *module, PyObject *arg)
{
    long n = PyLong_AsLong(arg);
    (void)module;
    if (n == -1 && PyErr_Occurred())
        return NULL;
    tc_set_threads((int)n);
    return PyLong_FromLong(tc_get_threads());
}

static PyObject *module_lent_threads(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLongLong(tc_lent_threads());
}

static PyObject *module_set_grain(PyObject *module, PyObject *arg)
{
    long long ns = PyLong_AsLongLong(arg);
    (void)module;
    if (ns == -1 && PyErr_Occurred())
        return NULL;
    tc_set_grain(ns);
    Py_RETURN_NONE;
}

static PyObject *module_set_elements(PyObject *module, PyObject *arg)
{
    long long n = PyLong_AsLongLong(arg);
    (void)module;
    if (n == -1 && PyErr_Occurred())
        return NULL;
    tc_set_elements(n);
    Py_RETURN_NONE;
}

static PyObject *module_set_longest(PyObject *module, PyObject *arg)
{
    long long length = PyLong_AsLongLong(arg);
    (void)module;
    if (length == -1 && PyErr_Occurred())
        return NULL;
    tc_set_longest(length);
    Py_RETURN_NONE;
}

static PyObject *module_set_stream(PyObject *module, PyObject *arg)
{
    long long bytes = PyLong_AsLongLong(arg);
    (void)module;
    if (bytes == -1 && PyErr_Occurred())
        return NULL;
    tc_set_stream(bytes);
    Py_RETURN_NONE;
}

static PyObject *module_set_blas(PyObject *module, PyObject *args)
{
    int routine;
    unsigned long long address;
    (void)module;
    if (!PyArg_ParseTuple(args, "iK", &routine, &address))
        return NULL;
    tc_set_blas(routine, (void *)(uintptr_t)address);
    Py_RETURN_NONE;
}

static PyObject *module_set_blas_threads(PyObject *module, PyObject *args)
{
    unsigned long long get, set;
    (void)module;
    if (!PyArg_ParseTuple(args, "KK", &get, &set))
        return NULL;
    tc_set_blas_threads((void *)(uintptr_t)get, (void *)(uintptr_t)set);
    Py_RETURN_NONE;
}

static PyObject *module_cache_limit(PyObject *module, PyObject *arg)
{
    long long bytes = PyLong_AsLongLong(arg);
    (void)module;
    if (bytes == -1 && PyErr_Occurred())
        return NULL;
    tc_cache_limit(bytes);
    Py_RETURN_NONE;
}

static PyObject *module_cache_age(PyObject *module, PyObject *arg)
{
    long long ns = PyLong_AsLongLong(arg);
    (void)module;
    if (ns == -1 && PyErr_Occurred())
        return NULL;
    tc_cache_age(ns);
    Py_RETURN_NONE;
}

static PyObject *module_cache_held(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLongLong(tc_cache_held());
}

static PyObject *module_memory_watch(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLongLong(tc_memory_watch());
}

static PyObject *module_memory_most(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyLong_FromLongLong(tc_memory_most());
}

static PyMethodDef module_methods[] = {
    {"set_threads", module_set_threads, METH_O, "Threads of tcore's own loops; 0: as OMP_NUM_THREADS or the machine says."},
    {"lent_threads", module_lent_threads, METH_NOARGS, "Address of the function by which users' C code runs a loop on these threads."},
    {"set_longest", module_set_longest, METH_O, "The longest axis of a matrix that BLAS gets in one call."},
    {"set_grain", module_set_grain, METH_O, "Work in nanoseconds from which a kernel uses threads."},
    {"set_elements", module_set_elements, METH_O, "Elements from which a kernel uses threads however little work they are."},
    {"set_stream", module_set_stream, METH_O, "Bytes from which a result goes around the caches; 0: what the largest cache holds."},
    {"set_blas", module_set_blas, METH_VARARGS, "set_blas(routine, address)"},
    {"set_blas_threads", module_set_blas_threads, METH_VARARGS, "Addresses of what tells and sets the threads of the BLAS."},
    {"cache_limit", module_cache_limit, METH_O, "Most bytes that the block cache keeps."},
    {"cache_age", module_cache_age, METH_O, "Nanoseconds after which blocks that nobody wanted go back to the system."},
    {"cache_held", module_cache_held, METH_NOARGS, "Bytes that the block cache holds now."},
    {"memory_watch", module_memory_watch, METH_NOARGS, "Bytes of arrays and buffers of 256 KiB and more in use now; memory_most counts from here."},
    {"memory_most", module_memory_most, METH_NOARGS, "The most such bytes in use at one time since memory_watch."},
    {NULL, NULL, 0, NULL},
};

/* NumPy's sorts, which use the widest vectors of the machine, read no more than their elements and need no GIL. */
static void hand_over_sorts(void)
{
    for (int dtype = TC_BOOL; dtype <= TC_FLOAT64; dtype++) {
        PyArray_Descr *descr = PyArray_DescrFromType(number_of(dtype));
        if (!descr)
            PyErr_Clear();
        else
            tc_set_sort(dtype, (tc_sort_fn)PyDataType_GetArrFuncs(descr)->sort[NPY_QUICKSORT]);
        Py_XDECREF(descr);
    }
}

static int module_exec(PyObject *module)
{
    if (_import_array() < 0)
        return -1;
    hand_over_sorts();
    PyObject *program = PyType_FromModuleAndSpec(module, &program_spec, NULL);
    if (!program || PyModule_AddObjectRef(module, "Program", program) < 0)
        return -1;
    PyObject *entry = PyType_FromModuleAndSpec(module, &entry_spec, NULL);
    if (!entry || PyModule_AddObjectRef(module, "Entry", entry) < 0)
        return -1;
    PyObject *step = PyType_FromModuleAndSpec(module, &cstep_spec, NULL);
    if (!step || PyModule_AddObjectRef(module, "CStep", step) < 0)
        return -1;
    PyObject *machine = PyType_FromModuleAndSpec(module, &machine_spec, NULL);
    if (!machine || PyModule_AddObjectRef(module, "Machine", machine) < 0)
        return -1;
    PyObject *cells_entry = PyType_FromModuleAndSpec(module, &cells_entry_spec, NULL);
    if (!cells_entry || PyModule_AddObjectRef(module, "CellsEntry", cells_entry) < 0)
        return -1;
    Py_DECREF(program);
    Py_DECREF(entry);
    Py_DECREF(step);
    Py_DECREF(machine);
    Py_DECREF(cells_entry);
    return PyModule_AddIntConstant(module, "ABI", TC_ABI) < 0 ||
                   PyModule_AddStringConstant(module, "SOURCE_HASH", TC_SOURCE_HASH) < 0
               ? -1
               : 0;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_GIL_DISABLED
    {Py_mod_gil, Py_MOD_GIL_USED},
#endif
    {0, NULL},
};

static PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT, "tcore_cpu._runtime", "The native runtime of tcore_cpu.", 0, module_methods, module_slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__runtime(void)
{
    return PyModuleDef_Init(&module_def);
}
