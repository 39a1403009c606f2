/* Matrix products through BLAS; transposes are absorbed by strides, other layouts are copied once. */

static void *tc_blas[TC_NROUTINES];

void tc_set_blas(int routine, void *pointer)
{
    if (routine >= 0 && routine < TC_NROUTINES)
        tc_blas[routine] = pointer;
}

typedef void (*tc_ger_fn)(const int *, const int *, const void *, const void *, const int *, const void *,
                          const int *, void *, const int *);
typedef float (*tc_sdot_fn)(const int *, const float *, const int *, const float *, const int *);
typedef double (*tc_ddot_fn)(const int *, const double *, const int *, const double *, const int *);

/* A matrix as BLAS may take it: row major (transposed 0) or column major (1), leading dimension. */
typedef struct {
    char *data;
    int64_t rows, cols;
    int transposed, ld;
    void *copy;
} tc_matrix;

static int tc_fits_rows(int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride, int size, int *ld)
{
    int64_t least = cols > 1 ? cols : 1;
    if (cols > 1 && col_stride != size)
        return 0;
    if (rows <= 1) {
        *ld = (int)least;
        return 1;
    }
    if (row_stride < least * size || row_stride % size || row_stride / size > INT32_MAX)
        return 0;
    *ld = (int)(row_stride / size);
    return 1;
}

/* Strides of a matrix as BLAS takes it. */
static void tc_matrix_strides(const tc_matrix *m, int size, int64_t *strides)
{
    strides[m->transposed ? 1 : 0] = (int64_t)m->ld * size;
    strides[m->transposed ? 0 : 1] = size;
}

/* A copy has the order of the axes in memory, so that whole rows are copied where a matrix is only read backwards. -1 when memory
 * ran out. */
static int tc_as_matrix(tc_matrix *m, const tc_array *x, int size)
{
    m->data = x->data;
    m->rows = x->dims[0];
    m->cols = x->dims[1];
    m->copy = NULL;
    m->transposed = 0;
    if (tc_fits_rows(m->rows, m->cols, x->strides[0], x->strides[1], size, &m->ld))
        return 0;
    m->transposed = 1;
    if (tc_fits_rows(m->cols, m->rows, x->strides[1], x->strides[0], size, &m->ld))
        return 0;
    m->copy = tc_block_get((size_t)(m->rows * m->cols * size) + 1);
    if (!m->copy)
        return -1;
    m->data = m->copy;
    m->transposed = llabs(x->strides[0]) < llabs(x->strides[1]);
    const int64_t inner = m->transposed ? m->rows : m->cols;
    m->ld = (int)(inner > 1 ? inner : 1);
    int64_t strides[2];
    tc_matrix_strides(m, size, strides);
    tc_copy(m->copy, strides, x->data, x->strides, 2, x->dims, size);
    return 0;
}

/* A vector as BLAS may take it. */
typedef struct {
    char *data;
    int inc;
    void *copy;
} tc_vector;

static int tc_as_vector(tc_vector *v, const tc_array *x, int size)
{
    int64_t n = x->dims[0], stride = x->strides[0];
    v->copy = NULL;
    v->data = x->data;
    v->inc = 1;
    if (n <= 1)
        return 0;
    if (stride && stride % size == 0 && llabs(stride / size) <= INT32_MAX) {
        v->inc = (int)(stride / size);
        /* BLAS starts a backward vector at its lowest address. */
        if (stride < 0)
            v->data += (n - 1) * stride;
        return 0;
    }
    int64_t unit = size;
    v->copy = tc_block_get((size_t)(n * size));
    if (!v->copy)
        return -1;
    tc_copy(v->copy, &unit, x->data, x->strides, 1, x->dims, size);
    v->data = v->copy;
    return 0;
}

/* A number of one of the four types that BLAS knows, as BLAS reads it. */
typedef union {
    float f, cf[2];
    double d, cd[2];
} tc_scalar;

