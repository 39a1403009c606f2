"""Private files and folders in a store, until a rename: in few lines, because ``tempfile`` and ``shutil`` take 4 ms to import, and every
first result that is compiled waits for them.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["make_folder", "remove_folder", "write_whole"]


def _name(prefix: str) -> str:
    return prefix + os.urandom(12).hex()


def write_whole(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file that others see whole or not at all, readable by its owner only.

    Raises
    ------
    OSError
    """
    private = os.path.join(os.path.dirname(path), _name(".tmp-"))
    handle = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(private, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(private)
        raise


def make_folder(root: Path) -> Path:
    """A new folder in ``root`` that only its owner can enter.

    Raises
    ------
    OSError
    """
    folder = root / _name(".work-")
    folder.mkdir(0o700)
    return folder


def remove_folder(folder: str | os.PathLike[str]) -> None:
    """Remove a folder with what is in it, as far as that can be done."""
    with contextlib.suppress(OSError):
        with os.scandir(folder) as found:
            entries = list(found)
        if any(entry.is_dir(follow_symlinks=False) for entry in entries):
            import shutil  # compilers leave files only

            shutil.rmtree(folder, ignore_errors=True)
            return
        for entry in entries:
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
        os.rmdir(folder)
