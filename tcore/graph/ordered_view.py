"""A set that somebody else fills, in an order that is looked up when it is walked."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

__all__ = ["OrderedView"]

T = TypeVar("T")


class OrderedView(AbstractSet[T]):
    """The current members of a collection, as a set that cannot be changed.

    Parameters
    ----------
    members : collection
        Asked whether it holds something, and for its length.
    ordered : callable
        Gives the members in order; called for each walk.
    """

    __slots__ = ("_members", "_ordered")

    def __init__(self, members: Collection[T], ordered: Callable[[], Iterable[T]]) -> None:
        self._members = members
        self._ordered = ordered

    @classmethod
    def _from_iterable(cls, it: Iterable[Any]) -> set[Any]:
        return set(it)  # what set operations give

    def __contains__(self, item: object) -> bool:
        return item in self._members

    def __iter__(self) -> Iterator[T]:
        return iter(self._ordered())

    def __len__(self) -> int:
        return len(self._members)

    def __repr__(self) -> str:
        return f"{{{', '.join(map(str, self))}}}"
