"""Compiled functions in the kernel store: one file each, the hash of its content first.

The same rules as for libraries hold: what others could have written is not read, a damaged file counts as absent, the time of the file is
that of its last use, and what nobody asks for grows old.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from tcore.configuration import config
from tcore.digests import SIZE, digest
from tcore_cpu.compiling.private import write_whole
from tcore_cpu.compiling.store import PROGRAM_SUFFIX, configured_store
from tcore_cpu.compiling.trust import belongs_to_us

if TYPE_CHECKING:
    from tcore_cpu.compiling.store import Store

__all__ = ["read", "write"]


def read(key: str) -> bytes | None:
    """What :func:`write` was given under ``key``; None where it is not there any more, or not sound."""
    store = configured_store()
    for layer in (store.folder, *store.layers):
        found = _read(store, os.path.join(layer, key + PROGRAM_SUFFIX))
        if found is not None:
            return found
    return None


def _read(store: Store, path: str) -> bytes | None:
    try:
        unused = store.unused(path)
        if unused > config.cmodule.age_thresh_use or not belongs_to_us(os.stat(path)):
            return None
        with open(path, "rb") as file:
            content = file.read()
        if unused > config.cmodule.age_thresh_use / 24:
            with contextlib.suppress(OSError):  # another process may have removed it
                os.utime(path)
    except OSError:
        return None
    data = content[SIZE:]
    return data if digest(data).digest() == content[:SIZE] else None


def write(key: str, data: bytes) -> None:
    """Keep ``data`` for later processes. Where the store cannot be written nothing is kept: they compile, as this one did."""
    with contextlib.suppress(OSError):
        write_whole(os.path.join(configured_store().folder, key + PROGRAM_SUFFIX), digest(data).digest() + data)
