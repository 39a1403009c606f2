"""CUDA C++ to cubin by NVRTC, through cffi: works on any machine, no GPU and no toolkit needed.

The library comes with the ``nvidia-cuda-nvrtc`` wheel (a toolkit's copy is found, too).  Contraction of
products and sums into FMA is off, as everywhere.
"""

from __future__ import annotations

import functools
import importlib.metadata
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tcore.codegen.gpu_program import GpuProgram
from tcore.codegen.group import Group
from tcore.codegen.schedule_gpu import schedule
from tcore_cuda.printer import CudaDialect

__all__ = ["ARCHITECTURES", "CompilerError", "compile_cubin", "compile_group_for_cuda", "unavailable", "version"]

ARCHITECTURES = ("sm_80", "sm_90")
"""Architectures for which every kernel must compile."""

_FLAGS = ("--fmad=false", "--std=c++17", "-default-device")
_DECLARATIONS = """
typedef struct _nvrtcProgram *nvrtcProgram;
const char *nvrtcGetErrorString(int);
int nvrtcVersion(int *, int *);
int nvrtcCreateProgram(nvrtcProgram *, const char *, const char *, int, const char *const *, const char *const *);
int nvrtcDestroyProgram(nvrtcProgram *);
int nvrtcCompileProgram(nvrtcProgram, int, const char *const *);
int nvrtcGetCUBINSize(nvrtcProgram, size_t *);
int nvrtcGetCUBIN(nvrtcProgram, char *);
int nvrtcGetProgramLogSize(nvrtcProgram, size_t *);
int nvrtcGetProgramLog(nvrtcProgram, char *);
"""
_WHEELS = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu13", "nvidia-cuda-nvrtc-cu12")


class CompilerError(RuntimeError):
    """NVRTC refused a source, or is not there; the text has its words and the numbered source."""


def _candidates() -> Iterator[str]:
    """Paths and names under which the library may be found: the wheels first, then the system."""
    for wheel in _WHEELS:
        try:
            files = importlib.metadata.files(wheel) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.name.startswith("libnvrtc.so"):
                yield str(Path(str(file.locate())).resolve())
    for toolkit in ("/usr/local/cuda/lib64", "/usr/local/cuda/targets/x86_64-linux/lib"):
        path = Path(toolkit) / "libnvrtc.so"
        if path.exists():
            yield str(path)
    yield from ("libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so")


@functools.cache
def _library() -> tuple[Any, Any]:
    import cffi

    ffi = cffi.FFI()
    ffi.cdef(_DECLARATIONS)
    for path in _candidates():
        try:
            return ffi, ffi.dlopen(path)
        except OSError:
            continue
    raise CompilerError(
        "NVRTC, the compiler of CUDA kernels, was not found; install it with: pip install nvidia-cuda-nvrtc"
    )


_lock = threading.Lock()


def unavailable() -> str | None:
    """Why kernels cannot be compiled and what to do, or None."""
    try:
        _library()
    except (CompilerError, ImportError) as error:
        return str(error)
    return None


def version() -> tuple[int, int]:
    """Version of NVRTC."""
    ffi, lib = _library()
    major, minor = ffi.new("int *"), ffi.new("int *")
    lib.nvrtcVersion(major, minor)
    return major[0], minor[0]


def compile_cubin(source: str, architecture: str, flags: Sequence[str] = ()) -> bytes:
    """The machine code of a CUDA C++ source.

    Parameters
    ----------
    source : str
    architecture : str
        ``"sm_80"``, ``"sm_90"``, …
    flags : sequence of str
        More options for NVRTC.

    Raises
    ------
    CompilerError
        With the compiler's log.
    """
    ffi, lib = _library()
    handle = ffi.new("nvrtcProgram *")
    options = [*_FLAGS, f"--gpu-architecture={architecture}", *flags]
    with _lock:
        _check(lib.nvrtcCreateProgram(handle, source.encode(), b"tcore.cu", 0, ffi.NULL, ffi.NULL), ffi, lib)
        try:
            texts = [ffi.new("char[]", option.encode()) for option in options]
            status = lib.nvrtcCompileProgram(handle[0], len(texts), ffi.new("const char *[]", texts))
            if status:
                raise CompilerError(f"NVRTC refused a kernel for {architecture}:\n{_log(handle[0], ffi, lib)}\n{_numbered(source)}")
            size = ffi.new("size_t *")
            _check(lib.nvrtcGetCUBINSize(handle[0], size), ffi, lib)
            code = ffi.new("char[]", size[0])
            _check(lib.nvrtcGetCUBIN(handle[0], code), ffi, lib)
            return bytes(ffi.buffer(code, size[0]))
        finally:
            lib.nvrtcDestroyProgram(handle)


def compile_group_for_cuda(group: Group, architecture: str) -> tuple[GpuProgram, bytes]:
    """Print a kernel group in CUDA C++ and compile it; the launches and the machine code."""
    program = schedule(group.kernel, CudaDialect())
    return program, compile_cubin(program.source, architecture)


def _log(program: Any, ffi: Any, lib: Any) -> str:
    size = ffi.new("size_t *")
    lib.nvrtcGetProgramLogSize(program, size)
    text = ffi.new("char[]", size[0])
    lib.nvrtcGetProgramLog(program, text)
    return str(ffi.string(text).decode(errors="replace"))


def _check(status: int, ffi: Any, lib: Any) -> None:
    if status:
        raise CompilerError(f"NVRTC: {ffi.string(lib.nvrtcGetErrorString(status)).decode()}")


def _numbered(source: str) -> str:
    return "\n".join(f"{k:4} {line}" for k, line in enumerate(source.splitlines(), 1))
