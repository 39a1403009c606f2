/* The fixed reduction idioms, over tiles, by operation and dtype; the loops are those of folds.h and complex_folds.h. */

/* Calls DO(accumulator, suffix) for the dtype of elements that are summed in wider accumulators. */
#define TC_DISPATCH_WIDE(source, DO)                                            \
    switch (source) {                                                           \
    case TC_FLOAT32: DO(double, f32) break;                                     \
    case TC_INT8: DO(int64_t, i8) break;                                        \
    case TC_INT16: DO(int64_t, i16) break;                                      \
    case TC_INT32: DO(int64_t, i32) break;                                      \
    case TC_UINT8: DO(uint64_t, u8) break;                                      \
    case TC_UINT16: DO(uint64_t, u16) break;                                    \
    case TC_UINT32: DO(uint64_t, u32) break;                                    \
    default: break;                                                             \
    }

/* The cases DO(type, suffix) of bool and of all integers. */
#define TC_INTEGER_CASES(DO)                                                    \
    case TC_INT8: DO(int8_t, i8) break;                                         \
    case TC_BOOL: case TC_UINT8: DO(uint8_t, u8) break;                         \
    case TC_INT16: DO(int16_t, i16) break;                                      \
    case TC_UINT16: DO(uint16_t, u16) break;                                    \
    case TC_INT32: DO(int32_t, i32) break;                                      \
    case TC_UINT32: DO(uint32_t, u32) break;                                    \
    case TC_INT64: DO(int64_t, i64) break;                                      \
    case TC_UINT64: DO(uint64_t, u64) break;

/* Calls DO(type, suffix) for a dtype that is no half and not complex; the second for integers alone. */
#define TC_DISPATCH(dtype, DO)                                                  \
    switch (dtype) {                                                            \
    TC_INTEGER_CASES(DO)                                                        \
    case TC_FLOAT32: DO(float, f32) break;                                      \
    case TC_FLOAT64: DO(double, f64) break;                                     \
    default: break;                                                             \
    }
#define TC_DISPATCH_INTEGER(dtype, DO)                                          \
    switch (dtype) {                                                            \
    TC_INTEGER_CASES(DO)                                                        \
    default: break;                                                             \
    }

/* Bytes of bool may be other than 0 and 1: `and` is their minimum and `or` their maximum, made 0 or 1 when it is done. */
static int tc_fold_op(int op, int dtype)
{
    return dtype != TC_BOOL ? op : op == TC_AND ? TC_MIN : op == TC_OR ? TC_MAX : op;
}

static void tc_normalize(int dtype, void *to, int64_t n)
{
    for (int64_t i = 0; dtype == TC_BOOL && i < n; i++)
        ((uint8_t *)to)[i] = ((uint8_t *)to)[i] != 0;
}

/* The value of a tile of at least one element; `source` is the dtype of its elements, `dtype` that of the value. */
static void tc_fold_tile(int op, int dtype, int source, const void *x, int64_t n, void *to)
{
    if (tc_part(dtype) >= 0) {
        tc_fold_pairs(op, dtype, source, x, n, to);
        return;
    }
#define TC_WIDE_TILE(W, S) *(W *)to = tc_wide_##S(x, n);
    if (source != dtype) {
        TC_DISPATCH_WIDE(source, TC_WIDE_TILE)
        return;
    }
#define TC_DO(KIND) TC_DO_##KIND
#define TC_DO_SUM(T, S) *(T *)to = tc_sum_##S(x, n);
#define TC_DO_PROD(T, S) *(T *)to = tc_prod_##S(x, n);
#define TC_DO_MIN(T, S) *(T *)to = tc_min_##S(x, n);
#define TC_DO_MAX(T, S) *(T *)to = tc_max_##S(x, n);
#define TC_DO_AND(T, S) *(T *)to = tc_and_##S(x, n);
#define TC_DO_OR(T, S) *(T *)to = tc_or_##S(x, n);
#define TC_DO_XOR(T, S) *(T *)to = tc_xor_##S(x, n);
    switch (tc_fold_op(op, dtype)) {
    case TC_SUM: TC_DISPATCH(dtype, TC_DO_SUM) break;
    case TC_PROD: TC_DISPATCH(dtype, TC_DO_PROD) break;
    case TC_MIN: case TC_ARGMIN: TC_DISPATCH(dtype, TC_DO_MIN) break;
    case TC_MAX: case TC_ARGMAX: TC_DISPATCH(dtype, TC_DO_MAX) break;
    case TC_AND: TC_DISPATCH_INTEGER(dtype, TC_DO_AND) break;
    case TC_OR: TC_DISPATCH_INTEGER(dtype, TC_DO_OR) break;
    case TC_XOR: TC_DISPATCH_INTEGER(dtype, TC_DO_XOR) break;
    }
    tc_normalize(dtype, to, 1);
}

