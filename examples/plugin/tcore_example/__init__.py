"""Differences of neighbours, as an op of tcore."""

from tcore_example.ops import Diff, diff

__all__ = ["Diff", "diff"]
