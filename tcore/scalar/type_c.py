"""The C side of :class:`~tcore.scalar.type.Scalar`: a value is one C number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ScalarC", "npy_name", "npy_number"]


def npy_name(dtype: str) -> str:
    """The name in NumPy's C interface: ``npy_float64`` for float64."""
    return f"npy_{dtype}"


def npy_number(dtype: str) -> str:
    """The type number in NumPy's C interface: ``NPY_FLOAT64`` for float64."""
    return f"NPY_{dtype.upper()}"


class ScalarC:
    """The ``c_*`` methods of :class:`~tcore.scalar.type.Scalar`."""

    dtype: str
    _undefined: Callable[[str], Any]

    def c_is_simple(self) -> bool:
        """True: a number needs no cleanup."""
        return True

    def c_element_type(self) -> str:
        """``npy_<dtype>``."""
        return npy_name(self.dtype)

    def c_headers(self) -> Sequence[str]:
        """What the code below uses."""
        return ["<math.h>", "<numpy/arrayscalars.h>"]

    def c_compile_args(self) -> Sequence[str]:
        """None."""
        return []

    def c_libraries(self) -> Sequence[str]:
        """None."""
        return []

    def c_literal(self, data: Any) -> str:
        """``data`` as a C expression of this type, exact to the last bit."""
        kind = self.c_element_type()
        if "complex" in self.dtype or self.dtype == "float16":
            return str(self._undefined("c_literal"))
        if "float" in self.dtype:
            value = float(data)
            if math.isnan(value):
                return f"(({kind})NAN)"
            if value in (float("inf"), float("-inf")):
                return f"(({kind}){'-' if value < 0 else ''}INFINITY)"
            return f"(({kind}){value.hex()})"
        value = int(data)
        if self.dtype == "int64" and value == -(2**63):
            return f"(({kind})(-9223372036854775807LL - 1))"
        return f"(({kind}){value}{'ULL' if self.dtype == 'uint64' else 'LL'})"

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """``<type> <name>;``, and where inputs are checked ``dtype_<name>``."""
        kind = self.c_element_type()
        typedef = f"typedef {kind} dtype_{name};\n" if check_input else ""
        return f"{kind} {name};\n{typedef}"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """Zero."""
        return f"{name} = {self._zero()};\n"

    def _zero(self) -> str:
        return "{0, 0}" if "complex" in self.dtype else "0"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """Read the NumPy scalar ``py_<name>``, after a check of its class."""
        check = (
            f"""
        {{
            PyArray_Descr *tc_descr = PyArray_DescrFromType({npy_number(self.dtype)});
            int tc_fits = tc_descr && PyObject_TypeCheck(py_{name}, tc_descr->typeobj);
            Py_XDECREF(tc_descr);
            if (!tc_fits) {{
                PyErr_Format(PyExc_ValueError, "Scalar check failed: expected {self.dtype}, got %s", Py_TYPE(py_{name})->tp_name);
                {sub["fail"]}
            }}
        }}"""
            if check_input
            else ""
        )
        return f"{check}\n        PyArray_ScalarAsCtype(py_{name}, &{name});\n"

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """Put a NumPy scalar of the value into ``py_<name>``."""
        return f"""
        {{
            PyArray_Descr *tc_descr = PyArray_DescrFromType({npy_number(self.dtype)});
            Py_XDECREF(py_{name});
            py_{name} = tc_descr ? PyArray_Scalar(&{name}, tc_descr, NULL) : NULL;
            Py_XDECREF(tc_descr);
            if (!py_{name}) {{
                Py_INCREF(Py_None);
                py_{name} = Py_None;
                {sub["fail"]}
            }}
        }}
"""

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Nothing."""
        return ""

    def c_code_cache_version(self) -> tuple[Any, ...]:
        """Version of this text."""
        return (1,)
