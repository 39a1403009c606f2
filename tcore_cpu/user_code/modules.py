"""Modules of users' C code: compiled, kept in the kernel store, loaded."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import importlib.machinery
import importlib.util
import os
import shlex
import sysconfig
from pathlib import Path
from typing import Any

from tcore.configuration import config
from tcore.link import ValueLock
from tcore.records import frozen
from tcore_cpu.compiling.children import check_written, run
from tcore_cpu.compiling.compiler import CompileError, extra_libraries, in_some_store, storage_faults, warn_of_output
from tcore_cpu.compiling.libraries import Library
from tcore_cpu.compiling.store import Store, configured_store
from tcore_cpu.runtime.loading import RuntimeMissingError, runtime
from tcore_cpu.user_code.block import Block
from tcore_cpu.user_code.forks import prepare_for_forks
from tcore_cpu.user_code.methods import ModuleText, text_of
from tcore_cpu.user_code.refused import explained

__all__ = ["Loaded", "command_of", "load_block", "objection", "stored_module"]

_FLAGS = ("-O3", "-g", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fwrapv", "-fno-strict-aliasing", "-w")
_loaded: dict[str, Any] = {}
#: what keeps the files of loaded modules
_kept: list[Any] = []
#: keys of the modules that this process compiled
_compiled: set[str] = set()
_lock = ValueLock()


def objection() -> str | None:
    """Why users' C code cannot be compiled here and what helps, None if it can."""
    if not config.cxx:
        return "there is no C++ compiler: install g++, or name one in the flag cxx"
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").exists():
        version = sysconfig.get_python_version()
        return f"Python's headers are not in {include} (Debian: apt install python{version}-dev)"
    return None


@frozen(eq=False)
class Loaded:
    """A module in this process.

    Attributes
    ----------
    module : module
    key : str
        Finds it in the kernel store again; empty where it is not kept.
    compiled : bool
        Whether this process compiled it.
    """

    module: Any
    key: str = ""
    compiled: bool = False


def load_block(block: Block) -> Loaded:
    """The module of some nodes, compiled if the kernel store lacks it; modules stay loaded until the process ends."""
    text = text_of(block)
    with _lock:
        key = _key(text)  # not its name: the same source is another module with other flags
        module = _loaded.get(key)
        if module is None:
            try:
                path = _find_or_compile(text)
            except CompileError as error:
                raise explained(error, block, text) from None
            module = _loaded[key] = _load(text.name, path)
    return Loaded(module, key if text.cached else "", key in _compiled)


def stored_module(key: str) -> Any:
    """The module that the kernel store has under ``key``, loaded; None where it has none, or it was made for another Python or NumPy."""
    name, host, _ = key.split("-")
    if host != _host():
        return None
    with _lock:
        module = _loaded.get(key)
        if module is None:
            found = configured_store().find(key)
            if found is None:
                return None
            _kept.append(found)
            module = _loaded[key] = _load(name, found.path)
        return module


def _load(name: str, path: Path) -> Any:
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    prepare_for_forks()
    with contextlib.suppress(RuntimeMissingError):  # then one thread does
        module.use_threads(runtime().lent_threads())
    return module


def _find_or_compile(text: ModuleText) -> Path:
    store = configured_store()
    key = _key(text)
    if text.cached:
        found = store.find(key)
        if found is not None:
            _kept.append(found)
            return found.path
        library = in_some_store(store, lambda place: _compile_into(place, key, text))
    else:
        library = _compile_aside(text)
    _compiled.add(key)
    _kept.append(library)
    return library.path


def _compile_into(store: Store, key: str, text: ModuleText) -> Library:
    """The module as an entry of a store, its source beside it; OSError where that cannot be written."""
    with store.workplace() as folder:
        with storage_faults(folder):
            built = _compile(text, folder, store.root)
        library = store.put(key, built, {"flags": shlex.join(command_of(text))})
        built.with_suffix(".cpp").replace(store.root / f"{text.name}.cpp")
    return library


def _compile_aside(text: ModuleText) -> Library:
    """The module of code that asks not to be kept, in a private folder until the process ends."""
    import tempfile  # as subprocess: only to compile, and slow to import

    try:
        private = tempfile.TemporaryDirectory(prefix="tcore-user-code-")
        atexit.register(private.cleanup)  # as late as can be, and before Python complains that nobody did
        folder = Path(private.name)
        with storage_faults(folder):
            return Library(str(_compile(text, folder)), compiled=True)
    except OSError as error:
        raise CompileError(
            f"an op's C code can be compiled nowhere: {tempfile.gettempdir()} cannot be written ({error.strerror}); "
            f"name another folder in the environment variable TMPDIR"
        ) from error


def _key(text: ModuleText) -> str:
    """Module name, host and contents."""
    parts = (*command_of(text), *_linked(text), text.source)
    return f"{text.name}-{_host()}-{_digest(*parts)}"


def _host() -> str:
    """What a module is made for: the Python and the NumPy whose headers it includes. One store serves several."""
    import numpy as np

    return _digest(str(sysconfig.get_config_var("SOABI")), ".".join(np.__version__.split(".")[:2]))


def _digest(*parts: str) -> str:
    return hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]


def command_of(text: ModuleText) -> list[str]:
    """The compiler and its arguments, without files."""
    import numpy as np

    flags = [*_FLAGS, *shlex.split(config.gcc.cxxflags), *text.arguments]
    if config.cmodule.remove_gxx_opt:
        flags = [flag for flag in flags if not flag.startswith("-O")]
    if config.cmodule.debug:
        flags.append("-DDEBUG")
    refused = set(text.refused)
    return [
        *shlex.split(text.compiler),
        *(flag for flag in flags if flag not in refused),
        "-fPIC",
        "-shared",
        *(f"-I{folder}" for folder in text.include_dirs),
        # as headers of the system: warnings about them help nobody
        f"-isystem{sysconfig.get_path('include')}",
        f"-isystem{np.get_include()}",
    ]


def _linked(text: ModuleText) -> list[str]:
    """The arguments that name libraries, which are looked for in an op's own folders again when the module is loaded."""
    places = [f"-L{path}" for path in text.library_dirs]
    if os.name == "posix":
        places += [f"-Wl,-rpath,{path}" for path in text.library_dirs]
    return [*places, *(f"-l{name}" for name in text.libraries), *extra_libraries()]


def _compile(text: ModuleText, folder: Path, home: Path | None = None) -> Path:
    """The library, made in ``folder``; debuggers look for its source in ``home``."""
    source, target = folder / f"{text.name}.cpp", folder / f"{text.name}.so"
    source.write_text(text.source, encoding="utf-8")
    # warnings are shown where code is compiled, and are no reason to compile it again: the key has the flags without this
    arguments = [word for word in command_of(text) if word != "-w" or not config.cmodule.compilation_warning]
    command = [*arguments, f"-fdebug-prefix-map={folder}={home or folder}", str(source), "-o", str(target)]
    command += _linked(text)
    status, output = run(command, folder)
    if status:
        lines = output.strip().splitlines()[:30]
        raise CompileError("\n".join(["the compiler refused an op's C code:", *lines, f"command: {shlex.join(command)}"]))
    check_written(target, command)
    if output.strip():
        warn_of_output(output)
    return target
