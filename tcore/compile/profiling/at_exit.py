"""Profiles that are printed when the program ends: each, then their sum."""

from __future__ import annotations

import atexit
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from tcore.configuration import config

if TYPE_CHECKING:
    from tcore.compile.profiling.stats import ProfileStats

__all__ = ["print_all", "print_at_exit"]

_waiting: list[ProfileStats] = []


def print_at_exit(profile: ProfileStats) -> None:
    """Let ``profile`` be printed when the program ends."""
    if not _waiting:
        atexit.register(print_all)
    _waiting.append(profile)


def print_all() -> None:
    """Print the waiting profiles, and their sum where there are several, to ``config.profiling.destination``."""
    profiles, _waiting[:] = list(_waiting), []
    where = config.profiling.destination
    with ExitStack() as stack:
        if where in ("stderr", "stdout"):
            file = getattr(sys, where)
        else:
            file = stack.enter_context(Path(where).open("w", encoding="utf-8"))
        for profile in profiles:
            profile.summary(file)
        if len(profiles) > 1:
            profiles[0].sum_of(profiles, f"Sum of all({len(profiles)}) printed profiles at exit").summary(file)
