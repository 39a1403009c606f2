"""Nodes that run users' C code: compiling and loading their modules, and calling them."""

from __future__ import annotations

import atexit
import hashlib
import importlib.machinery
import importlib.util
import os
import shlex
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tcore.configuration import config
from tcore.graph import Constant
from tcore.graph.op import performs
from tcore.link import ValueLock
from tcore.link.errors import ThunkView, raise_with_op
from tcore.records import frozen
from tcore.scalar.type import Scalar
from tcore_cpu.children import run
from tcore_cpu.compiler import CompileError, extra_libraries, in_some_store, storage_faults, warn_of_output
from tcore_cpu.runtime import runtime
from tcore_cpu.store import Library, Store, open_store
from tcore_cpu.user_block import Block, params_of
from tcore_cpu.user_code import ModuleText, has_c_code, text_of

__all__ = ["CStep", "CThunk", "Loaded", "ScalarInputs", "c_step_of", "load_block", "lock_of", "objection", "prepare"]

_FLAGS = ("-O3", "-g", "-march=native", "-ffp-contract=off", "-fno-math-errno", "-fwrapv", "-fno-strict-aliasing", "-w")
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


def c_step_of(node: Any, key: str = "") -> CStep | None:
    """The step of a node whose op brings C code; None where it runs in Python.

    A module that the kernel store has under ``key`` is taken as it is: nothing needs to be compiled then. An op that has
    ``perform`` as well runs that where nothing can be compiled.

    Raises
    ------
    CompileError
        If the compiler refuses the code, or if there is no compiler and no ``perform`` either.
    """
    prepare(node)
    if not has_c_code(node):
        return None
    block = Block.of(node)
    stored = _stored_module(key) if key else None
    if stored is not None:
        return CStep(block, Loaded(stored, key))
    reason = objection()
    if reason is not None:
        if performs(node.op):
            return None
        raise CompileError(f"{node.op} has C code only, and {reason}")
    return CStep(block, load_block(block))


def prepare(node: Any) -> None:
    """Tell an op that C code for one of its nodes is about to be made."""
    hook = getattr(node.op, "prepare_node", None)
    if hook is not None:
        cells = {v: [v.data if isinstance(v, Constant) else None] for v in (*node.inputs, *node.outputs)}
        hook(node, cells, {v: [isinstance(v, Constant)] for v in cells}, "c")


def load_block(block: Block) -> Loaded:
    """The module of some nodes, compiled if the kernel store lacks it; modules stay loaded until the process ends."""
    text = text_of(block)
    with _lock:
        key = _key(text)  # not its name: the same source is another module with other flags
        module = _loaded.get(key)
        if module is None:
            module = _loaded[key] = _load(text.name, _find_or_compile(text))
    return Loaded(module, key if text.cached else "", key in _compiled)


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
        library = store.put(key, built, {"flags": _command(text)})
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
            return Library(_compile(text, folder), compiled=True)
    except OSError as error:
        raise CompileError(
            f"an op's C code can be compiled nowhere: {tempfile.gettempdir()} cannot be written ({error.strerror}); "
            f"name another folder in the environment variable TMPDIR"
        ) from error


_kept: list[Any] = []
#: keys of the modules that this process compiled
_compiled: set[str] = set()


def _key(text: ModuleText) -> str:
    parts = (*_command(text), *_linked(text), str(sysconfig.get_config_var("SOABI")), text.source)
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
    arguments = [word for word in _command(text) if word != "-w" or not config.cmodule.compilation_warning]
    command = [*arguments, f"-fdebug-prefix-map={folder}={home or folder}", str(source), "-o", str(target)]
    command += _linked(text)
    status, output = run(command, folder)
    if status:
        lines = output.strip().splitlines()[:30]
        raise CompileError("\n".join(["the compiler refused an op's C code:", *lines, f"command: {shlex.join(command)}"]))
    if output.strip():
        warn_of_output(output)
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


