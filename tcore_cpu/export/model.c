/* The host of exported programs: what native/python_calls.h does for Python, for plain C. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native/runtime_core.h"
#include "model.h"

#define EXPORTED __attribute__((visibility("default")))

/* The programs, the constants and the first values of states, 64 bytes aligned. */
__asm__(".pushsection .rodata,\"a\"\n"
        ".balign 64\n"
        "tcore_exported_data:\n"
        ".incbin \"data.bin\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char tcore_exported_data[] __attribute__((visibility("hidden")));

/* An array in the data: where it is, and where its lengths are in `lengths`; `slot`: of a program, or the number of a value. */
typedef struct {
    int slot;
    int64_t offset; /* -1: none */
    int lengths;
} stored;

/* A value that parts hand to one another, or that comes from outside. */
typedef struct {
    int ndim, dtype;
    int readers; /* parts and results that read it */
    int maker;   /* the part that makes it, or -1 */
} kind;

/* A part of the function: a program, or a choice between values. Numbers of entries in the tables of what it has. */
typedef struct {
    int64_t program, length; /* where its program is in the data, and its length in int64; 0: a choice */
    int bodies, nbodies, constants, nconstants;
    int reads, nreads; /* of a choice: the condition, the values of one branch, those of the other */
    int writes, nwrites;
    int applies, napplies, calls;
} step;

/* A value, and the slot of a program that it is in. */
typedef struct {
    int value, slot;
} place;

/* Where a value is during a call. */
typedef struct {
    char *data;
    int64_t dims[TCORE_MAX_NDIM], strides[TCORE_MAX_NDIM];
    char *block; /* memory that goes with it; NULL: it is somebody else's */
    int root;    /* the value that has the memory: another one for what was chosen */
    int left;    /* how many are to read its memory */
} value;

/* An instance's own of a part. */
typedef struct {
    tc_program *program;
    tc_frame *frame;
    char **owned; /* by slot: memory that this call allocated */
} part;

/* An instance's value of a state. */
typedef struct {
    char *data;
    int64_t dims[TCORE_MAX_NDIM];
} state;

struct model_instance {
    part *parts;
    value *values;
    int *next;     /* by part: which of its reads is looked at next */
    int *stack;    /* parts that wait for others */
    char *done;    /* by part */
    char *adopted; /* by output: whether a slot was given the caller's memory */
    char **results; /* by output and update: the memory of the result */
    tcore_array *outputs; /* those of the call in progress */
    const tcore_array *inputs;
    state *states;
    char message[600];
};

#include "tables.h"

#define NRESULTS (MODEL_OUTPUTS + NUPDATES)

#include "model_arrays.h"
#include "model_steps.h"
#include "model_instances.h"
#include "model_results.h"
#include "model_states.h"

/* All values as they are before the first part runs. */
static int bind_inputs(model_instance *m, const tcore_array *inputs)
{
    char name[128];
    for (int k = 0; k < NVALUES; k++) {
        m->values[k].root = k;
        m->values[k].left = kinds[k].readers;
    }
    for (int k = 0; k < MODEL_INPUTS; k++) {
        const tcore_array *x = &inputs[k];
        const stored *otherwise = &defaults[k];
        if (!x->data && x->ndim == 0 && otherwise->offset >= 0) {
            set_value(m, otherwise->slot, (char *)tcore_exported_data + otherwise->offset, lengths + otherwise->lengths, NULL);
            continue;
        }
        if (!x->data && x->ndim == 0)
            return fail(m, TCORE_ERROR_ARGUMENT, "%s is missing", label(name, sizeof name, "input", k, &input_values[k]));
        int status = check(m, "input", k, &input_values[k], x);
        if (status)
            return status;
        set_value(m, otherwise->slot, x->data, x->dims, x->strides);
    }
    for (int k = 0; k < MODEL_STATES; k++)
        set_value(m, first_states[k].slot, m->states[k].data, m->states[k].dims, NULL);
    for (int k = 0; k < NCHOSEN; k++)
        set_value(m, chosen_constants[k].slot, (char *)tcore_exported_data + chosen_constants[k].offset,
                  lengths + chosen_constants[k].lengths, NULL);
    return TCORE_OK;
}

static int check_outputs(model_instance *m)
{
    for (int k = 0; k < MODEL_OUTPUTS; k++) {
        if (!m->outputs[k].data)
            continue;
        int status = check_room(m, "output", k, &output_values[k], &m->outputs[k]);
        for (int j = 0; !status && j < k; j++)
            if (overlap(&m->outputs[j], &m->outputs[k]))
                status = fail(m, TCORE_ERROR_ARGUMENT, "outputs %d and %d share memory", j, k);
        if (status)
            return status;
    }
    return TCORE_OK;
}

EXPORTED int model_call(model_instance *m, const tcore_array *inputs, tcore_array *outputs)
{
    if (!m)
        return TCORE_ERROR_ARGUMENT;
    m->message[0] = 0;
    m->inputs = inputs;
    m->outputs = outputs;
    memset(m->adopted, 0, MODEL_OUTPUTS);
    memset(m->done, 0, NSTEPS);
    memset(m->next, 0, sizeof *m->next * NSTEPS);
    if ((MODEL_INPUTS && !inputs) || (MODEL_OUTPUTS && !outputs))
        return fail(m, TCORE_ERROR_ARGUMENT, "inputs and outputs are arrays of %d and %d tcore_array", MODEL_INPUTS, MODEL_OUTPUTS);
    int status = bind_inputs(m, inputs);
    if (!status)
        status = check_outputs(m);
    if (status)
        return status;
    status = run(m);
    if (!status)
        status = collect(m);
    for (int k = 0; !status && k < MODEL_OUTPUTS; k++)
        status = check_lengths(m, "output", k, &output_values[k], m->values[result_values[k]].dims, &outputs[k]);
    if (!status)
        store(m);
    for (int k = 0; k < NRESULTS; k++) {
        tc_block_free(m->results[k]);
        m->results[k] = NULL;
    }
    for (int k = 0; k < NVALUES; k++)
        drop(&m->values[k]);
    return status;
}
