/* The function "model", compiled ahead of time by tcore: @signature@
 *
@tables@
 *
 * Build a program
 *     cc program.c -L. -l@name@ @link@ -Wl,-rpath,'$ORIGIN' -o program
 * @blas@
 *
 * Use
 *     model_instance *m = model_new();
 *     tcore_array in[MODEL_INPUTS + 1] = {...}, out[MODEL_OUTPUTS + 1] = {{0}};
 *     if (model_call(m, in, out)) puts(model_error(m));
 *     ... out[0].data, out[0].dims ...
 *     model_free_array(&out[0]);
 *     model_free(m);
 *
 * Threads
 *     An instance serves one call at a time: give each thread its own, or take turns. Different instances may be used at once.
 *     Long loops are spread over a pool of threads that all instances share (model_set_threads); results do not depend on their
 *     number. A forked child may go on using its copy of an instance that was idle at the fork.
 *
 * Memory
 *     Inputs are only read. An output whose `data` is NULL is allocated by the call, in C order, and freed with
 *     model_free_array of this library. Otherwise dtype, ndim, dims and strides say what `data` has room for, and the result is
 *     written there: its lengths must be those. Outputs may share memory with inputs, but not with each other.
 *
 * Failure
 *     Functions that return int return TCORE_OK (0) or another tcore_status; model_error has the text. A failed call leaves all
 *     state as it was and allocates nothing; memory that was given for outputs may hold anything then.
 */
#ifndef MODEL_TCORE_H
#define MODEL_TCORE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef TCORE_ARRAY_H /* what the headers of all exported functions have in common */
#define TCORE_ARRAY_H

#define TCORE_MAX_NDIM 32

enum tcore_dtype {
    TCORE_BOOL, TCORE_INT8, TCORE_UINT8, TCORE_INT16, TCORE_UINT16, TCORE_INT32, TCORE_UINT32, TCORE_INT64, TCORE_UINT64,
    TCORE_FLOAT16, TCORE_FLOAT32, TCORE_FLOAT64, TCORE_COMPLEX64, TCORE_COMPLEX128
};

typedef struct tcore_array {
    void *data;                   /* first element, aligned as its type wants it */
    int32_t dtype;                /* enum tcore_dtype */
    int32_t ndim;
    int64_t dims[TCORE_MAX_NDIM]; /* lengths, slowest axis first */
    const int64_t *strides;       /* bytes between neighbours along each axis; NULL: C order without gaps */
} tcore_array;

enum tcore_status {
    TCORE_OK = 0,
    TCORE_ERROR_ARGUMENT = 1, /* missing, or of the wrong dtype, number of dimensions or memory layout */
    TCORE_ERROR_SHAPE = 2,    /* lengths that do not fit together */
    TCORE_ERROR_INDEX = 3,    /* an index outside of its axis */
    TCORE_ERROR_VALUE = 4,    /* another value that an operation refuses */
    TCORE_ERROR_MEMORY = 5,
    TCORE_ERROR_BLAS = 6      /* a routine of BLAS or LAPACK that is not there */
};

/* What an input, an output or a state is. */
typedef struct tcore_value {
    const char *name;    /* "" where it has none */
    int32_t dtype;
    int32_t ndim;
    uint32_t length_one; /* bit k: axis k always has length 1 */
    int32_t optional;    /* an input with a default value, which NULL as `data` asks for */
} tcore_value;

#endif

@enums@

typedef struct model_instance model_instance;

/* NULL where there is no memory. Each instance has state of its own, at first that of the moment of the export. */
model_instance *model_new(void);
void model_free(model_instance *instance);

/* `inputs` and `outputs` in the order above. Updates of state are stored when all has been computed, or not at all. */
int model_call(model_instance *instance, const tcore_array *inputs, tcore_array *outputs);

/* What went wrong in the last call of a function of this instance; NULL as instance: why there is none. */
const char *model_error(const model_instance *instance);

/* A copy of a state into `value`, which is allocated or written to as an output of model_call is. */
int model_get_state(model_instance *instance, int which, tcore_array *value);
/* Copies `value` into a state. */
int model_set_state(model_instance *instance, int which, const tcore_array *value);
@accessors@
/* Frees what this library allocated for an output or a state; `data` is NULL then. */
void model_free_array(tcore_array *array);

/* How many inputs, outputs, states there are, and what they are. */
int model_inputs(const tcore_value **values);
int model_outputs(const tcore_value **values);
int model_states(const tcore_value **values);

/* For the whole process. 0: as OMP_NUM_THREADS or the machine says. Returns the number. */
int model_set_threads(int threads);

/* BLAS for this library (the Fortran interface with 32-bit integers), such as ("dgemm", pointer); before the first call that
 * needs it. 0, or TCORE_ERROR_ARGUMENT for a routine that is not used. */
int model_set_blas(const char *routine, void *pointer);
/* The name of a routine that is used and not yet there; NULL where none is missing. */
const char *model_missing_blas(void);

#ifdef __cplusplus
}
#endif

#endif
