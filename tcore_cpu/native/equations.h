/* Factors, equations, inverses and determinants: what these operations do with one item of a stack.
 *
 * Options and the order of outputs and inputs are those of tcore_cpu/programs/linalg_steps.py. Fortran's matrices lie column by column;
 * where an operation on the transpose serves as well, rows are left as they are.
 */

/* ---- numbers --------------------------------------------------------------------------------- */

typedef struct {
    double re, im;
} tc_number;

static tc_number tc_load_number(const char *at, int letter)
{
    tc_number z = {0, 0};
    if (letter % 2)
        z.re = ((const double *)at)[0], z.im = letter == 3 ? ((const double *)at)[1] : 0;
    else
        z.re = ((const float *)at)[0], z.im = letter == 2 ? ((const float *)at)[1] : 0;
    return z;
}

static void tc_store_number(char *at, tc_number z, int letter)
{
    if (letter % 2) {
        ((double *)at)[0] = z.re;
        if (letter == 3)
            ((double *)at)[1] = z.im;
    } else {
        ((float *)at)[0] = (float)z.re;
        if (letter == 2)
            ((float *)at)[1] = (float)z.im;
    }
}

/* ---- factorizations and equations ------------------------------------------------------------ */

/* Zeros right of the diagonal, or left of it, of columns of length n. */
static void tc_clear_triangle(char *a, int n, int size, int upper)
{
    for (int j = 0; j < n; j++)
        if (upper)
            memset(a + (int64_t)j * n * size, 0, (size_t)j * (size_t)size);
        else
            memset(a + ((int64_t)j * n + j + 1) * size, 0, (size_t)(n - j - 1) * (size_t)size);
}

/* option: 1 lower triangle, 2 NaN in place of an error. */
static int tc_run_cholesky(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), x = tc_piece_of(s, 1, item);
    int n = x.rows, size = s->size, lower = s->option & 1, rows = tc_is_rows(to, size);
    char *a = rows ? to.data : tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    if (!arena->base)
        return 0;
    /* Rows of X are columns of its conjugate, whose other triangle has the same factor, transposed. */
    if (a != x.data)
        tc_gather(a, rows ? tc_turned(x) : x, size);
    int upper = rows ? lower : !lower;
    int info = tc_potrf(s->letter, upper ? 'U' : 'L', n, a);
    if (info) {
        if (info < 0 || !(s->option & 2))
            return info;
        tc_fill_nan(to, s->letter);
        return 0;
    }
    tc_clear_triangle(a, n, size, !upper);
    if (!rows)
        tc_spread(to, a, n, size);
    return 0;
}

/* The number of the first row of a triangle that has 0 on its diagonal; 0 where none has. */
static int tc_zero_pivot(const char *a, int n, int letter)
{
    for (int64_t k = 0; k < n; k++) {
        tc_number z = tc_load_number(a + k * (n + 1) * tc_letter_size[letter], letter);
        if (z.re == 0 && z.im == 0)
            return (int)k + 1;
    }
    return 0;
}

/* Rows of a triangle are columns of its transpose: it is copied only where it has gaps. */
static int tc_solve_triangle(tc_stack *s, tc_arena *arena, tc_piece to, tc_piece a, tc_piece b, int lower)
{
    int n = a.rows, count = b.cols, size = s->size, info;
    int rows = tc_is_rows(a, size), as_it_is = rows || tc_is_columns(a, size), by_rows = !tc_is_columns(to, size);
    int direct = !by_rows || tc_is_rows(to, size);
    char *x = direct ? to.data : tc_take(arena, (size_t)n * (size_t)count, (size_t)size);
    char *matrix = as_it_is ? a.data : tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    if (!arena->base || !n)
        return 0;
    if (!as_it_is)
        tc_gather(matrix, a, size);
    if (!count) /* a singular matrix is refused all the same */
        return tc_zero_pivot(matrix, n, s->letter);
    tc_gather(x, by_rows ? tc_turned(b) : b, size);
    char uplo = lower == rows ? 'U' : 'L';
    if (by_rows) { /* x' a' = b' */
        info = tc_zero_pivot(matrix, n, s->letter);
        if (!info)
            tc_trsm_right(s->letter, uplo, rows ? 'N' : 'T', count, n, matrix, x);
        if (!info && !direct)
            tc_spread(tc_turned(to), x, count, size);
        return info;
    }
    return tc_trtrs(s->letter, uplo, rows ? 'T' : 'N', n, count, matrix, tc_ld(n), x);
}

enum { TC_GENERAL = 0, TC_SYMMETRIC = 1, TC_LOWER_TRIANGLE = 2, TC_UPPER_TRIANGLE = 3, TC_OF_LOWER = 4 };

