"""Where the time and the memory go: profiles of functions that are made with ``profile=True``."""

from __future__ import annotations

from typing import Any

from tcore.compile.profiling.stats import NodeRecord, ProfileStats
from tcore.configuration import config

__all__ = ["NodeRecord", "ProfileStats", "profile_for"]


def profile_for(wanted: Any, name: str | None) -> ProfileStats | None:
    """What the argument ``profile`` of a function of that name means: a new profile, the given one, or none.

    With ``config.profile`` every function has one, printed when the program ends; ``profile=True`` makes one that is printed
    then, too, and by ``f.profile.summary()``.
    """
    if wanted is None:
        wanted = config.profile
    if wanted is True:
        return ProfileStats(message=name)
    if isinstance(wanted, str):
        return ProfileStats(atexit_print=False, message=wanted)
    return wanted or None
