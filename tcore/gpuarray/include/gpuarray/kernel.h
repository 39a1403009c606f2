/* Kernels: compile once, launch often. */
#ifndef GPUARRAY_KERNEL_H
#define GPUARRAY_KERNEL_H

#include <gpuarray/array.h>

typedef struct _GpuKernel {
  PyObject *kernel;  /* what the context compiled */
  PyObject *context;
  int *types;        /* one per argument: GA_BUFFER or a typecode */
  unsigned int argcount;
  char *error;       /* text of the last failure, owned */
} GpuKernel;

#endif
