"""The object ``config`` and its sections.

A value lives in the ``__dict__`` of its section from the first read on, so that reading an option is a plain attribute
read (the option ``traceback.limit`` is read for every node of every graph). Assignments go through the declaration.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tcore.configuration.errors import (
    ConfigFrozenError,
    ConfigValueError,
    ConfigWarning,
    DuplicateOptionError,
    UnknownOptionError,
)
from tcore.configuration.option import Computed, Option
from tcore.configuration.sources import Given

__all__ = ["Config", "Section", "change_flags_of"]


class Section:
    """Options that share a prefix: ``config.scan`` holds ``config.scan.allow_gc``."""

    def __init__(self, root: Config, prefix: str) -> None:
        object.__setattr__(self, "_root", root)
        object.__setattr__(self, "_prefix", prefix)

    _root: Config
    _prefix: str

    def __getattr__(self, name: str) -> Any:
        # reached on the first read only: after it the value stands in __dict__
        if name.startswith("_"):
            raise AttributeError(name)
        return self._root._first_read(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._root._assign(self, name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"option {self._prefix}{name} cannot be deleted; assign its default instead")

    def __dir__(self) -> list[str]:
        below = {name[len(self._prefix) :].partition(".")[0] for name in self._root.options if name.startswith(self._prefix)}
        return sorted(below | set(object.__dir__(self)))

    def __str__(self) -> str:
        return "\n".join(self._root._lines(self._prefix))

    def __repr__(self) -> str:
        return f"<tcore configuration {self._prefix.rstrip('.') or 'root'}>"


class Config(Section):
    """All options. Iterating :attr:`options` gives the declarations; attributes give the values."""

    options: Mapping[str, Option]

    def __init__(self, options: Iterable[Option] = (), given: Mapping[str, Given] | None = None) -> None:
        super().__init__(self, "")
        for name, value in {
            "options": {},
            "_given": dict(given or {}),
            "_sources": {},
            "_sections": {"": self},
            "_lock": threading.RLock(),
        }.items():
            object.__setattr__(self, name, value)
        self.register(*options)

    _given: dict[str, Given]
    _sources: dict[str, str]
    _sections: dict[str, Section]
    _lock: threading.RLock

    # -- declarations -------------------------------------------------------------------------------------------------

    def register(self, *options: Option) -> None:
        """Add options, all or none of them. An equal declaration may come twice.

        Raises
        ------
        DuplicateOptionError
            If a name is taken by a different option, or by a section.
        """
        with self._lock:
            table = dict(self.options)
            for option in options:
                known = table.get(option.name)
                if known is not None and known != option:
                    raise DuplicateOptionError(f"option {option.name!r} is declared already: {known.doc!r}")
                table[option.name] = option
            prefixes = {name[:at] for name in table for at, letter in enumerate(name) if letter == "."}
            for name in prefixes & table.keys():
                raise DuplicateOptionError(f"option {name!r} and the section of that name exclude each other")
            for prefix in sorted(prefixes - self._sections.keys()):
                section = Section(self, prefix + ".")
                parent, _, last = prefix.rpartition(".")
                self._sections[prefix] = section
                self._sections[parent].__dict__[last] = section
            self.__dict__["options"] = table

    # -- values -------------------------------------------------------------------------------------------------------

    def _first_read(self, section: Section, name: str) -> Any:
        full = section._prefix + name
        option = self.options.get(full)
        if option is None:
            raise UnknownOptionError(self._unknown(full))
        given = self.given(full)
        if given is not None:
            value = self._converted(option, given.text, given.source)
            source = given.source
        else:
            value = option.default.function(self) if isinstance(option.default, Computed) else option.default
            source = "default"
        with self._lock:
            if name not in section.__dict__:
                section.__dict__[name] = value
                self._sources[full] = source
            return section.__dict__[name]

    def _assign(self, section: Section, name: str, value: Any) -> None:
        full = section._prefix + name
        option = self.options.get(full)
        if option is None:
            raise UnknownOptionError(self._unknown(full))
        converted = self._converted(option, value, "code")
        if option.frozen and converted != getattr(section, name):
            raise ConfigFrozenError(
                f"option {full} cannot be changed while the program runs (it is {getattr(section, name)!r}): start Python with TCORE_FLAGS={full}={value}"
            )
        with self._lock:
            section.__dict__[name] = converted
            self._sources[full] = "code"

    def _converted(self, option: Option, value: Any, source: str) -> Any:
        try:
            return option.convert(value)
        except ValueError as error:
            raise ConfigValueError(f"option {option.name} cannot be {value!r} (from {source}): {error}") from error

    def _locate(self, full: str) -> tuple[Section, str]:
        prefix, _, last = full.rpartition(".")
        if full not in self.options:
            raise UnknownOptionError(self._unknown(full))
        return self._sections[prefix], last

    def value(self, name: str) -> Any:
        """The value of the option with this dotted name."""
        section, last = self._locate(name)
        return getattr(section, last)

    def assign(self, name: str, value: Any) -> None:
        """Assign to the option with this dotted name."""
        section, last = self._locate(name)
        setattr(section, last, value)

    def given(self, name: str) -> Given | None:
        """What the environment or an rc file says about an option, as written."""
        return self._given.get(name) or self._given.get(name.lower())

    def changed(self) -> tuple[tuple[str, str], ...]:
        """Name and value, as text, of the options that are not at their defaults, by name."""
        assigned = {name: repr(self.value(name)) for name, source in tuple(self._sources.items()) if source == "code" and name in self.options}
        given = {given.name: given.text for given in self._given.values()}
        return tuple(sorted((given | assigned).items()))

    def source(self, name: str) -> str:
        """Where the value comes from: ``'code'``, ``'TCORE_FLAGS'``, the path of an rc file or ``'default'``."""
        self.value(name)
        return self._sources[name]

    @contextlib.contextmanager
    def change_flags(self, changes: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), **flags: Any) -> Iterator[None]:
        """Values for the length of a ``with`` block or of a decorated function.

        ``config.change_flags(floatX="float32", scan__debug=True)``: two underscores stand for the dot of a section;
        a mapping or pairs may give dotted names. All changes are checked before the first is made.
        """
        wanted = dict(changes)
        wanted.update({name if name in self.options else name.replace("__", "."): value for name, value in flags.items()})
        before = {}
        try:
            for name, value in wanted.items():
                old = (self.value(name), self._sources[name])
                self.assign(name, value)
                before[name] = old
            yield
        finally:
            with self._lock:
                for name, (value, source) in before.items():
                    section, last = self._locate(name)
                    section.__dict__[last] = value
                    self._sources[name] = source

    # -- messages -----------------------------------------------------------------------------------------------------

    def _unknown(self, full: str) -> str:
        near = self.nearest(full)
        hint = f"did you mean {near}?" if near else "see print(tcore.config) for all of them"
        return f"tcore has no option {full!r}: {hint} (a plugin's options appear when it is loaded)"

    def nearest(self, name: str) -> str | None:
        """The option whose name is most like ``name``, if one is."""
        return next(iter(self._near(name, 0.75)), None)

    def _near(self, name: str, cutoff: float) -> list[str]:
        import difflib  # only for messages

        lower = {known.lower(): known for known in self.options}
        return [lower[found] for found in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=cutoff)]

    def unclaimed(self) -> list[Given]:
        """Values that were given for options that nobody has declared (so far)."""
        lower = {name.lower() for name in self.options}
        return [
            given for given in self._given.values() if given.name not in self.options and (given.source == "TCORE_FLAGS" or given.name.lower() not in lower)
        ]

    def warn_of_unknown_names(self, section: str | None = None) -> None:
        """Warn of names that were given and that nobody declared; with ``section``, of those in it only.

        A name in a section that is not there stays unmentioned unless it looks like a declared one: a plugin with that section may
        be loaded later, and asks again for its own.
        """
        for given in self.unclaimed():
            prefix = given.name.rpartition(".")[0]
            if section is not None and prefix != section:
                continue
            sure = prefix in self._sections or prefix.lower() in {known.lower() for known in self._sections}
            near = self._near(given.name, 0.6 if sure else 0.75)
            if near or sure:
                hint = f": did you mean {' or '.join(near)}?" if near else ", so that it has no effect; `tcore config` lists all options"
                warnings.warn(f"{given.source} sets {given.name!r}, which is no option of tcore{hint}", ConfigWarning, stacklevel=3)

    def _lines(self, prefix: str) -> Iterator[str]:
        for name in sorted(self.options, key=str.lower):
            if name.startswith(prefix):
                option = self.options[name]
                yield f"{name} ({option.takes})"
                yield f"    Doc:  {option.doc}"
                yield f"    Value:  {self.value(name)}"
                yield ""


def change_flags_of(config: Config) -> Callable[..., contextlib.AbstractContextManager[None]]:
    """``config.change_flags`` as a function of its own, usable as context manager and as decorator."""

    def change_flags(changes: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), **flags: Any) -> contextlib.AbstractContextManager[None]:
        return config.change_flags(changes, **flags)

    change_flags.__doc__ = Config.change_flags.__doc__
    return change_flags
