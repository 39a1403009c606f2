#section support_code_apply

/* out[b, f, i] = sum over c, k of x[b, c, i * stride + k * dilation] * w[f, c, k]; stride and dilation are arrays before this text. */

#define TC_SPACE ((int)(sizeof(APPLY_SPECIFIC(stride)) / sizeof(npy_intp)))

/* z[i] += sum over k of x[i * stride + k * dilation] * w[k]: four places of the filter in one pass over the row. */
static void APPLY_SPECIFIC(row)(
    DTYPE_OUTPUT_0 *__restrict__ z, npy_intp n, const DTYPE_INPUT_0 *__restrict__ x, const DTYPE_INPUT_1 *__restrict__ w, npy_intp m)
{
    const npy_intp s = APPLY_SPECIFIC(stride)[TC_SPACE - 1], d = APPLY_SPECIFIC(dilation)[TC_SPACE - 1];
    npy_intp k = 0;
    for (; k + 4 <= m; k += 4) {
        const DTYPE_INPUT_1 w0 = w[k], w1 = w[k + 1], w2 = w[k + 2], w3 = w[k + 3];
        const DTYPE_INPUT_0 *a = x + k * d, *b = a + d, *c = b + d, *e = c + d;
        if (s == 1)
            for (npy_intp i = 0; i < n; i++) z[i] = z[i] + a[i] * w0 + b[i] * w1 + c[i] * w2 + e[i] * w3;
        else
            for (npy_intp i = 0; i < n; i++) z[i] = z[i] + a[i * s] * w0 + b[i * s] * w1 + c[i * s] * w2 + e[i * s] * w3;
    }
    for (; k < m; k++) {
        const DTYPE_INPUT_1 w0 = w[k];
        const DTYPE_INPUT_0 *a = x + k * d;
        if (s == 1)
            for (npy_intp i = 0; i < n; i++) z[i] = z[i] + a[i] * w0;
        else
            for (npy_intp i = 0; i < n; i++) z[i] = z[i] + a[i * s] * w0;
    }
}

/* The next index over the axes but the last one; 0 after the last index. */
static int APPLY_SPECIFIC(next)(npy_intp *index, const npy_intp *lengths)
{
    for (int axis = TC_SPACE - 2; axis >= 0; axis--) {
        if (++index[axis] < lengths[axis]) return 1;
        index[axis] = 0;
    }
    return 0;
}

/* Elements of a row that are made together: they stay in the nearest cache while channels and places of the filter pass by. */
#define TC_PART 1024
/* Products that are worth a thread. */
#define TC_WORK 131072

/* `size` and `filter_size` are the elements of a channel of an image and of a filter; an image has `rows` rows of `parts` parts. */
typedef struct {
    DTYPE_OUTPUT_0 *z;
    const DTYPE_INPUT_0 *x;
    const DTYPE_INPUT_1 *w;
    const npy_intp *counts, *lengths, *filter_lengths;
    npy_intp filters, channels, size, filter_size, rows, parts;
} APPLY_SPECIFIC(job);

/* n elements of the output from the place `at`, of which the last entry is not used, and the place `first` of that row. */
static void APPLY_SPECIFIC(part)(
    const APPLY_SPECIFIC(job) *j, DTYPE_OUTPUT_0 *z, npy_intp n, const DTYPE_INPUT_0 *x, const DTYPE_INPUT_1 *w, const npy_intp *at, npy_intp first)
{
    const npy_intp m = j->filter_lengths[TC_SPACE - 1];
    x += first * APPLY_SPECIFIC(stride)[TC_SPACE - 1];
    for (npy_intp i = 0; i < n; i++) z[i] = 0;
    for (npy_intp channel = 0; channel < j->channels; channel++) {
        npy_intp k[TC_SPACE] = {0};
        do {
            npy_intp place = 0;
            for (int axis = 0; axis < TC_SPACE - 1; axis++)
                place = (place + at[axis] * APPLY_SPECIFIC(stride)[axis] + k[axis] * APPLY_SPECIFIC(dilation)[axis]) * j->lengths[axis + 1];
            APPLY_SPECIFIC(row)(z, n, x + place, w, m);
            w += m;
        } while (APPLY_SPECIFIC(next)(k, j->filter_lengths));
        x += j->size;
    }
}

