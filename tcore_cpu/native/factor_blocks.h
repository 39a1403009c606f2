/* What factors of large matrices are made of: triangles and products, in blocks on our own threads.
 *
 * Factors go by halves (cholesky.h, lu.h): LAPACK for what is small, and products of blocks between. A LAPACK whose threads wait for each
 * other at every panel gains nothing by them at the sizes of most programs. Blocks depend on lengths alone, so results do not depend on
 * the number of threads. Matrices lie column by column, their columns `ld` apart.
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
