/* Products on our own threads: blocks of the result, each by a BLAS call on one thread.
 *
 * The threads of a BLAS wait for their next product by spinning, and take the cores from our loops meanwhile. So while a
 * product runs, the BLAS is told to use one thread, where it can be told. Blocks depend on lengths alone, so results do not
 * depend on the number of threads.
 */

typedef void (*tc_gemm_fn)(const char *, const char *, const int *, const int *, const int *, const void *,
                           const void *, const int *, const void *, const int *, const void *, void *, const int *);
typedef void (*tc_gemv_fn)(const char *, const int *, const int *, const void *, const void *, const int *,
                           const void *, const int *, const void *, void *, const int *);

static int (*tc_blas_get_threads)(void);
static void (*tc_blas_set_threads)(int);
/* Products in progress, and how many threads the BLAS had before them. */
static struct {
    pthread_mutex_t lock;
    int running, before;
} tc_products = {.lock = PTHREAD_MUTEX_INITIALIZER};
static pthread_once_t tc_products_once = PTHREAD_ONCE_INIT;

void tc_set_blas_threads(void *get, void *set)
{
    tc_blas_get_threads = (int (*)(void))(intptr_t)get;
    tc_blas_set_threads = (void (*)(int))(intptr_t)set;
}

/* The child has none of the threads that ran products. */
static void tc_products_after_fork(void)
{
    pthread_mutex_init(&tc_products.lock, NULL);
    if (tc_products.running && tc_products.before > 1)
        tc_blas_set_threads(tc_products.before);
    tc_products.running = 0;
}

static void tc_products_install_fork_handler(void)
{
    pthread_atfork(NULL, NULL, tc_products_after_fork);
}

static void tc_product_begins(void)
{
    pthread_once(&tc_products_once, tc_products_install_fork_handler);
    pthread_mutex_lock(&tc_products.lock);
    if (tc_products.running++ == 0) {
        tc_products.before = tc_blas_get_threads();
        if (tc_products.before > 1)
            tc_blas_set_threads(1);
    }
    pthread_mutex_unlock(&tc_products.lock);
}

static void tc_product_ends(void)
{
    pthread_mutex_lock(&tc_products.lock);
    if (--tc_products.running == 0 && tc_products.before > 1)
        tc_blas_set_threads(tc_products.before);
    pthread_mutex_unlock(&tc_products.lock);
}

/* Length of the blocks in which `length` results are made: enough work in each, and whole cache lines. There are eight where
 * that is enough work; more where each would be so long that who wants to stop the product had to wait. */
static int64_t tc_block_length(int64_t length, double work, double work_of_block, double longest, int64_t least)
{
    double most = work > 8 * longest ? work / longest : 8;
    int64_t blocks = (int64_t)(work / work_of_block < most ? work / work_of_block : most);
    if (blocks > length / least)
        blocks = length / least;
    return blocks > 1 ? ((length + blocks - 1) / blocks + 15) / 16 * 16 : length;
}

/* c = alpha op(a) op(b) + beta c, as Fortran sees it: m by n, column by column. */
typedef struct {
    tc_gemm_fn gemm;
    const char *a_form, *b_form;
    int m, n, k;
    const void *alpha, *beta;
    const char *a, *b;
    char *c;
    int lda, ldb, ldc, size;
    int columns;    /* whether blocks are columns of c, else rows */
    int64_t block;
} tc_gemm_job;

static void tc_gemm_blocks(void *context, int64_t begin, int64_t end)
{
    const tc_gemm_job *j = context;
    for (int64_t t = begin; t < end; t++) {
        int64_t at = t * j->block, length = j->columns ? j->n : j->m;
        int own = (int)(length - at < j->block ? length - at : j->block);
        int64_t a = j->columns ? 0 : *j->a_form == 'N' ? at : at * j->lda;
        int64_t b = !j->columns ? 0 : *j->b_form == 'N' ? at * j->ldb : at;
        int64_t c = j->columns ? at * j->ldc : at;
        j->gemm(j->a_form, j->b_form, j->columns ? &j->m : &own, j->columns ? &own : &j->n, &j->k, j->alpha,
                j->a + a * j->size, &j->lda, j->b + b * j->size, &j->ldb, j->beta, j->c + c * j->size, &j->ldc);
    }
}

