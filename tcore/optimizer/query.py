"""Query: which optimizations of a database to take."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from attrs import evolve, field

from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Query"]


def _tags(value: Iterable[str] | None) -> frozenset[str]:
    if isinstance(value, str):
        raise TypeError(f"tags come as a list, got the string {value!r}")
    return frozenset(value or ())


def _subqueries(value: Mapping[str, Query] | None) -> dict[str, Query]:
    return dict(value or {})


def _pairs(value: Iterable[tuple[Any, float]]) -> tuple[tuple[Any, float], ...]:
    return tuple(value)


def _origins(value: Iterable[str] | None) -> frozenset[str] | None:
    return None if value is None else frozenset(value)


@frozen(eq=False)
class Query:
    """A choice by tags. The name of an optimization counts as one of its tags.

    Parameters
    ----------
    include : iterable of str
        An optimization must have at least one of these.
    require : iterable of str
        It must have all of these.
    exclude : iterable of str
        It must have none of these.
    subquery : dict, optional
        Name of a database inside the one that is asked -> the Query for it; the others get this Query.
    position_cutoff : float
        In a sequence, only what stands before this position.
    extra_optimizations : iterable of (optimizer, position), optional
        Further members for a sequence.
    origins : iterable of str, optional
        Plugins whose optimizations take part beside those of the core; None for all.
    name : str, optional
        Of the optimizer that a sequence makes of it, as profiles print it.

    Notes
    -----
    With tags T of an optimization, it is chosen exactly if T and ``include`` have a tag in common, ``require`` is a subset of T,
    and T and ``exclude`` have none in common: ``exclude`` wins over the others. :meth:`including`, :meth:`requiring` and
    :meth:`excluding` add to one of the three sets and leave the other two as they are; so to include a tag does not lift an
    exclusion. A database inside another is asked only if its own tags are chosen; then it gets the Query that ``subquery`` has
    for its name, or the same one.
    """

    include: frozenset[str] = field(converter=_tags)
    require: frozenset[str] = field(default=None, converter=_tags)
    exclude: frozenset[str] = field(default=None, converter=_tags)
    subquery: dict[str, Query] = field(default=None, converter=_subqueries)
    position_cutoff: float = math.inf
    extra_optimizations: tuple[tuple[Any, float], ...] = field(default=(), converter=_pairs)
    origins: frozenset[str] | None = field(default=None, converter=_origins)
    name: str | None = None

    def including(self, *tags: str) -> Query:
        """A new query: an optimization with any of ``tags`` may be chosen, too."""
        return evolve(self, include=self.include | set(tags))

    def excluding(self, *tags: str) -> Query:
        """A new query: an optimization with any of ``tags`` is not chosen, whatever else it has."""
        return evolve(self, exclude=self.exclude | set(tags))

    def requiring(self, *tags: str) -> Query:
        """A new query: an optimization without all of ``tags`` is not chosen."""
        return evolve(self, require=self.require | set(tags))

    def register(self, *optimizations: tuple[Any, float]) -> Query:
        """A query with further members: pairs of optimizer and position."""
        return evolve(self, extra_optimizations=(*self.extra_optimizations, *optimizations))

    def with_origins(self, origins: Iterable[str] | None) -> Query:
        """A query with the optimizations of these plugins only (None: of all)."""
        return evolve(self, origins=origins)

    def for_member(self, name: str) -> Query:
        """The query for a database inside the one that is asked: its own, or this one without what has a place in the outer sequence."""
        own = self.subquery.get(name)
        if own is not None:
            return own
        if not self.extra_optimizations and math.isinf(self.position_cutoff):
            return self
        return evolve(self, extra_optimizations=(), position_cutoff=math.inf)

    def matches(self, tags: Iterable[str]) -> bool:
        """Whether something with these tags is taken."""
        tags = frozenset(tags)
        return bool(self.include & tags) and self.require <= tags and not self.exclude & tags

    def key(self) -> Any:
        """A hashable stand-in: equal keys mean equal choices."""
        subqueries = tuple(sorted((name, query.key()) for name, query in self.subquery.items()))
        return (
            tuple(sorted(self.include)),
            tuple(sorted(self.require)),
            tuple(sorted(self.exclude)),
            subqueries,
            self.position_cutoff,
            self.extra_optimizations,
            None if self.origins is None else tuple(sorted(self.origins)),
        )

    def __str__(self) -> str:
        return (
            f"Query{{inc={sorted(self.include)},ex={sorted(self.exclude)},require={sorted(self.require)},"
            f"subquery={self.subquery},position_cutoff={self.position_cutoff}}}"
        )
