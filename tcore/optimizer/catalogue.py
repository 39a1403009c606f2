"""What a database holds, as a list: each rule with what it does, its tags, its places, and where it is written."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import asdict, field

from tcore.optimizer.base import FromFunctionLocalOptimizer, FromFunctionOptimizer
from tcore.optimizer.database import DB
from tcore.optimizer.database_kinds import ProxyDB, SequenceDB, TopoDB
from tcore.optimizer.equilibrium import EquilibriumOptimizer
from tcore.optimizer.groups import LocalOptGroup, OpRemove, OpSub
from tcore.optimizer.navigators import NavigatorOptimizer
from tcore.optimizer.pattern import PatternSub
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tcore.optimizer.query import Query

__all__ = ["CatalogueEntry", "Place", "catalogue"]


@frozen
class Place:
    """Where something takes part: ``position`` in the principal sequence; inside of ``stage``, and there ``within``."""

    stage: str
    position: float | str | None
    within: float | str | None = None

    def __str__(self) -> str:
        inside = "" if self.within is None else f", {self.within:g}" if isinstance(self.within, (int, float)) else f", {self.within}"
        position = f"{self.position:g}" if isinstance(self.position, (int, float)) else str(self.position)
        return f"{self.stage} ({position}{inside})" if self.stage else position


@frozen
class CatalogueEntry:
    """One name of the database.

    Attributes
    ----------
    name : str
    rule : str
        What it does, as its docstring says: ``before -> after``.
    kind : {"rule", "optimizer"}
        For one node, or for a whole graph.
    places : tuple of Place
    tags : tuple of str
    levels : tuple of str
        The predefined optimizers that have it.
    plugin : str
        Where it comes from; ``"tcore"`` for what is built in.
    module : str
    line : int
        Where it is written; 0 where that is unknown.
    """

    name: str
    rule: str
    kind: str
    places: tuple[Place, ...]
    tags: tuple[str, ...]
    levels: tuple[str, ...]
    plugin: str
    module: str
    line: int
    file: str = field(default="", repr=False)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; the file is left out, for it differs between machines."""
        return {name: value for name, value in asdict(self).items() if name != "file"}


@frozen
class _Found:
    """One registration, with what stands around it."""

    name: str
    obj: Any
    place: Place
    tags: frozenset[str]
    around: tuple[frozenset[str], ...]
    plugin: str


def catalogue(db: DB, levels: Mapping[str, Query]) -> list[CatalogueEntry]:
    """All that is registered in ``db`` and in the databases in it, in the order in which it is applied.

    Parameters
    ----------
    db : DB
    levels : dict from name to Query
        The choices of which each entry tells whether it is in them.
    """
    by_name: dict[tuple[str, int], list[_Found]] = {}
    for found in _walk(db):
        by_name.setdefault((found.name, id(found.obj)), []).append(found)
    return [_entry(group, levels) for group in by_name.values()]


def _plugin(origin: str | None) -> str:
    """Who brings an entry: its origin is a plugin, or, for groups of the core that are loaded by need, a package of ops."""
    return "tcore" if origin is None or origin.startswith("tcore.") else origin


def _walk(db: DB, stage: str = "", position: Any = None, around: tuple[frozenset[str], ...] = ()) -> Iterator[_Found]:
    """Registrations in order; databases in their turn. Databases nest two or three deep."""
    for entry in db.entries():
        obj = entry.obj
        while isinstance(obj, (TopoDB, ProxyDB)):
            obj = obj.db
        tags = frozenset(entry.tags)
        if not stage:
            own, place = entry.position, Place("", entry.position)
        else:
            own, place = position, Place(stage, position, entry.position if isinstance(db, SequenceDB) else None)
        if isinstance(obj, DB):
            yield from _walk(obj, entry.name, own, (*around, tags))
        else:
            yield _Found(entry.name, obj, place, tags, around, _plugin(entry.origin))


def _entry(group: list[_Found], levels: Mapping[str, Query]) -> CatalogueEntry:
    first = group[0]
    written = _written(first.obj)
    return CatalogueEntry(
        name=first.name,
        rule=rule_text(first.obj),
        kind="optimizer" if hasattr(first.obj, "optimize") else "rule",
        places=tuple(found.place for found in group),
        tags=tuple(sorted({tag for found in group for tag in found.tags} - {first.name})),
        levels=tuple(name for name, query in levels.items() if any(_chosen(found, query) for found in group)),
        plugin=first.plugin,
        **written,
    )


def _chosen(found: _Found, query: Query) -> bool:
    position = found.place.position
    before = not isinstance(position, (int, float)) or position < query.position_cutoff
    return before and all(query.matches(tags) for tags in (*found.around, found.tags))


def _parts(obj: Any) -> list[Any]:
    """What an optimizer applies, where that says more than the optimizer; else itself."""
    if isinstance(obj, LocalOptGroup):
        return obj.opts
    if isinstance(obj, EquilibriumOptimizer):
        return [*obj.local_optimizers, *obj.global_optimizers, *obj.final_optimizers, *obj.cleanup_optimizers]
    inner = obj.local_opt if isinstance(obj, NavigatorOptimizer) else getattr(obj, "optimizer", None)
    return [obj] if inner is None else [inner]


def _rules(obj: Any) -> list[Any]:
    """The rules that an optimizer is made of, in order."""
    found, waiting = [], [obj]
    while waiting:
        each = waiting.pop()
        parts = _parts(each)
        if parts == [each]:
            found.append(each)
        else:
            waiting.extend(reversed(parts))
    return found


def rule_text(obj: Any) -> str:
    """``before -> after`` of a rule or an optimizer: the first paragraph of its docstring, or its pattern."""
    texts = []
    for rule in _rules(obj):
        if isinstance(rule, (PatternSub, OpSub, OpRemove)):
            text = str(rule)
        else:
            text = " ".join(inspect.cleandoc(rule.__doc__ or "").partition("\n\n")[0].split())
        if text and text not in texts:
            texts.append(text)
    return "; ".join(texts)


def _written(obj: Any) -> dict[str, Any]:
    rule = _rules(obj)[0]
    source = rule.fn if isinstance(rule, (FromFunctionLocalOptimizer, FromFunctionOptimizer)) else type(rule)
    source = inspect.unwrap(source)
    module = source.__module__
    try:
        line = inspect.getsourcelines(source)[1]
        file = inspect.getsourcefile(source) or ""
    except (OSError, TypeError):
        file = ""
    if not Path(file).is_file():  # made at run time: there is no source to point to
        line, file = 0, getattr(sys.modules.get(module), "__file__", None) or ""
    return {"module": module, "line": line, "file": str(Path(file).resolve()) if file else ""}
