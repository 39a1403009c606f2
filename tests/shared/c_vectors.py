"""Ops on vectors whose code is C: those of the documentation."""

from __future__ import annotations

import numpy as np

import tcore.tensor as tt
from tcore.graph import Apply, Op


class VectorTimesScalar(Op):
    """The documentation's first op in C, with strides."""

    __props__ = ()

    def make_node(self, x, y):
        if x.type.ndim != 1:
            raise TypeError("x must be a 1-d vector")
        if y.type.ndim != 0:
            raise TypeError("y must be a scalar")
        return Apply(self, [x, y], [x.type()])

    def c_code_cache_version(self):
        return (1, 0)

    def c_code(self, node, name, inp, out, sub):
        x, y = inp
        (z,) = out
        dtype_x, dtype_y, dtype_z = (v.dtype for v in (*node.inputs, *node.outputs))
        itemsize_x, itemsize_z = np.dtype(dtype_x).itemsize, np.dtype(dtype_z).itemsize
        fail = sub["fail"]
        return """
        if (NULL == %(z)s || PyArray_DIMS(%(x)s)[0] != PyArray_DIMS(%(z)s)[0]) {
            Py_XDECREF(%(z)s);
            %(z)s = (PyArrayObject*)PyArray_EMPTY(1, PyArray_DIMS(%(x)s), PyArray_TYPE(%(x)s), 0);
            if (!%(z)s) { %(fail)s; }
        }
        {
            npy_%(dtype_x)s* x_data_ptr = (npy_%(dtype_x)s*)PyArray_DATA(%(x)s);
            npy_%(dtype_z)s* z_data_ptr = (npy_%(dtype_z)s*)PyArray_DATA(%(z)s);
            npy_%(dtype_y)s y_value = ((npy_%(dtype_y)s*)PyArray_DATA(%(y)s))[0];
            int x_stride = PyArray_STRIDES(%(x)s)[0] / %(itemsize_x)s;
            int z_stride = PyArray_STRIDES(%(z)s)[0] / %(itemsize_z)s;
            int x_dim = PyArray_DIMS(%(x)s)[0];
            for (int i = 0; i < x_dim; i++) {
                z_data_ptr[i * z_stride] = (x_data_ptr[i * x_stride] * y_value);
            }
        }
        """ % locals()


class VectorTimesVector(Op):
    """The documentation's second op: support code, per op and per node."""

    __props__ = ()

    def make_node(self, x, y):
        return Apply(self, [x, y], [tt.TensorType(np.promote_types(x.dtype, y.dtype).name, [False])()])

    def c_code_cache_version(self):
        return (1, 0, 2)

    def c_support_code(self):
        return """
        bool vector_same_shape(PyArrayObject* arr1, PyArrayObject* arr2) {
            return (PyArray_DIMS(arr1)[0] == PyArray_DIMS(arr2)[0]);
        }
        """

    def c_support_code_apply(self, node, name):
        dtype_x, dtype_y, dtype_z = (v.dtype for v in (*node.inputs, *node.outputs))
        return """
        void vector_elemwise_mult_%(name)s(npy_%(dtype_x)s* x_ptr, int x_str, npy_%(dtype_y)s* y_ptr, int y_str,
                                           npy_%(dtype_z)s* z_ptr, int z_str, int nbElements) {
            for (int i = 0; i < nbElements; i++)
                z_ptr[i * z_str] = x_ptr[i * x_str] * y_ptr[i * y_str];
        }
        """ % locals()

    def c_code(self, node, name, inp, out, sub):
        x, y = inp
        (z,) = out
        dtype_x, dtype_y, dtype_z = (v.dtype for v in (*node.inputs, *node.outputs))
        itemsize_x, itemsize_y, itemsize_z = (np.dtype(d).itemsize for d in (dtype_x, dtype_y, dtype_z))
        typenum_z = np.dtype(dtype_z).num
        fail = sub["fail"]
        return """
        if (!vector_same_shape(%(x)s, %(y)s)) {
            PyErr_Format(PyExc_ValueError, "Shape mismatch : x.shape[0] and y.shape[0] should match but "
                         "x.shape[0] == %%i and y.shape[0] == %%i",
                         (int) PyArray_DIMS(%(x)s)[0], (int) PyArray_DIMS(%(y)s)[0]);
            %(fail)s;
        }
        if (NULL == %(z)s || !vector_same_shape(%(x)s, %(z)s)) {
            Py_XDECREF(%(z)s);
            %(z)s = (PyArrayObject*)PyArray_EMPTY(1, PyArray_DIMS(%(x)s), %(typenum_z)s, 0);
            if (!%(z)s) { %(fail)s; }
        }
        vector_elemwise_mult_%(name)s((npy_%(dtype_x)s*)PyArray_DATA(%(x)s),
            PyArray_STRIDES(%(x)s)[0] / %(itemsize_x)s, (npy_%(dtype_y)s*)PyArray_DATA(%(y)s),
            PyArray_STRIDES(%(y)s)[0] / %(itemsize_y)s, (npy_%(dtype_z)s*)PyArray_DATA(%(z)s),
            PyArray_STRIDES(%(z)s)[0] / %(itemsize_z)s, PyArray_DIMS(%(x)s)[0]);
        """ % locals()
