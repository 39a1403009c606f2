/* Products with a kernel behind them, in blocks of rows: while a block lies in the cache, the kernel reads it.
 *
 * The product may have no memory but that of the blocks at hand: then nothing but the kernel ever sees it.
 */

/* Bytes of a product from which blocks pay: less than this stays in the cache anyway. */
#define TC_BLOCKS_FROM ((int64_t)2 << 20)
/* Bytes of a block, and the most of one. Of each block BLAS lays out the whole other factor anew: that should be little beside the block's
 * product, and a product with a long sum gains less from the cache, so that its blocks are larger. */
#define TC_BLOCK_BYTES ((int64_t)2 << 20)
#define TC_LARGEST_BLOCK ((int64_t)8 << 20)
#define TC_ROWS_FOR_TERM 4
#define TC_LEAST_ROWS 128
/* Blocks that there are at least, where their rows allow. */
#define TC_LEAST_BLOCKS 8

typedef struct {
    const tc_kernel *kernel;
    const tc_launch *launch;
    int axis;          /* of the kernel: the rows of the product */
    uint64_t shown;    /* bit p: operand p is the product, and `c` has no memory */
    const tc_array *c, *a, *b, *alpha, *beta;
    int64_t rows;      /* of a block */
    atomic_llong failed; /* an error code */
} tc_blocks_job;

/* Rows of a block, of a sum of `terms`; all of them where blocks do not pay. */
static int64_t tc_rows_of_block(const tc_array *c, int64_t terms)
{
    const int64_t rows = c->dims[0], bytes = c->dims[1] * c->itemsize, share = (rows + TC_LEAST_BLOCKS - 1) / TC_LEAST_BLOCKS;
    if (rows * bytes < TC_BLOCKS_FROM)
        return rows;
    int64_t block = tc_least(TC_ROWS_FOR_TERM * terms, TC_LARGEST_BLOCK / bytes), usual = TC_BLOCK_BYTES / bytes;
    block = tc_least(block > usual ? block : usual, share) / 16 * 16;
    return tc_least(block > TC_LEAST_ROWS ? block : TC_LEAST_ROWS, rows);
}

/* Some rows of a matrix, whose lengths go to `dims`. */
static tc_array tc_some_rows(const tc_array *x, int64_t at, int64_t count, int64_t dims[2])
{
    tc_array part = *x;
    part.data += at * x->strides[0];
    part.dims = dims;
    dims[0] = count, dims[1] = x->dims[1];
    return part;
}

/* Rows [at, at + count) of the product, in `memory` where it has none of its own, and the kernel over them: 0 or an error code. */
static int64_t tc_run_block(const tc_blocks_job *j, int64_t at, int64_t count, char *memory)
{
    const tc_launch *whole = j->launch;
    int64_t extents[TC_MAXDIM], c_dims[2], a_dims[2];
    char *data[TC_MAXREFS];
    tc_array c = tc_some_rows(j->c, at, count, c_dims), a = tc_some_rows(j->a, at, count, a_dims);
    if (memory)
        c.data = memory;
    int64_t code = tc_gemm_by(tc_run_whole_gemm, &c, &a, j->b, j->alpha, j->beta);
    if (code)
        return code;
    memcpy(extents, whole->extents, sizeof(int64_t) * (size_t)whole->ndim);
    extents[j->axis] = count;
    for (int p = 0; p < j->kernel->noperands; p++)
        data[p] = j->shown >> p & 1 ? memory + (whole->data[p] - j->c->data) : whole->data[p] + at * whole->strides[p * whole->ndim + j->axis];
    tc_launch part = *whole;
    part.extents = extents;
    part.data = data;
    part.whole = j->c->dims[0] / count;
    return tc_run_kernel(j->kernel, &part) ? TC_ERROR_MEMORY : 0;
}

static void tc_blocks_task(void *context, int64_t begin, int64_t end)
{
    tc_blocks_job *j = context;
    char *memory = j->shown ? tc_block_get((size_t)(j->rows * j->c->strides[0])) : NULL;
    int64_t code = j->shown && !memory ? TC_ERROR_MEMORY : 0, rows = j->c->dims[0];
    for (int64_t t = begin; t < end && !code && !atomic_load(&j->failed); t++) {
        int64_t at = t * j->rows;
        code = tc_run_block(j, at, rows - at < j->rows ? rows - at : j->rows, memory);
    }
    tc_block_free(memory);
    if (code)
        atomic_store(&j->failed, code);
}

/* 0 or an error code. The other factor is laid out once as BLAS takes it. */
static int64_t tc_run_blocks(tc_blocks_job *j)
{
    tc_array b = *j->b;
    tc_matrix laid;
    int64_t strides[2];
    if (!tc_is_long(&b) && b.dims[0] > 0) {
        if (tc_as_matrix(&laid, &b, b.itemsize))
            return TC_ERROR_MEMORY;
        tc_matrix_strides(&laid, b.itemsize, strides);
        if (laid.copy) {
            b.data = laid.data, b.strides = strides;
            j->b = &b;
        }
    } else
        laid.copy = NULL;
    const int64_t blocks = (j->c->dims[0] + j->rows - 1) / j->rows;
    if (tc_blas_set_threads) {
        tc_product_begins();
        tc_parallel_for(blocks, 1, tc_blocks_task, j);
        tc_product_ends();
    } else
        tc_serial_for(blocks, 1, tc_blocks_task, j);
    tc_block_free(laid.copy);
    return atomic_load(&j->failed);
}
