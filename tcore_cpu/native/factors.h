/* Factors of large matrices by halves: LAPACK for what is small, and products of blocks on our own threads between.
 *
 * A LAPACK whose threads wait for each other at every panel gains nothing by them at the sizes of most programs. Blocks depend on
 * lengths alone, so results do not depend on the number of threads. Matrices lie column by column, their columns `ld` apart.
 */

/* Rows up to which a matrix is left to LAPACK. */
#define TC_WHOLE_FACTOR 64
/* Operations of a block, a twentieth of a millisecond, and the least rows or columns of one; of right sides less serve. */
#define TC_FACTOR_WORK 2e6
#define TC_FACTOR_SIDE 64
#define TC_RIGHT_SIDES 32
/* Operations after which whoever wants to stop may have waited long enough. */
#define TC_FACTOR_LONGEST 4e9

/* Whether halves are worth it: where nobody can tell the BLAS to use one thread, its own threads do the work. */
static int tc_factor_divides(int n, int whole)
{
    return n > whole && tc_blas_set_threads;
}

static int tc_first_half(int n)
{
    return (n / 2 + 15) / 16 * 16;
}

static void tc_in_blocks(int64_t *block, int64_t length, double work, int64_t least, tc_task task, void *context)
{
    *block = tc_blas_set_threads ? tc_block_length(length, work, TC_FACTOR_WORK, TC_FACTOR_LONGEST, least) : length;
    if (length)
        tc_parallel_for((length + *block - 1) / *block, 1, task, context);
}

static int tc_length_of_block(int64_t at, int64_t block, int64_t length)
{
    return (int)(length - at < block ? length - at : block);
}

/* ---- triangles and products ------------------------------------------------------------------- */

/* op(a) x = b for a triangle a, or x op(a) = b where it stands right; b has m rows and n columns and becomes x. */
typedef struct {
    int letter, right;
    char uplo, form, unit;
    int m, n;
    const char *a;
    int lda;
    char *b;
    int ldb;
    int64_t block;
} tc_triangle_job;

static void tc_triangle_blocks(void *context, int64_t begin, int64_t end)
{
    const tc_triangle_job *j = context;
    const int size = tc_letter_size[j->letter], length = j->right ? j->m : j->n;
    for (int64_t t = begin; t < end; t++) {
        int64_t at = t * j->block;
        int own = tc_length_of_block(at, j->block, length);
        tc_trsm(j->letter, j->right ? 'R' : 'L', j->uplo, j->form, j->unit, j->right ? own : j->m, j->right ? j->n : own, j->a, j->lda,
                j->b + (j->right ? at : at * j->ldb) * size, j->ldb);
    }
}

static void tc_run_triangle(tc_triangle_job job)
{
    double side = job.right ? job.n : job.m;
    tc_in_blocks(&job.block, job.right ? job.m : job.n, side * job.m * job.n, TC_RIGHT_SIDES, tc_triangle_blocks, &job);
}

/* c -= op(a) op(b), m by n, with k terms. Of a triangle (lower 1, upper -1) only the blocks of columns that it needs, with what they
 * have beyond the diagonal. */
typedef struct {
    int letter, triangle;
    const char *forms;
    int m, n, k;
    const char *a, *b;
    char *c;
    int ld;
    int64_t block;
} tc_update_job;

static void tc_update_blocks(void *context, int64_t begin, int64_t end)
{
    const tc_update_job *j = context;
    const int size = tc_letter_size[j->letter];
    for (int64_t t = begin; t < end; t++) {
        int64_t at = t * j->block, first = j->triangle > 0 ? at : 0;
        int own = tc_length_of_block(at, j->block, j->n), rows = (int)((j->triangle < 0 ? at + own : j->m) - first);
        const char *a = j->a + (j->forms[0] == 'N' ? first : first * j->ld) * size;
        const char *b = j->b + (j->forms[1] == 'N' ? at * j->ld : at) * size;
        tc_multiply_blocks(j->letter, j->forms, rows, own, j->k, -1, a, j->ld, b, j->ld, 1, j->c + (first + at * j->ld) * size, j->ld);
    }
}

static void tc_run_update(tc_update_job job)
{
    tc_in_blocks(&job.block, job.n, 2.0 * job.m * job.n * job.k, TC_FACTOR_SIDE, tc_update_blocks, &job);
}

/* ---- Cholesky --------------------------------------------------------------------------------- */

/* As potrf; the other triangle holds anything afterwards. */
static int tc_cholesky_factor(int letter, int lower, int n, char *a, int ld)
{
    if (!tc_factor_divides(n, TC_WHOLE_FACTOR))
        return tc_potrf(letter, lower ? 'L' : 'U', n, a, ld);
    const int size = tc_letter_size[letter], half = tc_first_half(n), rest = n - half;
    char *corner = a + (lower ? half : (int64_t)half * ld) * size, *last = a + ((int64_t)half * ld + half) * size;
    int info = tc_cholesky_factor(letter, lower, half, a, ld);
    if (info)
        return info;
    tc_run_triangle((tc_triangle_job){.letter = letter, .right = lower, .uplo = lower ? 'L' : 'U', .form = 'C', .unit = 'N',
                                      .m = lower ? rest : half, .n = lower ? half : rest, .a = a, .lda = ld, .b = corner, .ldb = ld});
    tc_run_update((tc_update_job){.letter = letter, .triangle = lower ? 1 : -1, .forms = lower ? "NC" : "CN", .m = rest, .n = rest,
                                  .k = half, .a = corner, .b = corner, .c = last, .ld = ld});
    info = tc_cholesky_factor(letter, lower, rest, last, ld);
    return info ? info + half : 0;
}

