/* The routines of LAPACK that decompositions call, one function for all element types.
 *
 * A routine has four forms: float32, float64, complex64, complex128 (letters 0 to 3), whose arguments differ where real and
 * complex work differ. Lengths of text arguments follow the others, as Fortran compilers pass them; who takes none ignores them.
 */

typedef void (*tc_potrf_fn)(const char *, const int *, void *, const int *, int *, size_t);
typedef void (*tc_getrf_fn)(const int *, const int *, void *, const int *, int *, int *);
typedef void (*tc_getrs_fn)(const char *, const int *, const int *, const void *, const int *, const int *, void *, const int *, int *,
                            size_t);
typedef void (*tc_getri_fn)(const int *, void *, const int *, const int *, void *, const int *, int *);
typedef void (*tc_sysv_fn)(const char *, const int *, const int *, void *, const int *, int *, void *, const int *, void *,
                           const int *, int *, size_t);
typedef void (*tc_trsm_fn)(const char *, const char *, const char *, const char *, const int *, const int *, const void *,
                           const void *, const int *, void *, const int *, size_t, size_t, size_t, size_t);
typedef void (*tc_geqrf_fn)(const int *, const int *, void *, const int *, void *, void *, const int *, int *);
typedef void (*tc_orgqr_fn)(const int *, const int *, const int *, void *, const int *, const void *, void *, const int *, int *);
typedef void (*tc_gesdd_fn)(const char *, const int *, const int *, void *, const int *, void *, void *, const int *, void *,
                            const int *, void *, const int *, int *, int *, size_t);
typedef void (*tc_gesdd_complex_fn)(const char *, const int *, const int *, void *, const int *, void *, void *, const int *, void *,
                                    const int *, void *, const int *, void *, int *, int *, size_t);
typedef void (*tc_syevd_fn)(const char *, const char *, const int *, void *, const int *, void *, void *, const int *, int *,
                            const int *, int *, size_t, size_t);
typedef void (*tc_syevd_complex_fn)(const char *, const char *, const int *, void *, const int *, void *, void *, const int *,
                                    void *, const int *, int *, const int *, int *, size_t, size_t);
typedef void (*tc_sygvd_fn)(const int *, const char *, const char *, const int *, void *, const int *, void *, const int *, void *,
                            void *, const int *, int *, const int *, int *, size_t, size_t);
typedef void (*tc_sygvd_complex_fn)(const int *, const char *, const char *, const int *, void *, const int *, void *, const int *,
                                    void *, void *, const int *, void *, const int *, int *, const int *, int *, size_t, size_t);
typedef void (*tc_geev_fn)(const char *, const char *, const int *, void *, const int *, void *, void *, void *, const int *, void *,
                           const int *, void *, const int *, int *, size_t, size_t);
typedef void (*tc_geev_complex_fn)(const char *, const char *, const int *, void *, const int *, void *, void *, const int *, void *,
                                   const int *, void *, const int *, void *, int *, size_t, size_t);

typedef void (*tc_gelsd_fn)(const int *, const int *, const int *, void *, const int *, void *, const int *, void *, const void *, int *,
                            void *, const int *, int *, int *);
typedef void (*tc_gelsd_complex_fn)(const int *, const int *, const int *, void *, const int *, void *, const int *, void *, const void *,
                                    int *, void *, const int *, void *, int *, int *);

#define TC_ROUTINE(kind, letter, name) ((tc_##name##_fn)tc_blas[TC_LAPACK + 4 * (kind) + (letter)])

static const int8_t tc_letter_size[4] = {4, 8, 8, 16};

/* Bytes of a real number of the same precision. */
static int tc_real_size(int letter)
{
    return letter % 2 ? 8 : 4;
}

/* Matrices lie column by column, without gaps. */
static int tc_ld(int rows)
{
    return rows > 1 ? rows : 1;
}

/* The size that a routine wants, which it tells as a number of the type it works in. */
static int tc_wanted(const void *answer, int letter)
{
    double wanted = letter % 2 ? *(const double *)answer : *(const float *)answer;
    /* Single precision rounds large sizes down as well. */
    if (letter % 2 == 0)
        wanted *= 1 + 1e-6;
    return wanted < INT32_MAX ? (wanted < 1 ? 1 : (int)wanted) : INT32_MAX;
}

