/* The calls that C code of GPU ops makes.  Everything goes through the Python functions of tcore.gpuarray.c_calls, so that one set of
 * definitions serves every device plugin and the order of work on a device has one owner.  Header only: each module has its own copy of
 * the value type, which never leaves the module (values cross its border as tcore.gpuarray.GpuArray). */
#ifndef TCORE_GPUARRAY_API_H
#define TCORE_GPUARRAY_API_H

#include <Python.h>
#include <gpuarray/array.h>
#include <gpuarray/error.h>
#include <gpuarray/kernel.h>
#include <gpuarray/types.h>
#include <stdlib.h>
#include <string.h>

static PyTypeObject *tc_gpu_array_type = NULL;
static PyObject *tc_gpu_calls = NULL; /* module tcore.gpuarray.c_calls */

static size_t tc_gpu_itemsize(int typecode) {
  switch (typecode) {
    case GA_BOOL: case GA_BYTE: case GA_UBYTE: return 1;
    case GA_SHORT: case GA_USHORT: case GA_HALF: return 2;
    case GA_INT: case GA_UINT: case GA_FLOAT: return 4;
    case GA_CDOUBLE: return 16;
    default: return 8;
  }
}

static void tc_gpu_array_dealloc(PyObject *self) {
  PyGpuArrayObject *a = (PyGpuArrayObject *)self;
  PyTypeObject *type = Py_TYPE(self);
  free(a->ga.dimensions);
  free(a->ga.strides);
  Py_XDECREF(a->array);
  PyObject_Free(self);
  Py_DECREF(type);
}

/* Make the value type and find the Python side; 0, or -1 with an error set.  Called from every entry. */
static int tc_gpu_ready(void) {
  if (tc_gpu_calls != NULL) return 0;
  static PyType_Slot slots[] = {{Py_tp_dealloc, (void *)tc_gpu_array_dealloc}, {0, NULL}};
  static PyType_Spec spec = {"tcore.gpuarray.PyGpuArrayObject", sizeof(PyGpuArrayObject), 0, Py_TPFLAGS_DEFAULT, slots};
  PyObject *type = PyType_FromSpec(&spec);
  if (type == NULL) return -1;
  PyObject *calls = PyImport_ImportModule("tcore.gpuarray.c_calls");
  if (calls == NULL) {
    Py_DECREF(type);
    return -1;
  }
  tc_gpu_array_type = (PyTypeObject *)type;
  tc_gpu_calls = calls;
  return 0;
}

/* Steals a reference to a tcore.gpuarray.GpuArray (NULL is passed through); a new value, or NULL with an error set. */
static PyGpuArrayObject *tc_gpu_wrap(PyObject *array) {
  if (array == NULL || tc_gpu_ready() < 0) {
    Py_XDECREF(array);
    return NULL;
  }
  PyObject *facts = PyObject_CallMethod(tc_gpu_calls, "describe", "O", array); /* (buffer, offset, shape, strides, flags, typecode) */
  PyObject *buffer, *shape, *strides;
  Py_ssize_t offset;
  int flags, typecode;
  if (facts == NULL || !PyArg_ParseTuple(facts, "OnO!O!ii", &buffer, &offset, &PyTuple_Type, &shape, &PyTuple_Type, &strides, &flags, &typecode)) {
    Py_XDECREF(facts);
    Py_DECREF(array);
    return NULL;
  }
  PyGpuArrayObject *a = PyObject_New(PyGpuArrayObject, tc_gpu_array_type);
  if (a != NULL) {
    Py_ssize_t nd = PyTuple_GET_SIZE(shape);
    a->array = array;
    a->ga.data = (gpudata *)buffer; /* kept alive by the array */
    a->ga.offset = (size_t)offset;
    a->ga.nd = (unsigned int)nd;
    a->ga.flags = flags;
    a->ga.typecode = typecode;
    a->ga.dimensions = (size_t *)malloc((nd ? nd : 1) * sizeof(size_t));
    a->ga.strides = (ptrdiff_t *)malloc((nd ? nd : 1) * sizeof(ptrdiff_t));
    if (a->ga.dimensions == NULL || a->ga.strides == NULL) {
      Py_DECREF(a);
      a = NULL;
      PyErr_NoMemory();
    } else {
      for (Py_ssize_t i = 0; i < nd; i++) {
        a->ga.dimensions[i] = (size_t)PyLong_AsSsize_t(PyTuple_GET_ITEM(shape, i));
        a->ga.strides[i] = (ptrdiff_t)PyLong_AsSsize_t(PyTuple_GET_ITEM(strides, i));
      }
    }
  } else {
    Py_DECREF(array);
  }
  Py_DECREF(facts);
  return a;
}

