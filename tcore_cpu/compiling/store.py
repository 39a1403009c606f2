"""The kernel store: compiled libraries under the hash of what they were made from.

An entry is a library and a record beside it with the CPU features that it needs, the compiler, the flags and, as its last
line, the hash of the library. The record is written last, and a library is loaded only if its bytes have the recorded
hash: a truncated or foreign file is made again. Names are private until a rename, so no lock is needed. Layers below
the user's own store are read-only.

The time of an entry's record is that of its last use, to a twenty-fourth of ``config.cmodule.age_thresh_use``. Past that age the
entry counts as absent, and a week later it is removed: what no program asks for any more does not stay for ever.

What finds an entry gets along with texts as paths, and with lines as records: a process that compiles nothing would wait longer
for ``pathlib`` and ``json`` than for all that it reads here.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from attrs import field

from tcore.configuration import config
from tcore.digests import digest
from tcore.records import frozen
from tcore_cpu.compiling.libraries import Library, LoadError
from tcore_cpu.compiling.private import make_folder, remove_folder, write_whole
from tcore_cpu.compiling.trust import belongs_to_us, is_trusted, objection

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PROGRAM_SUFFIX", "RECORD_SUFFIX", "Store", "StoreWarning", "configured_store", "cpu_features", "open_store", "replace_store"]

#: of the files with compiled functions, see :mod:`tcore_cpu.compiling.kept_programs`
PROGRAM_SUFFIX = ".program"
#: of the records beside libraries
RECORD_SUFFIX = ".record"

_FORMAT = "3"
_WEEK = 7 * 24 * 3600
_opened: dict[tuple[str, ...], Store] = {}


class StoreWarning(RuntimeWarning):
    """The kernel store cannot be used as asked; the message says why, what is done instead and what helps."""


def cpu_features() -> frozenset[str]:
    """The features that this CPU states (on Linux), for ``-march=native`` code."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() in ("flags", "Features"):
                    return frozenset(value.split())
    except OSError:
        pass
    return frozenset()


def _tag(features: Iterable[str]) -> str:
    return digest(" ".join(sorted(features)).encode()).hexdigest()[:12]


def _text(folder: str | os.PathLike[str]) -> str:
    """The path of a folder without a separator at its end, as :func:`os.path.dirname` gives it for what lies there."""
    text = os.fspath(folder)
    return text.rstrip(os.sep) or text or os.curdir