/* The parts [begin, end), counted through rows, filters and images. */
static void APPLY_SPECIFIC(parts)(void *context, npy_int64 begin, npy_int64 end)
{
    const APPLY_SPECIFIC(job) *j = (const APPLY_SPECIFIC(job) *)context;
    const npy_intp n = j->counts[TC_SPACE - 1];
    npy_intp part = begin % j->parts, row = begin / j->parts, at[TC_SPACE] = {0};
    npy_intp rest = row % j->rows;
    for (int axis = TC_SPACE - 2; axis >= 0; axis--) {
        at[axis] = rest % j->counts[axis];
        rest /= j->counts[axis];
    }
    for (; begin < end; begin++) {
        const npy_intp pair = row / j->rows, first = part * TC_PART;
        APPLY_SPECIFIC(part)(
            j, j->z + row * n + first, n - first < TC_PART ? n - first : TC_PART, j->x + pair / j->filters * j->channels * j->size,
            j->w + pair % j->filters * j->channels * j->filter_size, at, first);
        if (++part < j->parts) continue;
        part = 0;
        row++;
        APPLY_SPECIFIC(next)(at, j->counts);
    }
}

static int APPLY_SPECIFIC(correlate)(PyArrayObject *images, PyArrayObject *filters, PyArrayObject **out)
{
    npy_intp shape[TC_SPACE + 2] = {PyArray_DIMS(images)[0], PyArray_DIMS(filters)[0]};
    npy_intp size = 1, filter_size = 1, count = 1;
    const npy_intp channels = PyArray_DIMS(images)[1];
    if (channels != PyArray_DIMS(filters)[1]) {
        PyErr_Format(PyExc_ValueError, "images and filters must have as many channels: got %zd and %zd", (Py_ssize_t)channels,
            (Py_ssize_t)PyArray_DIMS(filters)[1]);
        return 1;
    }
    for (int axis = 0; axis < TC_SPACE; axis++) {
        const npy_intp n = PyArray_DIMS(images)[axis + 2], m = PyArray_DIMS(filters)[axis + 2];
        const npy_intp span = (m - 1) * APPLY_SPECIFIC(dilation)[axis] + 1;
        if (m < 1 || span > n) {
            PyErr_Format(PyExc_ValueError,
                "a filter has at least one element, and is nowhere longer than the image: along axis %d it has %zd elements, dilated by %zd, "
                "and the image %zd", axis + 2, (Py_ssize_t)m, (Py_ssize_t)APPLY_SPECIFIC(dilation)[axis], (Py_ssize_t)n);
            return 1;
        }
        shape[axis + 2] = (n - span) / APPLY_SPECIFIC(stride)[axis] + 1;
        size *= n;
        filter_size *= m;
        count *= shape[axis + 2];
    }
    int fits = *out != NULL && PyArray_ISCARRAY(*out);
    for (int axis = 0; fits && axis < TC_SPACE + 2; axis++) fits = PyArray_DIMS(*out)[axis] == shape[axis];
    if (!fits) {
        Py_XDECREF(*out);
        *out = (PyArrayObject *)PyArray_EMPTY(TC_SPACE + 2, shape, TYPENUM_OUTPUT_0, 0);
        if (*out == NULL) return 1;
    }
    PyArrayObject *x = (PyArrayObject *)PyArray_FromArray(images, PyArray_DescrFromType(TYPENUM_INPUT_0), NPY_ARRAY_CARRAY_RO);
    PyArrayObject *w = (PyArrayObject *)PyArray_FromArray(filters, PyArray_DescrFromType(TYPENUM_INPUT_1), NPY_ARRAY_CARRAY_RO);
    if (x != NULL && w != NULL) {
        const npy_intp n = shape[TC_SPACE + 1], parts = (n + TC_PART - 1) / TC_PART, rows = count / n;
        APPLY_SPECIFIC(job) job = {
            (DTYPE_OUTPUT_0 *)PyArray_DATA(*out), (const DTYPE_INPUT_0 *)PyArray_DATA(x), (const DTYPE_INPUT_1 *)PyArray_DATA(w), shape + 2,
            PyArray_DIMS(x) + 2, PyArray_DIMS(w) + 2, shape[1], channels, size, filter_size, rows, parts};
        const npy_intp products = channels * filter_size * (n < TC_PART ? n : TC_PART);
        Py_BEGIN_ALLOW_THREADS
        tcore_parallel_for(shape[0] * shape[1] * rows * parts, 1 + TC_WORK / (products + 1), APPLY_SPECIFIC(parts), &job);
        Py_END_ALLOW_THREADS
    }
    const int failed = x == NULL || w == NULL;
    Py_XDECREF(x);
    Py_XDECREF(w);
    return failed;
}
#undef TC_SPACE
#undef TC_PART
#undef TC_WORK
