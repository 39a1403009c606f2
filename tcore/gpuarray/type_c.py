"""The C side of GpuArrayType and of contexts: how values become C variables and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tcore.gpuarray.kernel import include_folder
from tcore.gpuarray.typecodes import device_ctype

__all__ = ["GpuArrayTypeC", "GpuContextTypeC"]


class _WithHeader:
    """Both need the header of the calls."""

    def c_headers(self) -> list[str]:
        """``gpuarray_api.h``."""
        return ["<gpuarray_api.h>"]

    def c_header_dirs(self) -> list[str]:
        """Where that header is."""
        return [include_folder()]

    def c_support_code(self) -> str:
        """Nothing beside the header."""
        return ""

    def c_code_cache_version(self) -> tuple[int, ...]:
        """Version of the texts of the class."""
        return (1,)


class GpuContextTypeC(_WithHeader):
    """C code sees a context as ``PyGpuContextObject *name``."""

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The pointer."""
        return f"PyGpuContextObject *{name};"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """No context yet."""
        return f"{name} = NULL;"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The object itself."""
        return f"{name} = (PyGpuContextObject *)py_{name};\nPy_INCREF({name});"

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Drop the reference."""
        return f"Py_XDECREF({name}); {name} = NULL;"

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """Contexts are never results."""
        return ""


class GpuArrayTypeC(_WithHeader):
    """C code sees a value called ``name`` as ``PyGpuArrayObject *name``, NULL while there is none."""

    dtype: str
    if TYPE_CHECKING:

        @property
        def typecode(self) -> int:
            """The dtype's number."""

        @property
        def ndim(self) -> int:
            """Number of axes."""

    def c_element_type(self) -> str:
        """The C type of one element in kernels."""
        return device_ctype(self.dtype)

    def c_declare(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """The pointer."""
        return f"PyGpuArrayObject *{name};"

    def c_init(self, name: str, sub: Mapping[str, str]) -> str:
        """No value yet."""
        return f"{name} = NULL;"

    def c_extract(self, name: str, sub: Mapping[str, str], check_input: bool = True) -> str:
        """Describe the Python array; a wrong value is a TypeError."""
        check = f"""
if ({name}->ga.typecode != {self.typecode} || {name}->ga.nd != {self.ndim}) {{
  PyErr_Format(PyExc_TypeError, "expected typecode {self.typecode} with {self.ndim} axes, got typecode %d with %u axes", {name}->ga.typecode, {name}->ga.nd);
  {sub["fail"]}
}}"""
        return f"""{name} = NULL;
if (py_{name} == Py_None) {{
  PyErr_SetString(PyExc_ValueError, "expected a GpuArray, not None");
  {sub["fail"]}
}}
Py_INCREF(py_{name});
{name} = tc_gpu_wrap(py_{name});
if ({name} == NULL) {{
  {sub["fail"]}
}}{check if check_input else ""}"""

    def c_cleanup(self, name: str, sub: Mapping[str, str]) -> str:
        """Drop the description; the array lives as long as Python holds it."""
        return f"Py_XDECREF({name}); {name} = NULL;"

    def c_sync(self, name: str, sub: Mapping[str, str]) -> str:
        """Put the array into ``py_<name>``."""
        return f"""Py_XDECREF(py_{name});
if ({name} == NULL) {{
  py_{name} = Py_None;
  Py_INCREF(py_{name});
}} else {{
  py_{name} = tc_gpu_unwrap({name});
}}"""
