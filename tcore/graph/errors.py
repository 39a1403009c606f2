"""Errors of the graph floor."""

from __future__ import annotations

__all__ = ["InconsistencyError", "MethodNotDefined", "MissingInputError", "NullTypeError", "UnhashableOpError"]


class MethodNotDefined(Exception):  # noqa: N818 - the documented name
    """An optional method of an Op or a Type (a C code hook, ``R_op``, …) is not defined.

    Callers catch it and take another way; authors raise it to say "not for these arguments".
    """


class MissingInputError(Exception):
    """A graph needs a variable that is neither among its inputs nor computed from them.

    ``variable`` names the missing variable, for programs that want to handle it.
    """

    def __init__(self, *args: object, variable: object | None = None) -> None:
        super().__init__(*args)
        self.variable = variable


class InconsistencyError(Exception):
    """A change would make a graph wrong: a cycle, a destroyed input, a broken type.

    Optimizations that cause one are rolled back; it reaches users only as the reason in a report.
    """


class NullTypeError(TypeError):
    """A value of :class:`~tcore.graph.null_type.NullType` was asked for: it has none."""


class UnhashableOpError(TypeError):
    """An Op cannot be hashed, so that graphs which hold it can neither be merged nor cached."""
