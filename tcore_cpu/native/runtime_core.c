/* The native runtime core: threads, memory, reductions, drivers, BLAS, LAPACK and programs, without Python.
 *
 * Built into the extension module, and alone as a shared library where there are no Python headers.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "native/runtime_core.h"
#include "native/targets.h"
#include "native/arrays.h"
#include "native/threads.h"
#include "native/memory.h"
#include "native/folds.h"
#include "native/complex_folds.h"
#include "native/reductions.h"
#include "native/cascades.h"
#include "native/streams.h"
#include "native/loops.h"
#include "native/jobs.h"
#include "native/map.h"
#include "native/row_phases.h"
#include "native/rows.h"
#include "native/lanes.h"
#include "native/turning.h"
#include "native/line_sums.h"
#include "native/turned_rows.h"
#include "native/prefixes.h"
#include "native/kernels.h"
#include "native/vectors.h"
#include "native/products.h"
#include "native/blas.h"
#include "native/long_products.h"
#include "native/epilogues.h"
#include "native/lapack.h"
#include "native/stacks.h"
#include "native/factor_blocks.h"
#include "native/cholesky.h"
#include "native/lu.h"
#include "native/equations.h"
#include "native/decompositions.h"
#include "native/exponential.h"
#include "native/operations.h"
#include "native/sort_keys.h"
#include "native/digit_sorts.h"
#include "native/sorting.h"
#include "native/halves.h"
#include "native/counting.h"
#include "native/choices.h"
#include "native/places.h"
#include "native/own_products.h"
#include "native/batches.h"
#include "native/routines.h"
#include "native/frames.h"
#include "native/watching.h"
#include "native/slots.h"
#include "native/program.h"
