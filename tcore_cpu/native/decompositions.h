/* Orthogonal decompositions and eigenvalues: what these operations do with one item of a stack. */

/* An error of an operation's own, beside LAPACK's numbers. */
#define TC_NOT_FINITE (-1000)

/* ---- orthogonal decompositions --------------------------------------------------------------- */

enum { TC_QR_REDUCED = 0, TC_QR_COMPLETE = 1, TC_QR_R = 2, TC_QR_RAW = 3 };

/* Columns of length m: the triangle above (and on) the diagonal, in zeros. */
static void tc_spread_upper(tc_piece to, const char *a, int m, int size)
{
    for (int j = 0; j < to.cols; j++)
        for (int i = 0; i < to.rows; i++) {
            char *at = to.data + i * to.row + j * to.col;
            if (i <= j)
                memcpy(at, a + ((int64_t)j * m + i) * size, (size_t)size);
            else
                memset(at, 0, (size_t)size);
        }
}

static int tc_run_qr(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece x = tc_piece_of(s, s->nparts - 1, item), first = tc_piece_of(s, 0, item), last = tc_piece_of(s, s->nparts - 2, item);
    int m = x.rows, n = x.cols, k = m < n ? m : n, size = s->size;
    int columns = s->option == TC_QR_COMPLETE ? m : k, wide = columns > n ? columns : n;
    char *a = tc_take(arena, (size_t)m * (size_t)wide, (size_t)size), *tau = tc_take(arena, (size_t)k, (size_t)size);
    tc_workspace scratch = s->sizes;
    if (!arena->base) {
        char answer[16] = {0};
        tc_workspace ask = {answer, NULL, NULL, -1, 0, 0};
        tc_geqrf(s->letter, m, n, a, tau, &ask);
        scratch.lwork = tc_wanted(answer, s->letter);
        tc_orgqr(s->letter, m, columns, k, a, tau, &ask);
        int other = tc_wanted(answer, s->letter);
        s->sizes.lwork = scratch.lwork = scratch.lwork > other ? scratch.lwork : other;
    }
    scratch.work = tc_take(arena, (size_t)scratch.lwork, (size_t)size);
    if (!arena->base)
        return 0;
    tc_gather(a, x, size);
    int info = k ? tc_geqrf(s->letter, m, n, a, tau, &scratch) : 0;
    if (info)
        return info;
    if (s->option == TC_QR_RAW) {
        tc_spread(tc_turned(first), a, m, size);
        tc_spread(last, tau, k, size);
        return 0;
    }
    tc_spread_upper(last, a, m, size);
    if (s->option == TC_QR_R)
        return 0;
    if (k)
        info = tc_orgqr(s->letter, m, columns, k, a, tau, &scratch);
    else /* nothing to reflect: the identity */
        for (int j = 0; j < columns; j++)
            for (int i = 0; i < m; i++) {
                tc_number z = {i == j, 0};
                tc_store_number(a + ((int64_t)j * m + i) * size, z, s->letter);
            }
    tc_spread(first, a, m, size);
    return info;
}

/* The sizes that a routine told when it was asked with lengths of -1. */
static tc_workspace tc_sizes_told(const char *answer, const char *real_answer, int liwork, int letter)
{
    tc_workspace sizes = {0};
    sizes.lwork = tc_wanted(answer, letter);
    sizes.lrwork = tc_is_complex(letter) ? tc_wanted(real_answer, letter % 2) : 0;
    sizes.liwork = liwork > 1 ? liwork : 1;
    return sizes;
}

/* Memory of all three kinds; size and real: bytes of a number and of its parts. */
static void tc_take_workspace(tc_workspace *scratch, tc_arena *arena, int size, int real)
{
    scratch->work = tc_take(arena, (size_t)scratch->lwork, (size_t)size);
    scratch->rwork = tc_take(arena, (size_t)scratch->lrwork, (size_t)real);
    scratch->iwork = tc_take(arena, (size_t)scratch->liwork, sizeof(int));
}

