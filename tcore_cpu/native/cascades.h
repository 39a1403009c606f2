/* Tiles are combined pairwise, by a binary counter: level k holds the value of 2^k of them. The order depends on their number alone,
 * never on threads, so that results repeat bit for bit. */

typedef struct {
    int64_t count;
    tc_value best; /* argmin, argmax: the extreme so far */
    tc_value level[40];
    int64_t position[40];
} tc_cascade;

static void tc_combine(int op, int dtype, tc_value *a, int64_t *q, const tc_value *b, int64_t p)
{
    if (op == TC_ARGMIN || op == TC_ARGMAX) {
        if (tc_wins(op, dtype, b, p, a, *q)) {
            *a = *b;
            *q = p;
        }
    } else
        tc_fold_rows(op, dtype, a, b, 1);
}

static void tc_cascade_push(tc_cascade *c, int op, int dtype, const tc_value *value, int64_t position)
{
    int k = 0;
    tc_value v = *value;
    for (int64_t bits = c->count; bits & 1; bits >>= 1, k++) {
        tc_value left = c->level[k];
        int64_t at = c->position[k];
        tc_combine(op, dtype, &left, &at, &v, position);
        v = left;
        position = at;
    }
    c->level[k] = v;
    c->position[k] = position;
    c->count++;
}

/* Whether a value can no more become the extreme, so that its position need not be looked for. */
static int tc_cascade_loses(const tc_cascade *c, int op, int dtype, const tc_value *value)
{
    return c->count && tc_wins(op, dtype, &c->best, 1, value, 0);
}

static void tc_cascade_note(tc_cascade *c, int op, int dtype, const tc_value *value)
{
    if (!c->count || tc_wins(op, dtype, value, 0, &c->best, 1))
        c->best = *value;
}

static int64_t tc_cascade_value(const tc_cascade *c, int op, int dtype, tc_value *to)
{
    int found = 0, k = 0;
    int64_t at = 0;
    for (int64_t bits = c->count; bits; bits >>= 1, k++)
        if (bits & 1) {
            if (!found) {
                *to = c->level[k];
                at = c->position[k];
                found = 1;
            } else {
                tc_value left = c->level[k];
                int64_t p = c->position[k];
                tc_combine(op, dtype, &left, &p, to, at);
                *to = left;
                at = p;
            }
        }
    if (!found)
        tc_identity(op, dtype, to, TC_MAXITEM);
    return at;
}
