"""The documented linkers that make C code, by their class names: the backend of the CPU has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.compile.backends import host_backend

__all__ = ["CLinker", "OpWiseCLinker"]

if TYPE_CHECKING:
    from tcore.link import Linker

    class CLinker(Linker):
        """One piece of native code for the whole graph."""

    class OpWiseCLinker(Linker):
        """One thunk for each node, in C where the node has C code."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    backend: Any = host_backend()
    if backend is None:
        raise AttributeError(f"{name} makes C code, and no backend that does is installed and able to run: 'tcore doctor' tells why")
    return backend.linker_class(name)
