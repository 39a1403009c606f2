"""The native runtime: the extension module where it was built, else the same core loaded through cffi.

Both have the classes ``Program`` and ``Entry`` and the functions ``set_threads``, ``lent_threads``, ``set_grain``, ``set_elements``, ``set_stream``,
``set_longest``, ``set_blas``, ``cache_limit``, ``cache_age``, ``cache_held``.
"""

from __future__ import annotations

import importlib
import os
import threading
import warnings
from typing import Any

from tcore.configuration import config
from tcore_cpu.compiling.compiler import CompileError
from tcore_cpu.native.kept import RUNTIME_ABI

__all__ = ["RuntimeMissingError", "load_blas", "load_lapack", "runtime", "runtime_kind"]


class RuntimeMissingError(RuntimeError):
    """Neither form of the native runtime works here; the message says why and what helps."""


_lock = threading.RLock()
_loaded: Any = None
_blas_done = False
_lapack: bool | None = None


def _load() -> Any:
    if os.environ.get("TCORE_CPU_RUNTIME", "") != "cffi":
        try:
            _runtime = importlib.import_module("tcore_cpu._runtime")
        except ImportError:
            pass
        else:
            if _runtime.ABI == RUNTIME_ABI:
                return _runtime

    from tcore_cpu.runtime import fallback

    try:
        return fallback.load()
    except (ImportError, OSError, CompileError) as error:
        raise RuntimeMissingError(
            f"tcore_cpu was installed without its extension module, and the cffi form of the runtime does not work ({error}): "
            "install Python's headers (Debian: apt install python3-dev) and reinstall tcore-cpu"
        ) from error


def runtime() -> Any:
    """The runtime, loaded and set up on first use."""
    global _loaded  # noqa: PLW0603 - loaded once per process
    if _loaded is None:
        with _lock:
            if _loaded is None:
                found = _load()
                found.set_threads(config.threads)
                found.cache_limit(config.cpu.cache_bytes)
                if config.openmp:
                    found.set_elements(config.openmp_elemwise_minsize)
                _loaded = found
    return _loaded


def load_blas() -> bool:
    """Give BLAS to the runtime, once; whether there is one.

    Where SciPy's, the default, cannot be loaded, a warning says so and products run on NumPy. What ``blas.ldflags`` names must be there.
    """
    global _blas_done  # noqa: PLW0603 - loaded once per process
    from tcore_cpu.runtime.blas import DEFAULT, ROUTINES, BlasError, find_blas

    with _lock:
        if not _blas_done:
            try:
                found = find_blas()
            except BlasError as error:
                if config.blas.ldflags.strip() != DEFAULT:
                    raise
                warnings.warn(f"products run on NumPy: {error}", RuntimeWarning, stacklevel=2)
                return False
            if found is not None:
                for number, name in enumerate(ROUTINES):
                    runtime().set_blas(number, found.routines[name])
                if found.threads is not None:
                    runtime().set_blas_threads(*found.threads)
                _blas_done = True
    return _blas_done


def load_lapack() -> bool:
    """Give LAPACK to the runtime, once; whether there is one. Else linear algebra runs in Python."""
    global _lapack  # noqa: PLW0603 - loaded once per process
    from tcore_cpu.runtime.blas import BlasError
    from tcore_cpu.runtime.lapack import find_lapack

    with _lock:
        if _lapack is None and load_blas():
            try:
                found = find_lapack()
            except BlasError as error:
                warnings.warn(f"linear algebra runs in Python: {error}", RuntimeWarning, stacklevel=2)
                found = {}
            for number, address in found.items():
                runtime().set_blas(number, address)
            _lapack = bool(found)
    return bool(_lapack)


def runtime_kind() -> str:
    """``"extension"`` or ``"cffi"``."""
    return "extension" if runtime().__name__.endswith("_runtime") else "cffi"
