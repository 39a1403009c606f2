"""Fewer garbage collections while a function is compiled."""

from __future__ import annotations

import gc
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["rare_collections"]

# new objects before the youngest are looked at; a collection of all needs a hundred times as many, some hundred megabytes
_RARE = 50_000

# CPython 3.12 starts with some hundred objects frozen; a program that freezes its own has many more
_FROZEN_AT_START = 1000

_lock = threading.Lock()
_depth = 0
_first = True
_usual = gc.get_threshold()


@contextmanager
def rare_collections() -> Iterator[None]:
    """A context in which Python's cyclic garbage collector runs less often, in all threads.

    An optimizer makes many objects that live as long as the graph. At the usual rate the collector looks at the whole of a
    large graph again and again: a quarter of the time that 20,000 nodes take to compile. What the program set itself is
    restored when the last context is left, and a collector that is off or rarer stays so.

    The first context of a process ends with the modules that a first function imports. They stay until the process ends, so
    they count as old at once, instead of being looked at before the first result: a twelfth of the time that this takes.
    """
    global _depth, _first, _usual  # noqa: PLW0603 - contexts of several threads may overlap in any order
    with _lock:
        if not _depth:
            _usual = gc.get_threshold()
            if 0 < _usual[0] < _RARE:
                gc.set_threshold(_RARE, *_usual[1:])
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if not _depth and gc.get_threshold()[0] == _RARE:
                if _first and gc.get_freeze_count() < _FROZEN_AT_START:  # else a program has frozen its own, which must stay so
                    gc.freeze()
                    gc.unfreeze()
                _first = False
                gc.set_threshold(*_usual)