/* option: structure; TC_OF_LOWER: the lower triangle of a symmetric matrix is read. */
static int tc_run_solve(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), a = tc_piece_of(s, 1, item), b = tc_piece_of(s, 2, item);
    int n = a.rows, count = b.cols, size = s->size, structure = s->option & 3, info, direct = tc_is_columns(to, size);
    char uplo = s->option & TC_OF_LOWER ? 'L' : 'U';
    if (structure >= TC_LOWER_TRIANGLE)
        return tc_solve_triangle(s, arena, to, a, b, structure == TC_LOWER_TRIANGLE);
    char *x = direct ? to.data : tc_take(arena, (size_t)n * (size_t)count, (size_t)size);
    char *matrix = tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    int *pivots = tc_take(arena, (size_t)n, sizeof *pivots);
    tc_workspace scratch = s->sizes;
    if (!arena->base && structure == TC_SYMMETRIC) {
        char answer[16] = {0};
        tc_workspace ask = {answer, NULL, NULL, -1, 0, 0};
        tc_sysv(s->letter, uplo, n, count, answer, (int *)answer, answer, &ask);
        s->sizes.lwork = scratch.lwork = tc_wanted(answer, s->letter);
    }
    scratch.work = tc_take(arena, (size_t)scratch.lwork, (size_t)size);
    if (!arena->base || n == 0)
        return 0;
    tc_gather(matrix, a, size); /* also without right sides: a singular matrix is refused */
    tc_gather(x, b, size);
    if (structure == TC_SYMMETRIC)
        info = tc_sysv(s->letter, uplo, n, count, matrix, pivots, x, &scratch);
    else if (!(info = tc_getrf(s->letter, n, matrix, pivots)))
        tc_getrs(s->letter, 'N', n, count, matrix, pivots, x);
    if (!info && !direct)
        tc_spread(to, x, n, size);
    return info;
}

/* Triangles and pivots of a matrix, for several equations. */
static int tc_run_factor(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), pivots = tc_piece_of(s, 1, item), a = tc_piece_of(s, 2, item);
    if (!arena->base || a.rows == 0)
        return 0;
    tc_gather(to.data, a, s->size); /* column by column, whatever the slot says: none but the next function reads it */
    return tc_getrf(s->letter, a.rows, to.data, (int *)pivots.data);
}

/* option: 1 for the transpose of the matrix that was factored. */
static int tc_run_solve_factored(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), factor = tc_piece_of(s, 1, item), pivots = tc_piece_of(s, 2, item), b = tc_piece_of(s, 3, item);
    int n = factor.rows, count = b.cols, direct = tc_is_columns(to, s->size);
    char *x = direct ? to.data : tc_take(arena, (size_t)n * (size_t)count, (size_t)s->size);
    if (!arena->base || n == 0 || count == 0)
        return 0;
    tc_gather(x, b, s->size);
    tc_getrs(s->letter, s->option ? 'T' : 'N', n, count, factor.data, (const int *)pivots.data, x);
    if (!direct)
        tc_spread(to, x, n, s->size);
    return 0;
}

static int tc_run_inverse(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), x = tc_piece_of(s, 1, item);
    int n = x.rows, size = s->size, rows = tc_is_rows(to, size);
    char *a = rows ? to.data : tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    int *pivots = tc_take(arena, (size_t)n, sizeof *pivots);
    tc_workspace scratch = s->sizes;
    if (!arena->base) {
        char answer[16] = {0};
        tc_workspace ask = {answer, NULL, NULL, -1, 0, 0};
        tc_getri(s->letter, n, a, pivots, &ask);
        s->sizes.lwork = scratch.lwork = tc_wanted(answer, s->letter);
    }
    scratch.work = tc_take(arena, (size_t)scratch.lwork, (size_t)size);
    if (!arena->base || n == 0)
        return 0;
    /* The inverse of the transpose is the transpose of the inverse. */
    tc_gather(a, rows ? tc_turned(x) : x, size);
    int info = tc_getrf(s->letter, n, a, pivots);
    if (!info)
        info = tc_getri(s->letter, n, a, pivots, &scratch);
    if (!info && !rows)
        tc_spread(to, a, n, size);
    return info;
}

/* ---- determinants ---------------------------------------------------------------------------- */

/* option: 0 the determinant, 1 its sign and the logarithm of its size. */
static int tc_run_det(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), x = tc_piece_of(s, s->nparts - 1, item);
    int n = x.rows, size = s->size;
    char *a = tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    int *pivots = tc_take(arena, (size_t)n, sizeof *pivots);
    if (!arena->base)
        return 0;
    /* The transpose has the same. */
    tc_gather(a, tc_is_rows(x, size) ? tc_turned(x) : x, size);
    int singular = n > 0 && tc_getrf(s->letter, n, a, pivots) > 0;
    tc_number product = {1, 0};
    double logarithm = 0;
    int exponent = 0;
    for (int k = 0; k < n; k++) {
        tc_number z = tc_load_number(a + ((int64_t)k * n + k) * size, s->letter);
        if (pivots[k] != k + 1)
            product.re = -product.re, product.im = -product.im;
        if (s->option) {
            double length = hypot(z.re, z.im);
            logarithm += log(length);
            if (tc_is_complex(s->letter))
                z.re /= length, z.im /= length;
            else /* NaN has no sign, and infinity has: as for NumPy */
                z.re = z.re < 0 ? -1 : 1;
        }
        tc_number p = {product.re * z.re, product.re * z.im + product.im * z.re};
        if (tc_is_complex(s->letter))
            p.re -= product.im * z.im;
        else
            p.im = 0;
        if (!s->option) { /* what would overflow on the way need not at the end */
            double larger = fabs(p.re) > fabs(p.im) ? fabs(p.re) : fabs(p.im);
            if (isfinite(larger) && larger > 0) {
                int e;
                frexp(larger, &e);
                exponent += e, p.re = ldexp(p.re, -e), p.im = ldexp(p.im, -e);
            }
        }
        product = p;
    }
    if (singular)
        product.re = product.im = 0, logarithm = -INFINITY;
    product.re = ldexp(product.re, exponent), product.im = ldexp(product.im, exponent);
    tc_store_number(to.data, product, s->letter);
    if (s->option) {
        tc_number size_of = {logarithm, 0};
        tc_store_number(tc_piece_of(s, 1, item).data, size_of, s->letter % 2);
    }
    return 0;
}
