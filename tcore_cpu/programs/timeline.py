"""The steps of a program one after the other, with those inside of loops, and which values have memory meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve

from tcore.link.memory import Stay

__all__ = ["Timeline"]


class Timeline:
    """One for a program and all its loops. The moments of a round stand there once.

    Attributes
    ----------
    moments : list of tuples of Apply
        The nodes at work; of what is inside of a loop, the loop.
    stays : list of Stay
        What has memory, by moments.
    """

    def __init__(self) -> None:
        self.moments: list[tuple[Any, ...]] = []
        self.stays: list[Stay] = []

    @property
    def now(self) -> int:
        """The last moment so far."""
        return len(self.moments) - 1

    def begin(self, nodes: Iterable[Any]) -> None:
        """The next moment."""
        self.moments.append(tuple(nodes))

    def settle(self, stays: Sequence[Stay], ends: Sequence[int], rounds: Sequence[tuple[int, int]]) -> None:
        """Take stays that begin at moments and last for steps.

        Parameters
        ----------
        ends : sequence of int
            The last moment of each step; behind the last step the last one.
        rounds : sequence of pairs of int
            From when until when loops go their rounds: what is made in the first of them is there in all.
        """
        for stay in stays:
            first = next((begin for begin, end in rounds if begin <= stay.first <= end), stay.first)
            last = None if stay.last is None else ends[min(stay.last, len(ends) - 1)]
            self.stays.append(evolve(stay, first=first, last=last))

    def told(self) -> tuple[Stay, ...]:
        """Each value once, where programs have several ways to make it."""
        found: dict[Any, Stay] = {}
        for stay in self.stays:
            key = (stay.variable, stay.work)
            known = found.get(key)
            found[key] = stay if known is None else evolve(stay, first=min(stay.first, known.first))
        return tuple(found.values())
