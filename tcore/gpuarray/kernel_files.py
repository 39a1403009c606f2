"""Ops with kernels of their own whose C code, kernels included, is in files: :class:`CGpuKernelBase`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.kernel import GpuKernelBase, Kernel
from tcore.gpuarray.typecodes import SIZE, SSIZE, device_ctype
from tcore.graph import Apply, MethodNotDefined
from tcore.graph.external_c import COp

__all__ = ["CGpuKernelBase"]

_KERNEL = re.compile(r"^[ \t]*#[ \t]*kernel\b(?P<rest>[^\n]*)$", re.MULTILINE)
_DIRECTIVE = re.compile(r"\s*(?P<name>\w+)\s*:(?P<params>[^:]*):(?P<flags>[^:]*)")
_MARKS = {"*": GpuArray, "size": SIZE, "ssize": SSIZE}


class CGpuKernelBase(GpuKernelBase, COp):
    """A :class:`~tcore.graph.external_c.COp` whose files have a section ``kernels``.

    In it, lines ``#kernel name : params : flags`` stand before each kernel: ``name`` is that of the kernel function, ``params`` a list
    of dtypes, ``size``, ``ssize`` and ``*`` for a pointer, separated by commas, ``flags`` C names joined by ``|``, or nothing.
    ``DTYPE_INPUT_0`` and ``DTYPE_OUTPUT_0`` are the element types as kernels know them. Elsewhere in the files, the kernel is
    launched by ``name_call`` and ``name_scall``; its object is ``k_name``.

    Parameters
    ----------
    func_files, func_name : as for COp
    """

    section_tags: ClassVar[frozenset[str]] = COp.section_tags | {"kernels"}

    def gpu_kernels(self, node: Apply, name: str) -> list[Kernel]:
        """The kernels of the files."""
        text = self.code_sections.get("kernels")
        if text is None:
            raise MethodNotDefined(f"the files of {type(self).__name__} have no section 'kernels'", type(self), "gpu_kernels")
        found = list(_KERNEL.finditer(text))
        if not found:
            raise ValueError(f"the section 'kernels' of {type(self).__name__} has no line '#kernel name : params : flags'")
        ends = [*(match.start() for match in found[1:]), len(text)]
        types = self._types(node)
        return [self._kernel(match["rest"], types + text[match.end() : end]) for match, end in zip(found, ends, strict=True)]

    def _kernel(self, directive: str, code: str) -> Kernel:
        match = _DIRECTIVE.fullmatch(directive.rstrip())
        if match is None:
            raise ValueError(f"{type(self).__name__}: '#kernel{directive}' is not of the form '#kernel name : params : flags'")
        params = [_MARKS.get(word, word.removeprefix("NPY_").lower()) for word in map(str.strip, match["params"].split(",")) if word]
        flags = "|".join(word.strip() for word in match["flags"].split("|") if word.strip())
        return Kernel(code, params, match["name"], {"cflags": flags})

    @staticmethod
    def _types(node: Apply) -> str:
        """Element types, for the kernel."""
        lines = []
        for word, variables in (("INPUT", node.inputs), ("OUTPUT", node.outputs)):
            for k, variable in enumerate(variables):
                if isinstance(getattr(variable.type, "dtype", None), str):
                    lines.append(f"#define DTYPE_{word}_{k} {device_ctype(variable.type.dtype)}\n")
        return "".join(lines)

    # both bases have text for the struct

    def c_support_code_struct(self, node: Apply, name: str) -> str:
        """The kernel objects, then the section ``support_code_struct``, which may launch them."""
        return GpuKernelBase.c_support_code_struct(self, node, name) + "\n" + self._own("support_code_struct", COp.c_support_code_struct, node, name)

    def c_init_code_struct(self, node: Apply, name: str, sub: Mapping[str, str]) -> str:
        """Compile the kernels, then the section ``init_code_struct``."""
        return GpuKernelBase.c_init_code_struct(self, node, name, sub) + "\n" + self._own("init_code_struct", COp.c_init_code_struct, node, name, sub)

    def c_cleanup_code_struct(self, node: Apply, name: str) -> str:
        """The section ``cleanup_code_struct``, then release the kernels."""
        return self._own("cleanup_code_struct", COp.c_cleanup_code_struct, node, name) + "\n" + GpuKernelBase.c_cleanup_code_struct(self, node, name)

    def _own(self, tag: str, method: Any, *args: Any) -> str:
        return str(method(self, *args)) if tag in self.code_sections else ""
