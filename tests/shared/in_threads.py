"""Work in other threads: what it raises is raised in the test, and waiting for ever is a failure."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

#: how long a test waits for its threads, in seconds: much longer than any of them works, even on a busy machine
LIMIT = 120.0


class Worker:
    """``work(*arguments)`` in a daemon thread, which does not keep the process where it hangs."""

    def __init__(self, work: Callable[..., object], *arguments: Any) -> None:
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(work, arguments), daemon=True)

    def _run(self, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        try:
            work(*arguments)
        except BaseException as error:  # raised by finish
            self.error = error


def in_thread(work: Callable[..., object], *arguments: Any) -> Worker:
    """A started thread, for :func:`finish`."""
    worker = Worker(work, *arguments)
    worker.thread.start()
    return worker


def finish(*workers: Worker, limit: float = LIMIT) -> None:
    """Wait for threads; fails where one has not ended after ``limit`` seconds, and raises what the first one raised."""
    end = time.monotonic() + limit
    for worker in workers:
        worker.thread.join(max(0.0, end - time.monotonic()))
    for worker in workers:
        if worker.error is not None:  # often why the others wait
            raise worker.error
    alive = sum(worker.thread.is_alive() for worker in workers)
    assert not alive, f"{alive} of {len(workers)} threads have not ended after {limit:g} s"


def together(work: Callable[[int], object], count: int, *, limit: float = LIMIT) -> None:
    """``work(k)`` for each k below ``count``, in threads that begin at once."""
    start = threading.Barrier(count, timeout=limit)

    def run(k: int) -> None:
        start.wait()
        work(k)

    finish(*[in_thread(run, k) for k in range(count)], limit=limit)


@contextlib.contextmanager
def meanwhile(turn: Callable[[], object], count: int = 1) -> Iterator[None]:
    """``turn()`` again and again in ``count`` threads, for as long as the block runs."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set():
            turn()

    workers = [in_thread(repeat) for _ in range(count)]
    try:
        yield
    finally:
        over.set()
        finish(*workers)
