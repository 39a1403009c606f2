"""Modules under a second name: mounts (``tcore.tensor.nnet`` is ``tcore_nnet``) and documented paths that the layout lacks.

One module object, two names in ``sys.modules``: ``__spec__``, ``__name__`` and pickles stay those of the real module. Two
finders do it. :class:`BelowFinder` stands first in line and answers for names below a mount, which the ordinary machinery would load a
second time. :class:`MissingFinder` stands last and is asked for names that nobody has.

This module is all that ``import tcore`` imports. It imports nothing of tcore, and no package lies between the two: while one
thread loads tcore for the first time, what another loads below it may wait for tcore, and must hold nothing that tcore waits for.
"""

from __future__ import annotations

import importlib
import sys
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


#: name below which everything is found in another package -> that package
_aliases: dict[str, str] = {}


def _real_name(fullname: str) -> str | None:
    """The module that ``fullname`` is by the table of mounts, for names below one and for a mount that is not imported yet."""
    above, rest = fullname, ""
    while above:
        real = _aliases.get(above)
        if real is not None and (rest or above not in sys.modules):
            return real + rest
        above, _, last = above.rpartition(".")
        rest = f".{last}{rest}"
    return None


class BelowFinder:
    """Names below a mount. First in line, and only a look into a table."""

    def __init__(self, missing: MissingFinder) -> None:
        self._missing = missing

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of an alias, for a name below one."""
        return None if _real_name(fullname) is None else ModuleSpec(fullname, self._missing)  # type: ignore[arg-type]


class MissingFinder:
    """Documented paths and mounts, for names below ``tcore`` that no other finder knows. Last in line; and the loader of what it finds.

    Python asks finders while it holds the lock of all imports: one that imports anything waits for threads that wait for that
    lock. So the finder promises whatever lies below ``tcore``, and the loader, which holds no lock but the module's own, looks it
    up and raises the error that the finder did not.

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

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """A spec for every public name below ``tcore``."""
        below = fullname[len(_ROOT) + 1 :]
        if not fullname.startswith(_ROOT + ".") or below.startswith("_") or "._" in below:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module of a mount or of a documented path; the real one, under one more name, or one made of several."""
        name = spec.name
        real = _real_name(name)
        module = None if real is None else _module_if_there(real)
        if module is None:
            table = self._documented()
            entry = table.get(name)
            if isinstance(entry, tuple):
                return _facade(name, entry, table)
            real = entry
            if real is None and name.startswith(_ROOT + "."):
                real = self._mounted(name[len(_ROOT) + 1 :])
                if real is not None:
                    add_alias(name, real)
            module = None if real is None else _module_if_there(real)
        if module is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        spec.loader_state = module.__spec__  # the import machinery overwrites the spec of what it is given
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: the real module ran, and gets its own spec back; names of others are looked up when they are used."""
        spec = module.__spec__
        if spec is not None and spec.loader is self and spec.loader_state is not None:
            module.__spec__ = spec.loader_state


def _module_if_there(name: str) -> ModuleType | None:
    """The module of that name, or None where there is none; a module that is there and fails, fails."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if isinstance(error, MountError) or error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise
        return None


def _facade(name: str, sources: tuple[str, ...], table: Mapping[str, Target]) -> Facade:
    module = Facade(name, f"Documented path, made of {', '.join(sources)}.")
    module._sources = sources
    module._below = frozenset(below.removeprefix(name + ".").partition(".")[0] for below in table if below.startswith(name + "."))
    if module._below:
        module.__path__ = []
    return module


def add_alias(name: str, real: str) -> None:
    """Make ``import name``, and everything below, mean the package ``real``."""
    _aliases[name] = real
    if not any(isinstance(finder, BelowFinder) for finder in sys.meta_path):
        missing = next(finder for finder in sys.meta_path if isinstance(finder, MissingFinder))
        sys.meta_path.insert(0, BelowFinder(missing))  # type: ignore[arg-type]


def install(documented: Callable[[], Mapping[str, Target]], mounted: Callable[[str], str | None]) -> None:
    """Put the last finder in line, once per process."""
    if not any(isinstance(finder, MissingFinder) for finder in sys.meta_path):
        sys.meta_path.append(MissingFinder(documented, mounted))  # type: ignore[arg-type]


def siblings(module: str, *names: str) -> tuple[ModuleType, ...]:
    """Modules of the package that ``module`` is in, for use while it is loaded.

    ``from package import name`` would wait for all of the package. A thread that loads the package waits for this module, so that the two
    would stop each other. Type checkers read the ordinary import beside it.
    """
    package = module.rpartition(".")[0]
    return tuple(importlib.import_module(f"{package}.{name}") for name in names)


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
