/* The host of an exported program: what runtime_python.c does for Python, for plain C. */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "native/runtime_core.h"
#include "model.h"

#define EXPORTED __attribute__((visibility("default")))

/* The program, the constants and the first values of states, 64 bytes aligned. */
__asm__(".pushsection .rodata,\"a\"\n"
        ".balign 64\n"
        "tcore_exported_data:\n"
        ".incbin \"data.bin\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char tcore_exported_data[] __attribute__((visibility("hidden")));

/* An array in the data: where it is, and where its lengths are in `lengths`. */
typedef struct {
    int slot;
    int64_t offset; /* -1: none */
    int lengths;
} stored;

/* An instance's value of a state. */
typedef struct {
    char *data;
    int64_t dims[TCORE_MAX_NDIM];
} state;

struct model_instance {
    tc_program *program;
    tc_frame *frame;
    char **owned;    /* by slot: memory that this call allocated */
    char *adopted;   /* by output: whether its slot was given the caller's memory */
    char **results;  /* by output and update: the memory of the result */
    tcore_array *outputs; /* those of the call in progress */
    const tcore_array *inputs;
    state *states;
    char message[600];
};

#include "tables.h"

#define NRESULTS (MODEL_OUTPUTS + NUPDATES)

#include "model_arrays.h"

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
    tc_frame_free(m->frame);
    tc_program_free(m->program);
    free(m->owned);
    free(m->adopted);
    free(m->results);
    free(m->states);
    free(m);
}

/* The program with the addresses of this process. */
static tc_program *load_program(void)
{
    int64_t *spec = malloc(SPEC_LENGTH * sizeof *spec);
    tc_program *program = NULL;
    if (spec) {
        memcpy(spec, tcore_exported_data, SPEC_LENGTH * sizeof *spec);
        for (int k = 0; k < NBODIES; k++)
            spec[bodies[k].position] = (int64_t)(intptr_t)units[bodies[k].unit][bodies[k].number];
        program = tc_program_new(spec, SPEC_LENGTH);
    }
    free(spec);
    return program;
}