class CThunk:
    """A thunk on users' C code: each run takes values from the cells of a block's variables, and leaves results there.

    Parameters
    ----------
    cells : mapping from variables to cells
    calls : sequence of sequences of callables
        What the block's called nodes call.
    flags : sequence of cells
        Set when the outputs are there.
    lock : context manager, optional
        Held during runs.

    Attributes
    ----------
    inputs, outputs : list of cells
        Those of the block's node, if it has one; those that are read and written otherwise.
    struct : object
        What the module's functions take.
    """

    lazy = False
    native = True

    def __init__(
        self,
        block: Block,
        loaded: Loaded,
        cells: Mapping[Any, list[Any]],
        calls: Sequence[Sequence[Any]] = (),
        flags: Sequence[list[Any]] = (),
        lock: Any = None,
    ) -> None:
        read, written = [cells[v] for v in block.given], [cells[v] for v in block.wanted]
        self.inputs, self.outputs = read, written
        if len(block.nodes) == 1:
            self.inputs = [cells[v] for v in block.nodes[0].inputs]
        self._flags, self._lock, self._failed = tuple(flags), lock, block.failed
        self._run, self._place, self._read = loaded.module.run, loaded.module.failed_at, loaded.module.operands
        extra = [[params_of(node)] for node in block.params] + [list(callables) for callables in calls]
        self.struct = loaded.module.instantiate((*read, *written, *extra))

    def __call__(self) -> None:
        """Compute the outputs and say that they are there."""
        if self._lock is None:
            self._run(self.struct)
        else:
            with self._lock:
                self._run(self.struct)
        for flag in self._flags:
            flag[0] = True

    def failed_node(self) -> Any:
        """The node that the last run failed in; None where it failed before any."""
        return self._failed(self._place(self.struct))

    def failed_operands(self) -> tuple[Any, ...] | None:
        """What that node read, where the block keeps it for reports; it can be asked once."""
        return self._read(self.struct)  # type: ignore[no-any-return]


def lock_of(op: Any) -> ValueLock | None:
    """A lock for the runs of a node whose op allows one at a time; None for others."""
    return None if getattr(op, "thread_safe", True) else ValueLock()


class CStep:
    """Calls a node's C code on values; each call in progress has a struct of its own.

    Attributes
    ----------
    key : str
        Finds the module in the kernel store again; empty where it is not kept.
    compiled : bool
        Whether this process made it.
    """

    def __init__(self, block: Block, loaded: Loaded) -> None:
        (self.node,), self.fgraph = block.nodes, None
        self.key, self.compiled = loaded.key, loaded.compiled
        self._block, self._loaded = block, loaded
        self._unwrap = ScalarInputs(self.node)
        self._spare: list[tuple[CThunk, list[list[Any]], list[list[Any]]]] = []
        self._lock = lock_of(self.node.op)
        self._spare.append(self._instance())

    def native(self) -> Any:
        """A callable that does the same in native code; this one where runs need a lock, or the runtime has none."""
        make = getattr(runtime(), "CStep", None)
        if make is None or self._lock is not None:
            return self
        numbers = tuple(isinstance(variable.type, Scalar) for variable in self.node.inputs)
        return make(self._loaded.module.run, self._native_instance, self.blame, numbers)

    def _instance(self) -> tuple[CThunk, list[list[Any]], list[list[Any]]]:
        node = self.node
        cells: dict[Any, list[Any]] = {v: [None] for v in (*node.inputs, *node.outputs)}
        return CThunk(self._block, self._loaded, cells, lock=self._lock), [cells[v] for v in node.inputs], [cells[v] for v in node.outputs]

    def _native_instance(self) -> tuple[Any, tuple[list[Any], ...], tuple[list[Any], ...]]:
        thunk, inputs, outputs = self._spare.pop() if self._spare else self._instance()
        return thunk.struct, tuple(inputs), tuple(outputs)

    def blame(self, error: Exception, values: tuple[Any, ...]) -> None:
        """Raise ``error`` with the node, which was given ``values``."""
        raise_with_op(self.fgraph, self.node, ThunkView(values, len(self.node.outputs)), (type(error), error, error.__traceback__))

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        try:
            instance = self._spare.pop()
        except IndexError:
            instance = self._instance()
        thunk, inputs, outputs = instance
        try:
            for cell, value in zip(inputs, self._unwrap(values), strict=True):
                cell[0] = value
            thunk()
            return tuple(cell[0] for cell in outputs)
        except Exception:
            raise_with_op(self.fgraph, self.node, ThunkView(values, len(self.node.outputs)), sys.exc_info())
        finally:
            for cell in (*inputs, *outputs):
                cell[0] = None
            self._spare.append(instance)