/* A new reference to the tcore.gpuarray.GpuArray behind a value. */
static PyObject *tc_gpu_unwrap(PyGpuArrayObject *a) {
  Py_INCREF(a->array);
  return a->array;
}

static PyGpuArrayObject *tc_gpu_new(const char *how, unsigned int nd, const size_t *dims, int typecode, ga_order order, PyGpuContextObject *context) {
  if (tc_gpu_ready() < 0) return NULL;
  PyObject *shape = PyTuple_New(nd);
  if (shape == NULL) return NULL;
  for (unsigned int i = 0; i < nd; i++) PyTuple_SET_ITEM(shape, i, PyLong_FromSize_t(dims[i]));
  PyObject *array = PyObject_CallMethod(tc_gpu_calls, how, "NiiO", shape, typecode, (int)order, (PyObject *)context);
  return tc_gpu_wrap(array);
}

/* A new array of zeros; the last argument (a class to make) is None in all documented uses. */
static inline PyGpuArrayObject *pygpu_zeros(unsigned int nd, const size_t *dims, int typecode, ga_order order, PyGpuContextObject *context, PyObject *cls) {
  (void)cls;
  return tc_gpu_new("zeros", nd, dims, typecode, order, context);
}

/* A new array with unspecified content. */
static inline PyGpuArrayObject *pygpu_empty(unsigned int nd, const size_t *dims, int typecode, ga_order order, PyGpuContextObject *context, PyObject *cls) {
  (void)cls;
  return tc_gpu_new("empty", nd, dims, typecode, order, context);
}

/* A copy in the given order. */
static inline PyGpuArrayObject *pygpu_copy(PyGpuArrayObject *a, ga_order order) {
  if (tc_gpu_ready() < 0) return NULL;
  return tc_gpu_wrap(PyObject_CallMethod(tc_gpu_calls, "copy", "Oi", a->array, (int)order));
}

/* Wait for the work on an array. */
static inline int pygpu_sync(PyGpuArrayObject *a) {
  PyObject *done = PyObject_CallMethod(a->array, "sync", NULL);
  Py_XDECREF(done);
  return done == NULL ? -1 : 0;
}

/* Keep the text of the Python error that is set, clear it, and say what kind it was. */
static int tc_gpu_take_error(GpuKernel *k) {
  PyObject *type, *value, *trace;
  int code = PyErr_ExceptionMatches(PyExc_MemoryError) ? GA_MEMORY_ERROR : GA_RUN_ERROR;
  PyErr_Fetch(&type, &value, &trace);
  PyObject *text = value ? PyObject_Str(value) : NULL;
  const char *utf8 = text ? PyUnicode_AsUTF8(text) : NULL;
  free(k->error);
  k->error = strdup(utf8 ? utf8 : "unknown error");
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(trace);
  PyErr_Clear();
  return code;
}

/* Compile a kernel; GA_NO_ERROR, or a code whose text GpuKernel_error gives. */
static inline int GpuKernel_init(GpuKernel *k, PyGpuContextObject *context, const char *source, const char *name, unsigned int argcount, const int *types, int flags) {
  memset(k, 0, sizeof(*k));
  if (tc_gpu_ready() < 0) return tc_gpu_take_error(k);
  k->types = (int *)malloc((argcount ? argcount : 1) * sizeof(int));
  if (k->types == NULL) return GA_MEMORY_ERROR;
  memcpy(k->types, types, argcount * sizeof(int));
  k->argcount = argcount;
  Py_INCREF(context);
  k->context = (PyObject *)context;
  k->kernel = PyObject_CallMethod(tc_gpu_calls, "compile_kernel", "Ossi", (PyObject *)context, source, name, flags);
  return k->kernel == NULL ? tc_gpu_take_error(k) : GA_NO_ERROR;
}

