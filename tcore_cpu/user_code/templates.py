"""The fixed parts of the modules around users' C code, as templates of ``str.format``."""

from __future__ import annotations

__all__ = ["EXCEPTIONS", "MODULE", "OLD_NAMES", "OPERANDS", "STRUCT", "THREADS"]

OLD_NAMES = """\
/* Names of NumPy 1 and Python 2 that the documentation prints. */
#ifndef NPY_ARRAY_UPDATEIFCOPY
#define NPY_ARRAY_UPDATEIFCOPY NPY_ARRAY_WRITEBACKIFCOPY
#endif
#ifndef PyString_FromFormat
#define PyString_FromFormat PyUnicode_FromFormat
#endif
typedef npy_int8 numpy_int8; typedef npy_int16 numpy_int16; typedef npy_int32 numpy_int32; typedef npy_int64 numpy_int64;
typedef npy_uint8 numpy_uint8; typedef npy_uint16 numpy_uint16; typedef npy_uint32 numpy_uint32; typedef npy_uint64 numpy_uint64;
typedef npy_float32 numpy_float32; typedef npy_float64 numpy_float64;
"""

THREADS = """
typedef void (*tcore_task)(void* context, npy_int64 begin, npy_int64 end);
namespace {
void tc_alone(npy_int64 n, npy_int64, tcore_task task, void* context) { if (n > 0) task(context, 0, n); }
/* Calls task(context, begin, end) for parts of 0 ... n - 1, `grain` long or longer, on the threads of tcore's own loops; all are
   done when it returns. */
void (*tcore_parallel_for)(npy_int64 n, npy_int64 grain, tcore_task task, void* context) __attribute__((unused)) = tc_alone;
}
"""
"""What shares loops of users' code out; in one thread until the module is given those of the runtime."""

EXCEPTIONS = r"""
namespace {
/* Failures have an exception. */
__attribute__((noinline, cold)) void tc_explain()
{
    if (!PyErr_Occurred())
        PyErr_SetString(PyExc_RuntimeError, "Unexpected error in an Op's C code. No Python exception was set.");
}
}
#ifdef __cpp_exceptions
#include <exception>
#include <new>
#define TC_TRY try
#define TC_CATCH catch (...)
namespace {
/* Makes what C++ code threw a Python exception: the caller is C, and would end the process. */
void tc_caught()
{
    if (!PyGILState_Check())
        PyEval_RestoreThread(PyGILState_GetThisThreadState());
    if (PyErr_Occurred())
        return;
    try {
        throw;
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& thrown) {
        PyErr_Format(PyExc_RuntimeError, "an Op's C code threw an exception of C++: %s", thrown.what());
    } catch (...) {
        PyErr_SetString(PyExc_RuntimeError, "an Op's C code threw an exception of C++ that is no std::exception");
    }
}
}
#else /* the op asked for code without exceptions */
#define TC_TRY if (true)
#define TC_CATCH else
namespace {
void tc_caught() {}
}
#endif
"""
"""What failures go through, and handlers of C++ exceptions, where the code has them."""