/* A decomposition u diag(values) vh of an item, in memory of the arena. */
typedef struct {
    char *u, *values, *vh;
    int k, vh_rows;
} tc_singular;

/* job: N, S or A, as for tc_gesdd. */
static int tc_decompose(tc_stack *s, tc_arena *arena, tc_piece x, char job, tc_singular *found)
{
    int m = x.rows, n = x.cols, size = s->size, real = tc_real_size(s->letter);
    size_t few = (size_t)(m < n ? m : n), most = (size_t)(m < n ? n : m);
    found->k = (int)few;
    found->vh_rows = job == 'S' ? (int)few : n;
    char *a = tc_take(arena, (size_t)m * (size_t)n, (size_t)size);
    found->values = tc_take(arena, few, (size_t)real);
    found->u = job == 'N' ? NULL : tc_take(arena, (size_t)m * (job == 'S' ? few : (size_t)m), (size_t)size);
    found->vh = job == 'N' ? NULL : tc_take(arena, (size_t)found->vh_rows * (size_t)n, (size_t)size);
    tc_workspace scratch = s->sizes;
    if (!arena->base) {
        char answer[16] = {0}, nothing[16];
        tc_workspace ask = {answer, nothing, (int *)nothing, -1, 0, 0};
        tc_gesdd(s->letter, job, m, n, nothing, nothing, nothing, nothing, &ask);
        s->sizes.lwork = scratch.lwork = tc_wanted(answer, s->letter);
    }
    scratch.work = tc_take(arena, (size_t)scratch.lwork, (size_t)size);
    scratch.iwork = tc_take(arena, 8 * few, sizeof(int));
    if (tc_is_complex(s->letter)) {
        size_t vectors = 5 * few * few + 5 * few, mixed = 2 * most * few + 2 * few * few + few;
        scratch.rwork = tc_take(arena, job == 'N' ? 7 * few : vectors > mixed ? vectors : mixed, (size_t)real);
    }
    if (!arena->base || !few)
        return 0;
    tc_gather(a, x, size);
    return tc_gesdd(s->letter, job, m, n, a, found->values, found->u, found->vh, &scratch);
}

static void tc_spread_identity(tc_piece to, int letter)
{
    for (int i = 0; i < to.rows; i++)
        for (int j = 0; j < to.cols; j++) {
            tc_number z = {i == j, 0};
            tc_store_number(to.data + i * to.row + j * to.col, z, letter);
        }
}

/* option: 0 values alone, 1 vectors for each value, 2 all vectors. */
static int tc_run_svd(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece x = tc_piece_of(s, s->nparts - 1, item);
    tc_singular found;
    int info = tc_decompose(s, arena, x, "NSA"[s->option], &found), real = tc_real_size(s->letter);
    if (!arena->base || info)
        return info;
    tc_spread(tc_piece_of(s, s->option ? 1 : 0, item), found.values, found.k, real);
    if (!s->option)
        return 0;
    if (!found.k) {
        tc_spread_identity(tc_piece_of(s, 0, item), s->letter);
        tc_spread_identity(tc_piece_of(s, 2, item), s->letter);
        return 0;
    }
    tc_spread(tc_piece_of(s, 0, item), found.u, x.rows, s->size);
    tc_spread(tc_piece_of(s, 2, item), found.vh, found.vh_rows, s->size);
    return 0;
}

/* Singular values not larger than this, as a part of the largest, count as zero; as for numpy.linalg.pinv. */
#define TC_PINV_CUTOFF 1e-15

