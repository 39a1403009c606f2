/* Arrays on a device, as C code sees them. */
#ifndef GPUARRAY_ARRAY_H
#define GPUARRAY_ARRAY_H

#include <Python.h>
#include <gpuarray/error.h>
#include <gpuarray/types.h>

/* A block of device memory; which one is the device plugin's business. */
typedef struct _gpudata gpudata;
/* A device in use. */
typedef struct _gpucontext gpucontext;

typedef struct _GpuArray {
  gpudata *data;      /* the block */
  size_t *dimensions; /* nd lengths */
  ptrdiff_t *strides; /* nd steps, bytes */
  size_t offset;      /* of the first element in the block, bytes */
  unsigned int nd;
  int flags;
  int typecode;
} GpuArray;

#define GA_C_CONTIGUOUS 0x0001
#define GA_F_CONTIGUOUS 0x0002
#define GpuArray_IS_C_CONTIGUOUS(a) (((a)->flags & GA_C_CONTIGUOUS) != 0)
#define GpuArray_IS_F_CONTIGUOUS(a) (((a)->flags & GA_F_CONTIGUOUS) != 0)
#define GpuArray_ITEMSIZE(a) (tc_gpu_itemsize((a)->typecode))

/* The value class of GpuArrayType: a Python object, so that the usual reference counting works. */
typedef struct _PyGpuArrayObject {
  PyObject_HEAD
  GpuArray ga;
  PyObject *array; /* the tcore.gpuarray.GpuArray that owns everything above */
} PyGpuArrayObject;

/* Contexts are plain Python objects; ctx is the object itself, under the name that error calls want. */
typedef PyObject PyGpuContextObject;

#define PyGpuArray_NDIM(a) ((a)->ga.nd)
#define PyGpuArray_DIMS(a) ((a)->ga.dimensions)
#define PyGpuArray_DIM(a, n) ((a)->ga.dimensions[n])
#define PyGpuArray_STRIDES(a) ((a)->ga.strides)
#define PyGpuArray_STRIDE(a, n) ((a)->ga.strides[n])
#define PyGpuArray_TYPE(a) ((a)->ga.typecode)

#endif