/* 0 to 3 for float32, float64, complex64, complex128: the order of their numbers, and of the routines below. */
static int tc_letter(int dtype)
{
    return dtype - TC_FLOAT32;
}
static const int tc_gemm_routines[4] = {TC_SGEMM, TC_DGEMM, TC_CGEMM, TC_ZGEMM};
static const int tc_gemv_routines[4] = {TC_SGEMV, TC_DGEMV, TC_CGEMV, TC_ZGEMV};
static const int tc_ger_routines[4] = {TC_SGER, TC_DGER, TC_CGERU, TC_ZGERU};

static int tc_is_complex(int letter)
{
    return letter >= 2;
}

static tc_scalar tc_scalar_of(const tc_array *x, double otherwise, int dtype)
{
    tc_scalar s = {.cd = {0, 0}};
    if (x)
        memcpy(&s, x->data, (size_t)x->itemsize);
    else if (dtype == TC_FLOAT32 || dtype == TC_COMPLEX64)
        s.f = (float)otherwise;
    else
        s.d = otherwise;
    return s;
}

static int tc_scalar_is_zero(const tc_scalar *s, int dtype)
{
    switch (dtype) {
    case TC_FLOAT32: return s->f == 0;
    case TC_FLOAT64: return s->d == 0;
    case TC_COMPLEX64: return s->cf[0] == 0 && s->cf[1] == 0;
    default: return s->cd[0] == 0 && s->cd[1] == 0;
    }
}

/* *x *= beta */
static void tc_scale_one(void *x, const tc_scalar *beta, int dtype)
{
    float *f = x;
    double *d = x;
    switch (dtype) {
    case TC_FLOAT32: *f *= beta->f; break;
    case TC_FLOAT64: *d *= beta->d; break;
    case TC_COMPLEX64: {
        const float real = f[0] * beta->cf[0] - f[1] * beta->cf[1];
        f[1] = f[0] * beta->cf[1] + f[1] * beta->cf[0];
        f[0] = real;
        break;
    }
    default: {
        const double real = d[0] * beta->cd[0] - d[1] * beta->cd[1];
        d[1] = d[0] * beta->cd[1] + d[1] * beta->cd[0];
        d[0] = real;
    }
    }
}

/* x *= beta, by elements; beta 0 does not read x. */
static void tc_scale(const tc_array *x, const tc_scalar *beta)
{
    const int zero = tc_scalar_is_zero(beta, x->dtype);
    const int64_t total = tc_elements(x);
    for (int64_t i = 0; i < total; i++) {
        int64_t rest = i, offset = 0;
        for (int d = x->ndim - 1; d >= 0; d--) {
            offset += rest % x->dims[d] * x->strides[d];
            rest /= x->dims[d];
        }
        if (zero)
            memset(x->data + offset, 0, (size_t)x->itemsize);
        else
            tc_scale_one(x->data + offset, beta, x->dtype);
    }
}

/* Products with an axis that is longer than BLAS can count: native/long_products.h. */
static int tc_is_long(const tc_array *x);
static int64_t tc_gemm_in_parts(void (*run)(tc_gemm_job *), const tc_array *c, const tc_array *a, const tc_array *b,
                                const tc_array *alpha, const tc_array *beta);
static int64_t tc_gemv_in_parts(void (*run)(tc_gemv_job *), const tc_array *y, const tc_array *a, const tc_array *x,
                                const tc_array *alpha, const tc_array *beta);
static int64_t tc_ger_in_parts(const tc_array *a, const tc_array *x, const tc_array *y, const tc_array *alpha);
static int64_t tc_dot_in_parts(const tc_array *z, const tc_array *x, const tc_array *y);

