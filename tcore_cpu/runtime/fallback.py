"""The native runtime through cffi, for installations without the extension module: same interface, slower calls.

The core is linked once, without Python's headers, into the kernel store; ``cffi_programs.py`` and ``cffi_frames.py`` do in
Python what the extension module does in C.
"""

from __future__ import annotations

import re
import types
import warnings
from pathlib import Path
from typing import Any

from tcore_cpu.compiling.core_object import core_library
from tcore_cpu.native import build as runtime_build
from tcore_cpu.native.abi import RUNTIME_ABI
from tcore_cpu.runtime.cffi_programs import Entry, Program

__all__ = ["FallbackWarning", "load"]


class FallbackWarning(RuntimeWarning):
    """The extension module was not built: calls go through cffi and cost more."""


def _interface() -> str:
    """The declarations between the marks of the core's header, which cffi reads as they stand."""
    text = (runtime_build.FOLDER / "native" / "runtime_core.h").read_text(encoding="utf-8")
    found = re.search(r"/\* TC_INTERFACE begin \*/(.*)/\* TC_INTERFACE end \*/", text, re.DOTALL)
    assert found is not None
    return found[1]


def _library() -> Path:
    found = core_library()
    _kept.append(found)
    return found.path


_kept: list[Any] = []


def load() -> Any:
    """A module-like object with the interface of ``tcore_cpu._runtime``; warns once.

    Raises
    ------
    ImportError
        If cffi is missing.
    CompileError, OSError
        If the core cannot be compiled.
    """
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(_interface())
    # Never unloaded: frames are freed, and threads wait in its code, until the process is gone.
    core = ffi.dlopen(str(_library()), ffi.RTLD_NOW | ffi.RTLD_NODELETE)
    warnings.warn(
        "tcore_cpu was installed without its extension module, so calls of compiled functions go through cffi and cost "
        "more; install Python's headers (Debian: apt install python3-dev) and reinstall tcore-cpu",
        FallbackWarning,
        stacklevel=2,
    )
    module = types.SimpleNamespace(__name__="tcore_cpu.runtime.fallback", ABI=RUNTIME_ABI, SOURCE_HASH=runtime_build.source_hash())
    module.Program = lambda *args: Program(ffi, core, *args)
    module.Entry = Entry
    module.set_blas = lambda routine, address: core.tc_set_blas(routine, ffi.cast("void *", address))
    module.set_blas_threads = lambda get, put: core.tc_set_blas_threads(ffi.cast("void *", get), ffi.cast("void *", put))
    module.lent_threads = core.tc_lent_threads
    module.set_grain = core.tc_set_grain
    module.set_elements = core.tc_set_elements
    module.set_stream = core.tc_set_stream
    module.set_longest = core.tc_set_longest
    module.cache_limit = core.tc_cache_limit
    module.cache_age = core.tc_cache_age
    module.cache_held = core.tc_cache_held
    module.memory_watch = core.tc_memory_watch
    module.memory_most = core.tc_memory_most

    def set_threads(n: int) -> int:
        core.tc_set_threads(n)
        return int(core.tc_get_threads())

    module.set_threads = set_threads
    return module
