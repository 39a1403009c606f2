"""The C compiler: finding it, and turning translation units into libraries of the kernel store.

Nothing here starts a program unless a library is missing from the store.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from tcore.configuration import config
from tcore.configuration.defaults import program
from tcore.digests import digest
from tcore.records import frozen
from tcore_cpu.compiling.children import Child, CompileError, check_written, run
from tcore_cpu.compiling.libraries import Library
from tcore_cpu.compiling.store import Store, configured_store, replace_store
from tcore_cpu.native.kept import RUNTIME_ABI

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "SEMANTIC_FLAGS",
    "CompileError",
    "Compiler",
    "Unit",
    "compile_command",
    "extra_libraries",
    "find_compiler",
    "in_some_store",
    "libraries_of",
    "load_units",
    "platform_abi",
    "storage_faults",
    "vector_math",
    "warn_of_output",
]

Made = TypeVar("Made")

SEMANTIC_FLAGS = ("-ffp-contract=off", "-fwrapv", "-fno-math-errno", "-fno-strict-aliasing", "-fno-trapping-math")
"""Flags that decide what results are: part of every key."""
_SPEED_FLAGS = ("-O2", "-ftree-vectorize", "-fopenmp-simd", "-march=native")
_SHAPE_FLAGS = ("-pipe", "-std=gnu11", "-fPIC", "-shared", "-fvisibility=hidden")
_CPLUSPLUS_SHAPE_FLAGS = ("-pipe", "-std=gnu++14", "-fPIC", "-shared", "-fvisibility=hidden", "-fpermissive")
_IDENTITIES = "compilers.record"


@frozen
class Compiler:
    """A C compiler.

    Attributes
    ----------
    command : tuple of str
        What starts it.
    path : str
        Its file.
    """

    command: tuple[str, ...]
    path: str

    def stamp(self) -> str:
        """A text that changes when the compiler's file does; starts no program."""
        info = os.stat(self.path)
        return f"{self.path}:{info.st_size}:{info.st_mtime_ns}"

    def identity(self, store: Store) -> str:
        """First line of its version text, cached in the store."""
        stamp = self.stamp()
        known = store.read_record(_IDENTITIES)
        if stamp not in known:
            _, text = run([*self.command, "--version"], store.root)
            known = {**known, stamp: text.partition("\n")[0]}
            store.write_record(_IDENTITIES, known)
        return known[stamp]


@frozen
class Unit:
    """A translation unit: ``source`` defines a pointer table ``tc_table`` of ``count`` bodies."""

    source: str
    count: int
    cplusplus: bool = False

    @property
    def key(self) -> str:
        """What the library is found under."""
        parts = (self.source, "c++" if self.cplusplus else "c", *SEMANTIC_FLAGS, platform_abi(), str(RUNTIME_ABI), *extra_libraries())
        return digest("\0".join(parts).encode()).hexdigest()[:40]


def _which(command: str) -> Compiler | None:
    words = shlex.split(command)
    path = program(words[0]) if words else None
    return Compiler((path, *words[1:]), path) if path else None


def find_compiler() -> Compiler | None:
    """The C compiler: that of ``CC``, else the C part of ``config.cxx``, else gcc, clang or cc on the path, else ziglang's."""
    if os.environ.get("CC"):
        return _which(os.environ["CC"])
    if not config.cxx:
        return None
    folder, name = os.path.split(config.cxx)
    for other, own in (("clang++", "clang"), ("g++", "gcc"), ("c++", "cc")):
        if name.startswith(other):
            found = _which(os.path.join(folder, own + name[len(other) :]))
            if found is not None:
                return found
    words = shlex.split(config.cxx)
    if os.path.basename(words[0]) == "zig":
        words = [words[0], "cc"]
    return _which("gcc") or _which("clang") or _which("cc") or _which(shlex.join(words))


def platform_abi() -> str:
    """Machine, word size and C library: what a library must agree with beside CPU features."""
    return f"{platform.machine()}-{sys.maxsize.bit_length() + 1}-{_libc()}"


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or "unknown"
    except (ValueError, AttributeError, OSError):
        return "unknown"


def extra_libraries() -> tuple[str, ...]:
    """Link arguments that stand before those of the C library: its functions are taken from there where they have them.

    Part of every key, since they decide what results are.
    """
    return ("-lamdlibm",) if config.lib.amdlibm else ()


