"""Databases: optimizations by name, with tags; a Query makes an optimizer of those that it chooses.

The order of a result depends on what is chosen, never on what else was registered or when: members of the core come in
the order in which the core lists them, those of a plugin follow by plugin and name.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any, Literal, TextIO

from attrs import field

from tcore.optimizer.base import LocalOptimizer, Optimizer
from tcore.optimizer.query import Query
from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DB", "Entry", "changed_by_programs", "declaring"]


class _Declaring(threading.local):
    now = False


_declaring = _Declaring()
_changed = False


@contextlib.contextmanager
def declaring() -> Iterator[None]:
    """While it lasts, what this thread registers is what a package declares: the same in every program that has it installed."""
    before, _declaring.now = _declaring.now, True
    try:
        yield
    finally:
        _declaring.now = before


def changed_by_programs() -> bool:
    """Whether anything else was registered in ``optdb``, or taken out: then a graph tells no longer how it is optimized."""
    return _changed


@define(eq=False)
class Entry:
    """One registration."""

    name: str
    obj: Any
    tags: set[str]
    number: int
    origin: str | None
    position: float | Literal["first", "last"] | None = None
    after: tuple[str, ...] = ()
    without: dict[str, Any] = field(factory=dict)
    options: dict[str, Any] = field(factory=dict)

    def choice(self, query: Query) -> Any:
        """What takes part for a query: the whole, the part that remains without a tag that is excluded, or None."""
        if query.matches(self.tags):
            return self.obj
        for tag, part in self.without.items():
            if tag in query.exclude and query.matches(self.tags - {tag}):
                return part
        return None

    def order(self) -> tuple[Any, ...]:
        """Core first, as registered; then plugins by name."""
        return (0, "", self.number, "") if self.origin is None else (1, self.origin, 0, self.name)


class DB:
    """Base of databases. ``name`` is set when the database is registered in another."""

    name: str | None = None

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        #: the sequence that holds this database, and the position in it
        self._place: tuple[DB, Any] | None = None

    def register(
        self,
        name: str,
        obj: Any,
        *tags: str,
        use_db_name_as_tag: bool = True,
        origin: str | None = None,
        **options: Any,
    ) -> Any:
        """Add an optimization, or a database of some.

        Parameters
        ----------
        name : str
            Unique in this database; counts as a tag.
        obj : Optimizer, LocalOptimizer or DB
        tags : str
        use_db_name_as_tag : bool
            Whether the name of this database is a tag, too.
        origin : str, optional
            The plugin that it comes from.
        without : dict from tag to optimization, optional
            What stays where a query excludes that tag and would take the rest.

        Raises
        ------
        ValueError
            If the name is taken; the message tells by whom.
        TypeError
            If ``obj`` is none of these, or a tag no string.
        """
        if not isinstance(obj, (DB, Optimizer, LocalOptimizer)):
            raise TypeError(f"a database holds optimizers, rules and databases, got {obj!r} for '{name}'")
        for tag in (name, *tags):
            if not isinstance(tag, str):
                raise TypeError(f"names and tags are strings, got {tag!r} for '{name}'")
        if name in self._entries:
            other = self._entries[name].origin or "tcore"
            raise ValueError(f"'{name}' is registered in {self} twice: by {other} and by {origin or 'tcore'}")
        if isinstance(obj, DB):
            if obj.name is None:
                obj.name = name
        elif obj.name is None:
            obj.name = name
        own = {name, *tags}
        if use_db_name_as_tag and self.name is not None:
            own.add(self.name)
        position = options.pop("position", None)
        if "inplace" in own:
            self._check_late_enough(name, position)
        if isinstance(obj, DB):
            obj._placed(self, position)
        after = tuple(options.pop("after", ()))
        without = dict(options.pop("without", None) or {})
        for part in without.values():
            if part.name is None:
                part.name = name
        self._note_change()
        self._entries[name] = Entry(name, obj, own, len(self._entries), origin, position, after, without, options)
        return obj

    def _note_change(self) -> None:
        global _changed  # noqa: PLW0603 - of the one database that modes ask
        if not _declaring.now and (self._place is not None or self.name == "optdb"):
            _changed = True

    def _placed(self, holder: DB, position: Any) -> None:
        """This database became a member of ``holder``."""
        self._place = holder._place_of_members(position)

    def _place_of_members(self, position: Any) -> tuple[DB, Any] | None:
        """The sequence that a member of this database is in, and the position there: that of the database, where it has no order of its own."""
        return self._place

    def _check_late_enough(self, name: str, position: Any) -> None:
        """Refuse what works in place before the destroy handler is there.

        Raises
        ------
        ValueError
            The message names the position that it needs.
        """
        if self._place is not None:
            self._place[0]._check_late_enough(name, self._place[1])

    def unregister(self, name: str) -> None:
        """Take a registration out again: a plugin that could not be loaded completely leaves nothing behind."""
        self._note_change()
        del self._entries[name]

    def add_tags(self, name: str, *tags: str) -> None:
        """Give an optimization further tags."""
        self._note_change()
        self._entry(name).tags.update(tags)

    def remove_tags(self, name: str, *tags: str) -> None:
        """Take tags from an optimization."""
        self._note_change()
        self._entry(name).tags.difference_update(tags)

    def _entry(self, name: str) -> Entry:
        try:
            return self._entries[name]
        except KeyError:
            raise KeyError(f"nothing is registered as '{name}' in {self}") from None

    def __getitem__(self, name: str) -> Any:
        """The optimization of this name, or the only one with this tag.

        Raises
        ------
        KeyError
            If there is none, or more than one.
        """
        if name in self._entries:
            return self._entries[name].obj
        tagged = [entry for entry in self._entries.values() if name in entry.tags]
        if not tagged:
            raise KeyError(f"nothing is registered as '{name}' in {self}")
        if len(tagged) > 1:
            raise KeyError(f"'{name}' is a tag of several members of {self}: {', '.join(e.name for e in tagged)}")
        return tagged[0].obj

    def __contains__(self, name: str) -> bool:
        return name in self._entries or any(name in entry.tags for entry in self._entries.values())

    def entries(self) -> list[Entry]:
        """All registrations, in the order in which they would be applied."""
        return sorted(self._entries.values(), key=Entry.order)

    def members(self) -> list[DB]:
        """The databases that are registered in this one, or that it stands for."""
        return [entry.obj for entry in self._entries.values() if isinstance(entry.obj, DB)]

    def names(self) -> list[str]:
        """All registered names, in order."""
        return [entry.name for entry in sorted(self._entries.values(), key=Entry.order)]

    def tags_of(self, name: str) -> frozenset[str]:
        """The tags of an optimization."""
        return frozenset(self._entry(name).tags)

    def query(self, *tags: Any, **kwtags: Any) -> Any:
        """An optimizer of what a Query chooses.

        Takes a Query, or tags with a sign: ``"+a"`` includes, ``"&a"`` requires, ``"-a"`` excludes; keyword arguments are
        subqueries.
        """
        if len(tags) == 1 and not kwtags and isinstance(tags[0], Query):
            return self._build(tags[0])
        signs: dict[str, list[str]] = {"+": [], "&": [], "-": []}
        for tag in tags:
            if not isinstance(tag, str) or tag[:1] not in signs:
                raise TypeError(f"a query is a Query, or tags that start with '+', '&' or '-', got {tag!r}")
            signs[tag[0]].append(tag[1:])
        return self._build(Query(signs["+"], signs["&"], signs["-"], kwtags))

    def _chosen(self, query: Query) -> list[tuple[Entry, Any]]:
        """The chosen members, databases asked in their turn."""
        chosen = []
        for entry in sorted(self._entries.values(), key=Entry.order):
            if entry.origin is not None and query.origins is not None and entry.origin not in query.origins:
                continue
            obj = entry.choice(query)
            if obj is None:
                continue
            if isinstance(obj, DB):
                obj = obj.query(query.for_member(entry.name))
                obj.name = entry.name
            chosen.append((entry, obj))
        return chosen

    def _build(self, query: Query) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not say what a query makes")

    def print_summary(self, stream: TextIO | None = None) -> None:
        """Print names and tags."""
        stream = stream or sys.stdout
        print(f"{type(self).__name__} {self.name or ''} (id {id(self)})", file=stream)
        for entry in sorted(self._entries.values(), key=Entry.order):
            print(f"  {entry.name}: {', '.join(sorted(entry.tags))}", file=stream)

    def __str__(self) -> str:
        return f"{type(self).__name__} '{self.name}'" if self.name else type(self).__name__