/* Release a kernel; safe on one that was only zeroed. */
static inline void GpuKernel_clear(GpuKernel *k) {
  Py_CLEAR(k->kernel);
  Py_CLEAR(k->context);
  free(k->types);
  free(k->error);
  memset(k, 0, sizeof(*k));
}

static inline const char *GpuKernel_error(const GpuKernel *k, int err) {
  if (err == GA_NO_ERROR) return "no error";
  return k->error ? k->error : "out of memory";
}

static PyObject *tc_gpu_argument(int type, void *p) {
  switch (type) {
    case GA_BUFFER: Py_INCREF((PyObject *)p); return (PyObject *)p;
    case GA_BOOL: case GA_UBYTE: return PyLong_FromLong(*(unsigned char *)p);
    case GA_BYTE: return PyLong_FromLong(*(signed char *)p);
    case GA_SHORT: return PyLong_FromLong(*(short *)p);
    case GA_USHORT: case GA_HALF: return PyLong_FromLong(*(unsigned short *)p);
    case GA_INT: return PyLong_FromLong(*(int *)p);
    case GA_UINT: return PyLong_FromUnsignedLong(*(unsigned int *)p);
    case GA_LONG: return PyLong_FromLongLong(*(int64_t *)p);
    case GA_ULONG: return PyLong_FromUnsignedLongLong(*(uint64_t *)p);
    case GA_SIZE: return PyLong_FromSize_t(*(size_t *)p);
    case GA_SSIZE: return PyLong_FromSsize_t(*(ptrdiff_t *)p);
    case GA_FLOAT: return PyFloat_FromDouble(*(float *)p);
    case GA_DOUBLE: return PyFloat_FromDouble(*(double *)p);
    default: PyErr_Format(PyExc_TypeError, "kernel argument of type %d", type); return NULL;
  }
}

/* Launch.  gs: groups, ls: work items in a group, nd entries each; ls NULL lets the device choose for gs work items.
 * arguments: pointers to the values; for GA_BUFFER the gpudata itself. */
static inline int tc_gpu_launch(GpuKernel *k, unsigned int nd, const size_t *gs, const size_t *ls, size_t shared, void **arguments) {
  PyObject *values = PyList_New(k->argcount), *types = PyList_New(k->argcount);
  PyObject *grid = PyTuple_New(nd), *block = ls ? PyTuple_New(nd) : (Py_INCREF(Py_None), Py_None);
  int err = GA_NO_ERROR;
  if (values == NULL || types == NULL || grid == NULL || block == NULL) err = -1;
  for (unsigned int i = 0; err == GA_NO_ERROR && i < k->argcount; i++) {
    PyObject *value = tc_gpu_argument(k->types[i], arguments[i]);
    if (value == NULL) {
      err = -1;
      break;
    }
    PyList_SET_ITEM(values, i, value);
    PyList_SET_ITEM(types, i, PyLong_FromLong(k->types[i]));
  }
  for (unsigned int i = 0; err == GA_NO_ERROR && i < nd; i++) {
    PyTuple_SET_ITEM(grid, i, PyLong_FromSize_t(gs[i]));
    if (ls) PyTuple_SET_ITEM(block, i, PyLong_FromSize_t(ls[i]));
  }
  if (err == GA_NO_ERROR) {
    PyObject *done = PyObject_CallMethod(tc_gpu_calls, "launch", "OOOOOnO", k->context, k->kernel, grid, block, values, (Py_ssize_t)shared, types);
    if (done == NULL) err = -1;
    Py_XDECREF(done);
  }
  Py_XDECREF(values);
  Py_XDECREF(types);
  Py_XDECREF(grid);
  Py_XDECREF(block);
  return err == GA_NO_ERROR ? GA_NO_ERROR : tc_gpu_take_error(k);
}

static inline int GpuKernel_call(GpuKernel *k, unsigned int nd, const size_t *gs, const size_t *ls, size_t shared, void **arguments) {
  return tc_gpu_launch(k, nd, gs, ls, shared, arguments);
}

/* Launch over n work items with group sizes that the device chooses. */
static inline int GpuKernel_scall(GpuKernel *k, unsigned int nd, const size_t *n, size_t shared, void **arguments) {
  return tc_gpu_launch(k, nd, n, NULL, shared, arguments);
}

#endif
