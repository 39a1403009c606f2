"""The kernel store: compiled libraries under the hash of what they were made from.

An entry is a library and a record beside it with the hash of the library, the CPU features that it needs, the
compiler and the flags. The record is written last, and a library is loaded only if its bytes have the recorded
hash: a truncated or foreign file is made again. Names are private until a rename, so no lock is needed. Layers below
the user's own store are read-only.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import field

from tcore.configuration import config
from tcore.link.stopwatch import IMPORTS
from tcore.records import frozen

__all__ = ["Library", "Store", "StoreWarning", "cpu_features", "open_store"]

_FORMAT = 1
_opened: dict[tuple[str, ...], Store] = {}


class StoreWarning(RuntimeWarning):
    """The kernel store cannot be used as asked; the message says why, what is done instead and what helps."""


class Library:
    """A loaded kernel library; it is closed when the last reference goes.

    Parameters
    ----------
    path : Path
    compiled : bool
        Whether it was made just now.
    """

    def __init__(self, path: Path, *, compiled: bool = False) -> None:
        self.compiled = compiled
        with IMPORTS:
            self._library: ctypes.CDLL | None = ctypes.CDLL(str(path))
        self.path = path

    def table(self, symbol: str, length: int) -> list[int]:
        """The addresses in the pointer table ``symbol``."""
        assert self._library is not None
        return [int(address or 0) for address in (ctypes.c_void_p * length).in_dll(self._library, symbol)]

    def __del__(self) -> None:
        library, self._library = getattr(self, "_library", None), None
        if library is not None and ctypes is not None:
            with contextlib.suppress(Exception):
                import _ctypes

                _ctypes.dlclose(library._handle)


def cpu_features() -> frozenset[str]:
    """The features that this CPU states (on Linux), for ``-march=native`` code."""
    try:
        with Path("/proc/cpuinfo").open(encoding="ascii", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() in ("flags", "Features"):
                    return frozenset(value.split())
    except OSError:
        pass
    return frozenset()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _tag(features: Iterable[str]) -> str:
    return _digest(" ".join(sorted(features)).encode())[:12]


@frozen(eq=False)
class Store:
    """A folder of compiled libraries, with read-only layers below it.

    Parameters
    ----------
    root : Path
        The layer that is written.
    layers : tuple of Path
        Further layers that are only read, best first.
    features : frozenset of str
        What this CPU can do.
    """

    root: Path
    layers: tuple[Path, ...] = ()
    features: frozenset[str] = field(factory=cpu_features)

    def find(self, key: str) -> Library | None:
        """The verified library of ``key`` that uses the most of this CPU, from any layer; None where there is none."""
        return next(filter(None, map(self._load, self._verified(key))), None)

    def find_file(self, key: str) -> Path | None:
        """As :meth:`find`, for what is no library to load: the verified file."""
        return next(self._verified(key), None)

    def _verified(self, key: str) -> Iterator[Path]:
        """The sound entries of ``key`` that this CPU can run, best first."""
        for layer in (self.root, *self.layers):
            best = layer / f"{key}.{_tag(self.features)}.json"
            for record in (best, *(path for path in layer.glob(f"{key}.*.json") if path != best)):
                found = self._verify(record)
                if found is not None:
                    yield found

    @staticmethod
    def _load(path: Path) -> Library | None:
        try:
            return Library(path)
        except OSError:
            return None

    def _verify(self, record_path: Path) -> Path | None:
        library_path = record_path.with_suffix(".so")
        try:
            record = json.loads(record_path.read_bytes())
            if record["format"] != _FORMAT or not self.features.issuperset(record["features"]):
                return None
            owner = library_path.stat()
            # A library that others could have written would run with this user's rights.
            if owner.st_uid not in (os.getuid(), 0) or owner.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return None
            if _digest(library_path.read_bytes()) != record["sha256"]:
                return None
            return library_path
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def put(self, key: str, built: Path, about: dict[str, Any]) -> Library:
        """Move the library ``built`` (in :meth:`workplace`) into the store, and load it."""
        return Library(self.put_file(key, built, about), compiled=True)

    def put_file(self, key: str, built: Path, about: dict[str, Any]) -> Path:
        """Move ``built`` (in :meth:`workplace`) into the store; where it is then."""
        built.chmod(0o600)
        name = f"{key}.{_tag(self.features)}"
        record = {"format": _FORMAT, "sha256": _digest(built.read_bytes()), "features": sorted(self.features), **about}
        target = self.root / f"{name}.so"
        built.replace(target)
        self.write_json(f"{name}.json", record)
        return target

    def has(self, key: str) -> bool:
        """Whether some layer has an entry of this name; whether it is sound shows when it is loaded."""
        return any(next(layer.glob(f"{key}.*.json"), None) is not None for layer in (self.root, *self.layers))

    def write_json(self, name: str, value: Any) -> None:
        """Write a small file atomically."""
        handle, private = tempfile.mkstemp(dir=self.root, prefix=".tmp-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(value, file)
            Path(private).replace(self.root / name)
        except BaseException:
            Path(private).unlink(missing_ok=True)
            raise

    def read_json(self, name: str) -> Any:
        """The value of a small file; None where it is missing or damaged."""
        try:
            return json.loads((self.root / name).read_bytes())
        except (OSError, ValueError):
            return None

    @contextlib.contextmanager
    def workplace(self) -> Any:
        """A private folder on the file system of the store, removed at the end, or in later runs with ``config.nocleanup``."""
        self.sweep()
        folder = tempfile.mkdtemp(dir=self.root, prefix=".work-")
        try:
            yield Path(folder)
        finally:
            if not config.nocleanup:
                shutil.rmtree(folder, ignore_errors=True)

    def sweep(self, older_than: float = 3600.0) -> None:
        """Remove what processes left behind that were killed while they compiled: private folders and files, and libraries
        without a record, all older than ``older_than`` seconds (others may be at work on younger ones).
        """
        latest = time.time() - older_than
        with contextlib.suppress(OSError), os.scandir(self.root) as entries:
            for entry in entries:
                private = entry.name.startswith((".work-", ".tmp-"))
                orphan = entry.name.endswith(".so") and not Path(entry.path).with_suffix(".json").exists()
                with contextlib.suppress(OSError):  # another process may sweep, too
                    if not (private or orphan) or entry.stat(follow_symlinks=False).st_mtime > latest:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        shutil.rmtree(entry.path, ignore_errors=True)
                    else:
                        Path(entry.path).unlink()

    def entries(self) -> int:
        """How many libraries the written layer holds."""
        return sum(1 for _ in self.root.glob("*.so"))


def _objection(root: Path) -> str | None:
    """Why ``root`` cannot be the store, None if it can."""
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = root.stat()
    except OSError as error:
        return f"cannot be made ({error.strerror})"
    if not stat.S_ISDIR(info.st_mode):
        return "is no folder"
    if info.st_uid != os.getuid():
        return "belongs to another user"
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"can be written by others (mode {stat.S_IMODE(info.st_mode):o}; chmod go-w makes it yours alone)"
    try:
        handle, name = tempfile.mkstemp(dir=root, prefix=".tmp-")
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return None


def open_store(root: str | os.PathLike[str], layers: Sequence[str | os.PathLike[str]] = ()) -> Store:
    """The store in the folder ``root``, opened once per process.

    Where ``root`` cannot be written, or others could write it, a :class:`StoreWarning` says so and a private temporary
    folder takes its place until the process ends.
    """
    asked = (os.fspath(root), *(os.fspath(layer) for layer in layers))
    store = _opened.get(asked)
    if store is not None and store.root.is_dir():
        return store
    path = Path(root).expanduser()
    lower = tuple(Path(layer) for layer in layers)
    objection = _objection(path)
    if objection is not None:
        temporary = Path(tempfile.mkdtemp(prefix="tcore-kernels-"))
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        message = (
            f"the kernel store {path} {objection}: kernels of this process go to {temporary} and are lost when it ends; "
            f"set the flag cpu.store to a folder of your own"
        )
        _opened[asked] = Store(temporary, lower)
        warnings.warn(message, StoreWarning, stacklevel=2)
    else:
        _opened[asked] = Store(path, lower)
    return _opened[asked]
