"""Compiled functions as files that need neither tcore nor Python: what a linker that can write them takes and raises."""

from __future__ import annotations

__all__ = ["ExportError"]


class ExportError(NotImplementedError):
    """A function cannot be exported; the message names the nodes or values that stand in the way, and what to do."""