/* Rows up to which the gradient goes column by column, in memory that is nearest. */
#define TC_WHOLE_GRADIENT 32
typedef double tc_small_matrix[TC_WHOLE_GRADIENT][TC_WHOLE_GRADIENT];

/* From the gradient g of the factor l, both lower triangles row by row, to that of the matrix, in its place: backwards through the
 * columns of the factorization (Murray, 2016, section 4.2). */
TC_CLONES static void tc_columns_backwards(const tc_small_matrix l, tc_small_matrix g, int n)
{
    for (int j = n - 1; j >= 0; j--) {
        const double *restrict row = l[j];
        double *restrict own = g[j];
        double d = row[j], sum = 0;
        for (int k = j + 1; k < n; k++)
            sum += g[k][j] * l[k][j];
        own[j] = (own[j] - sum / d) / d;
        for (int i = 0; i < j; i++)
            own[i] -= own[j] * row[i];
        for (int k = j + 1; k < n; k++) {
            const double *restrict below = l[k];
            double *restrict to = g[k], c = to[j] / d;
            to[j] = c;
            for (int i = 0; i < j; i++) {
                own[i] -= c * below[i];
                to[i] -= c * row[i];
            }
        }
        own[j] /= 2;
    }
}

/* A triangle of a matrix of real numbers, to (or from) rows of its lower form. */
static void tc_take_triangle(tc_small_matrix to, int letter, int lower, int n, const char *a, int ld)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            int64_t at = lower ? j * ld + i : i * ld + j;
            to[i][j] = letter % 2 ? ((const double *)a)[at] : (double)((const float *)a)[at];
        }
}

static void tc_give_triangle(tc_small_matrix from, int letter, int lower, int n, char *a, int ld)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j <= i; j++) {
            int64_t at = lower ? j * ld + i : i * ld + j;
            if (letter % 2)
                ((double *)a)[at] = from[i][j];
            else
                ((float *)a)[at] = (float)from[i][j];
        }
}

static void tc_scale_diagonal(int letter, int n, char *a, int ld, double factor)
{
    for (int64_t i = 0; i < n; i++)
        if (letter % 2)
            ((double *)a)[i * (ld + 1)] *= factor;
        else
            ((float *)a)[i * (ld + 1)] *= (float)factor;
}

/* The other triangle as the mirror image of one, by squares that fit into the cache. */
static void tc_mirror_triangle(int size, int lower, int n, char *a, int ld)
{
    enum { SIDE = 32 };
    const int64_t next = (int64_t)ld * size;
    for (int64_t i = 0; i < n; i += SIDE)
        for (int64_t j = 0; j <= i; j += SIDE) {
            int rows = tc_length_of_block(i, SIDE, n), columns = tc_length_of_block(j, SIDE, n);
            char *below = a + i * size + j * next, *above = a + j * size + i * next, *to = lower ? above : below;
            const char *from = lower ? below : above;
            if (i > j)
                tc_move_block(to, lower ? next : size, lower ? size : next, from, lower ? size : next, lower ? next : size, rows, columns, size);
            else
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t c = 0; c < r; c++)
                        memcpy(lower ? below + c * size + r * next : below + r * size + c * next,
                               lower ? below + r * size + c * next : below + c * size + r * next, (size_t)size);
        }
}

/* The gradient with respect to the triangle that a Cholesky factorization reads, in place of that with respect to the factor l, of
 * real numbers (Murray, 2016, section 4.3, by halves); the other triangle holds anything afterwards. */
static void tc_factor_backwards(int letter, int lower, int n, const char *l, char *g, int ld)
{
    if (n <= TC_WHOLE_GRADIENT) {
        tc_small_matrix factor, gradient;
        tc_take_triangle(factor, letter, lower, n, l, ld);
        tc_take_triangle(gradient, letter, lower, n, g, ld);
        tc_columns_backwards((const double(*)[TC_WHOLE_GRADIENT])factor, gradient, n);
        tc_give_triangle(gradient, letter, lower, n, g, ld);
        return;
    }
    const int size = tc_letter_size[letter], half = tc_first_half(n), rest = n - half;
    const int64_t corner = (lower ? half : (int64_t)half * ld) * size, last = ((int64_t)half * ld + half) * size;
    tc_factor_backwards(letter, lower, rest, l + last, g + last, ld);
    /* The last part, a product of the corner and its transpose, was subtracted: both triangles lead back to the corner. */
    tc_mirror_triangle(size, lower, rest, g + last, ld);
    tc_scale_diagonal(letter, rest, g + last, ld, 2);
    tc_run_update((tc_update_job){.letter = letter, .forms = "NN", .m = lower ? rest : half, .n = lower ? half : rest, .k = rest,
                                  .a = lower ? g + last : l + corner, .b = lower ? l + corner : g + last, .c = g + corner, .ld = ld});
    tc_scale_diagonal(letter, rest, g + last, ld, 0.5);
    tc_run_triangle((tc_triangle_job){.letter = letter, .right = lower, .uplo = lower ? 'L' : 'U', .form = 'N', .unit = 'N',
                                      .m = lower ? rest : half, .n = lower ? half : rest, .a = l, .lda = ld, .b = g + corner, .ldb = ld});
    tc_run_update((tc_update_job){.letter = letter, .triangle = lower ? 1 : -1, .forms = lower ? "TN" : "NT", .m = half, .n = half, .k = rest,
                                  .a = lower ? g + corner : l + corner, .b = lower ? l + corner : g + corner, .c = g, .ld = ld});
    tc_factor_backwards(letter, lower, half, l, g, ld);
}

/* ---- triangles with pivots -------------------------------------------------------------------- */

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
