"""BLAS for the runtime: pointers from SciPy's extension file, or from the libraries that ``blas.ldflags`` names.

The extension file is loaded by path: importing ``scipy.linalg`` takes ten times as long.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import importlib.machinery
import importlib.util
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import frozen

from tcore.configuration import config

__all__ = ["DEFAULT", "ROUTINES", "Blas", "BlasError", "addresses_from_flags", "addresses_from_scipy", "find_blas", "uses_scipy"]

ROUTINES = ("sgemm", "dgemm", "sgemv", "dgemv", "sger", "dger", "sdot", "ddot", "cgemm", "zgemm", "strsm", "dtrsm", "ctrsm", "ztrsm", "cgemv", "zgemv", "cgeru", "zgeru")
"""In the order of the runtime's numbers."""
DEFAULT = "-lblas"
"""The default of the flag: it means the BLAS that SciPy brings."""


class BlasError(RuntimeError):
    """No BLAS could be loaded; the message says what was tried."""


@frozen
class Blas:
    """Addresses in a BLAS library.

    Attributes
    ----------
    routines : dict
        By name, Fortran calling convention.
    threads : tuple of int or None
        Of the functions that tell and set its number of threads.
    """

    routines: dict[str, int]
    threads: tuple[int, int] | None


def uses_scipy() -> bool:
    """Whether ``blas.ldflags`` means the BLAS that SciPy brings."""
    return config.blas.ldflags.strip() == DEFAULT


def find_blas() -> Blas | None:
    """The BLAS that ``blas.ldflags`` asks for; None where it is empty: then products run on NumPy.

    Raises
    ------
    BlasError
    """
    flags = config.blas.ldflags.strip()
    if not flags:
        return None
    return _from_scipy() if uses_scipy() else _from_flags(flags)


# -- SciPy's


def _from_scipy() -> Blas:
    module = _scipy_module("cython_blas")
    # the extension's handle finds the functions of the BLAS that it is linked to
    return Blas(_addresses(module, ROUTINES), _threads(ctypes.CDLL(module.__file__)))


def addresses_from_scipy(extension: str, names: Iterable[str]) -> dict[str, int]:
    """The addresses of routines that one of SciPy's extension files tells, ``cython_blas`` or ``cython_lapack``.

    Raises
    ------
    BlasError
    """
    return _addresses(_scipy_module(extension), names)


def _addresses(module: Any, names: Iterable[str]) -> dict[str, int]:
    table = module.__pyx_capi__
    get_name, get_pointer = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    get_name.restype, get_name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    get_pointer.restype, get_pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    try:
        return {name: get_pointer(table[name], get_name(table[name])) for name in names}
    except KeyError as error:
        raise BlasError(f"SciPy's BLAS has no {error}: install another scipy, or name a BLAS in blas.ldflags") from error


def _scipy_module(extension: str) -> Any:
    return _load_by_path(extension) or _load_by_import(extension)


def _threads(library: ctypes.CDLL) -> tuple[int, int] | None:
    """OpenBLAS's functions for its number of threads, under the names that it is built with."""
    for prefix in ("scipy_openblas", "openblas"):
        found = [getattr(library, f"{prefix}_{verb}_num_threads", None) for verb in ("get", "set")]
        if None not in found:
            get, put = (ctypes.cast(function, ctypes.c_void_p).value or 0 for function in found)  # type: ignore[arg-type]
            return get, put
    return None


def _load_by_path(extension: str) -> Any:
    spec = importlib.util.find_spec("scipy")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "linalg"
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        path = folder / f"{extension}{suffix}"
        if path.exists():
            name = f"scipy.linalg.{extension}"
            loader = importlib.machinery.ExtensionFileLoader(name, str(path))
            try:
                own = importlib.util.spec_from_loader(name, loader)
                if own is None:
                    return None
                module = importlib.util.module_from_spec(own)
                loader.exec_module(module)
            except ImportError:
                return None
            return module
    return None


def _load_by_import(extension: str) -> Any:
    try:
        return importlib.import_module(f"scipy.linalg.{extension}")
    except ImportError as error:
        raise BlasError(f"SciPy's BLAS cannot be loaded ({error}): install scipy, or name a BLAS in blas.ldflags") from error


# -- others


def _from_flags(flags: str) -> Blas:
    library, tried = _library_with(ROUTINES)
    if library is None:
        raise BlasError(f"blas.ldflags is {flags!r}, and no library there has BLAS (looked at: {', '.join(tried) or 'none'})")
    return Blas(_symbols(library, ROUTINES), _threads(library))


def addresses_from_flags(names: Iterable[str]) -> dict[str, int]:
    """The addresses of routines in a library of ``blas.ldflags``; empty where none has all of them."""
    wanted = tuple(names)
    library, _ = _library_with(wanted)
    return {} if library is None else _symbols(library, wanted)


def _symbols(library: ctypes.CDLL, names: Iterable[str]) -> dict[str, int]:
    return {name: ctypes.cast(getattr(library, f"{name}_"), ctypes.c_void_p).value or 0 for name in names}


def _library_with(names: Iterable[str]) -> tuple[ctypes.CDLL | None, list[str]]:
    """The first library of ``blas.ldflags`` that has routines, and those that were looked at."""
    words = shlex.split(config.blas.ldflags)
    folders = [Path(word[2:]) for word in words if word.startswith("-L")]
    tried: list[str] = []
    for word in words:
        if not word.startswith("-l"):
            continue
        candidates = [str(path) for folder in folders if (path := folder / f"lib{word[2:]}.so").exists()]
        found = ctypes.util.find_library(word[2:])
        for candidate in [*candidates, *([found] if found else [])]:
            tried.append(candidate)
            library = ctypes.CDLL(candidate, mode=ctypes.RTLD_GLOBAL)
            if all(hasattr(library, f"{name}_") for name in names):
                return library, tried
    return None, tried