/* These return 0 or an error code. */
static int64_t tc_gemm_by(void (*run)(tc_gemm_job *), const tc_array *c, const tc_array *a, const tc_array *b,
                          const tc_array *alpha, const tc_array *beta)
{
    const int size = c->itemsize;
    tc_scalar one = tc_scalar_of(alpha, 1, c->dtype), two = tc_scalar_of(beta, 0, c->dtype);
    tc_gemm_fn gemm = (tc_gemm_fn)tc_blas[tc_gemm_routines[tc_letter(c->dtype)]];
    tc_matrix x, y, z;
    if (!gemm)
        return TC_ERROR_BLAS;
    if (tc_is_long(a) || tc_is_long(b))
        return tc_gemm_in_parts(run, c, a, b, alpha, beta);
    if (c->dims[0] == 0 || c->dims[1] == 0)
        return 0;
    if (a->dims[1] == 0) {
        tc_scale(c, &two);
        return 0;
    }
    if (tc_as_matrix(&x, a, size))
        return TC_ERROR_MEMORY;
    if (tc_as_matrix(&y, b, size)) {
        tc_block_free(x.copy);
        return TC_ERROR_MEMORY;
    }
    if (tc_as_matrix(&z, c, size)) {
        tc_block_free(x.copy);
        tc_block_free(y.copy);
        return TC_ERROR_MEMORY;
    }
    int m = (int)z.rows, n = (int)z.cols, k = (int)x.cols;
    tc_gemm_job job = {.gemm = gemm, .k = k, .alpha = &one, .beta = &two, .c = z.data, .ldc = z.ld, .size = size};
    if (z.transposed) {
        /* Column major: c = a b; a row-major operand is the transposed one. */
        job.a_form = x.transposed ? "N" : "T", job.a = x.data, job.lda = x.ld, job.m = m;
        job.b_form = y.transposed ? "N" : "T", job.b = y.data, job.ldb = y.ld, job.n = n;
    } else {
        /* Row major: c' = b' a'. */
        job.a_form = y.transposed ? "T" : "N", job.a = y.data, job.lda = y.ld, job.m = n;
        job.b_form = x.transposed ? "T" : "N", job.b = x.data, job.ldb = x.ld, job.n = m;
    }
    run(&job);
    if (z.copy) {
        int64_t strides[2];
        tc_matrix_strides(&z, size, strides);
        tc_copy(c->data, c->strides, z.copy, strides, 2, c->dims, size);
    }
    tc_block_free(x.copy);
    tc_block_free(y.copy);
    tc_block_free(z.copy);
    return 0;
}

static int64_t tc_gemm(const tc_array *c, const tc_array *a, const tc_array *b, const tc_array *alpha, const tc_array *beta)
{
    return tc_gemm_by(tc_run_gemm, c, a, b, alpha, beta);
}

static int64_t tc_gemv_by(void (*run)(tc_gemv_job *), const tc_array *y, const tc_array *a, const tc_array *x,
                          const tc_array *alpha, const tc_array *beta)
{
    const int size = y->itemsize;
    tc_scalar one = tc_scalar_of(alpha, 1, y->dtype), two = tc_scalar_of(beta, 0, y->dtype);
    tc_gemv_fn gemv = (tc_gemv_fn)tc_blas[tc_gemv_routines[tc_letter(y->dtype)]];
    tc_matrix m;
    tc_vector u, v;
    if (!gemv)
        return TC_ERROR_BLAS;
    if (tc_is_long(a))
        return tc_gemv_in_parts(run, y, a, x, alpha, beta);
    if (y->dims[0] == 0)
        return 0;
    if (x->dims[0] == 0) {
        tc_scale(y, &two);
        return 0;
    }
    if (tc_as_matrix(&m, a, size))
        return TC_ERROR_MEMORY;
    if (tc_as_vector(&u, x, size)) {
        tc_block_free(m.copy);
        return TC_ERROR_MEMORY;
    }
    if (tc_as_vector(&v, y, size)) {
        tc_block_free(m.copy);
        tc_block_free(u.copy);
        return TC_ERROR_MEMORY;
    }
    tc_gemv_job job = {.gemv = gemv, .alpha = &one, .beta = &two, .a = m.data, .lda = m.ld, .x = u.data, .incx = u.inc,
                       .y = v.data, .incy = v.inc, .size = size, .complex = tc_is_complex(tc_letter(y->dtype))};
    job.form = m.transposed ? "N" : "T";
    job.m = (int)(m.transposed ? m.rows : m.cols);
    job.n = (int)(m.transposed ? m.cols : m.rows);
    run(&job);
    if (v.copy) {
        int64_t unit = size;
        tc_copy(y->data, y->strides, v.copy, &unit, 1, y->dims, size);
    }
    tc_block_free(m.copy);
    tc_block_free(u.copy);
    tc_block_free(v.copy);
    return 0;
}

