/* Stacks of matrices: where each one lies, and how the work on them is shared among threads. */

#include <math.h>

/* A matrix, a vector (one column) or a number of a stack. */
typedef struct {
    char *data;
    int rows, cols;
    int64_t row, col; /* bytes from one to the next */
} tc_piece;

/* Memory of one thread: pieces are taken from its beginning. Without a base they are only counted. */
typedef struct {
    char *base;
    size_t used;
} tc_arena;

static void *tc_take(tc_arena *arena, size_t count, size_t size)
{
    size_t at = arena->used;
    arena->used += (count * size + 63) / 64 * 64;
    return arena->base ? arena->base + at : NULL;
}

#define TC_MAXPARTS 6

/* One operation on every item of a stack. */
typedef struct tc_stack {
    /* 0, or what LAPACK reports; with an arena without base only takes what it needs and asks for the sizes of scratch. */
    int (*run)(struct tc_stack *, tc_arena *, int64_t item);
    int option, letter, size;
    int divides;                       /* whether `run` goes to our threads itself */
    int nparts;                        /* outputs first, then inputs */
    const tc_array *parts[TC_MAXPARTS];
    int core[TC_MAXPARTS];             /* how many of the last axes belong to an item */
    int nbatch;
    int64_t lengths[TC_MAXDIM];        /* of the axes of the stack */
    tc_workspace sizes;                  /* what run found that routines want */
    size_t bytes;
    atomic_int failed, info;           /* 1: out of memory, 2: `info` of the first item seen */
} tc_stack;

static tc_piece tc_piece_of(const tc_stack *s, int part, int64_t item)
{
    const tc_array *x = s->parts[part];
    int core = s->core[part], own = x->ndim - core;
    tc_piece p = {x->data, 1, 1, 0, 0};
    for (int k = s->nbatch - 1; k >= 0; k--) {
        int axis = k - (s->nbatch - own);
        int64_t at = item % s->lengths[k];
        item /= s->lengths[k];
        if (axis >= 0 && x->dims[axis] != 1)
            p.data += at * x->strides[axis];
    }
    if (core > 0)
        p.rows = (int)x->dims[own], p.row = x->strides[own];
    if (core > 1)
        p.cols = (int)x->dims[own + 1], p.col = x->strides[own + 1];
    return p;
}

#define TC_MOVE_BLOCK(type)                                                                                    \
    for (int i = 0; i < rows; i++)                                                                             \
        for (int j = 0; j < cols; j++)                                                                         \
            *(type *)(to + i * to_row + j * to_col) = *(const type *)(from + i * from_row + j * from_col)

typedef struct {
    char bytes[16];
} tc_wide;

static void tc_move_block(char *to, int64_t to_row, int64_t to_col, const char *from, int64_t from_row, int64_t from_col, int rows,
                          int cols, int size)
{
    if (size == 4)
        TC_MOVE_BLOCK(uint32_t);
    else if (size == 8)
        TC_MOVE_BLOCK(uint64_t);
    else
        TC_MOVE_BLOCK(tc_wide);
}

/* Rows and columns of the squares that a transpose goes by: whole lines of the cache are read and written. */
#define TC_TURN_SIDE 8

#define TC_TURN_SQUARE(type)                                                                                   \
    for (int j = 0; j < TC_TURN_SIDE; j++)                                                                     \
        for (int i = 0; i < TC_TURN_SIDE; i++)                                                                 \
            *(type *)(to + j * to_col + i * (int64_t)sizeof(type)) = *(const type *)(from + i * from_row + j * (int64_t)sizeof(type))

typedef uint64_t tc_two __attribute__((vector_size(16)));

static void tc_turn_square(char *to, int64_t to_col, const char *from, int64_t from_row, int size)
{
    if (size == 4)
        TC_TURN_SQUARE(uint32_t);
    else if (size == 16)
        TC_TURN_SQUARE(tc_wide);
    else
        for (int j = 0; j < TC_TURN_SIDE; j += 2)
            for (int i = 0; i < TC_TURN_SIDE; i += 2) {
                tc_two a, b;
                memcpy(&a, from + i * from_row + j * 8, sizeof a);
                memcpy(&b, from + (i + 1) * from_row + j * 8, sizeof b);
                tc_two left = {a[0], b[0]}, right = {a[1], b[1]};
                memcpy(to + j * to_col + i * 8, &left, sizeof left);
                memcpy(to + (j + 1) * to_col + i * 8, &right, sizeof right);
            }
}

/* A matrix between an order of rows (`from`: neighbours are those of a row) and one of columns (`to`). */
static void tc_turn_matrix(char *to, int64_t to_col, const char *from, int64_t from_row, int rows, int cols, int size)
{
    for (int i = 0; i < rows; i += TC_TURN_SIDE)
        for (int j = 0; j < cols; j += TC_TURN_SIDE) {
            char *own = to + (int64_t)i * size + j * to_col;
            const char *given = from + i * from_row + (int64_t)j * size;
            int height = rows - i, width = cols - j;
            if (height >= TC_TURN_SIDE && width >= TC_TURN_SIDE)
                tc_turn_square(own, to_col, given, from_row, size);
            else
                tc_move_block(own, size, to_col, given, from_row, size, height < TC_TURN_SIDE ? height : TC_TURN_SIDE,
                              width < TC_TURN_SIDE ? width : TC_TURN_SIDE, size);
        }
}

