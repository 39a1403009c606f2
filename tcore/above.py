"""What a floor needs of those above it, which it does not know: it asks by the name of the need, and gets what the whole house says that is.

The table stands in ``tcore/__init__.py``, which knows all floors. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tcore import _ABOVE

__all__ = ["from_above"]


def from_above(need: str) -> Any:
    """The function or class of a higher floor that serves ``need``."""
    module, _, name = _ABOVE[need].partition(":")
    return getattr(import_module(module), name or need)
