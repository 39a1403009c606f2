"""The portable kernel dialect: source that starts with ``#include "cluda.h"`` compiles on every device family."""

from __future__ import annotations

import functools
import re
from importlib import resources

__all__ = ["header", "resolve"]

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+["<]cluda\.h[">].*$', re.MULTILINE)


@functools.cache
def header(kind: str) -> str:
    """The definitions of the dialect for context kind ``"cuda"`` or ``"opencl"``."""
    return (resources.files(__name__) / f"{kind}.h").read_text(encoding="utf-8")


def resolve(source: str, kind: str) -> str:
    """``source`` with the dialect's definitions in front and its own include of them taken out."""
    return header(kind) + _INCLUDE.sub("", source)
