/* Instances: the programs of the parts, loaded, with memory of their own; and the BLAS that they all use. */

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
