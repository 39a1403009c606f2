"""What is installed: one pass over the metadata of all distributions, which imports nothing of theirs.

Names that can be asked for stand in entry points: groups ``tcore.plugins`` (name = module with the hooks), ``tcore.api``
(name = ``v1:v1``), ``tcore.modules`` (``tensor.nnet`` = ``tcore_nnet``), ``tcore.backends``, ``tcore.devices``,
``tcore.commands`` and ``tcore.values`` (any name = prefix of the modules of foreign values). One broken file spoils its own
distribution and no other, which is why files are read one by one and not through ``entry_points()``.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from attrs import field

from tcore.plugins.references import is_module, is_reference
from tcore.records import frozen

__all__ = ["CLAIM_GROUPS", "Broken", "Candidate", "Claim", "Installed", "Source", "scan"]

#: Groups whose names may be asked for.
CLAIM_GROUPS = ("backends", "devices", "commands", "modules", "values")
_PREFIX = "tcore."


@frozen
class Source:
    """The distribution that something comes from. Name and version are read when a message or a listing needs them.

    ``open`` gives the metadata of the distribution.
    """

    key: str
    _open: Callable[[], Any] | None = field(default=None, eq=False, repr=False)

    @property
    def name(self) -> str:
        """Name of the distribution as its metadata spells it."""
        return self._field("Name", self.key)

    @property
    def version(self) -> str:
        """Version of the distribution, ``"?"`` if it cannot be read."""
        return self._field("Version", "?") if self._open is not None else ""

    def _field(self, name: str, fallback: str) -> str:
        try:
            return str(self._open().metadata[name] or fallback) if self._open is not None else fallback
        except Exception:  # metadata of strangers: anything may be wrong with it
            return fallback

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


@frozen
class Claim:
    """A name that a distribution says it answers to."""

    group: str
    name: str
    value: str


@frozen
class Candidate:
    """A plugin as its metadata describes it; nothing of it is imported."""

    name: str
    target: str
    source: Source
    api: str | None = None
    claims: tuple[Claim, ...] = ()
    builtin: bool = False

    @property
    def module(self) -> str:
        """The module that holds the hooks."""
        return self.target.partition(":")[0]

    @property
    def package(self) -> str:
        """The package that the plugin lives in: Ops and Types below it load the plugin."""
        parent, _, last = self.module.rpartition(".")
        return parent if parent and last == "plugin" else self.module

    def names(self, group: str) -> frozenset[str]:
        """What it claims in a group."""
        return frozenset(claim.name for claim in self.claims if claim.group == group)

    def describe(self) -> str:
        """The plugin and its distribution, for messages."""
        return f"plugin {self.name!r} ({self.source})"


@frozen
class Broken:
    """Metadata that cannot be used, and why."""

    name: str
    source: Source
    problem: str


@frozen
class Installed:
    """The result of a scan.

    ``candidates`` holds every plugin; two of one name stand beside each other, and the manager refuses both.
    """

    candidates: tuple[Candidate, ...] = ()
    broken: tuple[Broken, ...] = ()

    def named(self, name: str) -> tuple[Candidate, ...]:
        """Plugins of this name: none, one, or several that get in each other's way."""
        return tuple(candidate for candidate in self.candidates if candidate.name == name)

    def claiming(self, group: str, name: str) -> tuple[Candidate, ...]:
        """Plugins that claim ``name`` in ``group``."""
        return tuple(candidate for candidate in self.candidates if name in candidate.names(group))

    def claimed(self, group: str) -> Mapping[str, tuple[Candidate, ...]]:
        """All names of a group with their claimants."""
        table: dict[str, tuple[Candidate, ...]] = {}
        for candidate in self.candidates:
            for name in sorted(candidate.names(group)):
                table[name] = (*table.get(name, ()), candidate)
        return MappingProxyType(table)


def scan(path: Sequence[str] | None = None) -> Installed:
    """Read the entry points of every distribution on ``path`` (``sys.path`` when omitted).

    Where a distribution is found twice, the first counts, as for imports.
    """
    candidates: list[Candidate] = []
    broken: list[Broken] = []
    seen: set[str] = set()
    for source, read in _distributions(path):
        if source.key in seen:
            continue
        seen.add(source.key)
        try:
            text = read()
        except Exception as error:  # unreadable file of a stranger
            broken.append(Broken(source.key, source, f"entry_points.txt cannot be read: {error}"))
            continue
        if text and _PREFIX in text:
            new, bad = read_entry_points(text, source)
            candidates.extend(new)
            broken.extend(bad)
    candidates.sort(key=lambda candidate: (candidate.source.key, candidate.name))
    broken.sort(key=lambda item: (item.source.key, item.name))
    return Installed(tuple(candidates), tuple(broken))


Found = Iterator[tuple[Source, Callable[[], "str | None"]]]