EXPORTED model_instance *model_new(void)
{
    model_instance *m = calloc(1, sizeof *m);
    pthread_once(&blas_once, find_blas);
    if (!m || !(m->program = load_program()) || !(m->frame = tc_frame_new(m->program)) ||
        !(m->owned = calloc((size_t)m->program->nslots + 1, sizeof *m->owned)) ||
        !(m->adopted = calloc(MODEL_OUTPUTS + 1, sizeof *m->adopted)) ||
        !(m->results = calloc(NRESULTS + 1, sizeof *m->results)) ||
        !(m->states = calloc(MODEL_STATES + 1, sizeof *m->states))) {
        model_free(m);
        return NULL;
    }
    for (int k = 0; k < NCONSTANTS; k++)
        bind(m->frame, constants[k].slot, (char *)tcore_exported_data + constants[k].offset, lengths + constants[k].lengths, NULL);
    for (int k = 0; k < MODEL_STATES; k++) {
        state *own = &m->states[k];
        int ndim = state_values[k].ndim;
        memcpy(own->dims, lengths + first_states[k].lengths, sizeof *own->dims * (size_t)ndim);
        int64_t bytes = bytes_of(own->dims, ndim, tc_itemsize(state_values[k].dtype));
        if (!(own->data = tc_block_get((size_t)bytes + 1))) {
            model_free(m);
            return NULL;
        }
        memcpy(own->data, tcore_exported_data + first_states[k].offset, (size_t)bytes);
    }
    return m;
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

static int bind_inputs(model_instance *m, const tcore_array *inputs)
{
    char name[128];
    for (int k = 0; k < MODEL_INPUTS; k++) {
        const tcore_array *x = &inputs[k];
        const stored *otherwise = &defaults[k];
        if (!x->data && x->ndim == 0 && otherwise->offset >= 0) {
            bind(m->frame, otherwise->slot, (char *)tcore_exported_data + otherwise->offset, lengths + otherwise->lengths, NULL);
            continue;
        }
        if (!x->data && x->ndim == 0)
            return fail(m, TCORE_ERROR_ARGUMENT, "%s is missing", label(name, sizeof name, "input", k, &input_values[k]));
        int status = check(m, "input", k, &input_values[k], x);
        if (status)
            return status;
        bind(m->frame, otherwise->slot, x->data, x->dims, x->strides);
    }
    for (int k = 0; k < MODEL_STATES; k++)
        bind(m->frame, first_states[k].slot, m->states[k].data, m->states[k].dims, NULL);
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

/* Lets output k's slot have the caller's memory, where that is safe: 1 if it has it now. */
static int adopt(model_instance *m, int k, tc_array *slot)
{
    const tcore_array *room = &m->outputs[k];
    if (!room->data || m->adopted[k] || memcmp(room->dims, slot->dims, sizeof *room->dims * (size_t)slot->ndim) ||
        (room->strides && !is_c_order(room->strides, room->dims, room->ndim, slot->itemsize)))
        return 0;
    for (int j = 0; j < MODEL_INPUTS; j++)
        if (overlap(room, &m->inputs[j]))
            return 0;
    slot->data = room->data;
    return m->adopted[k] = 1;
}

/* Memory for a slot whose lengths and strides are set; outputs are in C order. */
static int allocate(model_instance *m, int s)
{
    tc_array *slot = &m->frame->slots[s];
    for (int k = 0; k < NRESULTS; k++)
        if (result_slots[k] == s) {
            c_order(slot->strides, slot->dims, slot->ndim, slot->itemsize);
            if (k < MODEL_OUTPUTS && adopt(m, k, slot))
                return TCORE_OK;
        }
    int64_t bytes = bytes_of(slot->dims, slot->ndim, slot->itemsize);
    tc_block_free(m->owned[s]);
    m->owned[s] = slot->data = tc_block_get((size_t)bytes + 1);
    return slot->data ? TCORE_OK : no_memory(m, bytes);
}

static int report(model_instance *m)
{
    const tc_error *e = &m->frame->error;
    const char *node = e->apply >= 0 && e->apply < NAPPLIES ? applies[e->apply] : "";
    const char *in = node[0] ? " in " : "", *missing;
    long long left = e->left, right = e->right;
    switch (e->code) {
    case TC_ERROR_SHAPE:
        return fail(m, TCORE_ERROR_SHAPE, "lengths do not fit%s%s: input %lld has length %lld along axis %lld, where %lld is needed",
                    in, node, (long long)e->operand, left, (long long)e->axis, right);
    case TC_ERROR_INDEX:
        return fail(m, TCORE_ERROR_INDEX, "an index is out of bounds%s%s: %lld, where the axis has length %lld", in, node, left, right);
    case TC_ERROR_DEMAND:
        return fail(m, TCORE_ERROR_VALUE, "a condition on lengths or numbers does not hold%s%s", in, node);
    case TC_ERROR_NEGATIVE:
        return fail(m, TCORE_ERROR_VALUE, "a length is negative: %lld along axis %lld", left, (long long)e->axis);
    case TC_ERROR_RESHAPE:
        return fail(m, TCORE_ERROR_SHAPE, "an array of %lld elements cannot be reshaped%s%s: %lld does not fit", left, in, node, right);
    case TC_ERROR_MEMORY:
        return e->left > 0 ? no_memory(m, left) : fail(m, TCORE_ERROR_MEMORY, "no memory");
    case TC_ERROR_BLAS:
        missing = model_missing_blas();
        if (!missing)
            return fail(m, TCORE_ERROR_BLAS, "a matrix is too large for BLAS");
        return fail(m, TCORE_ERROR_BLAS, "there is no BLAS: link the program with one that has %s_, or give it to model_set_blas", missing);
    case TC_ERROR_LINALG:
        return fail(m, TCORE_ERROR_VALUE, "LAPACK found no result%s%s: the matrix is singular, not positive definite or not finite, or an "
                    "iteration did not converge (%lld)", in, node, left);
    default:
        return fail(m, TCORE_ERROR_VALUE, "native code failed: %lld", (long long)e->code);
    }
}

static int run(model_instance *m)
{
    tc_frame_start(m->frame);
    for (;;) {
        int status = TCORE_OK;
        switch (tc_frame_run(m->frame)) {
        case TC_DONE:
            return TCORE_OK;
        case TC_ALLOC:
            status = allocate(m, (int)m->frame->event_arg);
            break;
        case TC_FORGET:
            tc_block_free(m->owned[m->frame->event_arg]);
            m->owned[m->frame->event_arg] = NULL;
            break;
        case TC_CALL:
            status = fail(m, TCORE_ERROR_VALUE, "a loop makes no step, or has fewer rows than steps: %s", calls[m->frame->event_arg]);
            break;
        default:
            /* nobody is there to look closer, and few doubts turn out to be right */
            status = m->frame->error.code == TC_ERROR_DOUBT ? TCORE_OK : report(m);
        }
        if (status)
            return status;
    }
}

/* Each result into memory of its own: that of its slot, or a copy. Nothing is stored yet. */
static int collect(model_instance *m)
{
    for (int k = 0; k < NRESULTS; k++) {
        const tc_array *slot = &m->frame->slots[result_slots[k]];
        char **owned = &m->owned[slot->owner];
        int64_t strides[TC_MAXDIM], bytes = bytes_of(slot->dims, slot->ndim, slot->itemsize);
        if (k < MODEL_OUTPUTS && m->adopted[k] && slot->data == m->outputs[k].data)
            continue;
        if (*owned && *owned == slot->data && is_c_order(slot->strides, slot->dims, slot->ndim, slot->itemsize)) {
            m->results[k] = *owned;
            *owned = NULL;
            continue;
        }
        m->results[k] = tc_block_get((size_t)bytes + 1);
        if (!m->results[k])
            return no_memory(m, bytes);
        c_order(strides, slot->dims, slot->ndim, slot->itemsize);
        tc_copy(m->results[k], strides, slot->data, slot->strides, slot->ndim, slot->dims, slot->itemsize);
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
        const tc_array *slot = &m->frame->slots[result_slots[k]];
        char *block = m->results[k];
        m->results[k] = NULL;
        if (k < MODEL_OUTPUTS) {
            if (block)
                hand_over(block, &output_values[k], slot->dims, &m->outputs[k]);
            continue;
        }
        state *updated = &m->states[updates[k - MODEL_OUTPUTS]];
        tc_block_free(updated->data);
        updated->data = block;
        memcpy(updated->dims, slot->dims, sizeof *slot->dims * (size_t)slot->ndim);
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
        status = check_lengths(m, "output", k, &output_values[k], m->frame->slots[result_slots[k]].dims, &outputs[k]);
    if (!status)
        store(m);
    for (int k = 0; k < NRESULTS; k++) {
        tc_block_free(m->results[k]);
        m->results[k] = NULL;
    }
    for (int s = 0; s < m->program->nslots; s++) {
        tc_block_free(m->owned[s]);
        m->owned[s] = NULL;
    }
    tc_frame_release(m->frame);
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
