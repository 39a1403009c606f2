/* Products with an axis that is longer than BLAS can count: in parts of it, added up where they are parts of a sum. */

/* The longest axis that BLAS gets. */
static int64_t tc_longest = INT32_MAX;

void tc_set_longest(int64_t length)
{
    tc_longest = length < 1 ? 1 : length < INT32_MAX ? length : INT32_MAX;
}

static int tc_is_long(const tc_array *x)
{
    for (int d = 0; d < x->ndim; d++)
        if (x->dims[d] > tc_longest)
            return 1;
    return 0;
}

/* A part of a matrix or vector. */
typedef struct {
    tc_array array;
    int64_t dims[2];
} tc_stretch;

/* From element (row, column) on, no more than BLAS can count of each axis; a vector has rows only. */
static const tc_array *tc_stretch_of(tc_stretch *part, const tc_array *x, int64_t row, int64_t column)
{
    const int64_t at[2] = {row, column};
    part->array = *x;
    part->array.dims = part->dims;
    for (int d = 0; d < x->ndim; d++) {
        part->array.data += at[d] * x->strides[d];
        part->dims[d] = x->dims[d] - at[d] < tc_longest ? x->dims[d] - at[d] : tc_longest;
    }
    return &part->array;
}

/* A one of the type of x, where `memory` has room for it: later parts of a sum are added to the first. */
static tc_array tc_one_like(const tc_array *x, char memory[16])
{
    tc_scalar one = tc_scalar_of(NULL, 1, x->dtype);
    memcpy(memory, &one, sizeof one);
    tc_array number = *x;
    number.data = memory, number.ndim = 0;
    return number;
}

static int64_t tc_gemm_in_parts(void (*run)(tc_gemm_job *), const tc_array *c, const tc_array *a, const tc_array *b,
                                const tc_array *alpha, const tc_array *beta)
{
    tc_stretch z, x, y;
    char memory[16];
    const tc_array one = tc_one_like(c, memory);
    int64_t code = 0;
    for (int64_t i = 0; i < c->dims[0]; i += tc_longest)
        for (int64_t j = 0; j < c->dims[1]; j += tc_longest)
            for (int64_t k = 0; !code && (k == 0 || k < a->dims[1]); k += tc_longest)
                code = tc_gemm_by(run, tc_stretch_of(&z, c, i, j), tc_stretch_of(&x, a, i, k), tc_stretch_of(&y, b, k, j), alpha, k ? &one : beta);
    return code;
}

static int64_t tc_gemv_in_parts(void (*run)(tc_gemv_job *), const tc_array *y, const tc_array *a, const tc_array *x,
                                const tc_array *alpha, const tc_array *beta)
{
    tc_stretch to, m, v;
    char memory[16];
    const tc_array one = tc_one_like(y, memory);
    int64_t code = 0;
    for (int64_t i = 0; i < y->dims[0]; i += tc_longest)
        for (int64_t k = 0; !code && (k == 0 || k < a->dims[1]); k += tc_longest)
            code = tc_gemv_by(run, tc_stretch_of(&to, y, i, 0), tc_stretch_of(&m, a, i, k), tc_stretch_of(&v, x, k, 0), alpha, k ? &one : beta);
    return code;
}

static int64_t tc_ger_in_parts(const tc_array *a, const tc_array *x, const tc_array *y, const tc_array *alpha)
{
    tc_stretch to, u, v;
    int64_t code = 0;
    for (int64_t i = 0; i < a->dims[0]; i += tc_longest)
        for (int64_t j = 0; !code && j < a->dims[1]; j += tc_longest)
            code = tc_ger(tc_stretch_of(&to, a, i, j), tc_stretch_of(&u, x, i, 0), tc_stretch_of(&v, y, j, 0), alpha);
    return code;
}

static int64_t tc_dot_in_parts(const tc_array *z, const tc_array *x, const tc_array *y)
{
    tc_stretch u, v;
    double sum = 0;
    for (int64_t k = 0; k < x->dims[0]; k += tc_longest) {
        int64_t code = tc_dot(z, tc_stretch_of(&u, x, k, 0), tc_stretch_of(&v, y, k, 0));
        if (code)
            return code;
        sum += z->dtype == TC_FLOAT32 ? *(float *)z->data : *(double *)z->data;
    }
    if (z->dtype == TC_FLOAT32)
        *(float *)z->data = (float)sum;
    else
        *(double *)z->data = sum;
    return 0;
}
