"""Locks on shared values: many readers or one writer, re-entrant per thread.

A call takes the locks of the shared values that it uses in the order of their numbers, so that two calls can never
wait for each other; updated values in write mode.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ValueLock", "hold", "release"]

_numbers = itertools.count()


class ValueLock:
    """A reader-writer lock.

    One thread may take it again while it holds it. Asking to write while other threads read waits for them; a thread
    that reads and then asks to write is refused with :class:`RuntimeError` if another thread reads, too, because both
    could then wait for ever.
    """

    __slots__ = ("_condition", "_depth", "_readers", "_waiting", "_writer", "number")

    def __init__(self) -> None:
        self.number = next(_numbers)
        self._condition = threading.Condition(threading.Lock())
        self._readers: dict[int, int] = {}
        self._writer: int | None = None
        self._depth = 0
        self._waiting = 0

    def acquire_read(self) -> None:
        """Wait until nobody else writes."""
        me = threading.get_ident()
        with self._condition:
            if self._writer == me:
                self._depth += 1
                return
            if me not in self._readers:
                # a waiting writer goes first, else readers that keep coming would starve it
                while self._writer is not None or self._waiting:
                    self._condition.wait()
            self._readers[me] = self._readers.get(me, 0) + 1

    def acquire_write(self) -> None:
        """Wait until nobody else reads or writes."""
        me = threading.get_ident()
        with self._condition:
            if self._writer == me:
                self._depth += 1
                return
            mine = self._readers.get(me, 0)
            if mine and len(self._readers) > 1:
                raise RuntimeError(
                    "a function that reads a shared variable called one that updates it while another thread reads it, "
                    "too: run the updating function outside the reading one"
                )
            self._waiting += 1
            try:
                while self._writer is not None or len(self._readers) > bool(mine):
                    self._condition.wait()
            finally:
                self._waiting -= 1
            self._writer = me
            self._depth = 1

    def release(self) -> None:
        """Give back what this thread took last."""
        me = threading.get_ident()
        with self._condition:
            if self._writer == me:
                self._depth -= 1
                if self._depth == 0:
                    self._writer = None
                    self._condition.notify_all()
                return
            left = self._readers[me] - 1
            if left:
                self._readers[me] = left
            else:
                del self._readers[me]
                self._condition.notify_all()

    def __reduce__(self) -> tuple[type[ValueLock], tuple[()]]:
        return ValueLock, ()  # a loaded or copied value has a lock of its own

    def __deepcopy__(self, memo: object) -> ValueLock:
        return ValueLock()


def hold(plan: Iterable[tuple[ValueLock, bool]]) -> list[ValueLock]:
    """Take the locks of ``plan``, pairs (lock, whether to write) sorted by number; all or none.

    Returns
    -------
    list of ValueLock
        What to give to :func:`release`.
    """
    held: list[ValueLock] = []
    try:
        for lock, write in plan:
            if write:
                lock.acquire_write()
            else:
                lock.acquire_read()
            held.append(lock)
    except BaseException:
        release(held)
        raise
    return held


def release(held: Iterable[ValueLock]) -> None:
    """Give back locks taken by :func:`hold`."""
    for lock in held:
        lock.release()