_OLD_VECTOR_MATH = frozenset(["exp", "log", "pow", "sin", "cos"])
_NEW_VECTOR_MATH = _OLD_VECTOR_MATH | frozenset(
    ["acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "cosh", "erf", "erfc", "exp2", "expm1", "hypot", "log10", "log1p", "log2", "sinh", "tan", "tanh"]
)


def vector_math() -> frozenset[str]:
    """The functions of which this C library has vector forms."""
    name, _, version = _libc().partition(" ")
    try:
        major, minor = (int(part) for part in version.split(".")[:2])
    except ValueError:
        return frozenset()
    if name != "glibc":
        return frozenset()
    if platform.machine() == "x86_64":
        return _NEW_VECTOR_MATH if (major, minor) >= (2, 35) else _OLD_VECTOR_MATH
    if platform.machine() == "aarch64" and (major, minor) >= (2, 38):
        return frozenset(["exp", "log", "sin", "cos"])
    return frozenset()


def libraries_of(compiler: Compiler) -> tuple[str, ...]:
    """The mathematics libraries that kernels are linked with."""
    return (*extra_libraries(), *(["-lmvec"] if vector_math() else []), "-lm")


def compile_command(compiler: Compiler, unit: Unit, source: Path, target: Path) -> list[str]:
    """The command that makes a shared library of a unit whose text is in ``source``."""
    command = list(compiler.command)
    shape: Sequence[str] = _SHAPE_FLAGS
    language = "c"
    if unit.cplusplus:
        language, shape = "c++", _CPLUSPLUS_SHAPE_FLAGS
        if config.cxx:
            command = shlex.split(config.cxx)
    quiet = [] if config.cmodule.compilation_warning else ["-w"]
    return [
        *command, *_SPEED_FLAGS, *SEMANTIC_FLAGS, *shape, *quiet, "-x", language, str(source), "-o", str(target), *_linked_with(compiler, unit)
    ]  # fmt: skip


def _linked_with(compiler: Compiler, unit: Unit) -> tuple[str, ...]:
    """What a unit is linked with: of what gcc adds by itself, only the functions that its code calls where the processor lacks an instruction.

    To read the C library takes the linker a fifth of the time of a small kernel. It is in every process already, and nothing of it is
    bound to a library by a version but mathematics, which is named. Files that start programs are for constructors, which kernels lack.
    """
    libraries = libraries_of(compiler)
    plain = compiler.command == (compiler.path,) and not unit.cplusplus and not extra_libraries()  # no flags such as those of sanitizers
    if plain and _libc().startswith("glibc") and "gcc" in os.path.basename(os.path.realpath(compiler.path)):
        return ("-nostdlib", "-Wl,--as-needed", *libraries, "-lgcc")
    return libraries


def _fail(compiler: Compiler, command: Sequence[str], output: str) -> CompileError:
    lines = output.strip().splitlines()
    return CompileError(
        "\n".join([f"{compiler.path} could not compile a kernel:", *lines[:30], f"command: {shlex.join(command)}"])
    )


def load_units(units: Iterable[Unit]) -> list[Library]:
    """The libraries of some units, those that the store lacks compiled side by side.

    Raises
    ------
    CompileError
        If there is no compiler, or it refuses a unit.
    """
    units = list(units)
    store = configured_store()
    found: list[Library | None] = [store.find(unit.key) for unit in units]
    missing = [k for k, library in enumerate(found) if library is None]
    if missing:
        compiler = find_compiler()
        if compiler is None:
            raise CompileError("a kernel must be compiled and there is no C compiler: install gcc, or name one in CC")
        wanted = {k: units[k] for k in missing}
        for k, library in in_some_store(store, lambda place: _build(compiler, wanted, place)).items():
            found[k] = library
    return [library for library in found if library is not None]


def in_some_store(store: Store, work: Callable[[Store], Made]) -> Made:
    """What ``work`` makes in a store: in the given one, else in what takes its place, with a warning.

    Raises
    ------
    CompileError
        If that cannot be written either.
    """
    try:
        return work(store)
    except OSError as error:
        store = replace_store(store, error)
        try:
            return work(store)
        except OSError as again:
            raise CompileError(f"compiled code can be written neither to {config.cpu.store} nor to {store.root}: {again.strerror}") from again


@contextlib.contextmanager
def storage_faults(folder: Path) -> Iterator[None]:
    """A CompileError becomes an OSError where the compiler could not write to ``folder``: full, or gone."""
    try:
        yield
    except CompileError as error:
        lost = next((code for code in (errno.ENOSPC, errno.EDQUOT) if os.strerror(code) in str(error)), None)
        if not folder.is_dir():
            lost = errno.ENOENT  # somebody emptied the store meanwhile
        if lost is None:
            raise
        raise OSError(lost, os.strerror(lost)) from error


def _build(compiler: Compiler, units: Mapping[int, Unit], store: Store) -> dict[int, Library]:
    """Compile units into a store.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with store.workplace() as folder:
        with storage_faults(folder):
            built, identity = _compile_all(compiler, units, folder, lambda: compiler.identity(store))
        about = {"compiler": identity, "flags": shlex.join((*_SPEED_FLAGS, *SEMANTIC_FLAGS))}
        return {k: store.put(units[k].key, path, about) for k, path in built.items()}


def warn_of_output(text: str) -> None:
    """Log what a compiler said though it succeeded."""
    import logging

    logging.getLogger("tcore_cpu.compiling.compiler").warning("%s", text.rstrip())


def _compile_all(compiler: Compiler, units: Mapping[int, Unit], folder: Path, meanwhile: Callable[[], Made]) -> tuple[dict[int, Path], Made]:
    """The libraries made of some units, and what ``meanwhile`` gives, which is called while the first compilers are at work."""
    jobs = max(1, min(len(units), len(os.sched_getaffinity(0))))
    waiting = list(units.items())
    running: list[tuple[int, Path, Child]] = []
    built: dict[int, Path] = {}
    given: list[Made] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                k, unit = waiting.pop(0)
                source = folder / f"{k}.{'cpp' if unit.cplusplus else 'c'}"
                target = folder / f"{k}.so"
                source.write_text(unit.source, encoding="utf-8")
                running.append((k, target, Child(compile_command(compiler, unit, source, target), folder)))
            if not given:
                given.append(meanwhile())
            k, target, child = running[0]
            status, output = child.finish()
            if status:
                raise _fail(compiler, child.command, output)
            running.pop(0)
            check_written(target, child.command)
            if output.strip():
                warn_of_output(output)
            built[k] = target
    finally:
        for *_, child in running:
            child.end()
    return built, given[0]
