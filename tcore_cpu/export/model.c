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

/* ---- instances ------------------------------------------------------------------------------- */

static pthread_once_t blas_once = PTHREAD_ONCE_INIT;

static void find_blas(void)
{
    for (int k = 0; k < NROUTINES; k++)
        if (!routines[k].pointer && routines[k].linked) {
            routines[k].pointer = routines[k].linked;
            tc_set_blas(routines[k].number, routines[k].pointer);
        }
}

EXPORTED int model_set_blas(const char *routine, void *pointer)
{
    pthread_once(&blas_once, find_blas);
    for (int k = 0; k < NROUTINES; k++)
        if (!strcmp(routine, routines[k].name)) {
            routines[k].pointer = pointer;
            tc_set_blas(routines[k].number, pointer);
            return TCORE_OK;
        }
    return TCORE_ERROR_ARGUMENT;
}

EXPORTED const char *model_missing_blas(void)
{
    pthread_once(&blas_once, find_blas);
    for (int k = 0; k < NROUTINES; k++)
        if (!routines[k].pointer)
            return routines[k].name;
    return NULL;
}

EXPORTED int model_set_threads(int threads)
{
    tc_set_threads(threads);
    return tc_get_threads();
}

EXPORTED void model_free(model_instance *m)
{
    if (!m)
        return;
    for (int k = 0; m->states && k < MODEL_STATES; k++)
        tc_block_free(m->states[k].data);
    for (int s = 0; m->parts && s < NSTEPS; s++) {
        tc_frame_free(m->parts[s].frame);
        tc_program_free(m->parts[s].program);
        free(m->parts[s].owned);
    }
    free(m->parts);
    free(m->values);
    free(m->next);
    free(m->stack);
    free(m->done);
    free(m->adopted);
    free(m->results);
    free(m->states);
    free(m);
}

/* The program of a part with the addresses of this process. */
static tc_program *load_program(const step *s)
{
    int64_t *spec = malloc((size_t)s->length * sizeof *spec);
    tc_program *program = NULL;
    if (spec) {
        memcpy(spec, tcore_exported_data + s->program, (size_t)s->length * sizeof *spec);
        for (int k = s->bodies; k < s->bodies + s->nbodies; k++)
            spec[bodies[k].position] = (int64_t)(intptr_t)units[bodies[k].unit][bodies[k].number];
        program = tc_program_new(spec, s->length);
    }
    free(spec);
    return program;
}

/* 0, or -1 where there is no memory. */
static int new_part(part *p, const step *s)
{
    if (!s->length)
        return 0;
    if (!(p->program = load_program(s)) || !(p->frame = tc_frame_new(p->program)) ||
        !(p->owned = calloc((size_t)p->program->nslots + 1, sizeof *p->owned)))
        return -1;
    for (int k = s->constants; k < s->constants + s->nconstants; k++)
        bind(p->frame, constants[k].slot, (char *)tcore_exported_data + constants[k].offset, lengths + constants[k].lengths, NULL);
    return 0;
}

static int new_state(state *own, int k)
{
    int ndim = state_values[k].ndim;
    memcpy(own->dims, lengths + first_states[k].lengths, sizeof *own->dims * (size_t)ndim);
    int64_t bytes = bytes_of(own->dims, ndim, tc_itemsize(state_values[k].dtype));
    if (!(own->data = tc_block_get((size_t)bytes + 1)))
        return -1;
    memcpy(own->data, tcore_exported_data + first_states[k].offset, (size_t)bytes);
    return 0;
}

EXPORTED model_instance *model_new(void)
{
    model_instance *m = calloc(1, sizeof *m);
    pthread_once(&blas_once, find_blas);
    if (!m || !(m->parts = calloc(NSTEPS + 1, sizeof *m->parts)) || !(m->values = calloc(NVALUES + 1, sizeof *m->values)) ||
        !(m->next = calloc(NSTEPS + 1, sizeof *m->next)) || !(m->stack = calloc(NSTEPS + 1, sizeof *m->stack)) ||
        !(m->done = calloc(NSTEPS + 1, sizeof *m->done)) || !(m->adopted = calloc(MODEL_OUTPUTS + 1, sizeof *m->adopted)) ||
        !(m->results = calloc(NRESULTS + 1, sizeof *m->results)) || !(m->states = calloc(MODEL_STATES + 1, sizeof *m->states)))
        goto failed;
    for (int s = 0; s < NSTEPS; s++)
        if (new_part(&m->parts[s], &steps[s]))
            goto failed;
    for (int k = 0; k < MODEL_STATES; k++)
        if (new_state(&m->states[k], k))
            goto failed;
    return m;
failed:
    model_free(m);
    return NULL;
}

EXPORTED const char *model_error(const model_instance *m)
{
    return m ? m->message : "there is no instance: model_new found no memory";
}

EXPORTED void model_free_array(tcore_array *array)
{
    tc_block_free(array->data);
    array->data = NULL;
}

/* ---- calls ----------------------------------------------------------------------------------- */

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