def _texts(folders: Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    return tuple(map(_text, folders))


def _read_record(path: str) -> dict[str, str]:
    """The texts of a record by their names.

    Raises
    ------
    OSError
        If it is not there.
    ValueError
        If it holds something else than such lines.
    """
    with open(path, encoding="utf-8", newline="\n") as file:
        pairs = [line.removesuffix("\n").split("\t", 1) for line in file]
    return {name: text for name, text in pairs}  # noqa: C416 - a line without a tab is a ValueError


def _records(layer: str, key: str = "") -> Iterator[str]:
    """The records in a layer: of ``key``, for whatever CPU, or of all."""
    with contextlib.suppress(OSError), os.scandir(layer) as found:
        for entry in found:
            if entry.name.endswith(RECORD_SUFFIX) and (not key or entry.name.startswith(f"{key}.")):
                yield entry.path


@frozen(eq=False)
class Store:
    """A folder of compiled libraries, with read-only layers below it.

    Parameters
    ----------
    folder : str
        The layer that is written.
    layers : tuple of str
        Further layers that are only read, best first.
    features : frozenset of str
        What this CPU can do.
    """

    folder: str = field(converter=_text)
    layers: tuple[str, ...] = field(default=(), converter=_texts)
    features: frozenset[str] = field(factory=cpu_features)
    _ready: dict[str, Library] = field(factory=dict, init=False, repr=False)

    @property
    def root(self) -> Path:
        """The layer that is written, for those that write it."""
        from pathlib import Path  # see above

        return Path(self.folder)

    def preload(self) -> int:
        """Verify and load all entries that this CPU can run, and keep them; how many there are."""
        for layer in (self.folder, *self.layers):
            for path in _records(layer):
                key = os.path.basename(path).rsplit(".", 2)[0]
                if key not in self._ready and (found := self.find(key)) is not None:
                    self._ready[key] = found
        return len(self._ready)

    def find(self, key: str) -> Library | None:
        """The verified library of ``key`` that uses the most of this CPU, from any layer; None where there is none."""
        return self._ready.get(key) or next(filter(None, map(self._load, self._verified(key))), None)

    def find_file(self, key: str) -> Path | None:
        """As :meth:`find`, for what is no library to load: the verified file."""
        from pathlib import Path  # see above

        return next(map(Path, self._verified(key)), None)

    def _verified(self, key: str) -> Iterator[str]:
        """The sound entries of ``key`` that this CPU can run, best first."""
        for layer in (self.folder, *self.layers):
            best = os.path.join(layer, f"{key}.{_tag(self.features)}{RECORD_SUFFIX}")
            # the folder, which may hold thousands of entries, is listed only where the best one is not there
            for record in chain([best], (path for path in _records(layer, key) if path != best)):
                found = self._verify(record)
                if found is not None:
                    yield found

    @staticmethod
    def _load(path: str) -> Library | None:
        try:
            return Library(path)
        except LoadError:
            return None

    def _verify(self, record_path: str) -> str | None:
        library_path = record_path.removesuffix(RECORD_SUFFIX) + ".so"
        try:
            unused = self.unused(record_path)
            if unused > config.cmodule.age_thresh_use:
                return None
            record = _read_record(record_path)
            if record["format"] != _FORMAT or not self.features.issuperset(record["features"].split()):
                return None
            if not belongs_to_us(os.stat(library_path)):
                return None
            with open(library_path, "rb") as file:
                if digest(file.read()).hexdigest() != record["digest"]:
                    return None
            if unused > config.cmodule.age_thresh_use / 24:
                with contextlib.suppress(OSError):  # another process may have removed it
                    os.utime(record_path)
            return library_path
        except (OSError, ValueError, KeyError):
            return None

    def unused(self, record_path: str) -> float:
        """Seconds since an entry was last used, by the time of its record; 0 in read-only layers, which are somebody else's to tidy up."""
        return time.time() - os.stat(record_path).st_mtime if os.path.dirname(record_path) == self.folder else 0.0

    def put(self, key: str, built: Path, about: dict[str, str]) -> Library:
        """Move the library ``built`` (in :meth:`workplace`) into the store, and load it."""
        return Library(os.fspath(self.put_file(key, built, about)), compiled=True)

    def put_file(self, key: str, built: Path, about: dict[str, str]) -> Path:
        """Move ``built`` (in :meth:`workplace`) into the store; where it is then."""
        built.chmod(0o600)
        name = f"{key}.{_tag(self.features)}"
        # the digest last: a record without its end has none
        record = {"format": _FORMAT, **about, "features": " ".join(sorted(self.features)), "digest": digest(built.read_bytes()).hexdigest()}
        target = self.root / f"{name}.so"
        built.replace(target)
        self.write_record(name + RECORD_SUFFIX, record)
        return target

    def has(self, key: str) -> bool:
        """Whether some layer has an entry of this name that is young enough; whether it is sound shows when it is loaded."""
        limit = config.cmodule.age_thresh_use
        records = (path for layer in (self.folder, *self.layers) for path in _records(layer, key))
        with contextlib.suppress(OSError):
            return any(self.unused(path) <= limit for path in records)
        return False

    def write_record(self, name: str, record: dict[str, str]) -> None:
        """Write a small file atomically: a line for each text, after its name and a tab."""
        lines = [f"{key}\t{text}".replace("\n", " ") + "\n" for key, text in record.items()]
        write_whole(os.path.join(self.folder, name), "".join(lines).encode(errors="backslashreplace"))

    def read_record(self, name: str) -> dict[str, str]:
        """The texts of a small file by their names; none where it is missing or damaged."""
        try:
            return _read_record(os.path.join(self.folder, name))
        except (OSError, ValueError):
            return {}

    @contextlib.contextmanager
    def workplace(self) -> Any:
        """A private folder on the file system of the store, removed at the end, or in later runs with ``config.nocleanup``."""
        self.sweep()
        folder = make_folder(self.root)
        try:
            yield folder
        finally:
            if not config.nocleanup:
                remove_folder(folder)

    def sweep(self, older_than: float = 3600.0) -> None:
        """Remove what processes left behind that were killed while they compiled: private folders and files, and libraries
        without a record, all older than ``older_than`` seconds (others may be at work on younger ones). Remove entries, too,
        that have counted as absent for a week, and the sources of modules that are gone.
        """
        latest = time.time() - older_than
        forgotten = config.cmodule.age_thresh_use + _WEEK
        with contextlib.suppress(OSError), os.scandir(self.folder) as found:
            entries = list(found)
            modules = {entry.name.partition("-")[0] for entry in entries if entry.name.endswith(".so")}
            for entry in entries:
                private = entry.name.startswith((".work-", ".tmp-"))
                with contextlib.suppress(OSError):  # another process may sweep, too
                    if entry.name.endswith(PROGRAM_SUFFIX) and self.unused(entry.path) > forgotten:
                        os.unlink(entry.path)
                        continue
                    record = entry.path.removesuffix(".so") + RECORD_SUFFIX
                    if entry.name.endswith(".so") and os.path.exists(record) and self.unused(record) > forgotten:
                        os.unlink(record)  # first: without it, nobody loads the library
                        os.unlink(entry.path)
                        continue
                    orphan = entry.name.endswith(".so") and not os.path.exists(record)
                    orphan |= entry.name.endswith(".cpp") and entry.name.removesuffix(".cpp") not in modules
                    if not (private or orphan) or entry.stat(follow_symlinks=False).st_mtime > latest:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        remove_folder(entry.path)
                    else:
                        os.unlink(entry.path)

    def entries(self) -> int:
        """How many libraries the written layer holds."""
        return sum(1 for _ in self.root.glob("*.so"))


def open_store(root: str | os.PathLike[str], layers: Sequence[str | os.PathLike[str]] = ()) -> Store:
    """The store in the folder ``root``, opened once per process; ``config.cmodule.preload_cache`` loads all of it at once.

    Where ``root`` cannot be written, or others could write it, a :class:`StoreWarning` says so and a private temporary
    folder takes its place until the process ends; what is in a folder that only this user and root can write is still read.
    """
    asked = (os.fspath(root), *(os.fspath(layer) for layer in layers))
    store = _opened.get(asked)
    if store is not None and os.path.isdir(store.folder):
        return store
    path = _expanded(root)
    lower = tuple(filter(_is_usable, map(_expanded, layers)))
    problem = objection(path)
    if problem is None:
        store = _opened[asked] = Store(path, lower)
    else:
        if is_trusted(path):
            lower = (path, *lower)  # such as that of an image: what is there serves
        store = _stand_in(asked, lower, f"{path} {problem}")
    if config.cmodule.preload_cache:
        store.preload()
    return store


def _expanded(path: str | os.PathLike[str]) -> str:
    """With the home of a user for ``~``.

    Raises
    ------
    RuntimeError
        If there is none.
    """
    expanded = os.path.expanduser(path)
    if expanded.startswith("~"):
        raise RuntimeError(f"the kernel store {expanded} is nowhere, since that user has no home: name a folder without ~ in the flag cpu.store")
    return _text(expanded)


def configured_store() -> Store:
    """The store in the folder ``config.cpu.store``, above the layers of ``config.cpu.store_layers``."""
    return open_store(config.cpu.store, config.cpu.store_layers)


def replace_store(store: Store, error: OSError) -> Store:
    """What takes the place of the configured store when it could not be written to after all: a full disk, a quota.

    Warns as :func:`open_store` does.
    """
    asked = (config.cpu.store, *config.cpu.store_layers)
    return _stand_in(asked, (store.folder, *store.layers), f"{store.folder} cannot be written any more ({error.strerror})")


def _is_usable(layer: str) -> bool:
    """Whether a layer is trusted; one that is there and is not gets a warning."""
    if not os.path.exists(layer) or is_trusted(layer):
        return True
    warnings.warn(f"kernels in {layer} are not used: others than you and root could have put them there", StoreWarning, stacklevel=5)
    return False


def _stand_in(asked: tuple[str, ...], lower: tuple[str, ...], problem: str) -> Store:
    """A private temporary store, with the reason as a warning."""
    import tempfile  # knows where temporary folders go, and is slow to import

    temporary = tempfile.mkdtemp(prefix="tcore-kernels-")
    atexit.register(remove_folder, temporary)
    message = f"the kernel store {problem}: kernels of this process go to {temporary} and are lost when it ends; set the flag cpu.store to a folder of your own"
    _opened[asked] = Store(temporary, lower)
    warnings.warn(message, StoreWarning, stacklevel=3)
    return _opened[asked]
