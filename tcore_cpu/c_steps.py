"""Nodes that run a user's C code: compiling and loading their modules, and calling them."""

from __future__ import annotations

import atexit
import hashlib
import importlib.machinery
import importlib.util
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from tcore.configuration import config
from tcore.link import ValueLock
from tcore.link.errors import ThunkView, raise_with_op
from tcore.scalar.type import Scalar
from tcore_cpu.compiler import CompileError, extra_libraries, logger
from tcore_cpu.store import Library, open_store
from tcore_cpu.user_code import ModuleText, cells_of, has_c_code, module_text, params_of

__all__ = ["CStep", "ScalarInputs", "c_step_of", "load_module", "objection"]

_FLAGS = ("-O3", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fwrapv", "-fno-strict-aliasing", "-w")
_loaded: dict[str, Any] = {}
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


def c_step_of(node: Any, key: str = "") -> CStep | None:
    """The step of a node whose op brings C code; None where it runs in Python.

    A module that the kernel store has under ``key`` is taken as it is: nothing needs to be compiled then. An op that has ``perform`` as well runs that where nothing can be compiled.

    Raises
    ------
    CompileError
        If the compiler refuses the code, or if there is no compiler and no ``perform`` either.
    """
    if not has_c_code(node):
        return None
    stored = _stored_module(key) if key else None
    if stored is not None:
        return CStep(node, stored, key, compiled=False)
    reason = objection()
    if reason is not None:
        if _performs(node.op):
            return None
        raise CompileError(f"{node.op} has C code only, and {reason}")
    text = module_text(node)
    module = load_module(text)
    return CStep(node, module, _key(text) if text.cached else "", compiled=_key(text) in _compiled)


def _stored_module(key: str) -> Any:
    """The module that the kernel store has under ``key``, loaded; None where it has none."""
    with _lock:
        module = _loaded.get(key)
        if module is None:
            found = open_store(config.cpu.store).find(key)
            if found is None:
                return None
            _kept.append(found)
            module = _loaded[key] = _load(key.rpartition("-")[0], found.path)
        return module


def _performs(op: Any) -> bool:
    from tcore.graph import Op

    return type(op).perform is not Op.perform


def load_module(text: ModuleText) -> Any:
    """The loaded module, compiled if the kernel store lacks it; modules stay loaded until the process ends."""
    with _lock:
        key = _key(text)  # not its name: the same source is another module with other flags
        module = _loaded.get(key)
        if module is None:
            module = _loaded[key] = _load(text.name, _find_or_compile(text))
        return module


def _load(name: str, path: Path) -> Any:
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _find_or_compile(text: ModuleText) -> Path:
    store = open_store(config.cpu.store)
    key = _key(text)
    if text.cached:
        found = store.find(key)
        if found is not None:
            _kept.append(found)
            return found.path
        _compiled.add(key)
        with store.workplace() as folder:
            built = _compile(text, folder)
            library = store.put(key, built, {"flags": _command(text)})
        _kept.append(library)
        return library.path
    _compiled.add(key)
    private = tempfile.TemporaryDirectory(prefix="tcore-user-code-")
    atexit.register(private.cleanup)  # as late as can be, and before Python complains that nobody did
    _kept.append(Library(_compile(text, Path(private.name)), compiled=True))
    return _kept[-1].path


_kept: list[Any] = []
#: keys of the modules that this process compiled
_compiled: set[str] = set()


def _key(text: ModuleText) -> str:
    parts = (*_command(text), *extra_libraries(), str(sysconfig.get_config_var("SOABI")), text.source)
    return f"{text.name}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}"


def _command(text: ModuleText) -> list[str]:
    """The compiler and its arguments, without files."""
    import numpy as np

    flags = [*_FLAGS, *shlex.split(config.gcc.cxxflags), *text.arguments]
    if config.cmodule.remove_gxx_opt:
        flags = [flag for flag in flags if not flag.startswith("-O")]
    if config.cmodule.debug:
        flags.append("-DDEBUG")
    refused = set(text.refused)
    return [
        *shlex.split(config.cxx),
        *(flag for flag in flags if flag not in refused),
        "-fPIC",
        "-shared",
        f"-I{sysconfig.get_path('include')}",
        f"-I{np.get_include()}",
        *(f"-I{folder}" for folder in text.include_dirs),
    ]


def _compile(text: ModuleText, folder: Path) -> Path:
    source, target = folder / f"{text.name}.cpp", folder / f"{text.name}.so"
    source.write_text(text.source, encoding="utf-8")
    # warnings are shown where code is compiled, and are no reason to compile it again: the key has the flags without this
    arguments = [word for word in _command(text) if word != "-w" or not config.cmodule.compilation_warning]
    command = [*arguments, str(source), "-o", str(target)]
    command += [f"-L{path}" for path in text.library_dirs]
    command += [f"-l{name}" for name in text.libraries]
    command += extra_libraries()
    run = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if run.returncode:
        lines = run.stderr.strip().splitlines()[:30]
        raise CompileError("\n".join(["the compiler refused an op's C code:", *lines, f"command: {shlex.join(command)}"]))
    if run.stderr.strip():
        logger.warning("%s", run.stderr.rstrip())
    return target


class ScalarInputs:
    """Native code keeps numbers of type Scalar as 0-d arrays; ops get the NumPy scalars that the type promises."""

    def __init__(self, node: Any) -> None:
        self._positions = [position for position, variable in enumerate(node.inputs) if isinstance(variable.type, Scalar)]

    def __call__(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if not self._positions:
            return values
        converted = list(values)
        for position in self._positions:
            converted[position] = converted[position][()]
        return tuple(converted)


class CStep:
    """Calls a node's C code; each call in progress has a struct of its own.

    ``key`` finds the module in the kernel store again (empty: it is not kept); ``compiled`` tells whether this process made it.
    """

    def __init__(self, node: Any, module: Any, key: str = "", *, compiled: bool = False) -> None:
        self.node, self.fgraph = node, None
        self.key, self.compiled = key, compiled
        self._module = module
        self._variables = cells_of(node)
        self._inputs = len(self._variables) - len(node.outputs)
        self._positions = [self._variables.index(v) for v in node.inputs]
        self._params = params_of(node)
        self._unwrap = ScalarInputs(node)
        self._spare: list[tuple[Any, list[list[Any]]]] = []
        self._lock = None if getattr(node.op, "thread_safe", True) else ValueLock()
        self._spare.append(self._instance())

    def _instance(self) -> tuple[Any, list[list[Any]]]:
        cells: list[list[Any]] = [[None] for _ in self._variables]
        params = () if self._params is None else ([self._params],)
        return self._module.instantiate((*cells, *params)), cells

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        if self._lock is not None:
            with self._lock:
                return self._run(values)
        return self._run(values)

    def _run(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            struct, cells = self._spare.pop()
        except IndexError:
            struct, cells = self._instance()
        try:
            for position, value in zip(self._positions, self._unwrap(values), strict=True):
                cells[position][0] = value
            self._module.run(struct)
            return tuple(cell[0] for cell in cells[self._inputs :])
        except Exception:
            raise_with_op(self.fgraph, self.node, ThunkView(values, len(self.node.outputs)), sys.exc_info())
        finally:
            for cell in cells:
                cell[0] = None
            self._spare.append((struct, cells))
