/* Routines: what is no loop over elements, by number (see tc_routine). */

/* The diagonal of two axes as the last axis of a view. */
static void tc_show_diagonal(tc_array *v, const tc_array *x, int64_t offset, int first, int second)
{
    int64_t rows = x->dims[first], columns = x->dims[second];
    char *data = x->data;
    int at = 0, empty = 0;
    if (offset > 0)
        columns -= offset;
    else
        rows += offset;
    int64_t length = rows < columns ? rows : columns;
    if (length > 0)
        data += offset > 0 ? offset * x->strides[second] : -offset * x->strides[first];
    for (int d = 0; d < x->ndim; d++)
        if (d != first && d != second) {
            v->dims[at] = x->dims[d];
            v->strides[at] = x->strides[d];
            empty |= x->dims[d] == 0;
            at++;
        }
    v->dims[at] = length > 0 ? length : 0;
    v->strides[at] = x->strides[first] + x->strides[second];
    v->data = empty || length <= 0 ? x->data : data;
    v->owner = x->owner;
    v->buffer = x->buffer;
    v->flags = x->flags & TC_SLOT_FOREIGN;
}

/* Nanoseconds that a routine takes, about. */
static double tc_routine_cost(int64_t routine, tc_array *const *s)
{
    const tc_array *x = s[routine == TC_R_RANGE || routine == TC_R_TOTAL || routine == TC_R_DIFFERENT || routine == TC_R_UNIQUE ? 0 : 1];
    const double n = (double)tc_elements(x);
    switch (routine) {
    case TC_R_SORT: case TC_R_ARGSORT: return n * tc_sort_cost(TC_DIGITS_FROM, x->itemsize);
    case TC_R_BATCHED: return (double)s[0]->dims[0] * tc_item_cost(s[0]->dims[1], s[0]->dims[2], x->dims[2]);
    case TC_R_REPEAT: return (double)tc_elements(s[0]);
    case TC_R_DIAGONAL: return 0;
    case TC_R_CHOOSE: return (double)x->dims[0] * tc_choice_cost(x, s[2]);
    default: return n;
    }
}

/* Runs a routine; 0 or an error code. */
static int64_t tc_run_routine(int64_t routine, tc_array *const *s, const int64_t *args, int nargs, int64_t *regs)
{
    switch (routine) {
    case TC_R_SORT:
    case TC_R_ARGSORT:
        return tc_sort(s[0], s[1], (int)args[0], routine == TC_R_ARGSORT);
    case TC_R_DIFFERENT:
        regs[args[0]] = tc_count_different(s[0], s[1], (int)args[1]);
        return 0;
    case TC_R_UNIQUE:
        tc_unique(s[0], s[1], (int)args[0], s[2], s[3], s[4], s[5]);
        return 0;
    case TC_R_RANGE:
        tc_range(s[0], &regs[args[0]], &regs[args[1]]);
        return 0;
    case TC_R_BINCOUNT:
        return tc_bincount(s[0], s[1], s[2]);
    case TC_R_TOTAL:
        regs[args[0]] = tc_total(s[0]);
        return 0;
    case TC_R_REPEAT:
        tc_repeat(s[0], s[1], s[2], regs[args[0]], regs[args[1]]);
        return 0;
    case TC_R_COUNT_PLACES:
        regs[args[0]] = tc_count_places(s[1], (int64_t *)s[0]->data);
        return 0;
    case TC_R_LIST_PLACES: {
        int64_t lengths[TC_MAXDIM], *places[TC_MAXDIM];
        for (int k = 0; k < nargs; k++) {
            lengths[k] = regs[args[k]];
            places[k] = (int64_t *)s[2 + k]->data;
        }
        tc_list_places(s[1], (int64_t *)s[0]->data, nargs, lengths, places);
        return 0;
    }
    case TC_R_DIAGONAL:
        tc_show_diagonal(s[0], s[1], args[0], (int)args[1], (int)args[2]);
        return 0;
    case TC_R_BATCHED:
        return tc_batched_product(s[0], s[1], s[2]);
    case TC_R_CHOOSE:
        return tc_choose(s[0], s[1], s[2]);
    default:
        return TC_ERROR_BLAS;
    }
}
