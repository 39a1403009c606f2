"""The C side of :class:`~tcore.tensor.type.TensorType`: a value is a ``PyArrayObject*``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["TensorTypeC"]


class TensorTypeC:
    """The ``c_*`` methods of :class:`~tcore.tensor.type.TensorType`."""

    dtype: str
    broadcastable: tuple[bool, ...]

    def c_element_type(self) -> str:
        """``npy_<dtype>``."""
        return f"npy_{self.dtype}"

    def c_headers(self) -> Sequence[str]:
        """NumPy's array interface."""
        return ["<numpy/arrayobject.h>"]

    def c_compile_args(self) -> Sequence[str]:
        """None."""
        return []

    def c_libraries(self) -> Sequence[str]:
        """None."""
        return []

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The array ``<name>``, and where inputs are checked the type ``dtype_<name>`` of its elements."""
        typedef = f"typedef {self.c_element_type()} dtype_{name};\n" if check_input else ""
        return f"PyArrayObject* {name};\n{typedef}"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """No array."""
        return f"{name} = NULL;\n"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """Borrow ``py_<name>`` as an array with a reference of our own, after checks of type, axes, dtype, alignment and byte order."""
        fail = sub["fail"]
        number = f"NPY_{self.dtype.upper()}"
        ndim = len(self.broadcastable)
        check = ""
        if check_input:
            check = f"""
    if (py_{name} == Py_None) {{
        PyErr_SetString(PyExc_ValueError, "expected an ndarray, not None");
        {fail}
    }}
    if (!PyArray_Check(py_{name})) {{
        PyErr_SetString(PyExc_ValueError, "expected an ndarray");
        {fail}
    }}
    if (!PyArray_ISALIGNED((PyArrayObject*) py_{name})) {{
        PyErr_Format(PyExc_NotImplementedError,
                     "expected an aligned array of type %ld ({number}), got a non-aligned one of type %ld",
                     (long) {number}, (long) PyArray_TYPE((PyArrayObject*) py_{name}));
        {fail}
    }}
    if (PyArray_ISBYTESWAPPED((PyArrayObject*) py_{name})) {{
        PyErr_SetString(PyExc_NotImplementedError, "expected an array ({number}) in the machine's byte order");
        {fail}
    }}
    if (PyArray_TYPE((PyArrayObject*) py_{name}) != {number}) {{
        PyErr_Format(PyExc_TypeError, "expected type_num %d ({number}) got %d",
                     {number}, PyArray_TYPE((PyArrayObject*) py_{name}));
        {fail}
    }}
    if (PyArray_NDIM((PyArrayObject*) py_{name}) != {ndim}) {{
        PyErr_Format(PyExc_TypeError, "expected {ndim} dimensions, got %d",
                     PyArray_NDIM((PyArrayObject*) py_{name}));
        {fail}
    }}"""
        return f"""
    {name} = NULL;{check}
    {name} = (PyArrayObject*)(py_{name});
    Py_XINCREF({name});
"""

    def c_check(self, name: str, sub: Mapping[str, str]) -> str:
        """Fail unless there is an array, of the type's number of axes and dtype, with one element along axes that are broadcastable; an exception that is set already explains more."""
        ndim, number = len(self.broadcastable), f"NPY_{self.dtype.upper()}"
        lengths = "".join(
            f"""
    if (PyArray_DIM({name}, {axis}) != 1) {{
        if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "the op made an array of length %zd along axis {axis}, which is broadcastable in the type of its output, so its length is 1",
                         (Py_ssize_t) PyArray_DIM({name}, {axis}));
        {sub["fail"]}
    }}"""
            for axis, marked in enumerate(self.broadcastable)
            if marked
        )
        return f"""
    if (!{name} || !PyArray_Check((PyObject*) {name})) {{
        if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "the op made %R where an array of {ndim} dimensions and {self.dtype} belongs",
                         {name} ? (PyObject*) {name} : Py_None);
        {sub["fail"]}
    }}
    if (PyArray_NDIM({name}) != {ndim} || !PyArray_EquivTypenums(PyArray_TYPE({name}), {number})) {{
        if (!PyErr_Occurred()) PyErr_Format(PyExc_TypeError, "the op made an array of %d dimensions and %R where one of {ndim} dimensions and {self.dtype} belongs",
                         PyArray_NDIM({name}), (PyObject*) PyArray_DESCR({name}));
        {sub["fail"]}
    }}{lengths}
"""

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Give our reference back."""
        return f"""
    if ({name}) {{
        Py_XDECREF({name});
    }}
"""

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """Make ``py_<name>`` the array, aligned; None where there is none."""
        fail = sub["fail"]
        return f"""
    {{
        Py_XDECREF(py_{name});
        if (!{name}) {{
            Py_INCREF(Py_None);
            py_{name} = Py_None;
        }} else if ((void*)py_{name} != (void*){name}) {{
            py_{name} = (PyObject*){name};
        }}
        Py_XINCREF(py_{name});
        if ({name} && !PyArray_ISALIGNED((PyArrayObject*) py_{name})) {{
            PyErr_SetString(PyExc_NotImplementedError, "c_sync: the array is not aligned");
            {fail}
        }}
    }}
"""

    def c_support_code(self) -> str:
        """Nothing beyond NumPy's headers."""
        return ""

    def c_init_code(self) -> Sequence[str]:
        """Nothing: the module imports NumPy by itself."""
        return []

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of this text."""
        return (2,)
