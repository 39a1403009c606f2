"""Modules under a second name: mounts (``tcore.tensor.nnet`` is ``tcore_nnet``) and documented paths that the layout lacks.

One module object, two names in ``sys.modules``: ``__spec__``, ``__name__`` and pickles stay those of the real module. Two
finders do it. :class:`BelowFinder` stands first in line and answers from a table for names below a mount, which the
ordinary machinery would load a second time. :class:`MissingFinder` stands last and is asked for names that nobody has.
This module is imported by ``import tcore``: it imports next to nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["LOADED", "Facade", "MountError", "add_alias", "install", "lazy_submodules", "names_elsewhere"]

#: A documented path: the real module, or several in which names are looked up in turn.
Target = str | tuple[str, ...]

_ROOT = "tcore"

#: when this process began to load tcore: files that changed since then may not be what it runs
LOADED = time.time()


class MountError(ModuleNotFoundError):
    """A module of a package that is not installed; ``name`` is that package, the text says how to get it."""


class Facade(ModuleType):
    """A documented module whose names live in several real ones. It holds nothing itself.

    Where the documentation has a function of the module's own name (``tcore.compile.function``), the module can be called.
    """

    _sources: tuple[str, ...] = ()
    #: documented modules below: ``gof.type`` is that path, though ``tcore.graph`` has a ``type`` as well
    _below: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        if name in self._below:
            return importlib.import_module(f"{self.__name__}.{name}")
        if not name.startswith("__"):
            for source in self._sources:
                try:
                    return getattr(importlib.import_module(source), name)
                except AttributeError:
                    continue
            try:
                return importlib.import_module(f"{self.__name__}.{name}")
            except ModuleNotFoundError:
                pass
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}; it is made of {', '.join(self._sources)}")

    def __dir__(self) -> list[str]:
        names = set(super().__dir__())
        for source in self._sources:
            module = importlib.import_module(source)
            names.update(name for name in getattr(module, "__all__", None) or dir(module) if not name.startswith("__"))
        return sorted(names)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return getattr(self, self.__name__.rpartition(".")[2])(*args, **kwargs)


class _AliasLoader:
    """Gives the real module. The import machinery overwrites the spec of what it is given, so the spec is put back."""

    def __init__(self, real: str) -> None:
        self._real = real
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self._real)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


class _FacadeLoader:
    def __init__(self, sources: tuple[str, ...], below: frozenset[str]) -> None:
        self._sources = sources
        self._below = below

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = Facade(spec.name, f"Documented path, made of {', '.join(self._sources)}.")
        module._sources = self._sources
        module._below = self._below
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: names are looked up when they are used."""


#: name below which everything is found in another package -> that package
_aliases: dict[str, str] = {}


class BelowFinder:
    """Names below a mount. First in line, and only a look into a table."""

    @staticmethod
    def find_spec(fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of an alias, for a name below one."""
        above, rest = fullname, ""
        while above:
            real = _aliases.get(above)
            if real is not None and (rest or above not in sys.modules):
                return _alias_spec(fullname, real + rest)
            above, _, last = above.rpartition(".")
            rest = f".{last}{rest}"
        return None


class MissingFinder:
    """Documented paths and mounts, for names below ``tcore`` that no other finder knows. Last in line.

    Parameters
    ----------
    documented : callable
        Gives the table of documented paths; called on first need.
    mounted : callable
        ``mounted("tensor.nnet")`` gives the package that is mounted there, None, or raises ImportError with the remedy.
    """

    def __init__(self, documented: Callable[[], Mapping[str, Target]], mounted: Callable[[str], str | None]) -> None:
        self._documented = documented
        self._mounted = mounted
        self._here = threading.local()

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of a documented path or of a mount."""
        below = fullname[len(_ROOT) + 1 :]
        if not fullname.startswith(_ROOT + ".") or below.startswith("_") or "._" in below:
            return None
        if not hasattr(self._here, "names"):
            self._here.names = set()
        names: set[str] = self._here.names
        if fullname in names:  # the search itself asks for the name again, for instance through the plugin that has it
            return None
        names.add(fullname)
        try:
            table = self._documented()
            entry = table.get(fullname)
            if entry is None:
                real = self._mounted(below)
                if real is None:
                    return None
                _aliases[fullname] = real
                _stand_in_line()
                entry = real
        finally:
            names.discard(fullname)
        if isinstance(entry, str):
            return _alias_spec(fullname, entry)
        deeper = frozenset(name.removeprefix(fullname + ".").partition(".")[0] for name in table if name.startswith(fullname + "."))
        return importlib.util.spec_from_loader(fullname, _FacadeLoader(entry, deeper), is_package=bool(deeper))  # type: ignore[arg-type]


def _alias_spec(fullname: str, real: str) -> ModuleSpec | None:
    if real not in sys.modules and importlib.util.find_spec(real) is None:
        return None
    return ModuleSpec(fullname, _AliasLoader(real), origin=real)  # type: ignore[arg-type]


_below = BelowFinder()


def _stand_in_line() -> None:
    if _below not in sys.meta_path:
        sys.meta_path.insert(0, _below)


def add_alias(name: str, real: str) -> None:
    """Make ``import name``, and everything below, mean the package ``real``."""
    _aliases[name] = real
    _stand_in_line()


def _mounted(name: str) -> str | None:
    from tcore.plugins.process import manager  # the manager and what it needs load when a name is missing

    return manager().mounted(name)


def install(documented: Callable[[], Mapping[str, Target]]) -> None:
    """Put the last finder in line, once per process."""
    if not any(isinstance(finder, MissingFinder) for finder in sys.meta_path):
        sys.meta_path.append(MissingFinder(documented, _mounted))


def lazy_submodules(package: str) -> Callable[[str], Any]:
    """A module ``__getattr__`` that imports submodules, mounted ones and documented paths included, when they are used.

    ::

        if not TYPE_CHECKING:
            __getattr__ = lazy_submodules(__name__)
    """

    def __getattr__(name: str) -> Any:
        full = f"{package}.{name}"
        if not name.startswith("_"):
            try:
                return importlib.import_module(full)
            except ModuleNotFoundError as error:
                if isinstance(error, MountError):
                    raise AttributeError(f"module {package!r} has no attribute {name!r}: {error}") from error  # noqa: TRY004 - attribute access
                if error.name != full:  # a module that is there needs one that is not
                    raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__


def names_elsewhere(module: str) -> Callable[[str], Any]:
    """A module ``__getattr__`` for names that the documentation has in this module and that live in others, by the table.

    ::

        if not TYPE_CHECKING:
            __getattr__ = names_elsewhere(__name__)
    """

    def __getattr__(name: str) -> Any:
        if not name.startswith("_"):
            for home in importlib.import_module("tcore.compat.paths").ELSEWHERE[module]:
                other, _, place = home.rpartition("=")
                if other not in ("", name):
                    continue
                path, _, own_name = place.partition(":")
                found = getattr(importlib.import_module(path), own_name or name, None)
                if found is not None:
                    return found
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return __getattr__