/* Scratch of a routine: memory and how much it has; lwork -1 asks. */
typedef struct {
    void *work, *rwork;
    int *iwork;
    int lwork, lrwork, liwork;
} tc_workspace;

static int tc_potrf(int letter, char uplo, int n, void *a, int ld)
{
    int info = 0;
    TC_ROUTINE(TC_POTRF, letter, potrf)(&uplo, &n, a, &ld, &info, 1);
    return info;
}

static int tc_getrf(int letter, int m, int n, void *a, int ld, int *pivots)
{
    int info = 0;
    TC_ROUTINE(TC_GETRF, letter, getrf)(&m, &n, a, &ld, pivots, &info);
    return info;
}

static void tc_getrs(int letter, char form, int n, int count, const void *a, const int *pivots, void *b)
{
    int info = 0, ld = tc_ld(n);
    TC_ROUTINE(TC_GETRS, letter, getrs)(&form, &n, &count, a, &ld, pivots, b, &ld, &info, 1);
}

static int tc_getri(int letter, int n, void *a, const int *pivots, tc_workspace *s)
{
    int info = 0, ld = tc_ld(n);
    TC_ROUTINE(TC_GETRI, letter, getri)(&n, a, &ld, pivots, s->work, &s->lwork, &info);
    return info;
}

static int tc_sysv(int letter, char uplo, int n, int count, void *a, int *pivots, void *b, tc_workspace *s)
{
    int info = 0, ld = tc_ld(n);
    TC_ROUTINE(TC_SYSV, letter, sysv)(&uplo, &n, &count, a, &ld, pivots, b, &ld, s->work, &s->lwork, &info, 1);
    return info;
}

/* op(a) x = b with a triangle a, or x op(a) = b where its side is R; b has m rows and n columns, and becomes x. */
static void tc_trsm(int letter, char side, char uplo, char form, char unit, int m, int n, const void *a, int lda, void *b, int ldb)
{
    double wide[2] = {1, 0};
    float narrow[2] = {1, 0};
    ((tc_trsm_fn)tc_blas[TC_STRSM + letter])(&side, &uplo, &form, &unit, &m, &n, letter % 2 ? (void *)wide : (void *)narrow, a, &lda, b,
                                             &ldb, 1, 1, 1, 1);
}

static int tc_geqrf(int letter, int m, int n, void *a, void *tau, tc_workspace *s)
{
    int info = 0, ld = tc_ld(m);
    TC_ROUTINE(TC_GEQRF, letter, geqrf)(&m, &n, a, &ld, tau, s->work, &s->lwork, &info);
    return info;
}

/* The first `columns` columns of the product of k reflections. */
static int tc_orgqr(int letter, int m, int columns, int k, void *a, const void *tau, tc_workspace *s)
{
    int info = 0, ld = tc_ld(m);
    TC_ROUTINE(TC_ORGQR, letter, orgqr)(&m, &columns, &k, a, &ld, tau, s->work, &s->lwork, &info);
    return info;
}

/* job: N only values, S as many vectors as values, A all. */
static int tc_gesdd(int letter, char job, int m, int n, void *a, void *values, void *u, void *vh, tc_workspace *s)
{
    int info = 0, ld = tc_ld(m), ldvh = tc_ld(job == 'S' && m < n ? m : n);
    if (tc_is_complex(letter))
        TC_ROUTINE(TC_GESDD, letter, gesdd_complex)(&job, &m, &n, a, &ld, values, u, &ld, vh, &ldvh, s->work, &s->lwork, s->rwork,
                                                    s->iwork, &info, 1);
    else
        TC_ROUTINE(TC_GESDD, letter, gesdd)(&job, &m, &n, a, &ld, values, u, &ld, vh, &ldvh, s->work, &s->lwork, s->iwork, &info, 1);
    return info;
}

