"""The backend ``cpu``: which linkers there are, and whether they can work here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tcore.link import Linker
from tcore.plugins.references import resolve

__all__ = ["CpuBackend"]


#: name -> (where the class stands, options that it has by its name); only the one that is asked for is imported
_LINKERS: dict[str, tuple[str, dict[str, Any]]] = {
    "cvm": ("tcore_cpu.linkers.cvm:CvmLinker", {}),
    "cvm_nogc": ("tcore_cpu.linkers.cvm:CvmLinker", {"allow_gc": False}),
    "c": ("tcore_cpu.linkers.c:CLinker", {}),
    "c|py": ("tcore_cpu.linkers.nodes:CPyLinker", {}),
    "c|py_nogc": ("tcore_cpu.linkers.nodes:CPyLinker", {"allow_gc": False}),
}


class CpuBackend:
    """Native code for the CPU, through the machine's C compiler."""

    name = "cpu"

    def unavailable(self) -> str | None:
        """Why there is no native code here and what helps; None where there is."""
        import sys

        if not sys.platform.startswith("linux"):
            return f"tcore_cpu makes native code on Linux, and this is {sys.platform}; set the flag backend=numpy"
        from tcore_cpu.compiling.compiler import find_compiler

        if find_compiler() is None:
            return (
                "there is no C compiler on the PATH: install one (Debian and Ubuntu: apt install gcc g++; Fedora: "
                "dnf install gcc gcc-c++; conda: conda install gxx; without any rights: pip install ziglang), or name one in the "
                "environment variable CC; "
                "the flag backend=numpy chooses NumPy without this warning"
            )
        from tcore_cpu.runtime.loading import RuntimeMissingError, runtime

        try:
            runtime()
        except RuntimeMissingError as error:
            return str(error)
        return None

    def linker(self, name: str, **options: Any) -> Linker:
        """The linker ``cvm``, ``c``, ``c|py`` or one of their ``_nogc`` forms.

        Raises
        ------
        ValueError
            For another name.
        """
        if name not in _LINKERS:
            raise ValueError(f"the backend cpu has no linker {name!r}; it has {', '.join(_LINKERS)}")
        reference, own = _LINKERS[name]
        linker: Linker = resolve(reference)(**{**own, **options})
        return linker

    def host_nodes(self, fgraph: Any, nodes: Sequence[Any], no_recycling: Sequence[Any]) -> Any:
        """Native code for some nodes of a graph that a device's linker runs: an object with ``native_thunk`` and the ``explain_`` methods."""
        from tcore_cpu.linkers.nodes import CPyLinker

        linker = CPyLinker().accept(fgraph, no_recycling)
        linker.serve(nodes)
        return linker

    def linker_class(self, name: str) -> type[Linker]:
        """The class that the documentation calls ``CLinker`` or ``OpWiseCLinker``."""
        from tcore_cpu.linkers.c import CLinker
        from tcore_cpu.linkers.nodes import CPyLinker

        return {"CLinker": CLinker, "OpWiseCLinker": CPyLinker}[name]

    def restore(self, saved: dict[str, Any]) -> Linker | None:
        """The linker of a pickled function, with its program: None where kernels are missing and nothing compiles them."""
        from tcore_cpu.compiling.compiler import find_compiler
        from tcore_cpu.compiling.store import configured_store
        from tcore_cpu.runtime.loading import RuntimeMissingError, runtime

        store = configured_store()
        if find_compiler() is None and not all(map(store.has, saved["keys"])):
            return None
        try:
            runtime()
        except RuntimeMissingError:
            return None
        linker = self.linker(saved["linker"])
        if saved["program"] is not None:
            linker.restore(saved)  # type: ignore[attr-defined]
        return linker

    def recall(self, key: str) -> bytes | None:
        """What :meth:`remember` was given under ``key`` in this process or an earlier one."""
        from tcore_cpu.compiling.kept_programs import read

        return read(key)

    def remember(self, key: str, data: bytes) -> None:
        """Keep ``data`` in the kernel store, if that can be written."""
        from tcore_cpu.compiling.kept_programs import write

        write(key, data)

    def c_program(self, node: Any) -> Callable[..., tuple[Any, ...]] | None:
        """Runs the C code that a node's op brings: values in, values out. None where the op has none or it cannot be compiled."""
        from tcore_cpu.user_code.steps import c_step_of

        return c_step_of(node)

    def native_refusal(self, node: Any) -> str:
        """Why a node by itself has no native code that never calls Python; empty where it has."""
        from tcore_cpu.linkers.nodes import refusal_of

        return refusal_of(node)

    def native_calls(self, node: Any) -> list[Callable[..., Sequence[Any]]]:
        """That code: from the values of the node's inputs, each once and without constants, to those of its outputs.

        The first that does not refuse the values with a TypeError counts.
        """
        from tcore_cpu.linkers.nodes import call_of

        return call_of(node).callables()

    def tags(self) -> tuple[str, ...]:
        """No optimizations beyond those of the mode."""
        return ()

    def native_ops(self) -> tuple[type, ...]:
        """The ops that need no kernel: views, shapes, routines, loops, products through BLAS, and linear algebra through LAPACK."""
        import tcore.scan_module.op  # noqa: F401 - loops count where they are loaded
        from tcore_cpu.programs.native_steps import native_steps

        return tuple(native_steps(blas=True, lapack=True))
