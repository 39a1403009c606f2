"""Defaults that depend on the machine: compiler, folders. Each is worked out when its option is first read."""

from __future__ import annotations

import os
import platform
import re
import struct
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcore.configuration.tree import Config

__all__ = ["COMPILEDIR_KEYS", "base_compiledir", "below", "compiledir", "cxx", "kernel_store", "linker", "warns_about"]


def _version_of(distribution: str) -> str:
    from importlib.metadata import version  # 20 ms: only for a format that asks for it

    return version(distribution)


def _platform(terse: bool = False) -> str:
    """``platform.platform``, which on Linux starts a process to ask for the processor and then leaves that out."""
    if sys.platform != "linux":
        return platform.platform(terse=terse)
    system, libc = os.uname(), "".join(platform.libc_ver())
    parts = [system.sysname, system.release, system.machine, *(["with", libc] if libc else [])]
    return "-".join(re.sub(r"[\s/\\:;\"()]", "_", part) for part in parts)


#: What ``compiledir_format`` may name. ``platform.processor`` would start a process, the machine's name does not.
COMPILEDIR_KEYS: dict[str, Callable[[], str]] = {
    "hostname": platform.node,
    "numpy_version": lambda: _version_of("numpy"),
    "platform": lambda: _platform(),
    "processor": platform.machine,
    "python_bitwidth": lambda: str(struct.calcsize("P") * 8),
    "python_int_bitwidth": lambda: str(struct.calcsize("l") * 8),
    "python_version": platform.python_version,
    "short_platform": lambda: _platform(terse=True),
    "tcore_version": lambda: _version_of("tcore"),
}


class _Keys:
    """:data:`COMPILEDIR_KEYS` with the values that a format asks for."""

    def __getitem__(self, key: str) -> str:
        try:
            return COMPILEDIR_KEYS[key]()
        except KeyError:
            known = ", ".join(sorted(COMPILEDIR_KEYS))
            raise ValueError(f"option compiledir_format names {key!r}; it may name {known}") from None


def below(folder: str, name: str) -> str:
    """The path of ``name`` in ``folder``."""
    return os.path.join(folder, name)  # noqa: PTH118 - pathlib, with what it loads, takes as long as a tenth of a first result


def cxx(_config: Config) -> str:
    """Full path of g++, else clang++ (the other way round on macOS), else what starts the compiler of the package ziglang, or ``""``."""
    names = ("clang++", "g++") if sys.platform == "darwin" else ("g++", "clang++")
    return next((path for name in names if (path := program(name))), "") or _zig()


def program(name: str) -> str | None:
    """The full path of a program, as ``shutil.which`` finds it; None where there is none."""
    if os.name == "nt":
        import shutil  # loads the modules of all archive formats: a tenth of what a process needs that compiles nothing

        return shutil.which(name)
    for folder in [""] if os.path.dirname(name) else os.get_exec_path():  # noqa: PTH120 - see below()
        path = os.path.join(folder, name)  # noqa: PTH118
        if os.access(path, os.X_OK) and os.path.isfile(path):  # noqa: PTH113
            return path
    return None


def _zig() -> str:
    """The C++ compiler inside the package ziglang, which pip installs where the system's compiler is out of reach."""
    import importlib.util
    import shlex
    from pathlib import Path

    found = importlib.util.find_spec("ziglang")
    program = Path(found.origin).parent / "zig" if found is not None and found.origin else None
    return shlex.join([str(program), "c++"]) if program is not None and program.exists() else ""


def linker(config: Config) -> str:
    """``cvm``, or ``vm`` without a compiler."""
    return "cvm" if config.cxx else "vm"


def base_compiledir(_config: Config) -> str:
    """``~/.tcore``; on Windows ``Tcore`` below ``LOCALAPPDATA``."""
    local = os.environ.get("LOCALAPPDATA")
    if sys.platform == "win32" and local:
        return below(local, "Tcore")
    path = os.path.expanduser("~/.tcore")  # noqa: PTH111 - see below()
    if not path.startswith("~"):
        return path
    import tempfile  # a user without home folder, as in some containers

    return below(tempfile.gettempdir(), f"tcore-{os.getuid()}")


def compiledir(config: Config) -> str:
    """``base_compiledir`` and, below it, ``compiledir_format`` with its keys filled in."""
    try:
        name = config.compiledir_format % _Keys()
    except TypeError as error:  # a text is put in the place of each key, with %(key)s
        raise ValueError(f"option compiledir_format, {config.compiledir_format!r}, cannot be filled in: {error}") from None
    return below(config.base_compiledir, name)


def kernel_store(config: Config) -> str:
    """``kernels`` in ``base_compiledir``: the store is keyed by content, so that one folder serves every platform.

    In ``compiledir``, where that was moved.
    """
    moved = config.compiledir != compiledir(config)
    return below(config.compiledir if moved else config.base_compiledir, "kernels")


def warns_about(fixed_in: str) -> Callable[[Config], bool]:
    """Whether to warn about a bug of old versions that was fixed in ``fixed_in``."""

    def decide(config: Config) -> bool:
        before: str = config.warn.ignore_bug_before
        if before in ("None", "all"):
            return before == "None"
        return _parts(before) < _parts(fixed_in)

    return decide


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