/* to[i] = to[i] op x[i] */
static void tc_fold_rows(int op, int dtype, void *to, const void *x, int64_t n)
{
    if (tc_part(dtype) >= 0 && op == TC_PROD) {
        tc_multiply_pairs(dtype, to, to, x, n);
        return;
    }
    if (tc_part(dtype) >= 0) {
        dtype = tc_part(dtype);
        n *= 2;
    }
#define TC_ROWS_SUM(T, S) tc_sum_##S##_rows(to, x, n);
#define TC_ROWS_PROD(T, S) tc_prod_##S##_rows(to, x, n);
#define TC_ROWS_MIN(T, S) tc_min_##S##_rows(to, x, n);
#define TC_ROWS_MAX(T, S) tc_max_##S##_rows(to, x, n);
#define TC_ROWS_AND(T, S) tc_and_##S##_rows(to, x, n);
#define TC_ROWS_OR(T, S) tc_or_##S##_rows(to, x, n);
#define TC_ROWS_XOR(T, S) tc_xor_##S##_rows(to, x, n);
    switch (tc_fold_op(op, dtype)) {
    case TC_SUM: TC_DISPATCH(dtype, TC_ROWS_SUM) break;
    case TC_PROD: TC_DISPATCH(dtype, TC_ROWS_PROD) break;
    case TC_MIN: TC_DISPATCH(dtype, TC_ROWS_MIN) break;
    case TC_MAX: TC_DISPATCH(dtype, TC_ROWS_MAX) break;
    case TC_AND: TC_DISPATCH_INTEGER(dtype, TC_ROWS_AND) break;
    case TC_OR: TC_DISPATCH_INTEGER(dtype, TC_ROWS_OR) break;
    case TC_XOR: TC_DISPATCH_INTEGER(dtype, TC_ROWS_XOR) break;
    }
}

/* to[i] = to[i] + x[i], with elements of another dtype than the accumulators'. */
static void tc_add_wide_rows(int source, void *to, const void *x, int64_t n)
{
    if (tc_part(source) >= 0) {
        source = tc_part(source);
        n *= 2;
    }
#define TC_WIDE_ROWS(W, S) tc_wide_##S##_rows(to, x, n);
    TC_DISPATCH_WIDE(source, TC_WIDE_ROWS)
}

