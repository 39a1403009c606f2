"""What the linkers of this backend share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from tcore.link import Linker

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from tcore.graph import Apply
    from tcore_cpu.compiler import Unit
    from tcore_cpu.linking import Linked

__all__ = ["CpuLinker", "is_lazy", "ran_by", "wants_blas", "wants_lapack"]

#: where the ops stand that may call BLAS
_BLAS_MODULES = ("tcore.tensor.blas", "tcore.tensor.dot")
#: and the package of those that may call LAPACK
_LAPACK_PACKAGE = "tcore.tensor.linalg."


def is_lazy(node: Any) -> bool:
    """Whether a node decides itself which of its inputs are computed."""
    return bool(getattr(node.op, "lazy_inputs", ()) or getattr(node.op, "lazy", False))


def wants_blas(nodes: Sequence[Any]) -> bool:
    """Whether any of the nodes may call BLAS."""
    waiting = list(nodes)
    for node in waiting:  # grows on the way
        if type(node.op).__module__ in _BLAS_MODULES:
            return True
        waiting += getattr(getattr(node.op, "fgraph", None), "apply_nodes", ())
    return False


def wants_lapack(nodes: Sequence[Any]) -> bool:
    """Whether any of the nodes may call LAPACK."""
    return any(type(node.op).__module__.startswith(_LAPACK_PACKAGE) for node in nodes)


def ran_by(node: Apply, linked: Linked) -> str:
    """What runs a node of a program, in a word."""
    step = linked.runs_on.get(node)
    if step is not None:
        return step
    if any(node in kernel.nodes for kernel in linked.draft.kernels):
        return "kernel"
    if type(node.op).__module__ in _BLAS_MODULES:
        return "BLAS"
    if type(node.op).__module__.startswith(_LAPACK_PACKAGE):
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
