/* Cholesky factors by halves, and their gradient. Matrices lie column by column, their columns `ld` apart. */

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