static int tc_run_pinv(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), x = tc_piece_of(s, 1, item);
    int m = x.rows, n = x.cols, size = s->size, direct = tc_is_columns(to, size);
    tc_singular found;
    char *inverse = direct ? to.data : tc_take(arena, (size_t)m * (size_t)n, (size_t)size);
    int info = tc_decompose(s, arena, x, 'S', &found), real = tc_real_size(s->letter);
    if (!arena->base || info || !found.k)
        return info;
    double largest = tc_load_number(found.values, s->letter % 2).re;
    for (int j = 0; j < found.k; j++) {
        double value = tc_load_number(found.values + (int64_t)j * real, s->letter % 2).re;
        double factor = value > TC_PINV_CUTOFF * largest ? 1 / value : 0;
        int64_t numbers = (int64_t)m * (size / real);
        for (int64_t i = j * numbers; i < (j + 1) * numbers; i++)
            if (s->letter % 2)
                ((double *)found.u)[i] *= factor;
            else
                ((float *)found.u)[i] = (float)(((float *)found.u)[i] * factor);
    }
    tc_multiply(s->letter, "CC", n, m, found.k, 1, found.vh, found.u, 0, inverse);
    if (!direct)
        tc_spread(to, inverse, n, size);
    return 0;
}

/* ---- least squares --------------------------------------------------------------------------- */

/* Outputs: solutions, ranks, singular values. option: 0 the precision times the longer side is the least part of a singular value that
 * counts, 1 the precision. */
static int tc_run_lstsq(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece to = tc_piece_of(s, 0, item), ranks = tc_piece_of(s, 1, item), x = tc_piece_of(s, 3, item), right = tc_piece_of(s, 4, item);
    int m = x.rows, n = x.cols, few = m < n ? m : n, most = m < n ? n : m, size = s->size, real = tc_real_size(s->letter), rank = 0;
    int count = right.cols > 1 ? right.cols : 1; /* without right sides it solves for one */
    double precision = s->letter % 2 ? 2.220446049250313e-16 : 1.1920928955078125e-07;
    char *a = tc_take(arena, (size_t)m * (size_t)n, (size_t)size), *b = tc_take(arena, (size_t)most * (size_t)count, (size_t)size);
    char *values = tc_take(arena, (size_t)few, (size_t)real);
    tc_workspace scratch = s->sizes;
    if (!arena->base && few) {
        char answer[16] = {0}, real_answer[16] = {0}, nothing[16];
        int liwork = 1;
        tc_workspace ask = {answer, real_answer, &liwork, -1, -1, -1};
        tc_gelsd(s->letter, m, n, count, nothing, nothing, nothing, -1, &rank, &ask);
        s->sizes = scratch = tc_sizes_told(answer, real_answer, liwork, s->letter);
    }
    tc_take_workspace(&scratch, arena, size, real);
    if (!arena->base)
        return 0;
    memset(b, 0, (size_t)most * (size_t)count * (size_t)size);
    if (few) {
        tc_gather(a, x, size);
        tc_move_matrix(b, size, (int64_t)most * size, right.data, right.row, right.col, right.rows, right.cols, size);
        int info = tc_gelsd(s->letter, m, n, count, a, b, values, s->option ? -1 : precision * most, &rank, &scratch);
        if (info)
            return info;
        tc_spread(tc_piece_of(s, 2, item), values, few, real);
    }
    tc_spread(to, b, most, size);
    *(int64_t *)ranks.data = rank;
    return 0;
}

/* ---- eigenvalues ----------------------------------------------------------------------------- */

/* Outputs: values, or values and vectors; inputs: a matrix, or a pair. option: 1 the lower triangle is read, 2 vectors, 4 a pair. */
static int tc_run_eigh(tc_stack *s, tc_arena *arena, int64_t item)
{
    int vectors = s->option & 2, pair = s->option & 4, matrix = vectors ? 2 : 1;
    tc_piece x = tc_piece_of(s, matrix, item);
    int n = x.rows, size = s->size, real = tc_real_size(s->letter), info;
    char job = vectors ? 'V' : 'N', uplo = s->option & 1 ? 'L' : 'U';
    char *a = tc_take(arena, (size_t)n * (size_t)n, (size_t)size), *values = tc_take(arena, (size_t)n, (size_t)real);
    char *b = pair ? tc_take(arena, (size_t)n * (size_t)n, (size_t)size) : NULL;
    tc_workspace scratch = s->sizes;
    if (!arena->base) {
        char answer[16] = {0}, real_answer[16] = {0}, nothing[16];
        int liwork = 1;
        tc_workspace ask = {answer, real_answer, &liwork, -1, -1, -1};
        if (pair)
            tc_sygvd(s->letter, job, uplo, n, nothing, nothing, nothing, &ask);
        else
            tc_syevd(s->letter, job, uplo, n, nothing, nothing, &ask);
        s->sizes = scratch = tc_sizes_told(answer, real_answer, liwork, s->letter);
    }
    tc_take_workspace(&scratch, arena, size, real);
    if (!arena->base || !n)
        return 0;
    tc_gather(a, x, size);
    if (pair)
        tc_gather(b, tc_piece_of(s, matrix + 1, item), size);
    info = pair ? tc_sygvd(s->letter, job, uplo, n, a, b, values, &scratch) : tc_syevd(s->letter, job, uplo, n, a, values, &scratch);
    if (info)
        return info;
    tc_spread(tc_piece_of(s, 0, item), values, n, real);
    if (vectors)
        tc_spread(tc_piece_of(s, 1, item), a, n, size);
    return 0;
}

