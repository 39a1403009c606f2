"""How the native runtime is built: sources, flags, the hash that is compiled in.

Imports nothing of tcore, so that a build hook can load it by path. ``python native/build.py [folder]`` builds the
extension module with the compiler that ``CC`` names (gcc by default) into the folder, that of the package by default.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

__all__ = ["COMPILE_FLAGS", "EXTENSION_SOURCES", "FOLDER", "LINK_FLAGS", "build_extension", "library_command", "object_command", "source_hash"]

FOLDER = Path(__file__).resolve().parents[1]
EXTENSION_SOURCES = ("native/runtime_core.c", "native/runtime_python.c")
# No contraction and no fast-math: sums must repeat bit for bit on every machine.
COMPILE_FLAGS = (
    "-O2",
    "-ftree-vectorize",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fwrapv",
    "-fno-strict-aliasing",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-pthread",
)
LINK_FLAGS = ("-pthread",)


def source_hash() -> str:
    """Hash of all C sources of the runtime, as compiled into ``SOURCE_HASH``."""
    digest = hashlib.sha256()
    for path in sorted((FOLDER / "native").glob("*.[ch]")):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _compile(sources: tuple[str, ...], target: Path, includes: list[str], flags: tuple[str, ...] = ()) -> Path:
    compiler = shlex.split(os.environ.get("CC", "gcc"))
    command = [
        *compiler,
        *COMPILE_FLAGS,
        *flags,
        "-fPIC",
        "-shared",
        f'-DTC_SOURCE_HASH="{source_hash()}"',
        *(f"-I{path}" for path in (FOLDER, *includes)),
        *(str(FOLDER / name) for name in sources),
        *LINK_FLAGS,
        "-o",
    ]
    private = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        subprocess.run([*command, str(private)], check=True)
        private.replace(target)
    finally:
        private.unlink(missing_ok=True)
    return target


def build_extension(folder: Path = FOLDER) -> Path:
    """Build ``_runtime`` for the running Python into ``folder``; needs Python's and NumPy's headers."""
    import numpy as np

    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    return _compile(EXTENSION_SOURCES, folder / f"_runtime{suffix}", [sysconfig.get_path("include"), np.get_include()])


def object_command(compiler: Sequence[str], target: Path) -> list[str]:
    """What compiles the core alone to an object; needs no Python headers. Who links it decides what it shows."""
    flags = [flag for flag in COMPILE_FLAGS if not flag.startswith("-fvisibility")]
    return [*compiler, *flags, "-fno-semantic-interposition", "-fPIC", f"-I{FOLDER}", "-c", str(FOLDER / EXTENSION_SOURCES[0]), "-o", str(target)]


def library_command(compiler: Sequence[str], source: Path, target: Path) -> list[str]:
    """What makes a shared library of that object, for the cffi form of the runtime."""
    return [*compiler, "-shared", str(source), *LINK_FLAGS, "-lm", "-o", str(target)]


if __name__ == "__main__":
    print(build_extension(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