def _distributions(path: Sequence[str] | None) -> Found:
    """Distributions, each with a function that reads its ``entry_points.txt``.

    Ordinary folders are read directly: importing importlib_metadata and asking it costs 10 ms of the first compilation
    of every process, this costs 2. It answers for everything else: archives on the path and finders of other makes.
    """
    for entry in sys.path if path is None else path:
        folder = entry or os.curdir
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208 - a hundred Path objects take longer than the whole scan
        except NotADirectoryError:
            yield from _through_metadata(folder, functools.partial(_in_archive, folder))
            continue
        except OSError:
            continue  # an entry of the path that is not there, as usual
        for name in names:
            if name.endswith((".dist-info", ".egg-info")):
                info = os.path.join(folder, name)  # noqa: PTH118 - as above
                yield Source(_key(name), functools.partial(_open, info)), functools.partial(_read, info)
    if path is None:
        for finder in sys.meta_path:
            if hasattr(finder, "find_distributions") and finder.__module__.partition(".")[0] not in _USUAL:
                yield from _through_metadata(repr(finder), functools.partial(_known_to, finder))


#: makers of the finders that look into the folders of the path, and no further
_USUAL = ("_frozen_importlib_external", "importlib", "importlib_metadata")


def _open(info: str) -> Any:
    from importlib_metadata import Distribution

    return Distribution.at(info)


def _read(info: str) -> str | None:
    try:
        with open(os.path.join(info, "entry_points.txt"), encoding="utf-8") as file:  # noqa: PTH118, PTH123 - as above
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _in_archive(archive: str) -> Iterable[Any]:
    import importlib_metadata

    return importlib_metadata.distributions(path=[archive])


def _known_to(finder: Any) -> Iterable[Any]:
    import importlib_metadata

    context: Any = importlib_metadata.DistributionFinder.Context
    found: Iterable[Any] = finder.find_distributions(context())
    return found


def _through_metadata(place: str, ask: Callable[[], Iterable[Any]]) -> Found:
    """What importlib_metadata says; where that fails, one entry whose file cannot be read."""
    try:
        found = list(ask())
    except Exception as error:  # finders and archives of strangers
        yield Source(place), functools.partial(_fail, error)
        return
    for distribution in found:
        folder = getattr(getattr(distribution, "_path", None), "name", "")
        key = _key(folder) if folder else _key(str(distribution.metadata["Name"]))
        yield Source(key, functools.partial(_same, distribution)), functools.partial(distribution.read_text, "entry_points.txt")


def _same(distribution: Any) -> Any:
    return distribution


def _fail(error: Exception) -> str:
    raise error


def _key(folder: str) -> str:
    """A normalized name, from the name of the folder: the metadata proper would have to be parsed."""
    stem = folder.removesuffix(".dist-info").removesuffix(".egg-info")
    return re.sub(r"[-_.]+", "-", stem.partition("-")[0]).lower()


def read_entry_points(text: str, source: Source) -> tuple[list[Candidate], list[Broken]]:
    """The plugins that one ``entry_points.txt`` declares, and the lines of it that cannot be used."""
    groups: dict[str, list[tuple[str, str]]] = {}
    broken: list[Broken] = []
    group = None
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            group = line.strip("[]").strip() if line.endswith("]") else None
            continue
        if group is None or not group.startswith(_PREFIX):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not name or not value:
            broken.append(Broken(name or "?", source, f"line {number} of entry_points.txt reads {line!r}, not name = value"))
            continue
        groups.setdefault(group[len(_PREFIX) :], []).append((name, value))

    plugins: dict[str, str] = {}
    for name, value in groups.get("plugins", []):
        if name in plugins:
            broken.append(Broken(name, source, f"is declared twice: {plugins[name]} and {value}"))
        elif not (is_module(value) or is_reference(value)):
            broken.append(Broken(name, source, f"entry point {name} = {value!r} names no module"))
        else:
            plugins[name] = value
    levels = dict(groups.get("api", []))
    claims: dict[str, list[Claim]] = {name: [] for name in plugins}
    for kind in CLAIM_GROUPS:
        for name, value in groups.get(kind, []):
            if not (is_module(value) or is_reference(value)):
                broken.append(Broken(name, source, f"entry point {name} = {value!r} in {_PREFIX}{kind} names no module"))
                continue
            owner = _owner(plugins, name, value)
            if owner is None:
                broken.append(Broken(name, source, f"{_PREFIX}{kind} claims {name!r}, but the distribution has no plugin for it"))
                continue
            # values are asked for by the module of the value, everything else by its own name
            claims[owner].append(Claim(kind, value if kind == "values" else name, value))
    candidates = [Candidate(name, target, source, levels.get(name), tuple(claims[name])) for name, target in sorted(plugins.items())]
    return candidates, broken


def _owner(plugins: Mapping[str, str], name: str, value: str) -> str | None:
    """Which plugin of a distribution a claim belongs to: the only one, its namesake, or the one that shares most of the path."""
    if len(plugins) == 1:
        return next(iter(plugins))
    if name in plugins:
        return name
    parts = value.partition(":")[0].split(".")

    def shared(plugin: str) -> int:
        count = 0
        for ours, theirs in zip(parts, plugins[plugin].partition(":")[0].split("."), strict=False):
            if ours != theirs:
                break
            count += 1
        return count

    return max(sorted(plugins), key=shared, default=None)
