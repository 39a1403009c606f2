"""Errors of making and calling functions."""

from __future__ import annotations

__all__ = ["AliasedMemoryError", "UnusedInputError"]


class UnusedInputError(Exception):
    """An input of a function is not needed for its outputs, or stands among the inputs twice."""


class AliasedMemoryError(Exception):
    """Two values of a pickled function share memory, which the loaded one could not keep.

    Raised when ``config.pickle_aliased_memory_strategy`` is ``"raise"``.
    """

    def __init__(self, a: object, b: object) -> None:
        super().__init__(a, b)
        self.a = a
        self.b = b
