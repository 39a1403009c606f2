"""Which folders and files hold programs that may be loaded: what is loaded runs with this user's rights."""

from __future__ import annotations

import os
import stat
import time

__all__ = ["NO_PROGRAMS", "belongs_to_us", "is_trusted", "objection", "refuses_programs"]

#: what is wrong with a folder that :func:`refuses_programs`
NO_PROGRAMS = "is on a file system that is mounted noexec, from which no library is loaded"


def belongs_to_us(info: os.stat_result) -> bool:
    """Whether nobody but this user and root could have written a file."""
    return info.st_uid in (os.getuid(), 0) and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def is_trusted(path: str) -> bool:
    """Whether nobody but this user and root could have put libraries into an existing folder."""
    try:
        info = os.stat(path)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and belongs_to_us(info) and _exposed_by(path) is None


def _exposed_by(root: str) -> str | None:
    """The folder above ``root`` in which anyone may put something else in its place; None where there is none."""
    path, above = os.path.realpath(root), []
    while (parent := os.path.dirname(path)) != path:
        above.append(parent)
        path = parent
    for folder in reversed(above):
        mode = os.stat(folder).st_mode
        if not mode & (stat.S_IXGRP | stat.S_IXOTH):
            return None  # nobody else comes further
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            return folder
    return None


def refuses_programs(folder: str) -> bool:
    """Whether the system loads no library from a folder."""
    try:
        return bool(os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0))
    except OSError:
        return False


def objection(root: str) -> str | None:
    """Why ``root`` cannot be the store, None if it can."""
    try:
        os.makedirs(root, 0o700, exist_ok=True)
        info = os.stat(root)
    except FileExistsError:
        return "is no folder"
    except OSError as error:
        return f"cannot be made ({error.strerror})"
    if info.st_uid != os.getuid():
        return "belongs to another user"
    if info.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"can be written by others (mode {stat.S_IMODE(info.st_mode):o}; chmod go-w makes it yours alone)"
    if (folder := _exposed_by(root)) is not None:
        return f"can be replaced by others, who can write {folder} (chmod o-w or chmod +t {folder} prevents it)"
    probe = os.path.join(root, f".tmp-{os.getpid()}-{time.time_ns()}")
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        os.unlink(probe)
    except OSError as error:
        return f"cannot be written ({error.strerror})"
    return NO_PROGRAMS if refuses_programs(root) else None
