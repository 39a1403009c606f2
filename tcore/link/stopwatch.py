"""Stopwatches for work that is spread over many calls; profiles print them."""

from __future__ import annotations

import threading
from time import perf_counter
from types import TracebackType

__all__ = ["GRADIENTS", "IMPORTS", "Stopwatch"]


class Stopwatch:
    """Adds up the time spent in ``with`` blocks, each thread by itself; a block inside a block counts once.

    Attributes
    ----------
    seconds : float
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._lock = threading.Lock()
        self._mine = threading.local()

    def __enter__(self) -> None:
        depth = getattr(self._mine, "depth", 0)
        if depth == 0:
            self._mine.start = perf_counter()
        self._mine.depth = depth + 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._mine.depth -= 1
        if self._mine.depth == 0:
            passed = perf_counter() - self._mine.start
            with self._lock:
                self.seconds += passed


#: calls of ``grad``
GRADIENTS = Stopwatch()
#: opening compiled libraries and modules
IMPORTS = Stopwatch()