static int tc_all_finite(const char *a, int64_t count, int letter)
{
    for (int64_t k = 0; k < (tc_is_complex(letter) ? 2 * count : count); k++)
        if (!isfinite(letter % 2 ? ((const double *)a)[k] : (double)((const float *)a)[k]))
            return 0;
    return 1;
}

/* Outputs: complex values and vectors; the input may be real. */
static int tc_run_eig(tc_stack *s, tc_arena *arena, int64_t item)
{
    tc_piece x = tc_piece_of(s, 2, item), values_to = tc_piece_of(s, 0, item), vectors_to = tc_piece_of(s, 1, item);
    int n = x.rows, size = s->size, real = tc_real_size(s->letter), complex_ = tc_is_complex(s->letter);
    char *a = tc_take(arena, (size_t)n * (size_t)n, (size_t)size), *vectors = tc_take(arena, (size_t)n * (size_t)n, (size_t)size);
    char *values = tc_take(arena, (size_t)n, (size_t)size), *imaginary = tc_take(arena, (size_t)n, (size_t)real);
    tc_workspace scratch = s->sizes;
    if (!arena->base) {
        char answer[16] = {0}, nothing[16];
        tc_workspace ask = {answer, nothing, NULL, -1, 0, 0};
        tc_geev(s->letter, n, nothing, nothing, nothing, nothing, &ask);
        s->sizes.lwork = scratch.lwork = tc_wanted(answer, s->letter);
    }
    scratch.work = tc_take(arena, (size_t)scratch.lwork, (size_t)size);
    scratch.rwork = tc_take(arena, complex_ ? 2 * (size_t)n : 0, (size_t)real);
    if (!arena->base || !n)
        return 0;
    tc_gather(a, x, size);
    if (!tc_all_finite(a, (int64_t)n * n, s->letter))
        return TC_NOT_FINITE;
    int info = tc_geev(s->letter, n, a, values, imaginary, vectors, &scratch);
    if (info)
        return info;
    if (complex_) {
        tc_spread(values_to, values, n, size);
        tc_spread(vectors_to, vectors, n, size);
        return 0;
    }
    /* A pair of conjugate values has the real and the imaginary part of its first vector in two columns. */
    for (int j = 0, second = 0; j < n; j++) {
        tc_number w = {tc_load_number(values + (int64_t)j * real, s->letter).re, tc_load_number(imaginary + (int64_t)j * real, s->letter).re};
        int whole = w.im != 0;
        tc_store_number(values_to.data + j * values_to.row, w, s->letter + 2);
        for (int i = 0; i < n; i++) {
            const char *column = vectors + ((int64_t)(j - second) * n + i) * real;
            tc_number v = {tc_load_number(column, s->letter).re, 0};
            if (whole)
                v.im = (second ? -1 : 1) * tc_load_number(column + (int64_t)n * real, s->letter).re;
            tc_store_number(vectors_to.data + i * vectors_to.row + j * vectors_to.col, v, s->letter + 2);
        }
        second = whole && !second;
    }
    return 0;
}
