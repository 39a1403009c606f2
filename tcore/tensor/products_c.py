"""The C side of products of vectors and matrices. NumPy's own product computes them: it calls its BLAS, and nothing needs to be linked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tcore.graph.c_interface import derived

__all__ = ["DotC", "DotScaledC", "GerC", "UpdatingProductC"]

_PRODUCT = """
#ifndef TC_PRODUCT
#define TC_PRODUCT
/* The product of vectors or matrices in a dtype; NULL with an exception. */
__attribute__((unused)) static PyArrayObject* tc_product(PyArrayObject* x, PyArrayObject* y, int number)
{
    const npy_intp *m = PyArray_DIMS(x), *n = PyArray_DIMS(y);
    char left[80], right[80];
    if (m[PyArray_NDIM(x) - 1] != n[0]) {
        if (PyArray_NDIM(x) == 2) snprintf(left, sizeof left, "%lld cols (and %lld rows)", (long long) m[1], (long long) m[0]);
        else snprintf(left, sizeof left, "%lld elements", (long long) m[0]);
        if (PyArray_NDIM(y) == 2) snprintf(right, sizeof right, "%lld rows (and %lld cols)", (long long) n[0], (long long) n[1]);
        else snprintf(right, sizeof right, "%lld elements", (long long) n[0]);
        PyErr_Format(PyExc_ValueError, "Shape mismatch: x has %s but y has %s", left, right);
        return NULL;
    }
    PyObject* made = PyArray_MatrixProduct2((PyObject*) x, (PyObject*) y, NULL);
    if (!made) return NULL;
    PyObject* result = PyArray_FROMANY(made, number, 0, 0, NPY_ARRAY_FORCECAST);
    Py_DECREF(made);
    return (PyArrayObject*) result;
}
/* target *= factor, a 0-d array; a factor of 0 gives zeros even for NaN. 0, or -1 with an exception. */
__attribute__((unused)) static int tc_scale(PyArrayObject* target, PyArrayObject* factor)
{
    PyObject* number = PyArray_ToScalar(PyArray_DATA(factor), factor);
    int some = number ? PyObject_IsTrue(number) : -1;
    PyObject* done = NULL;
    if (some > 0) done = PyNumber_InPlaceMultiply((PyObject*) target, number);
    else if (some == 0 && PyArray_CopyInto(target, factor) == 0) { done = (PyObject*) target; Py_INCREF(done); }
    Py_XDECREF(number);
    Py_XDECREF(done);
    return done ? 0 : -1;
}
/* target += product of x and y, scaled; steals nothing. */
__attribute__((unused)) static int tc_add(PyArrayObject* target, PyArrayObject* product)
{
    if (!PyArray_SAMESHAPE(target, product)) {
        PyErr_SetString(PyExc_ValueError, "Shape mismatch: a product is added to an array of another shape");
        return -1;
    }
    PyObject* done = PyNumber_InPlaceAdd((PyObject*) target, (PyObject*) product);
    Py_XDECREF(done);
    return done ? 0 : -1;
}
#endif
"""


class _Product:
    """What these ops have in common."""

    def c_support_code(self) -> str:
        """Products and what is added to them, as functions."""
        return _PRODUCT

    def c_code_cache_version(self) -> tuple[int, ...]:
        """Version of this text."""
        return (1,)


class DotC(_Product):
    """The ``c_*`` methods of :class:`~tcore.tensor.dot.Dot` and :class:`~tcore.tensor.blas.Dot22`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """The product."""
        (x, y), (z,) = inputs, outputs
        return f"{{\n{_made('tc_made', x, y, node, sub['fail'])}\nPy_XDECREF({z});\n{z} = tc_made;\n}}"


class DotScaledC(_Product):
    """The ``c_*`` methods of :class:`~tcore.tensor.blas.Dot22Scalar`."""

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """The product times a number."""
        (x, y, a), (z,), fail = inputs, outputs, sub["fail"]
        return f"{{\n{_made('tc_made', x, y, node, fail)}\n{_scaled('tc_made', a, fail)}\nPy_XDECREF({z});\n{z} = tc_made;\n}}"


class UpdatingProductC(_Product):
    """The ``c_*`` methods of :class:`~tcore.tensor.blas.Gemm` and :class:`~tcore.tensor.blas.Gemv`: ``b z + a x y``."""

    inplace: bool

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """The product into memory of its own, then added."""
        (target, a, x, y, b), (z,) = inputs, outputs
        return _updated(_made("tc_made", x, y, node, sub["fail"]), target, a, b, z, self.inplace, sub["fail"])


class GerC(_Product):
    """The ``c_*`` methods of :class:`~tcore.tensor.blas.Ger`: ``A + a x yᵀ``."""

    destructive: bool

    @derived
    def c_code(self, node: Any, name: str, inputs: Sequence[str], outputs: Sequence[str], sub: Mapping[str, str]) -> str:
        """The outer product as that of a column and a row."""
        (target, a, x, y), (z,), fail = inputs, outputs, sub["fail"]
        product = f"""
npy_intp tc_m[] = {{PyArray_DIMS({x})[0], 1}}, tc_n[] = {{1, PyArray_DIMS({y})[0]}};
PyArray_Dims tc_tall = {{tc_m, 2}}, tc_wide = {{tc_n, 2}};
PyArrayObject* tc_x = (PyArrayObject*) PyArray_Newshape({x}, &tc_tall, NPY_CORDER);
PyArrayObject* tc_y = tc_x ? (PyArrayObject*) PyArray_Newshape({y}, &tc_wide, NPY_CORDER) : NULL;
PyArrayObject* tc_made = tc_y ? tc_product(tc_x, tc_y, PyArray_TYPE({target})) : NULL;
Py_XDECREF(tc_x); Py_XDECREF(tc_y);
if (!tc_made) {{ {fail} }}"""
        return _updated(product, target, a, None, z, self.destructive, fail)


def _made(made: str, x: str, y: str, node: Any, fail: str) -> str:
    return f"PyArrayObject* {made} = tc_product({x}, {y}, NPY_{node.outputs[0].type.dtype.upper()});\nif (!{made}) {{ {fail} }}"


def _scaled(made: str, factor: str, fail: str) -> str:
    return f"if (tc_scale({made}, {factor})) {{ Py_DECREF({made}); {fail} }}"


def _updated(product: str, target: str, a: str, b: str | None, z: str, inplace: bool, fail: str) -> str:
    """``z = b target + a product``, into the target where that may be overwritten."""
    own = f"Py_INCREF({target}); PyArrayObject* tc_own = {target};"
    if not inplace:
        own = f"PyArrayObject* tc_own = (PyArrayObject*) PyArray_NewCopy({target}, NPY_ANYORDER);\nif (!tc_own) {{ Py_DECREF(tc_made); {fail} }}"
    scaled = f"tc_scale(tc_own, {b}) || " if b is not None else ""
    return f"""{{
{product}
{_scaled("tc_made", a, fail)}
{own}
int tc_wrong = {scaled}tc_add(tc_own, tc_made);
Py_DECREF(tc_made);
if (tc_wrong) {{ Py_DECREF(tc_own); {fail} }}
Py_XDECREF({z});
{z} = tc_own;
}}"""
