"""Compiled libraries in this process: loaded from a file, closed with the last reference."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import TYPE_CHECKING

from tcore.configuration import config
from tcore.link.stopwatch import IMPORTS
from tcore_cpu.compiling.children import CompileError
from tcore_cpu.compiling.trust import NO_PROGRAMS, refuses_programs

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Library", "LoadError"]


class LoadError(CompileError):
    """A library was compiled and the system does not load it; the message has its reason."""


class Library:
    """A loaded kernel library; it is closed when the last reference goes.

    Parameters
    ----------
    file : str
    compiled : bool
        Whether it was made just now.

    Raises
    ------
    LoadError
    """

    def __init__(self, file: str, *, compiled: bool = False) -> None:
        self.compiled = compiled
        # else functions of the C library, which the process has loaded already, would hide those of amdlibm
        mode = ctypes.DEFAULT_MODE | (getattr(os, "RTLD_DEEPBIND", 0) if config.lib.amdlibm else 0)
        self._library: ctypes.CDLL | None = None
        try:
            with IMPORTS:
                self._library = ctypes.CDLL(file, mode)
        except OSError as error:
            folder = os.path.dirname(file)
            advice = f"; {folder} {NO_PROGRAMS}: set the flag cpu.store to a folder elsewhere" if refuses_programs(folder) else ""
            raise LoadError(f"a compiled library cannot be loaded: {error}{advice}") from error
        self._file = file

    @property
    def path(self) -> Path:
        """Where it is."""
        from pathlib import Path  # whoever only calls what is in a library needs none, and would wait for it

        return Path(self._file)

    def table(self, symbol: str, length: int) -> list[int]:
        """The addresses in the pointer table ``symbol``."""
        assert self._library is not None
        return [int(address or 0) for address in (ctypes.c_void_p * length).in_dll(self._library, symbol)]

    def __del__(self) -> None:
        library, self._library = getattr(self, "_library", None), None
        if library is not None and ctypes is not None:
            with contextlib.suppress(Exception):
                import _ctypes

                _ctypes.dlclose(library._handle)