/* to[i] = from[i] op x[i] op x[i + stride] op …, seven rows in this order; `from` may be `to`, and is where dtypes differ. */
static void tc_fold_seven(int op, int dtype, int source, void *to, const void *from, const char *x, int64_t stride, int64_t n)
{
    if (tc_part(dtype) >= 0 && op == TC_PROD) {
        for (int r = 0; r < 7; r++)
            tc_multiply_pairs(dtype, to, r ? to : from, x + r * stride, n);
        return;
    }
    if (tc_part(dtype) >= 0) {
        dtype = tc_part(dtype);
        source = tc_part(source);
        n *= 2;
    }
#define TC_WIDE_SEVEN(W, S) tc_wide_##S##_rows7(to, x, stride, n);
    if (source != dtype) {
        TC_DISPATCH_WIDE(source, TC_WIDE_SEVEN)
        return;
    }
#define TC_SEVEN_SUM(T, S) tc_sum_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_PROD(T, S) tc_prod_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_MIN(T, S) tc_min_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_MAX(T, S) tc_max_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_AND(T, S) tc_and_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_OR(T, S) tc_or_##S##_rows7(to, from, x, stride, n);
#define TC_SEVEN_XOR(T, S) tc_xor_##S##_rows7(to, from, x, stride, n);
    switch (tc_fold_op(op, dtype)) {
    case TC_SUM: TC_DISPATCH(dtype, TC_SEVEN_SUM) break;
    case TC_PROD: TC_DISPATCH(dtype, TC_SEVEN_PROD) break;
    case TC_MIN: TC_DISPATCH(dtype, TC_SEVEN_MIN) break;
    case TC_MAX: TC_DISPATCH(dtype, TC_SEVEN_MAX) break;
    case TC_AND: TC_DISPATCH_INTEGER(dtype, TC_SEVEN_AND) break;
    case TC_OR: TC_DISPATCH_INTEGER(dtype, TC_SEVEN_OR) break;
    case TC_XOR: TC_DISPATCH_INTEGER(dtype, TC_SEVEN_XOR) break;
    }
}

/* Position of the first NaN or extreme in a tile whose extreme is *best. */
static int64_t tc_find(int dtype, const void *x, int64_t n, const void *best)
{
#define TC_WHERE_MIN(T, S) return tc_where_##S(x, n, *(const T *)best);
    TC_DISPATCH(dtype, TC_WHERE_MIN)
    return 0;
}

/* The extremes of n rows side by side, whose elements at `position` are x, the `first` ones that are looked at or not. */
static void tc_keep_best(int op, int dtype, void *best, int64_t *where, const void *x, int64_t position, int first, int64_t n)
{
    if (first) {
        memcpy(best, x, (size_t)(n * tc_itemsize(dtype)));
        for (int64_t i = 0; i < n; i++)
            where[i] = position;
        return;
    }
#define TC_BEST_MIN(T, S) tc_min_##S##_best(best, where, x, position, n);
#define TC_BEST_MAX(T, S) tc_max_##S##_best(best, where, x, position, n);
    if (op == TC_ARGMIN) {
        TC_DISPATCH(dtype, TC_BEST_MIN)
    } else {
        TC_DISPATCH(dtype, TC_BEST_MAX)
    }
}

static int tc_wins(int op, int dtype, const void *v, int64_t p, const void *a, int64_t q)
{
#define TC_WINS_MIN(T, S) return tc_min_##S##_wins(*(const T *)v, p, *(const T *)a, q);
#define TC_WINS_MAX(T, S) return tc_max_##S##_wins(*(const T *)v, p, *(const T *)a, q);
    if (op == TC_ARGMIN) {
        TC_DISPATCH(dtype, TC_WINS_MIN)
    } else {
        TC_DISPATCH(dtype, TC_WINS_MAX)
    }
    return 0;
}

/* The value of no element, where there is one. */
static void tc_identity(int op, int dtype, void *to, int itemsize)
{
    memset(to, op == TC_AND && dtype != TC_BOOL ? 0xff : 0, (size_t)itemsize);
    if (op == TC_AND && dtype == TC_BOOL)
        *(uint8_t *)to = 1;
    if (op == TC_PROD) {
#define TC_ONE(T, S) *(T *)to = (T)1;
        TC_DISPATCH(tc_part(dtype) >= 0 ? tc_part(dtype) : dtype, TC_ONE)
    }
    /* of floats only: those of no integers are refused before any kernel runs */
    if ((op == TC_MAX || op == TC_MIN) && dtype == TC_FLOAT64)
        *(double *)to = op == TC_MAX ? -__builtin_inf() : __builtin_inf();
    if ((op == TC_MAX || op == TC_MIN) && dtype == TC_FLOAT32)
        *(float *)to = op == TC_MAX ? -__builtin_inff() : __builtin_inff();
}