STRUCT = """
namespace {{
/* What all functions give that hold code of ops and types: a return statement in it, which would leave out cleanups and
   results, is an error of the compiler that names this. */
struct c_code_must_not_return {{ int failure; }};
struct tc_struct {{
{members}
int tc_built;
int tc_failed;
PyObject* tc_operands;
{support}
tc_struct() {{
tc_built = tc_failed = 0;
tc_operands = NULL;
{clear}
}}
{functions}
int init(PyObject* cells) {{
int tc_failure = 0;
{take}
{init}
return tc_failure;
}}
void cleanup() {{
{cleanup}
{give}
Py_CLEAR(tc_operands);
}}
c_code_must_not_return run() {{
int tc_failure = 0;
{run}
return {{tc_failure}};
}}
}};

void tc_destroy(PyObject* capsule) {{
tc_struct* self = (tc_struct*) PyCapsule_GetPointer(capsule, "tcore_cpu.struct");
if (self) {{ self->cleanup(); delete self; }}
}}
PyObject* tc_instantiate(PyObject*, PyObject* cells) {{
if (!PyTuple_Check(cells) || PyTuple_GET_SIZE(cells) != {count}) {{
    PyErr_SetString(PyExc_TypeError, "instantiate takes {count} cells");
    return NULL;
}}
tc_struct* self = new tc_struct();
int tc_failure = 1;
TC_TRY {{ tc_failure = self->init(cells); }} TC_CATCH {{ tc_caught(); }}
if (tc_failure) {{
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "an Op's struct code failed without an exception");
    self->cleanup();
    delete self;
    return NULL;
}}
PyObject* capsule = PyCapsule_New(self, "tcore_cpu.struct", tc_destroy);
if (!capsule) {{ self->cleanup(); delete self; }}
return capsule;
}}
PyObject* tc_run(PyObject*, PyObject* capsule) {{
tc_struct* self = (tc_struct*) PyCapsule_GetPointer(capsule, "tcore_cpu.struct");
if (!self) return NULL;
TC_TRY {{ self->tc_failed = self->run().failure; }} TC_CATCH {{ tc_caught(); }}
if (self->tc_failed || PyErr_Occurred()) {{
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, "an Op's C code failed without an exception");
    return NULL;
}}
Py_RETURN_NONE;
}}
PyObject* tc_failed_at(PyObject*, PyObject* capsule) {{
tc_struct* self = (tc_struct*) PyCapsule_GetPointer(capsule, "tcore_cpu.struct");
return self ? PyLong_FromLong(self->tc_failed) : NULL;
}}
PyObject* tc_operands_of(PyObject*, PyObject* capsule) {{
tc_struct* self = (tc_struct*) PyCapsule_GetPointer(capsule, "tcore_cpu.struct");
if (!self) return NULL;
PyObject* found = self->tc_operands;
self->tc_operands = NULL;
if (found) return found;
Py_RETURN_NONE;
}}
PyObject* tc_use_threads(PyObject*, PyObject* address) {{
void* found = PyLong_AsVoidPtr(address);
if (!found) return NULL;
tcore_parallel_for = (void (*)(npy_int64, npy_int64, tcore_task, void*)) found;
Py_RETURN_NONE;
}}
PyMethodDef tc_methods[] = {{
    {{"use_threads", tc_use_threads, METH_O, "What tcore_parallel_for is from now on, by its address."}},
    {{"instantiate", tc_instantiate, METH_O, "A struct over these cells."}},
    {{"run", tc_run, METH_O, "Run the code of a struct."}},
    {{"failed_at", tc_failed_at, METH_O, "The number of the place where the last run failed, 0 for nowhere."}},
    {{"operands", tc_operands_of, METH_O, "What the node that failed last read; None where nobody kept it. Asked once."}},
    {{NULL, NULL, 0, NULL}}
}};
}}
"""
"""The struct, and what Python calls to make and run one."""

OPERANDS = """
if (tc_failure > {count}) {{
PyObject *tc_type, *tc_value, *tc_trace;
PyErr_Fetch(&tc_type, &tc_value, &tc_trace);
switch (tc_failure - {first}) {{
{cases}}}
tc_reported: __attribute__((unused));
PyErr_Clear();
PyErr_Restore(tc_type, tc_value, tc_trace);
}}
"""
"""Keeps the values that the node that failed was given, for the report of the error."""

MODULE = """
static PyModuleDef tc_module = {{ PyModuleDef_HEAD_INIT, "{name}", NULL, -1, tc_methods, NULL, NULL, NULL, NULL }};
PyMODINIT_FUNC PyInit_{name}(void) {{
import_array();
TC_TRY {{
{{
{initial}
}}
{apply}
}} TC_CATCH {{ tc_caught(); }}
if (PyErr_Occurred()) return NULL;
return PyModule_Create(&tc_module);
}}
"""
"""The module's beginning."""
