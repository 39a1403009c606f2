/* Products of a compressed sparse matrix and a dense one.
 *
 * The sparse matrix comes as its parts; with `by_rows` indptr cuts the entries into rows (csr), else into columns (csc).
 * All places are checked before the first one is read. Entries are added in the order in which they are stored, so that
 * the result does not depend on the number of columns that are worked on at once.
 */

#include <string.h>
#include <type_traits>

namespace tc_sparse {

/* A vector in one piece: the array itself or a copy, given back at the end. */
template <class T> struct Vector {
    PyArrayObject *owner;
    const T *start;
    npy_intp length;
    explicit Vector(PyArrayObject *array) : length(PyArray_DIMS(array)[0]) {
        owner = PyArray_GETCONTIGUOUS(array);
        start = owner ? (const T *)PyArray_DATA(owner) : NULL;
    }
    ~Vector() { Py_XDECREF(owner); }
    T operator[](npy_intp i) const { return start[i]; }
};

/* The rows of a dense matrix, each of them in one piece; `owner` is given back at the end. */
template <class T> struct Rows {
    PyArrayObject *owner;
    const char *start;
    npy_intp step, length, width;
    explicit Rows(PyArrayObject *array) : length(PyArray_DIMS(array)[0]), width(PyArray_DIMS(array)[1]) {
        if (width <= 1 || PyArray_STRIDES(array)[1] == (npy_intp)sizeof(T)) {
            Py_INCREF(array);
            owner = array;
        } else {
            owner = (PyArrayObject *)PyArray_NewCopy(array, NPY_CORDER);
        }
        start = owner ? (const char *)PyArray_DATA(owner) : NULL;
        step = owner ? PyArray_STRIDES(owner)[0] : 0;
    }
    ~Rows() { Py_XDECREF(owner); }
    const T *operator[](npy_intp i) const { return (const T *)(start + i * step); }
};

/* Whether the parts are those of a matrix; an exception says why they are not. */
template <class I, class P>
static bool valid(const Vector<I> &indices, const Vector<P> &indptr, npy_intp entries, npy_intp major, npy_intp minor) {
    if (indices.length != entries)
        return PyErr_Format(PyExc_ValueError, "a sparse matrix needs one index per stored entry, got %zd entries, %zd indices", (Py_ssize_t)entries, (Py_ssize_t)indices.length), false;
    if (major < 0 || minor < 0 || indptr.length != major + 1)
        return PyErr_Format(PyExc_ValueError, "indptr of a sparse matrix has length %zd, its shape needs %zd", (Py_ssize_t)indptr.length, (Py_ssize_t)major + 1), false;
    npy_intp last = 0;
    for (npy_intp i = 0; i <= major; i++) {
        const npy_intp next = (npy_intp)indptr[i];
        if (next < last || next > entries)
            return PyErr_Format(PyExc_ValueError, "indptr of a sparse matrix holds %zd after %zd; its values rise from 0 to at most the number of entries, %zd", (Py_ssize_t)next, (Py_ssize_t)last, (Py_ssize_t)entries), false;
        last = next;
    }
    typedef typename std::make_unsigned<I>::type Place; /* negative ones become large; a maximum is quick, it has no branches */
    Place largest = 0;
    for (npy_intp k = 0; k < entries; k++)
        largest = (Place)indices.start[k] > largest ? (Place)indices.start[k] : largest;
    if ((npy_uintp)largest >= (npy_uintp)minor) /* those beyond the last value of indptr belong to nothing, and are never read */
        for (npy_intp k = (npy_intp)indptr[0]; k < last; k++)
            if ((npy_intp)indices[k] < 0 || (npy_intp)indices[k] >= minor)
                return PyErr_Format(PyExc_ValueError, "index %zd of a sparse matrix is out of bounds for %zd places", (Py_ssize_t)indices[k], (Py_ssize_t)minor), false;
    return true;
}

/* An array for results in `slot`: the one of an earlier call where its lengths fit. */
static bool ensure(PyArrayObject **slot, int ndim, const npy_intp *lengths, int number) {
    PyArrayObject *array = *slot;
    bool fits = array != NULL && PyArray_IS_C_CONTIGUOUS(array) && PyArray_ISWRITEABLE(array);
    for (int axis = 0; fits && axis < ndim; axis++)
        fits = PyArray_DIMS(array)[axis] == lengths[axis];
    if (!fits) {
        Py_XDECREF(array);
        *slot = (PyArrayObject *)PyArray_EMPTY(ndim, (npy_intp *)lengths, number, 0);
    }
    return *slot != NULL;
}

/* row += entry * other, for WIDTH numbers, or `width` where that is 0. */
template <int WIDTH, class Z, class B> static inline void add_row(Z *row, Z entry, const B *other, npy_intp width) {
    for (npy_intp j = 0; j < (WIDTH ? WIDTH : width); j++)
        row[j] = (Z)(row[j] + (Z)(entry * (Z)other[j]));
}

/* out[i] += factor * data[k] * b[indices[k]] for the entries k of row i: four at once, which read and write the row once. */
template <int WIDTH, class D, class I, class P, class B, class Z>
static void add_by_rows(Z *out, npy_intp rows, Z factor, const Vector<D> &data, const Vector<I> &indices, const Vector<P> &indptr, const Rows<B> &b) {
    for (npy_intp i = 0; i < rows; i++) {
        Z *__restrict__ row = out + i * b.width;
        npy_intp k = (npy_intp)indptr[i];
        const npy_intp last = (npy_intp)indptr[i + 1];
        if (WIDTH == 0)
            for (; k + 4 <= last; k += 4) {
                const Z x0 = (Z)(factor * (Z)data[k]), x1 = (Z)(factor * (Z)data[k + 1]), x2 = (Z)(factor * (Z)data[k + 2]), x3 = (Z)(factor * (Z)data[k + 3]);
                const B *b0 = b[(npy_intp)indices[k]], *b1 = b[(npy_intp)indices[k + 1]], *b2 = b[(npy_intp)indices[k + 2]], *b3 = b[(npy_intp)indices[k + 3]];
                for (npy_intp j = 0; j < b.width; j++) {
                    const Z sum = (Z)((Z)(row[j] + (Z)(x0 * (Z)b0[j])) + (Z)(x1 * (Z)b1[j]));
                    row[j] = (Z)((Z)(sum + (Z)(x2 * (Z)b2[j])) + (Z)(x3 * (Z)b3[j]));
                }
            }
        Z sums[WIDTH ? WIDTH : 1]; /* a short row stays in registers */
        Z *target = WIDTH ? sums : row;
        if (WIDTH)
            for (int j = 0; j < WIDTH; j++)
                sums[j] = row[j];
        for (; k < last; k++)
            add_row<WIDTH>(target, (Z)(factor * (Z)data[k]), b[(npy_intp)indices[k]], b.width);
        if (WIDTH)
            for (int j = 0; j < WIDTH; j++)
                row[j] = sums[j];
    }
}

/* The same for entries by columns: row j of b stays in cache while it is added to the rows that column j has entries in. */
template <int WIDTH, class D, class I, class P, class B, class Z>
static void add_by_columns(Z *out, npy_intp columns, Z factor, const Vector<D> &data, const Vector<I> &indices, const Vector<P> &indptr, const Rows<B> &b) {
    for (npy_intp j = 0; j < columns; j++)
        for (npy_intp k = (npy_intp)indptr[j]; k < (npy_intp)indptr[j + 1]; k++) {
            Z *__restrict__ row = out + (npy_intp)indices[k] * b.width;
            add_row<WIDTH>(row, (Z)(factor * (Z)data[k]), b[j], b.width);
        }
}

template <bool by_rows, int WIDTH, class D, class I, class P, class B, class Z>
static void add_product(Z *out, npy_intp major, Z factor, const Vector<D> &data, const Vector<I> &indices, const Vector<P> &indptr, const Rows<B> &b) {
    if (by_rows)
        add_by_rows<WIDTH>(out, major, factor, data, indices, indptr, b);
    else
        add_by_columns<WIDTH>(out, major, factor, data, indices, indptr, b);
}

/* The common part of the products: checks, then out += factor * matrix . b without the GIL. -1 with an exception set. */
template <bool by_rows, class D, class I, class P, class S, class B, class Z>
static int accumulate(const char *name, PyArrayObject *data_, PyArrayObject *indices_, PyArrayObject *indptr_, PyArrayObject *shape_, PyArrayObject *b_, Z factor, PyArrayObject *z, PyArrayObject **out, int number) {
    const Vector<D> data(data_);
    const Vector<I> indices(indices_);
    const Vector<P> indptr(indptr_);
    const Vector<S> shape(shape_);
    if (!data.owner || !indices.owner || !indptr.owner || !shape.owner)
        return -1;
    if (shape.length != 2)
        return PyErr_Format(PyExc_ValueError, "the shape of a sparse matrix has two entries, got %zd", (Py_ssize_t)shape.length), -1;
    const npy_intp rows = (npy_intp)shape[0], columns = (npy_intp)shape[1];
    if (!valid(indices, indptr, data.length, by_rows ? rows : columns, by_rows ? columns : rows))
        return -1;
    const npy_intp lengths[2] = {rows, PyArray_DIMS(b_)[1]};
    if (columns != PyArray_DIMS(b_)[0])
        return PyErr_Format(PyExc_ValueError, "%s: shapes (%zd, %zd) and (%zd, %zd) do not fit: %zd columns against %zd rows", name, (Py_ssize_t)rows, (Py_ssize_t)columns, (Py_ssize_t)PyArray_DIMS(b_)[0], (Py_ssize_t)lengths[1], (Py_ssize_t)columns, (Py_ssize_t)PyArray_DIMS(b_)[0]), -1;
    if (z != NULL && (PyArray_DIMS(z)[0] != rows || PyArray_DIMS(z)[1] != lengths[1]))
        return PyErr_Format(PyExc_ValueError, "%s: a product of shape (%zd, %zd) cannot be added to shape (%zd, %zd)", name, (Py_ssize_t)rows, (Py_ssize_t)lengths[1], (Py_ssize_t)PyArray_DIMS(z)[0], (Py_ssize_t)PyArray_DIMS(z)[1]), -1;
    const Rows<B> b(b_);
    if (b.owner == NULL)
        return -1;
    PyArrayObject *work = NULL; /* a z in place whose rows are not in one piece: worked on in a copy */
    if (z != NULL && z == *out) {
        if (!PyArray_IS_C_CONTIGUOUS(z) && (work = (PyArrayObject *)PyArray_NewCopy(z, NPY_CORDER)) == NULL)
            return -1;
    } else {
        if (!ensure(out, 2, lengths, number))
            return -1;
        if (z == NULL)
            memset(PyArray_DATA(*out), 0, PyArray_NBYTES(*out));
        else if (PyArray_CopyInto(*out, z) < 0)
            return -1;
    }
    Z *target = (Z *)PyArray_DATA(work ? work : *out);
    Py_BEGIN_ALLOW_THREADS
    const npy_intp major = by_rows ? rows : columns;
    switch (b.width) {
    case 1: add_product<by_rows, 1>(target, major, factor, data, indices, indptr, b); break;
    case 2: add_product<by_rows, 2>(target, major, factor, data, indices, indptr, b); break;
    default: add_product<by_rows, 0>(target, major, factor, data, indices, indptr, b);
    }
    Py_END_ALLOW_THREADS
    if (work != NULL) {
        const int failed = PyArray_CopyInto(*out, work);
        Py_DECREF(work);
        return failed;
    }
    return 0;
}

/* The entries of g . b^T at the places of a compressed matrix. */
template <bool by_rows, class G, class B, class I, class P, class Z>
static int entries(PyArrayObject *g_, PyArrayObject *b_, PyArrayObject *indices_, PyArrayObject *indptr_, PyArrayObject **out, int number) {
    const Vector<I> indices(indices_);
    const Vector<P> indptr(indptr_);
    if (!indices.owner || !indptr.owner)
        return -1;
    const npy_intp rows = PyArray_DIMS(g_)[0], columns = PyArray_DIMS(b_)[0], width = PyArray_DIMS(g_)[1], major = by_rows ? rows : columns;
    if (width != PyArray_DIMS(b_)[1])
        return PyErr_Format(PyExc_ValueError, "rows of %zd and of %zd numbers have no products", (Py_ssize_t)width, (Py_ssize_t)PyArray_DIMS(b_)[1]), -1;
    if (!valid(indices, indptr, indices.length, major, by_rows ? columns : rows))
        return -1;
    const Rows<G> g(g_);
    const Rows<B> b(b_);
    if (g.owner == NULL || b.owner == NULL || !ensure(out, 1, &indices.length, number))
        return -1;
    Z *target = (Z *)PyArray_DATA(*out);
    memset(target, 0, PyArray_NBYTES(*out)); /* entries beyond the last of indptr belong to no row */
    Py_BEGIN_ALLOW_THREADS
    for (npy_intp i = 0; i < major; i++) {
        for (npy_intp k = (npy_intp)indptr[i]; k < (npy_intp)indptr[i + 1]; k++) {
            const G *left = g[by_rows ? i : (npy_intp)indices[k]];
            const B *right = b[by_rows ? (npy_intp)indices[k] : i];
            Z sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
            npy_intp j = 0;
            for (; j + 8 <= width; j += 8)
                for (npy_intp lane = 0; lane < 8; lane++)
                    sums[lane] = (Z)(sums[lane] + (Z)((Z)left[j + lane] * (Z)right[j + lane]));
            for (npy_intp lane = 0; j < width; j++, lane++)
                sums[lane] = (Z)(sums[lane] + (Z)((Z)left[j] * (Z)right[j]));
            target[k] = (Z)((Z)((Z)(sums[0] + sums[4]) + (Z)(sums[1] + sums[5])) + (Z)((Z)(sums[2] + sums[6]) + (Z)(sums[3] + sums[7])));
        }
    }
    Py_END_ALLOW_THREADS
    return 0;
}

}  // namespace tc_sparse
