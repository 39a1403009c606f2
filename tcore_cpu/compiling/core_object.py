"""The runtime core without Python: exported functions and the cffi form are linked from it.

It comes with the package, compiled. Where it does not, or a compiler with options of its own is asked for, it is compiled once
per kernel store.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from tcore_cpu.compiling.children import run
from tcore_cpu.compiling.compiler import CompileError, Compiler, find_compiler, in_some_store, platform_abi, storage_faults
from tcore_cpu.compiling.libraries import Library
from tcore_cpu.compiling.store import Store, configured_store
from tcore_cpu.native import build as runtime_build

__all__ = ["core_library", "core_object", "run_compiler"]


def _about(compiler: Compiler) -> dict[str, str]:
    return {"compiler": compiler.path, "flags": shlex.join(runtime_build.COMPILE_FLAGS)}


def core_object(compiler: Compiler, store: Store) -> Path:
    """The object file: that of the package, else from the store where it is there.

    Raises
    ------
    CompileError
        If the compiler fails.
    OSError
        If the store cannot be written.
    """
    shipped = runtime_build.shipped_object()
    if shipped is not None and len(compiler.command) == 1:  # options may change what objects are linked with
        return shipped
    key = f"runtime-object-{runtime_build.source_hash()}-{platform_abi()}"
    found = store.find_file(key)
    if found is not None:
        return found
    with store.workplace() as folder:
        with storage_faults(folder):
            run_compiler(compiler, runtime_build.object_command(compiler.command, folder / "core.o"), folder)
        return store.put_file(key, folder / "core.o", _about(compiler))


def core_library() -> Library:
    """The core as a shared library that shows all of its functions.

    Raises
    ------
    CompileError
        If there is no compiler, or it fails.
    """
    store = configured_store()
    key = f"runtime-{runtime_build.source_hash()}-{platform_abi()}"
    found = store.find(key)
    if found is not None:
        return found
    compiler = find_compiler()
    if compiler is None:
        raise CompileError("the runtime must be compiled and there is no C compiler: install gcc, or name one in CC")

    def make(place: Store) -> Library:
        with place.workplace() as folder:
            with storage_faults(folder):
                (folder / "core.o").write_bytes(core_object(compiler, place).read_bytes())
                run_compiler(compiler, runtime_build.library_command(compiler.command, folder / "core.o", folder / "core.so"), folder)
            return place.put(key, folder / "core.so", _about(compiler))

    return in_some_store(store, make)


def run_compiler(compiler: Compiler, command: Sequence[str], folder: Path) -> None:
    """Run a command of the compiler in a folder.

    Raises
    ------
    CompileError
        With what it printed, if it fails.
    """
    status, output = run(command, folder, folder)
    if status:
        lines = output.strip().splitlines()
        raise CompileError("\n".join([f"{compiler.path} failed:", *lines[:30], f"command: {shlex.join(command)}"]))
