/* What a call leaves: results that somebody gets, each in memory of its own, and states that are replaced. */

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