/* Eigenvalues of a Hermitian matrix, with job V its eigenvectors in place of it. */
static int tc_syevd(int letter, char job, char uplo, int n, void *a, void *values, tc_workspace *s)
{
    int info = 0, ld = tc_ld(n);
    if (tc_is_complex(letter))
        TC_ROUTINE(TC_SYEVD, letter, syevd_complex)(&job, &uplo, &n, a, &ld, values, s->work, &s->lwork, s->rwork, &s->lrwork,
                                                    s->iwork, &s->liwork, &info, 1, 1);
    else
        TC_ROUTINE(TC_SYEVD, letter, syevd)(&job, &uplo, &n, a, &ld, values, s->work, &s->lwork, s->iwork, &s->liwork, &info, 1, 1);
    return info;
}

/* The same of a pair of matrices. */
static int tc_sygvd(int letter, char job, char uplo, int n, void *a, void *b, void *values, tc_workspace *s)
{
    int info = 0, ld = tc_ld(n), form = 1;
    if (tc_is_complex(letter))
        TC_ROUTINE(TC_SYGVD, letter, sygvd_complex)(&form, &job, &uplo, &n, a, &ld, b, &ld, values, s->work, &s->lwork, s->rwork,
                                                    &s->lrwork, s->iwork, &s->liwork, &info, 1, 1);
    else
        TC_ROUTINE(TC_SYGVD, letter, sygvd)(&form, &job, &uplo, &n, a, &ld, b, &ld, values, s->work, &s->lwork, s->iwork,
                                            &s->liwork, &info, 1, 1);
    return info;
}

/* Right eigenvectors; of a real matrix real and imaginary parts of the eigenvalues are apart. */
static int tc_geev(int letter, int n, void *a, void *values, void *imaginary, void *vectors, tc_workspace *s)
{
    int info = 0, ld = tc_ld(n), one = 1;
    if (tc_is_complex(letter))
        TC_ROUTINE(TC_GEEV, letter, geev_complex)("N", "V", &n, a, &ld, values, NULL, &one, vectors, &ld, s->work, &s->lwork,
                                                  s->rwork, &info, 1, 1);
    else
        TC_ROUTINE(TC_GEEV, letter, geev)("N", "V", &n, a, &ld, values, imaginary, NULL, &one, vectors, &ld, s->work, &s->lwork,
                                          &info, 1, 1);
    return info;
}

/* Least squares: b has as many rows as the longer side of a, and the solutions in its place; rcond -1 is the precision. */
static int tc_gelsd(int letter, int m, int n, int count, void *a, void *b, void *values, double rcond, int *rank, tc_workspace *s)
{
    int info = 0, lda = tc_ld(m), ldb = tc_ld(m > n ? m : n);
    float narrow = (float)rcond;
    const void *limit = letter % 2 ? (void *)&rcond : (void *)&narrow;
    if (tc_is_complex(letter))
        TC_ROUTINE(TC_GELSD, letter, gelsd_complex)(&m, &n, &count, a, &lda, b, &ldb, values, limit, rank, s->work, &s->lwork, s->rwork,
                                                    s->iwork, &info);
    else
        TC_ROUTINE(TC_GELSD, letter, gelsd)(&m, &n, &count, a, &lda, b, &ldb, values, limit, rank, s->work, &s->lwork, s->iwork, &info);
    return info;
}

/* c = alpha op(a) op(b) + beta c with real alpha and beta; c is m by n. */
static void tc_multiply_blocks(int letter, const char *forms, int m, int n, int k, double alpha, const void *a, int lda, const void *b,
                               int ldb, double beta, void *c, int ldc)
{
    double wide[2][2] = {{alpha, 0}, {beta, 0}};
    float narrow[2][2] = {{(float)alpha, 0}, {(float)beta, 0}};
    const void *first = letter % 2 ? (void *)wide[0] : (void *)narrow[0], *second = letter % 2 ? (void *)wide[1] : (void *)narrow[1];
    ((tc_gemm_fn)tc_blas[tc_gemm_routines[letter]])(forms, forms + 1, &m, &n, &k, first, a, &lda, b, &ldb, second, c, &ldc);
}

/* The same of matrices without gaps. */
static void tc_multiply(int letter, const char *forms, int m, int n, int k, double alpha, const void *a, const void *b, double beta,
                        void *c)
{
    tc_multiply_blocks(letter, forms, m, n, k, alpha, a, tc_ld(forms[0] == 'N' ? m : k), b, tc_ld(forms[1] == 'N' ? k : n), beta, c,
                       tc_ld(m));
}
