/* Choices without replacement: each depends on those before it, rows do not depend on one another. */

typedef struct {
    const tc_array *chosen, *chances, *numbers; /* rows by draws; rows by outcomes; draws by rows */
    atomic_int failed;
} tc_choice_job;

/* The first outcome that is free and has a chance, at which the sum of chances comes to `part` of the whole; if there is none, the
 * first that is free. */
static int64_t tc_choose_one(const double *left, const char *taken, int64_t outcomes, double part)
{
    double whole = 0, sum = 0;
    int64_t free = -1;
    for (int64_t k = 0; k < outcomes; k++)
        whole += left[k];
    const double wanted = part * whole;
    for (int64_t k = 0; k < outcomes; k++) {
        sum += left[k];
        if (!taken[k] && left[k] > 0 && sum >= wanted)
            return k;
        if (!taken[k] && free < 0)
            free = k;
    }
    return free;
}

static void tc_choose_rows(void *context, int64_t begin, int64_t end)
{
    tc_choice_job *j = context;
    const tc_array *to = j->chosen, *p = j->chances, *u = j->numbers;
    const int64_t outcomes = p->dims[1], draws = u->dims[0];
    double *left = tc_block_get((size_t)outcomes * (sizeof *left + 1) + 1);
    if (!left) {
        atomic_store(&j->failed, TC_ERROR_MEMORY);
        return;
    }
    char *taken = (char *)(left + outcomes);
    for (int64_t row = begin; row < end; row++) {
        for (int64_t k = 0; k < outcomes; k++)
            left[k] = tc_real_value(p->data + row * p->strides[0] + k * p->strides[1], p->dtype);
        memset(taken, 0, (size_t)outcomes);
        for (int64_t t = 0; t < draws; t++) {
            const char *number = u->data + t * u->strides[0] + row * u->strides[1];
            const int64_t best = tc_choose_one(left, taken, outcomes, tc_real_value(number, u->dtype));
            *(int64_t *)(to->data + row * to->strides[0] + t * to->strides[1]) = best;
            taken[best] = 1;
            left[best] = 0;
        }
    }
    tc_block_free(left);
}

/* Nanoseconds of a row, about. */
static double tc_choice_cost(const tc_array *chances, const tc_array *numbers)
{
    return 50 + 2 * (double)chances->dims[1] * (double)(numbers->dims[0] + 1);
}

/* There are as many outcomes as draws, at least. */
static int64_t tc_choose(const tc_array *chosen, const tc_array *chances, const tc_array *numbers)
{
    tc_choice_job j = {.chosen = chosen, .chances = chances, .numbers = numbers};
    tc_parallel_for(chosen->dims[0], (int64_t)((double)tc_grain_ns / tc_choice_cost(chances, numbers)) + 1, tc_choose_rows, &j);
    return atomic_load(&j.failed);
}
