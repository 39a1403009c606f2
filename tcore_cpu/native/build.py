"""How the native runtime is built: sources, flags, the hash that is compiled in.

Imports nothing of tcore, so that a build hook can load it by path. ``python native/build.py [folder]`` builds the
extension module with the compiler that ``CC`` names (gcc by default) into the folder, that of the package by default.

The core is compiled to an object first. It stays beside the extension module: exported functions and the cffi form of the
runtime are linked from it, and compiling it takes some ten seconds.
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

__all__ = [
    "COMPILE_FLAGS", "CORE_SOURCE", "EXTENSION_SOURCE", "FOLDER", "LINK_FLAGS", "build_extension", "build_object", "library_command",
    "object_command", "shipped_object", "source_hash",
]  # fmt: skip

FOLDER = Path(__file__).resolve().parents[1]
CORE_SOURCE, EXTENSION_SOURCE = "native/runtime_core.c", "native/runtime_python.c"
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
#: the core shows its functions, for the sake of others who link it; the extension module calls them without detours
LINK_FLAGS = ("-pthread", "-Wl,-Bsymbolic")


def source_hash() -> str:
    """Hash of all C sources of the runtime, as compiled into ``SOURCE_HASH``."""
    digest = hashlib.sha256()
    for path in sorted((FOLDER / "native").glob("*.[ch]")):
        digest.update(path.relative_to(FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _run(command: Sequence[str], target: Path) -> Path:
    """Run a compiler, whose last argument is what it writes, under a private name first."""
    private = target.with_name(f".{target.name}.{os.getpid()}{target.suffix}")
    try:
        subprocess.run([*command, str(private)], check=True)
        private.replace(target)
    finally:
        private.unlink(missing_ok=True)
    return target


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CC", "gcc"))


def build_object(folder: Path = FOLDER) -> Path:
    """Build the core's object into ``folder``, in place of those of other sources; needs no headers of Python."""
    target = folder / _object_name()
    _run(object_command(_compiler(), target)[:-1], target)
    for other in folder.glob(_OBJECTS.format("*")):
        if other != target:
            other.unlink(missing_ok=True)
    return target


def build_extension(folder: Path = FOLDER) -> Path:
    """Build ``_runtime`` for the running Python and the core's object into ``folder``; needs Python's and NumPy's headers."""
    import numpy as np

    includes = (FOLDER, sysconfig.get_path("include"), np.get_include())
    command = [
        *_compiler(), *COMPILE_FLAGS, "-fPIC", "-shared", f'-DTC_SOURCE_HASH="{source_hash()}"', *(f"-I{path}" for path in includes),
        str(FOLDER / EXTENSION_SOURCE), str(build_object(folder)), *LINK_FLAGS, "-o",
    ]  # fmt: skip
    return _run(command, folder / f"_runtime{sysconfig.get_config_var('EXT_SUFFIX')}")


_OBJECTS = "_core-{}.o"


def _object_name() -> str:
    return _OBJECTS.format(source_hash())


def shipped_object() -> Path | None:
    """The core's object that came with the package; None where there is none of these sources."""
    found = FOLDER / _object_name()
    return found if found.is_file() else None


def object_command(compiler: Sequence[str], target: Path) -> list[str]:
    """What compiles the core alone to an object; needs no Python headers. Who links it decides what it shows."""
    flags = [flag for flag in COMPILE_FLAGS if not flag.startswith("-fvisibility")]
    return [*compiler, *flags, "-fno-semantic-interposition", "-fPIC", f"-I{FOLDER}", "-c", str(FOLDER / CORE_SOURCE), "-o", str(target)]


def library_command(compiler: Sequence[str], source: Path, target: Path) -> list[str]:
    """What makes a shared library of that object, for the cffi form of the runtime."""
    return [*compiler, "-shared", str(source), *LINK_FLAGS, "-lm", "-o", str(target)]


if __name__ == "__main__":
    print(build_extension(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