static int64_t tc_gemv(const tc_array *y, const tc_array *a, const tc_array *x, const tc_array *alpha, const tc_array *beta)
{
    return tc_gemv_by(tc_run_gemv, y, a, x, alpha, beta);
}

static int64_t tc_ger(const tc_array *a, const tc_array *x, const tc_array *y, const tc_array *alpha)
{
    const int size = a->itemsize;
    tc_scalar one = tc_scalar_of(alpha, 1, a->dtype);
    tc_ger_fn ger = (tc_ger_fn)tc_blas[tc_ger_routines[tc_letter(a->dtype)]];
    tc_matrix m;
    tc_vector u, v;
    if (!ger)
        return TC_ERROR_BLAS;
    if (tc_is_long(a))
        return tc_ger_in_parts(a, x, y, alpha);
    if (a->dims[0] == 0 || a->dims[1] == 0)
        return 0;
    if (tc_as_matrix(&m, a, size))
        return TC_ERROR_MEMORY;
    if (tc_as_vector(&u, x, size)) {
        tc_block_free(m.copy);
        return TC_ERROR_MEMORY;
    }
    if (tc_as_vector(&v, y, size)) {
        tc_block_free(m.copy);
        tc_block_free(u.copy);
        return TC_ERROR_MEMORY;
    }
    int rows = (int)m.rows, cols = (int)m.cols;
    if (m.transposed)
        ger(&rows, &cols, &one, u.data, &u.inc, v.data, &v.inc, m.data, &m.ld);
    else
        ger(&cols, &rows, &one, v.data, &v.inc, u.data, &u.inc, m.data, &m.ld);
    if (m.copy) {
        int64_t strides[2];
        tc_matrix_strides(&m, size, strides);
        tc_copy(a->data, a->strides, m.copy, strides, 2, a->dims, size);
    }
    tc_block_free(m.copy);
    tc_block_free(u.copy);
    tc_block_free(v.copy);
    return 0;
}

/* The functions of BLAS for products of complex vectors return a structure, which compilers hand on in different ways: the product
 * of a matrix of one row and a vector is the same. */
static int64_t tc_complex_dot(const tc_array *z, const tc_array *x, const tc_array *y)
{
    int64_t dims[2] = {1, x->dims[0]}, strides[2] = {x->dims[0] * x->itemsize, x->strides[0]}, length = 1, gap = z->itemsize;
    tc_array row = *x, sum = *z;
    row.ndim = 2, row.dims = dims, row.strides = strides;
    sum.ndim = 1, sum.dims = &length, sum.strides = &gap;
    return tc_gemv(&sum, &row, y, NULL, NULL);
}

static int64_t tc_dot(const tc_array *z, const tc_array *x, const tc_array *y)
{
    const int single = z->dtype == TC_FLOAT32, size = z->itemsize;
    tc_vector u, v;
    if (tc_is_complex(tc_letter(z->dtype)))
        return tc_complex_dot(z, x, y);
    if (!tc_blas[single ? TC_SDOT : TC_DDOT])
        return TC_ERROR_BLAS;
    if (tc_is_long(x))
        return tc_dot_in_parts(z, x, y);
    if (tc_as_vector(&u, x, size))
        return TC_ERROR_MEMORY;
    if (tc_as_vector(&v, y, size)) {
        tc_block_free(u.copy);
        return TC_ERROR_MEMORY;
    }
    int n = (int)x->dims[0];
    if (single)
        *(float *)z->data = ((tc_sdot_fn)tc_blas[TC_SDOT])(&n, (float *)u.data, &u.inc, (float *)v.data, &v.inc);
    else
        *(double *)z->data = ((tc_ddot_fn)tc_blas[TC_DDOT])(&n, (double *)u.data, &u.inc, (double *)v.data, &v.inc);
    tc_block_free(u.copy);
    tc_block_free(v.copy);
    return 0;
}
