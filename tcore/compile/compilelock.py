"""The documented lock on the compile directory, for programs that keep files of their own there.

tcore itself does not take it: what it compiles is stored under the hash of its content, by a rename, so that any number of
processes use one directory at once. Whoever calls :func:`get_lock` has the directory to himself among those who do so, too:
threads and processes wait for each other. A process that ends, however it ends, lets go of the lock; one that has stopped and
does not refresh its lock for ``config.compile.timeout`` seconds loses it.
"""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tcore.configuration import config

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows, where nothing of ours compiles: threads still wait for each other
    fcntl = None  # type: ignore[assignment]

__all__ = ["force_unlock", "get_lock", "lock_ctx", "release_lock", "set_lock_status"]


class _Held:
    """The lock of this process: how often it was taken, the open file, and the thread that refreshes the file."""

    def __init__(self) -> None:
        self.threads = threading.RLock()
        self.used = True
        self.depth = 0
        self.file: int | None = None
        self.path = Path()
        self.done = threading.Event()

    def open(self, path: Path, file: int) -> None:
        """The file is ours."""
        self.path, self.file, self.done = path, file, threading.Event()
        if config.compile.timeout:
            threading.Thread(target=_refresh, args=(file, config.compile.timeout / 2, self.done), daemon=True).start()

    def close(self) -> None:
        """Let go of the file; it stays where it is."""
        self.done.set()
        if self.file is not None:
            os.close(self.file)
        self.file = None


_held = _Held()


def _refresh(file: int, seconds: float, done: threading.Event) -> None:
    while not done.wait(seconds):
        with contextlib.suppress(OSError):
            os.utime(file)


def set_lock_status(use_lock: bool) -> None:
    """Switch the lock on (the default) or off: :func:`get_lock` then returns at once, without a lock."""
    _held.used = bool(use_lock)


def get_lock(lock_dir: str | os.PathLike[str] | None = None, min_wait: float | None = None, max_wait: float | None = None) -> None:
    """Wait until this thread has the lock; it may take it several times, and releases it as often.

    Parameters
    ----------
    lock_dir : path, optional
        Folder of the file that is locked; ``lock_dir`` in ``config.compiledir`` by default.
    min_wait, max_wait : float, optional
        Seconds between two tries, at random between both; ``config.compile.wait`` and twice that by default.
    """
    if not _held.used:
        return
    low = config.compile.wait if min_wait is None else min_wait
    high = 2 * low if max_wait is None else max_wait
    _held.threads.acquire()
    try:
        if _held.depth == 0 and fcntl is not None:
            path = _path(lock_dir)
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _try(path)
            while file is None:
                time.sleep(random.uniform(low, high))  # noqa: S311 - so that those who wait do not all try at once
                file = _try(path)
            _held.open(path, file)
        _held.depth += 1
    except BaseException:
        _held.threads.release()
        raise


def release_lock() -> None:
    """Give back what one :func:`get_lock` of this thread took; does nothing where it took none."""
    if _held.depth and _held.threads._is_owned():  # type: ignore[attr-defined]  # Condition relies on it, too
        _held.depth -= 1
        if _held.depth == 0:
            _held.close()
        _held.threads.release()


@contextlib.contextmanager
def lock_ctx(lock_dir: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """``with lock_ctx():`` holds the lock."""
    taken = _held.used
    get_lock(lock_dir)
    try:
        yield
    finally:
        if taken:
            release_lock()


def force_unlock(lock_dir: str | os.PathLike[str] | None = None) -> None:
    """Take the lock from whoever has it, this process included; the next who asks gets it."""
    while _held.depth and _held.threads._is_owned():  # type: ignore[attr-defined]
        release_lock()
    _path(lock_dir).unlink(missing_ok=True)


def _path(lock_dir: str | os.PathLike[str] | None) -> Path:
    return (Path(config.compiledir, "lock_dir") if lock_dir is None else Path(lock_dir)) / "lock"


def _try(path: Path) -> int | None:
    """The open, locked file; None where somebody else has it and refreshes it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_ino == path.stat().st_ino:  # not one that was taken away while we opened it
            os.utime(file)
            return file
    except FileNotFoundError:
        pass
    except OSError:
        _take_away_if_old(path)
    os.close(file)
    return None


def _take_away_if_old(path: Path) -> None:
    """Unlink a lock that nobody refreshes: its holder keeps a file without a name. One process at a time decides that."""
    limit = config.compile.timeout
    if not limit:
        return
    judge = os.open(path.with_name("judge"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(judge, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > limit:
                path.unlink()
    finally:
        os.close(judge)