/* Each result into memory of its own: that of its value, or a copy. Nothing is stored yet. */
static int collect(model_instance *m)
{
    for (int k = 0; k < NRESULTS; k++) {
        int number = result_values[k], ndim = kinds[number].ndim, itemsize = tc_itemsize(kinds[number].dtype);
        value *v = &m->values[number], *root = &m->values[v->root];
        int64_t strides[TC_MAXDIM], bytes = bytes_of(v->dims, ndim, itemsize);
        if (k < MODEL_OUTPUTS && m->adopted[k] && v->data == m->outputs[k].data)
            continue;
        if (root->block && root->left == 1) {
            m->results[k] = root->block;
            root->block = NULL;
            continue;
        }
        m->results[k] = tc_block_get((size_t)bytes + 1);
        if (!m->results[k])
            return no_memory(m, bytes);
        c_order(strides, v->dims, ndim, itemsize);
        tc_copy(m->results[k], strides, v->data, v->strides, ndim, v->dims, itemsize);
        root->left--;
    }
    return TCORE_OK;
}

/* Whether results have the lengths that callers gave room for. */
static int check_lengths(model_instance *m, const char *kind, int k, const tcore_value *value, const int64_t *dims, const tcore_array *room)
{
    char name[128], is[200], wanted[200];
    if (!room->data || !memcmp(room->dims, dims, sizeof *dims * (size_t)value->ndim))
        return TCORE_OK;
    return fail(m, TCORE_ERROR_SHAPE, "%s has shape %s, and there is room for shape %s", label(name, sizeof name, kind, k, value),
                shape_text(is, sizeof is, dims, value->ndim), shape_text(wanted, sizeof wanted, room->dims, value->ndim));
}

/* Gives a block with an array in C order to `target`, or copies it to where that says. */
static void hand_over(char *block, const tcore_value *value, const int64_t *dims, tcore_array *target)
{
    int64_t from[TCORE_MAX_NDIM], to[TCORE_MAX_NDIM];
    if (!target->data) {
        target->data = block;
        target->dtype = value->dtype;
        target->ndim = value->ndim;
        target->strides = NULL;
        memcpy(target->dims, dims, sizeof *dims * (size_t)value->ndim);
        return;
    }
    c_order(from, dims, value->ndim, tc_itemsize(value->dtype));
    c_order(to, dims, value->ndim, tc_itemsize(value->dtype));
    tc_copy(target->data, target->strides ? target->strides : to, block, from, value->ndim, dims, tc_itemsize(value->dtype));
    tc_block_free(block);
}

/* Nothing here can fail. */
static void store(model_instance *m)
{
    for (int k = 0; k < NRESULTS; k++) {
        const value *v = &m->values[result_values[k]];
        char *block = m->results[k];
        m->results[k] = NULL;
        if (k < MODEL_OUTPUTS) {
            if (block)
                hand_over(block, &output_values[k], v->dims, &m->outputs[k]);
            continue;
        }
        state *updated = &m->states[updates[k - MODEL_OUTPUTS]];
        tc_block_free(updated->data);
        updated->data = block;
        memcpy(updated->dims, v->dims, sizeof *v->dims * (size_t)kinds[result_values[k]].ndim);
    }
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

/* ---- states ---------------------------------------------------------------------------------- */

static int check_state(model_instance *m, int which, const void *value)
{
    m->message[0] = 0;
    if (which < 0 || which >= MODEL_STATES)
        return fail(m, TCORE_ERROR_ARGUMENT, "there is no state %d: there are %d", which, MODEL_STATES);
    return value ? TCORE_OK : fail(m, TCORE_ERROR_ARGUMENT, "the array of state %d is NULL", which);
}

EXPORTED int model_get_state(model_instance *m, int which, tcore_array *value)
{
    int status = m ? check_state(m, which, value) : TCORE_ERROR_ARGUMENT;
    if (status)
        return status;
    const state *own = &m->states[which];
    const tcore_value *kind = &state_values[which];
    if (value->data && !(status = check_room(m, "state", which, kind, value)))
        status = check_lengths(m, "state", which, kind, own->dims, value);
    if (status)
        return status;
    int64_t bytes = bytes_of(own->dims, kind->ndim, tc_itemsize(kind->dtype));
    char *block = tc_block_get((size_t)bytes + 1);
    if (!block)
        return no_memory(m, bytes);
    memcpy(block, own->data, (size_t)bytes);
    hand_over(block, kind, own->dims, value);
    return TCORE_OK;
}

EXPORTED int model_set_state(model_instance *m, int which, const tcore_array *value)
{
    int status = m ? check_state(m, which, value) : TCORE_ERROR_ARGUMENT;
    if (!status)
        status = check(m, "state", which, &state_values[which], value);
    if (status)
        return status;
    int64_t strides[TCORE_MAX_NDIM], size = tc_itemsize(value->dtype), bytes = bytes_of(value->dims, value->ndim, size);
    char *block = tc_block_get((size_t)bytes + 1);
    if (!block)
        return no_memory(m, bytes);
    c_order(strides, value->dims, value->ndim, size);
    tc_copy(block, strides, value->data, value->strides ? value->strides : strides, value->ndim, value->dims, (int)size);
    tc_block_free(m->states[which].data);
    m->states[which].data = block;
    memcpy(m->states[which].dims, value->dims, sizeof *value->dims * (size_t)value->ndim);
    return TCORE_OK;
}

/* ---- what there is --------------------------------------------------------------------------- */

EXPORTED int model_inputs(const tcore_value **values)
{
    *values = input_values;
    return MODEL_INPUTS;
}

EXPORTED int model_outputs(const tcore_value **values)
{
    *values = output_values;
    return MODEL_OUTPUTS;
}

EXPORTED int model_states(const tcore_value **values)
{
    *values = state_values;
    return MODEL_STATES;
}
