/* How large arrays and their elements are. */

int tc_itemsize(int dtype)
{
    static const int8_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 8, 16, 0};
    return dtype >= 0 && dtype < (int)sizeof sizes ? sizes[dtype] : 0;
}

static int64_t tc_elements(const tc_array *x)
{
    int64_t n = 1;
    for (int d = 0; d < x->ndim; d++)
        n *= x->dims[d];
    return n;
}

static int64_t tc_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}