static void tc_run_gemm(tc_gemm_job *j)
{
    j->columns = j->n >= j->m;
    int64_t length = j->columns ? j->n : j->m;
    if (!tc_blas_set_threads) {
        j->block = length;
        tc_gemm_blocks(j, 0, 1);
        return;
    }
    /* From a quarter of a millisecond to a tenth of a second on one core. */
    j->block = tc_block_length(length, 2.0 * j->m * j->n * j->k, 1e7, 4e9, 128);
    tc_product_begins();
    tc_parallel_for((length + j->block - 1) / j->block, 1, tc_gemm_blocks, j);
    tc_product_ends();
}

/* The same in one block, for callers that spread the work themselves and have told the BLAS to use one thread. */
static void tc_run_whole_gemm(tc_gemm_job *j)
{
    j->columns = 1;
    j->block = j->n;
    tc_gemm_blocks(j, 0, 1);
}

/* y = alpha op(a) x + beta y; vectors are given by their lowest address, as BLAS wants them. */
typedef struct {
    tc_gemv_fn gemv;
    const char *form;
    int m, n;
    const void *alpha, *beta;
    const char *a, *x;
    char *y;
    int lda, incx, incy, size, complex;
    int64_t block;
} tc_gemv_job;

static void tc_gemv_blocks(void *context, int64_t begin, int64_t end)
{
    const tc_gemv_job *j = context;
    int plain = *j->form == 'N';
    int64_t length = plain ? j->m : j->n;
    for (int64_t t = begin; t < end; t++) {
        int64_t at = t * j->block;
        int own = (int)(length - at < j->block ? length - at : j->block);
        int64_t y = j->incy >= 0 ? at * j->incy : (length - at - own) * -(int64_t)j->incy;
        const char *a = j->a + (plain ? at : at * j->lda) * j->size;
        j->gemv(j->form, plain ? &own : &j->m, plain ? &j->n : &own, j->alpha, a, &j->lda, j->x, &j->incx, j->beta,
                j->y + y * j->size, &j->incy);
    }
}

/* Elements [begin, end) of y, where numbers are real and neither vector has gaps. */
static void tc_plain_gemv(void *context, int64_t begin, int64_t end)
{
    const tc_gemv_job *j = context;
    const int weighted = *j->form == 'N';
    const char *a = j->a + begin * (weighted ? 1 : j->lda) * j->size;
    if (j->size == 4)
        (weighted ? tc_weighted_rows_f32 : tc_dots_f32)((const float *)a, j->lda, (const float *)j->x, weighted ? j->n : j->m,
                                                        *(const float *)j->alpha, *(const float *)j->beta,
                                                        (float *)j->y + begin, end - begin);
    else
        (weighted ? tc_weighted_rows_f64 : tc_dots_f64)((const double *)a, j->lda, (const double *)j->x, weighted ? j->n : j->m,
                                                        *(const double *)j->alpha, *(const double *)j->beta,
                                                        (double *)j->y + begin, end - begin);
}

/* Bytes that one core reads in a nanosecond, about. */
#define TC_READ_SPEED 50

static void tc_run_gemv(tc_gemv_job *j)
{
    int64_t length = *j->form == 'N' ? j->m : j->n;
    if (!j->complex && j->incx == 1 && j->incy == 1) {
        /* Parts of nearly equal size, of whole cache lines. */
        int64_t part = (length / (2 * tc_get_threads()) + 15) / 16 * 16;
        if ((double)j->m * j->n * j->size < (double)tc_grain_ns * TC_READ_SPEED)
            part = length;
        tc_parallel_for(length, part, tc_plain_gemv, j);
        return;
    }
    if (!tc_blas_set_threads) {
        j->block = length;
        tc_gemv_blocks(j, 0, 1);
        return;
    }
    /* Half a megabyte is read in about a twentieth of a millisecond, a gigabyte in a tenth of a second. */
    j->block = tc_block_length(length, (double)j->m * j->n * j->size, 5e5, 1e9, 64);
    tc_product_begins();
    tc_parallel_for((length + j->block - 1) / j->block, 1, tc_gemv_blocks, j);
    tc_product_ends();
}

/* The same in one block, as tc_run_whole_gemm. */
static void tc_run_whole_gemv(tc_gemv_job *j)
{
    j->block = *j->form == 'N' ? j->m : j->n;
    tc_gemv_blocks(j, 0, 1);
}
