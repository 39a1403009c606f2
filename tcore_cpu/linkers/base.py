"""What the linkers of this backend share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tcore.link import Linker
from tcore_cpu.runtime.wanted import calls_blas, calls_lapack

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from tcore.graph import Apply
    from tcore_cpu.compiling.compiler import Unit
    from tcore_cpu.programs.linking import Linked

__all__ = ["CpuLinker", "ran_by"]


def ran_by(node: Apply, linked: Linked) -> str:
    """What runs a node of a program, in a word."""
    step = linked.runs_on.get(node)
    if step is not None:
        return step
    if any(node in kernel.nodes for kernel in linked.draft.kernels):
        return "kernel"
    if calls_blas(node.op):
        return "BLAS"
    if calls_lapack(node.op):
        return "LAPACK"
    return "view" if getattr(node.op, "view_map", None) else "native"


class CpuLinker(Linker):
    """What the linkers of this backend share."""

    backend_name: ClassVar[str] = "cpu"
    _units: Sequence[Unit] = ()

    @property
    def units(self) -> Sequence[Unit]:
        """The C code of its kernels, once there is a thunk."""
        return self._units

    def export(self, function: Any, path: str | os.PathLike[str], **options: Any) -> list[Path]:
        """Write a shared library, a C header and a Python loader; see :func:`tcore_cpu.export.export_function`."""
        from tcore_cpu.export import export_function  # starts programs: its modules would slow every import

        return export_function(function, self._accepted(), self.order(), path, **options)