/* Copies a matrix; by lines where they lie alike, else in squares that fit into the cache. */
static void tc_move_matrix(char *to, int64_t to_row, int64_t to_col, const char *from, int64_t from_row, int64_t from_col, int rows,
                           int cols, int size)
{
    enum { SIDE = 32 };
    if (to_row == size && from_row == size)
        for (int j = 0; j < cols; j++)
            memcpy(to + j * to_col, from + j * from_col, (size_t)rows * (size_t)size);
    else if (to_col == size && from_col == size)
        for (int i = 0; i < rows; i++)
            memcpy(to + i * to_row, from + i * from_row, (size_t)cols * (size_t)size);
    else if (to_row == size && from_col == size)
        tc_turn_matrix(to, to_col, from, from_row, rows, cols, size);
    else if (to_col == size && from_row == size)
        tc_turn_matrix(to, to_row, from, from_col, cols, rows, size);
    else
        for (int i = 0; i < rows; i += SIDE)
            for (int j = 0; j < cols; j += SIDE)
                tc_move_block(to + i * to_row + j * to_col, to_row, to_col, from + i * from_row + j * from_col, from_row, from_col,
                              rows - i < SIDE ? rows - i : SIDE, cols - j < SIDE ? cols - j : SIDE, size);
}

/* A matrix column by column, as Fortran has it. */
static void tc_gather(void *to, tc_piece from, int size)
{
    tc_move_matrix(to, size, (int64_t)from.rows * size, from.data, from.row, from.col, from.rows, from.cols, size);
}

/* From columns of length `length`. */
static void tc_spread(tc_piece to, const void *from, int length, int size)
{
    tc_move_matrix(to.data, to.row, to.col, from, size, (int64_t)length * size, to.rows, to.cols, size);
}

static tc_piece tc_turned(tc_piece p)
{
    tc_piece turned = {p.data, p.cols, p.rows, p.col, p.row};
    return turned;
}

/* Whether a piece lies row by row without gaps: Fortran sees its transpose there. */
static int tc_is_rows(tc_piece p, int size)
{
    return (p.cols <= 1 || p.col == size) && (p.rows <= 1 || p.row == (int64_t)p.cols * size);
}

static int tc_is_columns(tc_piece p, int size)
{
    return tc_is_rows(tc_turned(p), size);
}

static void tc_fill_nan(tc_piece p, int letter)
{
    char nan[16] = {0};
    if (letter % 2)
        *(double *)nan = NAN;
    else
        *(float *)nan = NAN;
    for (int i = 0; i < p.rows; i++)
        for (int j = 0; j < p.cols; j++)
            memcpy(p.data + i * p.row + j * p.col, nan, (size_t)tc_letter_size[letter]);
}

static void tc_stack_task(void *context, int64_t begin, int64_t end)
{
    tc_stack *s = context;
    char few[4096] __attribute__((aligned(64)));
    char *memory = s->bytes <= sizeof few ? few : tc_block_get(s->bytes);
    if (!memory) {
        atomic_store(&s->failed, 1);
        return;
    }
    for (int64_t item = begin; item < end && !atomic_load_explicit(&s->failed, memory_order_relaxed); item++) {
        tc_arena arena = {memory, 0};
        int info = s->run(s, &arena, item), fine = 0;
        if (info && atomic_compare_exchange_strong(&s->failed, &fine, 2))
            atomic_store(&s->info, info);
    }
    if (memory != few)
        tc_block_free(memory);
}

static int64_t tc_items(const tc_stack *s)
{
    int64_t items = 1;
    for (int k = 0; k < s->nbatch; k++)
        items *= s->lengths[k];
    return items;
}

/* Work from which the threads of a BLAS are worth waiting for: some use them for the smallest matrices as well. */
#define TC_BLAS_THREADS_NS 20000

/* Runs an operation on all items, of `ns` nanoseconds each. Items of a stack are for our threads, and so are the blocks of a large
 * one where the operation divides it; else it is for those of the BLAS, as many as it has, if more than one is wanted at all. */
static void tc_run_stack(tc_stack *s, double ns)
{
    int64_t items = tc_items(s);
    if (items == 0)
        return;
    tc_arena measure = {NULL, 0};
    s->run(s, &measure, 0);
    s->bytes = measure.used;
    int alone = tc_blas_set_threads && (s->divides || items > 1 || ns < TC_BLAS_THREADS_NS || tc_get_threads() == 1);
    if (alone)
        tc_product_begins();
    int64_t grain = ns * (double)items < 1e5 || !tc_blas_set_threads ? items : ns < 4e4 ? (int64_t)(4e4 / (ns + 1)) + 1 : 1;
    int by_blocks = s->divides && ns > 1e6 && items < 2 * tc_get_threads();
    if (grain >= items || by_blocks)
        tc_serial_for(items, ns < 1e6 ? (int64_t)(1e6 / (ns + 1)) + 1 : 1, tc_stack_task, s);
    else
        tc_parallel_for(items, grain, tc_stack_task, s);
    if (alone)
        tc_product_ends();
}
