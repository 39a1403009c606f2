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

/* All rows of one image with one filter; `size` and `filter_size` are the elements of a channel of them. */
static void APPLY_SPECIFIC(image)(
    DTYPE_OUTPUT_0 *z, const npy_intp *counts, const DTYPE_INPUT_0 *x, const npy_intp *lengths, npy_intp size,
    const DTYPE_INPUT_1 *w, const npy_intp *filter_lengths, npy_intp filter_size, npy_intp channels)
{
    const npy_intp n = counts[TC_SPACE - 1], m = filter_lengths[TC_SPACE - 1];
    npy_intp at[TC_SPACE] = {0};
    do {
        for (npy_intp i = 0; i < n; i++) z[i] = 0;
        for (npy_intp channel = 0; channel < channels; channel++) {
            const DTYPE_INPUT_1 *taps = w + channel * filter_size;
            npy_intp k[TC_SPACE] = {0};
            do {
                npy_intp place = 0;
                for (int axis = 0; axis < TC_SPACE - 1; axis++)
                    place = (place + at[axis] * APPLY_SPECIFIC(stride)[axis] + k[axis] * APPLY_SPECIFIC(dilation)[axis]) * lengths[axis + 1];
                APPLY_SPECIFIC(row)(z, n, x + channel * size + place, taps, m);
                taps += m;
            } while (APPLY_SPECIFIC(next)(k, filter_lengths));
        }
        z += n;
    } while (APPLY_SPECIFIC(next)(at, counts));
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
        Py_BEGIN_ALLOW_THREADS
        for (npy_intp pair = 0; pair < shape[0] * shape[1]; pair++) {
            const npy_intp image = pair / shape[1], filter = pair % shape[1];
            APPLY_SPECIFIC(image)(
                (DTYPE_OUTPUT_0 *)PyArray_DATA(*out) + pair * count, shape + 2, (const DTYPE_INPUT_0 *)PyArray_DATA(x) + image * channels * size,
                PyArray_DIMS(x) + 2, size, (const DTYPE_INPUT_1 *)PyArray_DATA(w) + filter * channels * filter_size, PyArray_DIMS(w) + 2,
                filter_size, channels);
        }
        Py_END_ALLOW_THREADS
    }
    const int failed = x == NULL || w == NULL;
    Py_XDECREF(x);
    Py_XDECREF(w);
    return failed;
}
#undef TC_SPACE
