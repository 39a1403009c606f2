"""Databases: optimizations by name, with tags; a Query makes an optimizer of those that it chooses.

The order of a result depends on what is chosen, never on what else was registered or when: members of the core come in
the order in which the core lists them, those of a plugin follow by plugin and name.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from typing import TYPE_CHECKING, Any, Literal, TextIO

from attrs import field

from tcore.configuration import config
from tcore.optimizer.base import LocalOptimizer, Optimizer
from tcore.optimizer.equilibrium import EquilibriumOptimizer
from tcore.optimizer.groups import LocalOptGroup
from tcore.optimizer.navigators import TopoOptimizer
from tcore.optimizer.query import Query
from tcore.optimizer.sequence import SeqOptimizer
from tcore.records import define

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DB", "EquilibriumDB", "LocalGroupDB", "ProxyDB", "SequenceDB", "TopoDB", "changed_by_programs", "declaring"]


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
class _Entry:
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
        self._entries: dict[str, _Entry] = {}
        #: the sequence that holds this database, and the position in it
        self._place: tuple[SequenceDB, Any] | None = None

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
        self._entries[name] = _Entry(name, obj, own, len(self._entries), origin, position, after, without, options)
        return obj

    def _note_change(self) -> None:
        global _changed  # noqa: PLW0603 - of the one database that modes ask
        if not _declaring.now and (self._place is not None or self.name == "optdb"):
            _changed = True

    def _placed(self, holder: DB, position: Any) -> None:
        """This database became a member of ``holder``."""
        self._place = (holder, position) if isinstance(holder, SequenceDB) else holder._place

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

    def _entry(self, name: str) -> _Entry:
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

    def entries(self) -> list[_Entry]:
        """All registrations, in the order in which they would be applied."""
        return sorted(self._entries.values(), key=_Entry.order)

    def members(self) -> list[DB]:
        """The databases that are registered in this one, or that it stands for."""
        return [entry.obj for entry in self._entries.values() if isinstance(entry.obj, DB)]

    def names(self) -> list[str]:
        """All registered names, in order."""
        return [entry.name for entry in sorted(self._entries.values(), key=_Entry.order)]

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

    def _chosen(self, query: Query) -> list[tuple[_Entry, Any]]:
        """The chosen members, databases asked in their turn."""
        chosen = []
        for entry in sorted(self._entries.values(), key=_Entry.order):
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
        for entry in sorted(self._entries.values(), key=_Entry.order):
            print(f"  {entry.name}: {', '.join(sorted(entry.tags))}", file=stream)

    def __str__(self) -> str:
        return f"{type(self).__name__} '{self.name}'" if self.name else type(self).__name__


class EquilibriumDB(DB):
    """Rules and optimizers that are applied until nothing changes.

    Parameters
    ----------
    ignore_newtrees, tracks_on_change_inputs : bool
        Handed to :class:`EquilibriumOptimizer`.
    """

    def __init__(self, ignore_newtrees: bool = True, tracks_on_change_inputs: bool = False) -> None:
        super().__init__()
        self.ignore_newtrees = ignore_newtrees
        self.tracks_on_change_inputs = tracks_on_change_inputs

    def register(self, name: str, obj: Any, *tags: str, **options: Any) -> Any:
        """As in :class:`DB`; ``final_opt=True`` or ``cleanup=True`` for what is applied once after each pass."""
        if options.get("final_opt") and options.get("cleanup"):
            raise ValueError(f"'{name}' is either a final optimizer or a cleanup")
        return super().register(name, obj, *tags, **options)

    def _build(self, query: Query) -> EquilibriumOptimizer:
        chosen = self._chosen(query)
        return EquilibriumOptimizer(
            [obj for entry, obj in chosen if not entry.options.get("final_opt") and not entry.options.get("cleanup")],
            ignore_newtrees=self.ignore_newtrees,
            tracks_on_change_inputs=self.tracks_on_change_inputs,
            max_use_ratio=config.optdb.max_use_ratio,
            final_optimizers=[obj for entry, obj in chosen if entry.options.get("final_opt")],
            cleanup_optimizers=[obj for entry, obj in chosen if entry.options.get("cleanup")],
            name=self.name,
        )


class SequenceDB(DB):
    """Optimizers in an order.

    A member has a position, a number, and may name others that it comes ``after``: among equal positions the
    relation decides; it must not contradict the positions.

    Parameters
    ----------
    failure_callback : object
        Accepted for the documented interface.
    """

    seq_opt = SeqOptimizer

    def __init__(self, failure_callback: Any = None) -> None:
        super().__init__()
        self.failure_callback = failure_callback

    def register(self, name: str, obj: Any, position: float | Literal["first", "last"], *tags: str, **options: Any) -> Any:  # type: ignore[override]
        """As in :class:`DB`, at ``position``: a number, ``"first"`` or ``"last"``.

        ``after=("name", …)`` names members that come before this one.
        """
        if not (isinstance(position, (int, float)) or position in ("first", "last")):
            raise TypeError(f"the position of '{name}' is a number, 'first' or 'last', got {position!r}")
        return super().register(name, obj, *tags, position=position, **options)

    def _check_late_enough(self, name: str, position: Any) -> None:
        handler = self._entries.get("add_destroy_handler")
        if handler is not None and _as_number(position) < _as_number(handler.position):
            raise ValueError(
                f"'{name}' has the tag 'inplace' and would stand at {position} in {self}: what works in place comes after "
                f"'add_destroy_handler' at {handler.position}, which sees whether an input is overwritten too early. Register it at a "
                "position from 50 on"
            )
        super()._check_late_enough(name, position)

    def position_of(self, name: str) -> Any:
        """The position of a member."""
        return self._entry(name).position

    def _build(self, query: Query) -> SeqOptimizer:
        members: list[tuple[Any, ...]] = []
        for entry, obj in self._chosen(query):
            assert entry.position is not None
            position = {"first": -math.inf, "last": math.inf}.get(entry.position, entry.position)  # type: ignore[arg-type]
            if position < query.position_cutoff or entry.position == "last":
                members.append((position, entry.order(), entry.name, entry.after, obj))
        for number, (obj, position) in enumerate(query.extra_optimizations):
            if position < query.position_cutoff:
                members.append((position, (2, "", number, ""), getattr(obj, "name", None) or str(obj), (), obj))
        members.sort(key=lambda member: member[:2])
        built = self.seq_opt(_respect_after(members, str(self)))
        built.name = query.name
        return built

    def entries(self) -> list[_Entry]:
        """All registrations by position."""
        return sorted(self._entries.values(), key=lambda entry: (_as_number(entry.position), entry.order()))

    def print_summary(self, stream: TextIO | None = None) -> None:
        """Print names, tags and positions."""
        stream = stream or sys.stdout
        print(f"{type(self).__name__} {self.name or ''} (id {id(self)})", file=stream)
        for entry in self.entries():
            print(f"  {entry.position} {entry.name}: {', '.join(sorted(entry.tags))}", file=stream)


def _as_number(position: Any) -> float:
    return float({"first": -math.inf, "last": math.inf}.get(position, position))


def _respect_after(members: list[tuple[Any, ...]], where: str) -> list[Any]:
    """The sorted members, each moved behind those that it must come after, as long as their positions are equal."""
    placed: list[tuple[Any, ...]] = []
    names: set[str] = set()
    present = {member[2]: member for member in members}
    waiting = list(members)
    while waiting:
        for number, member in enumerate(waiting):
            position, _, name, after, _ = member
            for other in after:
                if other in present and present[other][0] > position:
                    raise ValueError(
                        f"{where}: '{name}' at {position} must come after '{other}', which stands at {present[other][0]}"
                    )
            if all(other in names or other not in present for other in after):
                placed.append(waiting.pop(number))
                names.add(name)
                break
        else:
            raise ValueError(f"{where}: these wait for each other: {', '.join(member[2] for member in waiting)}")
    return [member[4] for member in placed]


class LocalGroupDB(DB):
    """Rules that make one rule; members are in order of position (a number, or "last"), then of registration."""

    def __init__(self, apply_all_opts: bool = False, profile: bool = False, local_opt: Any = LocalOptGroup) -> None:
        super().__init__()
        self.apply_all_opts = apply_all_opts
        self.profile = profile
        self.local_opt = local_opt

    def register(self, name: str, obj: Any, *tags: str, **options: Any) -> Any:
        """As in :class:`DB`, with ``position``."""
        position = options.setdefault("position", "last")
        if not (isinstance(position, (int, float)) or position == "last"):
            raise TypeError(f"the position of '{name}' is a number or 'last', got {position!r}")
        return super().register(name, obj, *tags, **options)

    def _build(self, query: Query) -> Any:
        chosen = sorted(self._chosen(query), key=lambda pair: _as_number(pair[0].position))
        return self.local_opt(*[obj for _, obj in chosen], apply_all_opts=self.apply_all_opts, profile=self.profile)


class TopoDB(DB):
    """A database whose result is applied once at each node, by a :class:`TopoOptimizer`."""

    def __init__(
        self, db: DB, order: Literal["in_to_out", "out_to_in", "random"] = "in_to_out", ignore_newtrees: bool = False, failure_callback: Any = None
    ) -> None:
        super().__init__()
        self.db = db
        self.order: Literal["in_to_out", "out_to_in", "random"] = order
        self.ignore_newtrees = ignore_newtrees
        self.failure_callback = failure_callback

    def members(self) -> list[DB]:
        """The inner database."""
        return [self.db]

    def _placed(self, holder: DB, position: Any) -> None:
        super()._placed(holder, position)
        self.db._place = self._place

    def query(self, *tags: Any, **kwtags: Any) -> TopoOptimizer:
        """A navigator over what the inner database gives."""
        return TopoOptimizer(
            self.db.query(*tags, **kwtags),
            order=self.order,
            ignore_newtrees=self.ignore_newtrees,
            failure_callback=self.failure_callback,
            name=self.name,
        )


class ProxyDB(DB):
    """Stands for another database, so that it can be registered in a second place."""

    def __init__(self, db: DB) -> None:
        super().__init__()
        if not isinstance(db, DB):
            raise TypeError(f"a ProxyDB stands for a database, got {db!r}")
        self.db = db

    def members(self) -> list[DB]:
        """The other database."""
        return [self.db]

    def query(self, *tags: Any, **kwtags: Any) -> Any:
        """As the other database."""
        return self.db.query(*tags, **kwtags)
