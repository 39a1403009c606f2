"""Functions that an earlier process compiled: neither optimized, lowered nor compiled again.

What is kept is what a pickled function holds: the optimized graph and the program. It is found under the hash of all that decides
about it: the graph as it was given with the lines that made it, how inputs and outputs are declared, the mode, every option that is
not at its default, and the files of all packages whose code takes part. A graph with code that this cannot tell, such as ops of a
program that is no plugin, is compiled as ever. The backend keeps the bytes (``recall`` and ``remember``).
"""

from __future__ import annotations

import os
import pickle
import sys
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.compile.basemode import Mode
from tcore.compile.sharedvalue import SharedVariable
from tcore.configuration import config
from tcore.digests import digest
from tcore.finders import LOADED
from tcore.graph import FunctionGraph
from tcore.plugins.process import active_plugins_for, manager
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcore.compile.io import SymbolicInput
    from tcore.compile.maker import FunctionMaker
    from tcore.graph import Variable

__all__ = ["CacheEntry", "key_of", "recall", "remember"]

_FORMAT = 1
#: bytes of a pickled graph, constants included, beyond which nothing is kept
_LIMIT = 1 << 23
#: packages whose code does not change what a graph is compiled to; their versions are part of the key where it could
_NEUTRAL = frozenset({"builtins", "numpy", "copyreg", "collections", "functools", "operator", "_operator"})
#: names of files that decide what is compiled
_CODE = (".py", ".so", ".h", ".hpp", ".c", ".cc", ".cpp", ".cu", ".cuh", ".cl")
#: options that say where compiled code is kept, which does not change it
_PLACES = frozenset({"base_compiledir", "compiledir", "compiledir_format", "cpu.store", "cpu.store_layers"})
#: options that make an optimization show itself, so that it has to take place
_SHOWING = ("optimizer_verbose", "check_stack_trace", "profile", "metaopt.verbose")


class _NotKeptError(Exception):
    """The graph holds what no key can tell."""


def _shared_input(number: int) -> Variable:
    """Stands in a pickle for the shared variable at a position among the inputs; :class:`_Reader` gives it."""
    raise pickle.UnpicklingError(f"shared variable {number} is known to the function that is being made only")


