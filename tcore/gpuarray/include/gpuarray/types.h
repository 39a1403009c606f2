/* Element types by number, and sizes. */
#ifndef GPUARRAY_TYPES_H
#define GPUARRAY_TYPES_H

#include <stddef.h>
#include <stdint.h>

typedef size_t ga_size_host;

enum GPUARRAY_TYPES {
  GA_BUFFER = -1,
  GA_BOOL = 0,
  GA_BYTE = 1,
  GA_UBYTE = 2,
  GA_SHORT = 3,
  GA_USHORT = 4,
  GA_INT = 5,
  GA_UINT = 6,
  GA_LONG = 7,
  GA_ULONG = 8,
  GA_FLOAT = 11,
  GA_DOUBLE = 12,
  GA_CFLOAT = 14,
  GA_CDOUBLE = 15,
  GA_HALF = 23,
  GA_SIZE = 24,
  GA_SSIZE = 25
};

typedef enum { GA_ANY_ORDER = -1, GA_C_ORDER = 0, GA_F_ORDER = 1 } ga_order;

/* What a kernel needs of a device. */
#define GA_USE_SMALL 0x01
#define GA_USE_DOUBLE 0x02
#define GA_USE_COMPLEX 0x04
#define GA_USE_HALF 0x08

#endif
