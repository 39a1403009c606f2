/* Factors, equations, inverses and determinants: what these operations do with one item of a stack.
 *
 * Options and the order of outputs and inputs are those of tcore_cpu/programs/linalg_steps.py. Fortran's matrices lie column by column;
 * where an operation on the transpose serves as well, rows are left as they are. Matrices that are factored with pivots are turned, though:
 * whether one is found to be singular depends on which of the two is factored, and NumPy factors the matrix, not its transpose.
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
    int below = rows ? !lower : lower, info = tc_cholesky_factor(s->letter, below, n, a, tc_ld(n));
    if (info) {
        if (info < 0 || !(s->option & 2))
            return info;
        tc_fill_nan(to, s->letter);
        return 0;
    }
    tc_clear_triangle(a, n, size, below);
    if (!rows)
        tc_spread(to, a, n, size);
    return 0;
}

/* From the factor and its gradient, the last two parts, to the gradient of the matrix. option: 1 lower triangle. */
static int tc_run_cholesky_grad(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), factor = tc_piece_of(s, 2, item), g = tc_piece_of(s, 3, item);
    int n = to.rows, size = s->size, rows = tc_is_rows(to, size), below = rows ? !s->option : s->option;
    int as_it_is = rows ? tc_is_rows(factor, size) : tc_is_columns(factor, size);
    char *a = rows ? to.data : tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    char *l = as_it_is ? factor.data : tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    if (!arena->base)
        return 0;
    if (!as_it_is)
        tc_gather(l, rows ? tc_turned(factor) : factor, size);
    tc_gather(a, rows ? tc_turned(g) : g, size);
    tc_factor_backwards(s->letter, below, n, l, a, tc_ld(n));
    tc_clear_triangle(a, n, size, below);
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

/* Where solutions are made: in place, or in memory for them; as rows, unless they are to lie as columns. */
typedef struct {
    char *x;
    int by_rows, direct;
} tc_sides;

static tc_sides tc_sides_of(tc_piece to, tc_arena *arena, int size)
{
    int by_rows = !tc_is_columns(to, size), direct = !by_rows || tc_is_rows(to, size);
    tc_sides sides = {direct ? to.data : tc_take(arena, (size_t)to.rows * (size_t)to.cols, (size_t)size), by_rows, direct};
    return sides;
}

static void tc_give_sides(tc_sides sides, tc_piece to, int size)
{
    if (!sides.direct)
        tc_spread(tc_turned(to), sides.x, to.cols, size);
}

static void tc_solve_sides(tc_stack *s, tc_sides sides, tc_piece to, tc_piece b, tc_lu_equations equations)
{
    if (equations.n == 0 || equations.count == 0)
        return;
    tc_gather(sides.x, sides.by_rows ? tc_turned(b) : b, s->size);
    equations.letter = s->letter, equations.by_rows = sides.by_rows, equations.x = sides.x;
    tc_lu_solve(equations);
    tc_give_sides(sides, to, s->size);
}

/* Rows of a triangle are columns of its transpose: it is copied only where it has gaps. */
static int tc_solve_triangle(tc_stack *s, tc_arena *arena, tc_piece to, tc_piece a, tc_piece b, int lower)
{
    int n = a.rows, count = b.cols, size = s->size, rows = tc_is_rows(a, size), as_it_is = rows || tc_is_columns(a, size);
    tc_sides sides = tc_sides_of(to, arena, size);
    char *matrix = as_it_is ? a.data : tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    if (!arena->base || !n)
        return 0;
    if (!as_it_is)
        tc_gather(matrix, a, size);
    int info = tc_zero_pivot(matrix, n, s->letter); /* also without right sides: a singular matrix is refused */
    if (info || !count)
        return info;
    tc_gather(sides.x, sides.by_rows ? tc_turned(b) : b, size);
    /* a x = b, or by rows x' a' = b' */
    tc_run_triangle((tc_triangle_job){.letter = s->letter, .right = sides.by_rows, .uplo = lower == rows ? 'U' : 'L',
                                      .form = rows == sides.by_rows ? 'N' : 'T', .unit = 'N', .m = sides.by_rows ? count : n,
                                      .n = sides.by_rows ? n : count, .a = matrix, .lda = n, .b = sides.x,
                                      .ldb = sides.by_rows ? count : n});
    tc_give_sides(sides, to, size);
    return 0;
}