class _Writer(pickle.Pickler):
    """Pickles graphs without the values of shared variables, and notes whose code they need.

    ``numbers``: positions among the inputs by the identity of shared variables.
    """

    def __init__(self, file: Any, numbers: dict[int, int]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._numbers = numbers
        self.packages: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        """What stands for an object, where that is not what it says itself."""
        if isinstance(obj, (type, FunctionType, BuiltinFunctionType)):
            self._note(obj)
            return NotImplemented
        self._note(type(obj))  # for those that are pickled as a name
        if isinstance(obj, SharedVariable):
            if id(obj) not in self._numbers:
                raise _NotKeptError(f"{obj} is no input")
            return _shared_input, (self._numbers[id(obj)],)
        if isinstance(obj, FunctionGraph):
            make, arguments, (inputs, outputs, features, mapping) = obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
            # what merged nodes is of no use any more, and would load the optimizer
            kept = [feature for feature in features if not type(feature).__module__.startswith("tcore.optimizer")]
            return make, arguments, (inputs, outputs, kept, mapping)
        return NotImplemented

    def _note(self, code: Any) -> None:
        """The package of a class or function takes part; one that has no place in a key is refused."""
        package = (code.__module__ or "builtins").partition(".")[0]
        if package in _NEUTRAL:
            return
        if package not in _packages_of_plugins():
            raise _NotKeptError(f"{code!r} belongs to no plugin")
        self.packages.add(package)


class _Reader(pickle.Unpickler):
    def __init__(self, file: Any, inputs: Sequence[SymbolicInput]) -> None:
        super().__init__(file)
        self._inputs = inputs
        self._clones: dict[int, Variable] = {}

    def find_class(self, module: str, name: str) -> Any:
        """As ever, but that shared variables are those of this process."""
        return self._shared if name == "_shared_input" else super().find_class(module, name)

    def _shared(self, number: int) -> Variable:
        if number not in self._clones:
            self._clones[number] = self._inputs[number].variable.clone()
        return self._clones[number]


class _Sink:
    """A file that keeps a digest of what is written, and no more than the limit."""

    def __init__(self) -> None:
        self.hash = digest()
        self._size = 0

    def write(self, data: Any) -> int:
        self._size += len(data)
        if self._size > _LIMIT:
            raise _NotKeptError("the graph is too large to be kept")
        self.hash.update(data)
        return len(data)


@frozen(eq=False)
class CacheEntry:
    """What is kept of a function.

    Attributes
    ----------
    fgraph : FunctionGraph
        Optimized.
    plugins : tuple of str
        Whose optimizations took part.
    program : tuple
        As :meth:`Linker.save` gave it.
    """

    fgraph: FunctionGraph
    plugins: tuple[str, ...]
    program: Any


def key_of(maker: FunctionMaker, roots: Sequence[Variable]) -> str | None:
    """What the function that ``maker`` is about to make is found under; None where it is made anew each time.

    ``roots`` are the variables that it computes.
    """
    mode = maker.mode
    if not config.compilation_cache or maker.profile is not None or type(mode) is not Mode:
        return None
    backend = mode.backend
    changed = tuple((name, value) for name, value in config.changed() if name not in _PLACES)
    if not hasattr(backend, "recall") or any(name in _SHOWING and value for name, value in changed) or _program_changed_optdb():
        return None
    optimizer = _told(mode)
    if optimizer is None:
        return None
    entries = [
        (type(entry), entry.variable.type, entry.name, entry.variable.name, entry.strict, entry.implicit, entry.update is not None,
         *(bool(getattr(entry, name, False)) for name in ("mutable", "borrow", "shared")))
        for entry in maker.inputs
    ]  # fmt: skip
    about = (
        _FORMAT,
        sys.version_info[:3],
        np.__version__,
        optimizer,
        changed,
        bool(config.cxx),
        maker.updates_transactional,
        maker.accept_inplace,
        entries,
        [entry.borrow for entry in maker.outputs],
        [_told_of_shared(entry.variable) if isinstance(entry.variable, SharedVariable) else entry.variable for entry in maker.inputs],
        list(roots),
    )
    sink = _Sink()
    writer = _Writer(sink, _shared(maker.inputs, [entry.variable for entry in maker.inputs]))
    try:
        writer.dump(about)
    except Exception:  # whatever cannot be pickled is compiled anew
        return None
    active = active_plugins_for(_nodes(roots), [entry.variable for entry in maker.inputs], (backend.name,))  # type: ignore[union-attr]
    modules = {candidate.module.partition(".")[0] for name in active for candidate in manager().installed.named(name)}
    for package in sorted(writer.packages | modules | {"tcore"}):
        files = _files_of(package)
        if files is None:
            return None
        sink.write(f"{package} {files}\n".encode())
    return sink.hash.hexdigest()[:40]


def recall(maker: FunctionMaker, key: str) -> CacheEntry | None:
    """What was kept under ``key``; None where there is nothing, or nothing that can be read."""
    backend: Any = maker.mode.backend
    data = backend.recall(key)
    if data is None:
        return None
    import io

    try:
        found = _Reader(io.BytesIO(data), maker.inputs).load()
    except Exception:  # of another version, or damaged: it is compiled, and written again
        return None
    return found if isinstance(found, CacheEntry) else None


def remember(maker: FunctionMaker, key: str) -> None:
    """Keep what was made; nothing is kept of a function whose program cannot be."""
    program = maker.linker.save()
    if program is None:
        return
    import io

    file = io.BytesIO()
    writer = _Writer(file, _shared(maker.inputs, maker.fgraph.inputs))
    try:
        writer.dump(CacheEntry(maker.fgraph, maker.plugins, program))
    except Exception:  # as above
        return
    if file.tell() <= _LIMIT:
        backend: Any = maker.mode.backend
        backend.remember(key, file.getvalue())


def _told(mode: Mode) -> Any:
    """Linker and optimizer of a mode as plain data; None where they are more than names and tags."""
    linker, given = mode.provided_linker, mode.provided_optimizer
    if not isinstance(linker, str) or linker not in ("cvm", "cvm_nogc", "vm"):
        return None
    if isinstance(given, str):
        # while nothing has loaded the table of names, they mean what they always mean
        table = sys.modules.get("tcore.compile.optimizations")
        return (linker, given) if table is None or table.is_predefined(given) else None
    query = mode._query
    if query is None or query.extra_optimizations or query.subquery:
        return None
    return linker, sorted(query.include), sorted(query.require), sorted(query.exclude), query.position_cutoff


def _told_of_shared(variable: SharedVariable) -> Any:
    """What decides about a shared variable beside its type and name: its class, and the notes of its tag but for who made it."""
    notes = variable.tag.__getstate__() if variable.has_tag() else {}
    return type(variable), {name: note for name, note in notes.items() if name != "trace"}


def _program_changed_optdb() -> bool:
    """Whether the program itself registered optimizations, or took some out."""
    database = sys.modules.get("tcore.optimizer.database")
    return database is not None and database.changed_by_programs()


def _shared(inputs: Sequence[SymbolicInput], variables: Sequence[Variable]) -> dict[int, int]:
    """Positions of shared variables by their identity."""
    pairs = enumerate(zip(inputs, variables, strict=True))
    return {id(variable): k for k, (entry, variable) in pairs if isinstance(entry.variable, SharedVariable)}


def _nodes(roots: Iterable[Variable]) -> list[Any]:
    from tcore.graph.traversal import io_toposort

    return list(io_toposort([], list(roots)))


@lru_cache(maxsize=1)
def _packages_of_plugins() -> frozenset[str]:
    """Top-level packages whose files a key can tell."""
    return frozenset(("tcore", *(candidate.module.partition(".")[0] for candidate in manager().installed.candidates)))


@lru_cache(maxsize=64)
def _files_of(package: str) -> str | None:
    """A digest of the names, times and sizes of a package's files: an installation that is replaced or edited has another one.

    None where a file changed after this process began: what runs may be the code that stood there before.
    """
    files = digest()
    module = sys.modules.get(package)
    waiting = [os.path.realpath(folder) for folder in getattr(module, "__path__", ())]
    for folder in waiting:  # grows on the way
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.endswith(_CODE):
                    found = entry.stat()
                    if found.st_mtime > LOADED:
                        return None
                    files.update(f"{entry.name} {found.st_mtime_ns} {found.st_size}\n".encode())
                elif entry.name != "__pycache__" and entry.is_dir():
                    files.update(f"{entry.name}/\n".encode())
                    waiting.append(entry.path)
    return files.hexdigest()
