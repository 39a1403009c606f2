"""API levels: what the core speaks, and what a plugin says that it speaks (group ``tcore.api``)."""

from __future__ import annotations

import re

__all__ = ["API_LEVEL", "OLDEST_API_LEVEL", "api_problem"]

#: The level of this core's hooks and interfaces. A change that breaks plugins raises it.
API_LEVEL = 1
#: The core works with plugins of this level and the one before; levels start at 1.
OLDEST_API_LEVEL = max(1, API_LEVEL - 1)

_RANGE = re.compile(r"v([1-9][0-9]*):v([1-9][0-9]*)")


def api_problem(name: str, declared: str | None) -> tuple[str, str] | None:
    """Why a plugin with the declared range is not loaded, and what to do; None if it is fine.

    >>> api_problem("median", "v1:v1") is None
    True
    """
    line = f'[project.entry-points."tcore.api"] {name} = "v{API_LEVEL}:v{API_LEVEL}"'
    if declared is None:
        return "declares no API level", f"its author adds to pyproject.toml: {line}"
    match = _RANGE.fullmatch(declared.replace(" ", ""))
    if match is None or int(match[1]) > int(match[2]):
        return f"declares the API range {declared!r}, which is none", f"its author writes: {line}"
    low, high = int(match[1]), int(match[2])
    if low > API_LEVEL:
        return f"needs API level v{low}, this core has v{API_LEVEL}", "install a newer tcore or an older version of the plugin"
    if high < OLDEST_API_LEVEL:
        return (
            f"works up to API level v{high}, this core has v{OLDEST_API_LEVEL} to v{API_LEVEL}",
            "install a newer version of the plugin or an older tcore",
        )
    return None
