/* Triangles with pivots by halves, and equations solved with them. Matrices lie column by column, their columns `ld` apart. */

#define TC_SWAP_IN_COLUMNS(type)                                                                          \
    for (int64_t c = 0; c < columns; c++) {                                                               \
        type *x = (type *)(a + c * ld * size), kept;                                                      \
        for (int k = backwards ? count - 1 : 0; k >= 0 && k < count; k += backwards ? -1 : 1)             \
            kept = x[k], x[k] = x[pivots[k] - 1], x[pivots[k] - 1] = kept;                                \
    }

/* Rows k and pivots[k] - 1 of a matrix change places, one pair after the other. */
static void tc_swap_rows(char *a, int ld, int columns, int size, const int *pivots, int count, int backwards)
{
    if (size == 4)
        TC_SWAP_IN_COLUMNS(uint32_t)
    else if (size == 8)
        TC_SWAP_IN_COLUMNS(uint64_t)
    else
        TC_SWAP_IN_COLUMNS(tc_wide)
}

/* The same with columns of a matrix of `rows` rows. */
static void tc_swap_columns(char *a, int ld, int rows, int size, const int *pivots, int count, int backwards)
{
    for (int n = 0; n < count; n++) {
        int k = backwards ? count - 1 - n : n;
        char *x = a + (int64_t)k * ld * size, *y = a + (int64_t)(pivots[k] - 1) * ld * size, kept[256];
        for (int64_t left = x == y ? 0 : (int64_t)rows * size, own; left > 0; left -= own, x += own, y += own) {
            own = left < (int64_t)sizeof kept ? left : (int64_t)sizeof kept;
            memcpy(kept, x, (size_t)own), memcpy(x, y, (size_t)own), memcpy(y, kept, (size_t)own);
        }
    }
}

/* What the first `half` columns of m rows, factored, make of the columns right of them. */
typedef struct {
    int letter, m, half, columns;
    const char *a;
    char *right;
    int ld;
    const int *pivots;
    int64_t block;
} tc_right_columns_job;

static void tc_right_columns(void *context, int64_t begin, int64_t end)
{
    const tc_right_columns_job *j = context;
    const int size = tc_letter_size[j->letter];
    for (int64_t t = begin; t < end; t++) {
        int own = tc_length_of_block(t * j->block, j->block, j->columns);
        char *c = j->right + t * j->block * j->ld * size;
        tc_swap_rows(c, j->ld, own, size, j->pivots, j->half, 0);
        tc_trsm(j->letter, 'L', 'L', 'N', 'U', j->half, own, j->a, j->ld, c, j->ld);
        tc_multiply_blocks(j->letter, "NN", j->m - j->half, own, j->half, -1, j->a + (int64_t)j->half * size, j->ld, c, j->ld, 1,
                           c + (int64_t)j->half * size, j->ld);
    }
}

/* As getrf, of no more columns than rows. */
static int tc_lu_factor(int letter, int m, int n, char *a, int ld, int *pivots)
{
    if (!tc_factor_divides(n, TC_WHOLE_FACTOR))
        return tc_getrf(letter, m, n, a, ld, pivots);
    const int size = tc_letter_size[letter], half = tc_first_half(n), rest = n - half;
    int first = tc_lu_factor(letter, m, half, a, ld, pivots);
    tc_right_columns_job job = {letter, m, half, rest, a, a + (int64_t)half * ld * size, ld, pivots, 0};
    tc_in_blocks(&job.block, rest, 2.0 * m * half * rest, TC_FACTOR_SIDE, tc_right_columns, &job);
    int last = tc_lu_factor(letter, m - half, rest, a + ((int64_t)half * ld + half) * size, ld, pivots + half);
    tc_swap_rows(a + (int64_t)half * size, ld, half, size, pivots + half, rest, 0);
    for (int k = half; k < n; k++)
        pivots[k] += half;
    return first ? first : last ? last + half : 0;
}

/* The equations of a matrix that was factored, or of its transpose; x holds the right sides, as rows or as columns. */
typedef struct {
    int letter, transposed, by_rows, n, count;
    const char *factor;
    const int *pivots;
    char *x;
    int64_t block;
} tc_lu_equations;

static void tc_lu_sides(void *context, int64_t begin, int64_t end)
{
    const tc_lu_equations *j = context;
    const int size = tc_letter_size[j->letter], ld = tc_ld(j->by_rows ? j->count : j->n), lda = tc_ld(j->n);
    const char side = j->by_rows ? 'R' : 'L', form = j->transposed != j->by_rows ? 'T' : 'N';
    for (int64_t t = begin; t < end; t++) {
        int64_t at = t * j->block;
        int own = tc_length_of_block(at, j->block, j->count), m = j->by_rows ? own : j->n, n = j->by_rows ? j->n : own;
        char *x = j->x + (j->by_rows ? at : at * ld) * size;
        for (int step = 0; step < 3; step++)
            switch (j->transposed ? 2 - step : step) {
            case 0:
                (j->by_rows ? tc_swap_columns : tc_swap_rows)(x, ld, own, size, j->pivots, j->n, j->transposed);
                break;
            case 1: tc_trsm(j->letter, side, 'L', form, 'U', m, n, j->factor, lda, x, ld); break;
            default: tc_trsm(j->letter, side, 'U', form, 'N', m, n, j->factor, lda, x, ld);
            }
    }
}

static void tc_lu_solve(tc_lu_equations job)
{
    tc_in_blocks(&job.block, job.count, 2.0 * job.n * job.n * job.count, TC_RIGHT_SIDES, tc_lu_sides, &job);
}
