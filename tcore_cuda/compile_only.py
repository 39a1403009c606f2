"""A backend for tests: every kernel of a function is compiled by NVRTC, and none is run.

Values come from ``perform``.  It needs no GPU, so it shows on any machine that what tcore generates is CUDA.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from tcore.codegen.group import Group
from tcore.codegen.grouping import group
from tcore.codegen.lowering import NotLowered
from tcore.codegen.schedule_gpu import schedule
from tcore.codegen.tables import lowering_table
from tcore.link import VMLinker
from tcore_cuda import compiler
from tcore_cuda.printer import CudaDialect

__all__ = ["CompileOnlyBackend", "CompileOnlyLinker", "compile_group"]


@functools.cache
def _compiled(source: str, architecture: str) -> int:
    """Bytes of machine code of a source; each is compiled once per process, quickly rather than well, since nobody runs it."""
    fast = ("--Ofast-compile=max",) if compiler.version() >= (13, 0) else ()
    return len(compiler.compile_cubin(source, architecture, fast))


def compile_group(step: Group) -> bool:
    """Compile a kernel group for every supported architecture; False where it has no form on a device."""
    try:
        program = schedule(step.kernel, CudaDialect())
    except NotLowered:
        return False  # runs on the host: its lengths depend on values, or CUDA lacks one of its functions
    for architecture in compiler.ARCHITECTURES:
        _compiled(program.source, architecture)
    return True


class CompileOnlyLinker(VMLinker):
    """The virtual machine, after each kernel of the graph was compiled for every supported architecture."""

    def accept(self, fgraph: Any, no_recycling: Iterable[Any] = (), profile: Any = None) -> Any:
        """Compile the kernels of the graph, then as usual."""
        nodes = fgraph.toposort()
        found = group(nodes, fgraph.outputs, lowering_table(nodes), orderings=fgraph.orderings())
        for step in found.steps:
            if isinstance(step, Group):
                compile_group(step)
        return super().accept(fgraph, no_recycling, profile)


class CompileOnlyBackend:
    """``--backend cuda-compile``."""

    name = "cuda-compile"

    def unavailable(self) -> str | None:
        """Why NVRTC cannot be used, and what to do; None where it can."""
        return compiler.unavailable()

    def linker(self, name: str, **options: Any) -> CompileOnlyLinker:
        """The compiling virtual machine; names that end in ``_nogc`` keep intermediate values."""
        return CompileOnlyLinker(allow_gc=False if name.endswith("_nogc") else None, **options)

    def tags(self) -> tuple[str, ...]:
        """No optimizations of its own."""
        return ()
