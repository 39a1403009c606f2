"""Errors of the graph floor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph.apply import Apply

__all__ = [
    "BadOptimization",
    "DebugModeError",
    "InconsistencyError",
    "MethodNotDefined",
    "MissingInputError",
    "NullTypeError",
    "UnhashableOpError",
]


class MethodNotDefined(Exception):
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

    Optimizations that cause one are rolled back; it reaches users only as the reason in a report. ``nodes`` are those that cannot
    both be had, for who tells a user where they were made.
    """

    def __init__(self, *args: object, nodes: Sequence[Apply] = ()) -> None:
        super().__init__(*args)
        self.nodes = tuple(nodes)

    def __reduce__(self) -> tuple[type[InconsistencyError], tuple[Any, ...]]:
        return type(self), self.args


class NullTypeError(TypeError):
    """A value of :class:`~tcore.graph.null_type.NullType` was asked for: it has none."""


class UnhashableOpError(TypeError):
    """An Op cannot be hashed, so that graphs which hold it can neither be merged nor cached."""


class DebugModeError(Exception):
    """Something inside the system, an op or an optimization does not do what it promises."""


class BadOptimization(DebugModeError):
    """An optimization replaced a variable by one that is not the same.

    Attributes
    ----------
    old_r, new_r : Variable
    old_r_val, new_r_val : object
        Their values, where the difference was found by computing them.
    reason : object
        The optimization.
    old_graph, new_graph : str
        Pictures of the graph before and after, or "".
    details : str
        What else is known.
    """

    def __init__(
        self,
        old_r: Any,
        new_r: Any,
        old_r_val: Any,
        new_r_val: Any,
        reason: Any,
        old_graph: str = "",
        new_graph: str = "",
        details: str = "",
    ) -> None:
        super().__init__()
        self.old_r = old_r
        self.new_r = new_r
        self.old_r_val = old_r_val
        self.new_r_val = new_r_val
        self.reason = reason
        self.old_graph = old_graph
        self.new_graph = new_graph
        self.details = details

    def __str__(self) -> str:
        lines = [f"BadOptimization: {self.reason} replaced {self.old_r} by {self.new_r}"]
        if self.details:
            lines.append(f"  {self.details}")
        lines.append(f"  types:  {self.old_r.type} and {self.new_r.type}")
        if self.old_r_val is not None or self.new_r_val is not None:
            lines.append(f"  values: {self.old_r_val!r} and {self.new_r_val!r}")
        if self.old_graph or self.new_graph:
            lines.append(f"  before:\n{self.old_graph}\n  after:\n{self.new_graph}")
        return "\n".join(lines)
