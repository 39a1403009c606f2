"""What DebugMode may find; :class:`DebugModeError` catches all."""

from __future__ import annotations

from tcore.graph import BadOptimization, DebugModeError

__all__ = ["BadDestroyMap", "BadOptimization", "BadThunkOutput", "BadViewMap", "DebugModeError", "InvalidValueError", "StochasticOrder"]


class BadThunkOutput(DebugModeError):
    """Two runs of an op on the same inputs gave different results: Python against C, or over other output memory."""


class BadDestroyMap(DebugModeError):
    """An op changed an input that its ``destroy_map`` does not list."""


class BadViewMap(DebugModeError):
    """An output shares memory with an input, or two outputs with each other, and ``view_map`` does not say so."""


class StochasticOrder(DebugModeError):
    """Optimizing the same graph twice took different steps."""


class InvalidValueError(DebugModeError):
    """An output is no value of its type, or not finite."""