/* The triangle `uplo` of the matrix is read. */
static int tc_solve_symmetric(tc_stack *s, tc_arena *arena, tc_piece to, tc_piece a, tc_piece b, char uplo)
{
    int n = a.rows, count = b.cols, size = s->size, direct = tc_is_columns(to, size);
    char *x = direct ? to.data : tc_take(arena, (size_t)n * (size_t)count, (size_t)size);
    char *matrix = tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    int *pivots = tc_take(arena, (size_t)n, sizeof *pivots);
    tc_workspace scratch = s->sizes;
    if (!arena->base) {
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
    int info = tc_sysv(s->letter, uplo, n, count, matrix, pivots, x, &scratch);
    if (!info && !direct)
        tc_spread(to, x, n, size);
    return info;
}

enum { TC_GENERAL = 0, TC_SYMMETRIC = 1, TC_LOWER_TRIANGLE = 2, TC_UPPER_TRIANGLE = 3, TC_OF_LOWER = 4 };

/* option: structure; TC_OF_LOWER: the lower triangle of a symmetric matrix is read. */
static int tc_run_solve(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), a = tc_piece_of(s, 1, item), b = tc_piece_of(s, 2, item);
    int n = a.rows, count = b.cols, size = s->size, structure = s->option & 3;
    if (structure >= TC_LOWER_TRIANGLE)
        return tc_solve_triangle(s, arena, to, a, b, structure == TC_LOWER_TRIANGLE);
    if (structure == TC_SYMMETRIC)
        return tc_solve_symmetric(s, arena, to, a, b, s->option & TC_OF_LOWER ? 'L' : 'U');
    tc_sides sides = tc_sides_of(to, arena, size);
    char *matrix = tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    int *pivots = tc_take(arena, (size_t)n, sizeof *pivots);
    if (!arena->base || n == 0)
        return 0;
    tc_gather(matrix, a, size); /* also without right sides: a singular matrix is refused */
    int info = tc_lu_factor(s->letter, n, n, matrix, n, pivots);
    if (info)
        return info;
    tc_solve_sides(s, sides, to, b, (tc_lu_equations){.n = n, .count = count, .factor = matrix, .pivots = pivots});
    return 0;
}

/* Triangles and pivots of a matrix, for several equations. */
static int tc_run_factor(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), pivots = tc_piece_of(s, 1, item), a = tc_piece_of(s, 2, item);
    if (!arena->base || a.rows == 0)
        return 0;
    tc_gather(to.data, a, s->size); /* without gaps, whatever the slot says: none but the next function reads it */
    return tc_lu_factor(s->letter, a.rows, a.rows, to.data, a.rows, (int *)pivots.data);
}

/* option: 1 for the transpose of the matrix that was factored. */
static int tc_run_solve_factored(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), factor = tc_piece_of(s, 1, item), pivots = tc_piece_of(s, 2, item), b = tc_piece_of(s, 3, item);
    tc_sides sides = tc_sides_of(to, arena, s->size);
    if (!arena->base)
        return 0;
    tc_solve_sides(s, sides, to, b, (tc_lu_equations){.transposed = s->option, .n = factor.rows, .count = b.cols, .factor = factor.data,
                                                      .pivots = (const int *)pivots.data});
    return 0;
}

/* The inverse of a matrix that was factored: equations whose right sides are the columns of 1, made as the result wants them. */
static void tc_invert_by_equations(tc_stack *s, tc_piece to, tc_sides sides, const char *factor, const int *pivots)
{
    const int64_t n = to.rows;
    memset(sides.x, 0, (size_t)(n * n) * (size_t)s->size);
    for (int64_t k = 0; k < n; k++)
        tc_store_number(sides.x + k * (n + 1) * s->size, (tc_number){1, 0}, s->letter);
    tc_lu_solve((tc_lu_equations){.letter = s->letter, .by_rows = sides.by_rows, .n = to.rows, .count = to.rows, .factor = factor,
                                  .pivots = pivots, .x = sides.x});
    tc_give_sides(sides, to, s->size);
}

/* By LAPACK where the factor is left to it as well, which is less work for the smallest. */
static int tc_run_inverse(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), a = tc_piece_of(s, 1, item);
    int n = a.rows, size = s->size, divides = tc_factor_divides(n, TC_WHOLE_FACTOR);
    char *matrix = tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    int *pivots = tc_take(arena, (size_t)n, sizeof *pivots);
    tc_sides sides = divides ? tc_sides_of(to, arena, size) : (tc_sides){0};
    tc_workspace scratch = s->sizes;
    if (!arena->base && !divides) {
        char answer[16] = {0};
        tc_workspace ask = {answer, NULL, NULL, -1, 0, 0};
        tc_getri(s->letter, n, answer, pivots, &ask);
        s->sizes.lwork = scratch.lwork = tc_wanted(answer, s->letter);
    }
    scratch.work = tc_take(arena, (size_t)scratch.lwork, (size_t)size);
    if (!arena->base || n == 0)
        return 0;
    tc_gather(matrix, a, size);
    int info = tc_lu_factor(s->letter, n, n, matrix, n, pivots);
    if (!info && divides)
        tc_invert_by_equations(s, to, sides, matrix, pivots);
    else if (!info && !(info = tc_getri(s->letter, n, matrix, pivots, &scratch)))
        tc_spread(to, matrix, n, size);
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
    tc_gather(a, x, size);
    int singular = n > 0 && tc_lu_factor(s->letter, n, n, a, n, pivots) > 0;
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
