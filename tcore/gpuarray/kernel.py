"""Ops that bring their own kernels: :class:`Kernel` describes one, :class:`GpuKernelBase` compiles and wraps them for C code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np

from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.typecodes import SIZE, SSIZE, TYPECODES
from tcore.graph import Apply, MethodNotDefined
from tcore.records import define

__all__ = ["GpuKernelBase", "Kernel", "include_folder"]

_C_TYPES = {
    "bool": "uint8_t", "int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "uint16": "uint16_t", "int32": "int32_t",
    "uint32": "uint32_t", "int64": "int64_t", "uint64": "uint64_t", "float16": "uint16_t", "float32": "float", "float64": "double",
}  # fmt: skip
_FLAG_NAMES = {
    "have_double": "GA_USE_DOUBLE", "have_small": "GA_USE_SMALL", "have_complex": "GA_USE_COMPLEX", "have_half": "GA_USE_HALF",
}  # fmt: skip


def include_folder() -> str:
    """The folder with ``gpuarray/*.h`` and ``gpuarray_api.h``."""
    return str(resources.files("tcore.gpuarray") / "include")


@define
class Kernel:
    """Everything about one kernel.

    Parameters
    ----------
    code : str
        Source in the portable dialect (``KERNEL``, ``GLOBAL_MEM``, ``LID_0``, ``ga_double``, …).
    params : list
        One entry an argument: the class ``GpuArray`` for a buffer, ``SIZE``, ``SSIZE``, or a dtype; C names of typecodes when
        ``flags["ctypes"]`` is true.
    name : str
        The kernel function in ``code``.
    flags : dict
        ``have_double``, ``have_small``, ``have_complex``, ``have_half``, ``ctypes`` (bool) and ``cflags`` (C names joined by ``|``).
    codevar, objvar, fname, sname : str, optional
        C names of the source text, the kernel object and the two launch functions.
    """

    code: str
    params: Sequence[Any]
    name: str
    flags: Mapping[str, Any]
    codevar: str | None = None
    objvar: str | None = None
    fname: str | None = None
    sname: str | None = None

    def __attrs_post_init__(self) -> None:
        self.codevar = self.codevar or f"kcode_{self.name}"
        self.objvar = self.objvar or f"k_{self.name}"
        self.fname = self.fname or f"{self.name}_call"
        self.sname = self.sname or f"{self.name}_scall"

    @staticmethod
    def get_flags(*dtypes: Any) -> dict[str, bool]:
        """The flags that kernels with values of these dtypes need."""
        flags = {}
        for dtype in map(np.dtype, dtypes):
            if dtype == np.float64:
                flags["have_double"] = True
            if dtype.itemsize < 4:
                flags["have_small"] = True
            if dtype.kind == "c":
                flags["have_complex"] = True
            if dtype == np.float16:
                flags["have_half"] = True
        return flags

    def c_flags(self) -> str:
        """The flags as a C expression."""
        names = [c_name for flag, c_name in _FLAG_NAMES.items() if self.flags.get(flag)]
        if self.flags.get("cflags"):
            names.append(self.flags["cflags"])
        return "|".join(names) or "0"

    def c_param_types(self) -> list[str]:
        """For each argument, the C name or number of its typecode."""
        return [param if self.flags.get("ctypes") else _typecode(param) for param in self.params]

    def c_argument_types(self) -> list[str]:
        """For each argument, the C type in which the launch functions take it."""
        return [_HOST_TYPES[code] for code in self.c_param_types()]


def _typecode(param: Any) -> str:
    if param is GpuArray:
        return "GA_BUFFER"
    if param is SIZE:
        return "GA_SIZE"
    if param is SSIZE:
        return "GA_SSIZE"
    return _C_CODES[TYPECODES[str(np.dtype(param))]]


_C_CODES = {
    0: "GA_BOOL", 1: "GA_BYTE", 2: "GA_UBYTE", 3: "GA_SHORT", 4: "GA_USHORT", 5: "GA_INT", 6: "GA_UINT", 7: "GA_LONG",
    8: "GA_ULONG", 11: "GA_FLOAT", 12: "GA_DOUBLE", 23: "GA_HALF",
}  # fmt: skip
_HOST_TYPES = {
    "GA_BUFFER": "gpudata *", "GA_SIZE": "size_t", "GA_SSIZE": "ptrdiff_t",
    **{_C_CODES[code]: _C_TYPES[name] for name, code in TYPECODES.items() if code in _C_CODES},
}  # fmt: skip


class GpuKernelBase:
    """Mixin for ops with kernels of their own and ``c_code`` that launches them.

    The op overrides :meth:`gpu_kernels`, and hands its context to C code as its only parameter (``params_type =
    gpu_context_type``) or as the field ``context`` of its ``ParamsType``. For each kernel ``k``, ``c_code`` may call
    ``k_call(nd, &groups, &group_size, shared_bytes, arguments…)`` and ``k_scall(nd, &items, shared_bytes, arguments…)``.
    """

    params_type: Any

    def gpu_kernels(self, node: Apply, name: str) -> Iterable[Kernel]:
        """The kernels of ``node``; ``name`` is unique to it and valid in identifiers."""
        raise MethodNotDefined(f"{type(self).__name__} defines no gpu_kernels", type(self), "gpu_kernels")

    def c_headers(self) -> list[str]:
        """The header of the calls."""
        return ["<gpuarray_api.h>"]

    def c_header_dirs(self) -> list[str]:
        """Where that header is."""
        return [include_folder()]

    def c_support_code_struct(self, node: Apply, name: str) -> str:
        """The kernel objects and their launch functions, members of the node's struct."""
        return "\n".join(_members(kernel) for kernel in self.gpu_kernels(node, name))

    def c_init_code_struct(self, node: Apply, name: str, sub: Mapping[str, str]) -> str:
        """Compile the kernels when the node's struct is made."""
        context = self._context_text(sub["params"])
        return "\n".join(_compile_call(kernel, context, sub["fail"]) for kernel in self.gpu_kernels(node, name))

    def c_cleanup_code_struct(self, node: Apply, name: str) -> str:
        """Release the kernels."""
        return "\n".join(f"GpuKernel_clear(&{kernel.objvar});" for kernel in self.gpu_kernels(node, name))

    def kernel_version(self, node: Apply) -> tuple[Any, ...]:
        """A version that changes with the kernels' text; part of ``c_code_cache_version_apply`` of ops that write their own."""
        texts = [(k.code, k.name, k.c_param_types(), k.c_flags()) for k in self.gpu_kernels(node, "version")]
        return (1, hashlib.sha256(json.dumps(texts).encode()).hexdigest())

    def c_code_cache_version_apply(self, node: Apply) -> tuple[Any, ...]:
        """The version of the C code and of the kernels; ``()`` where the C code has none."""
        version = self.c_code_cache_version()  # type: ignore[attr-defined]
        return (version, self.kernel_version(node)) if version else ()

    def _context_text(self, params: str) -> str:
        fields = getattr(self.params_type, "fields", None)
        return params if fields is None else f"{params}->context"


def _members(kernel: Kernel) -> str:
    arguments = [f"{kind} tc_{i}" for i, kind in enumerate(kernel.c_argument_types())]
    pointers = [f"(void *)tc_{i}" if kind == "gpudata *" else f"&tc_{i}" for i, kind in enumerate(kernel.c_argument_types())]
    listed = "".join(f", {argument}" for argument in arguments)
    array = f"void *tc_a[] = {{{', '.join(pointers) or 'NULL'}}};"
    return (
        f"GpuKernel {kernel.objvar};\n"
        f"int {kernel.fname}(unsigned int tc_nd, size_t *tc_gs, size_t *tc_ls, size_t tc_shared{listed}) {{\n"
        f"  {array}\n  return GpuKernel_call(&{kernel.objvar}, tc_nd, tc_gs, tc_ls, tc_shared, tc_a);\n}}\n"
        f"int {kernel.sname}(unsigned int tc_nd, size_t *tc_n, size_t tc_shared{listed}) {{\n"
        f"  {array}\n  return GpuKernel_scall(&{kernel.objvar}, tc_nd, tc_n, tc_shared, tc_a);\n}}"
    )


def _compile_call(kernel: Kernel, context: str, fail: str) -> str:
    text = "\n".join(json.dumps(line + "\n") for line in kernel.code.splitlines()) or '""'
    types = ", ".join(kernel.c_param_types()) or "0"
    return (
        f"{{\n  static const char {kernel.codevar}[] =\n{text};\n  const int tc_types[] = {{{types}}};\n"
        f"  int tc_err = GpuKernel_init(&{kernel.objvar}, (PyGpuContextObject *){context}, {kernel.codevar}, "
        f'"{kernel.name}", {len(kernel.params)}, tc_types, {kernel.c_flags()});\n'
        f"  if (tc_err != GA_NO_ERROR) {{\n"
        f'    PyErr_Format(PyExc_RuntimeError, "kernel {kernel.name}: %s", GpuKernel_error(&{kernel.objvar}, tc_err));\n'
        f"    {fail}\n  }}\n}}"
    )
