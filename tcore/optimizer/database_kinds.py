"""What databases build of the members that a Query chooses: a sequence, an equilibrium, one rule of many, a walk."""

from __future__ import annotations

import math
import sys
from typing import Any, Literal, TextIO

from tcore.configuration import config
from tcore.optimizer.database import DB, Entry
from tcore.optimizer.equilibrium import EquilibriumOptimizer
from tcore.optimizer.groups import LocalOptGroup
from tcore.optimizer.navigators import TopoOptimizer
from tcore.optimizer.query import Query
from tcore.optimizer.sequence import SeqOptimizer

__all__ = ["EquilibriumDB", "LocalGroupDB", "ProxyDB", "SequenceDB", "TopoDB"]


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

    def _place_of_members(self, position: Any) -> tuple[DB, Any]:
        return self, position

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

    def entries(self) -> list[Entry]:
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
