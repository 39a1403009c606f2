/* States between calls, and what there is of inputs, outputs and states. */

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
