/* The table of operations: what runs each, and what it costs. */

typedef struct {
    int (*run)(tc_stack *, tc_arena *, int64_t);
    double cost; /* nanoseconds for the cube of the length, on one core, about */
    int divides; /* whether it goes to our threads itself, in blocks */
} tc_operation;

static const tc_operation tc_operations[] = {
    [TC_CHOLESKY] = {tc_run_cholesky, 0.015, 1},
    [TC_CHOLESKY_GRAD] = {tc_run_cholesky_grad, 0.03, 1},
    [TC_SOLVE] = {tc_run_solve, 0.03, 1},
    [TC_FACTOR] = {tc_run_factor, 0.03, 1},
    [TC_SOLVE_FACTORED] = {tc_run_solve_factored, 0, 1},
    [TC_DET] = {tc_run_det, 0.03, 1},
    [TC_INVERSE] = {tc_run_inverse, 0.1, 1},
    [TC_QR] = {tc_run_qr, 0.3, 0},
    [TC_SVD] = {tc_run_svd, 2, 0},
    [TC_PINV] = {tc_run_pinv, 2, 0},
    [TC_EIGH] = {tc_run_eigh, 1, 0},
    [TC_EIG] = {tc_run_eig, 3, 0},
    [TC_EXPM] = {tc_run_expm, 1.5, 0},
    [TC_LSTSQ] = {tc_run_lstsq, 2, 0},
};

/* `needs`: bits of LAPACK's routines, and behind them those of two of BLAS. */
static int tc_routines_missing(int64_t needs, int letter)
{
    int missing = (needs >> TC_NLAPACK & 1 && !tc_blas[tc_gemm_routines[letter]]) ||
                  (needs >> (TC_NLAPACK + 1) & 1 && !tc_blas[TC_STRSM + letter]);
    for (int k = 0; k < TC_NLAPACK; k++)
        missing |= needs >> k & 1 && !tc_blas[TC_LAPACK + 4 * k + letter];
    return missing;
}

/* 0 or an error code. */
static int64_t tc_prepare_stack(tc_stack *s, int64_t operation, int64_t option, int64_t needs, int nparts, int nout,
                                const tc_array **parts, const int *core)
{
    int dtype = parts[nout]->dtype;
    memset(s, 0, sizeof *s);
    s->run = tc_operations[operation].run;
    s->divides = tc_operations[operation].divides && !(operation == TC_SOLVE && (option & 3) == TC_SYMMETRIC);
    s->option = (int)option;
    s->letter = dtype - TC_FLOAT32;
    if (s->letter < 0 || s->letter > 3 || tc_routines_missing(needs, s->letter))
        return TC_ERROR_BLAS;
    s->size = tc_letter_size[s->letter];
    s->nparts = nparts;
    for (int k = 0; k < nparts; k++) {
        s->parts[k] = parts[k], s->core[k] = core[k];
        for (int d = parts[k]->ndim - core[k]; d < parts[k]->ndim; d++)
            if (parts[k]->dims[d] > INT32_MAX)
                return TC_ERROR_BLAS;
    }
    s->nbatch = parts[0]->ndim - core[0];
    memcpy(s->lengths, parts[0]->dims, sizeof(int64_t) * (size_t)s->nbatch);
    return 0;
}

/* Nanoseconds for one item, about. */
static double tc_linalg_cost(const tc_stack *s, int64_t operation, int nout)
{
    const tc_array *x = s->parts[nout];
    double rows = (double)x->dims[x->ndim - 2], columns = (double)x->dims[x->ndim - 1], other = 0;
    int right = operation == TC_SOLVE ? 2 : operation == TC_SOLVE_FACTORED ? 3 : -1;
    if (right > 0 && s->core[right] == 2)
        other = 0.05 * rows * rows * (double)s->parts[right]->dims[s->parts[right]->ndim - 1];
    double cube = rows * columns * (rows < columns ? rows : columns) * (tc_is_complex(s->letter) ? 4 : 1);
    return 500 + other + tc_operations[operation].cost * cube;
}
