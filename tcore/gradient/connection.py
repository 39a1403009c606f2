"""Which variables a derivative can flow through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Apply, Variable
from tcore.graph.null_type import DisconnectedType, NullType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["as_list", "checked_variables", "connection_pattern", "dependents", "format_as", "is_disconnected", "is_discrete", "is_null"]


def connection_pattern(node: Apply) -> list[list[bool]] | None:
    """``pattern[input][output]`` as the op says; None where it says nothing: everything is connected.

    Raises
    ------
    TypeError, ValueError
        If the op's answer is no list of lists of bool of the right size.
    """
    method = getattr(node.op, "connection_pattern", None)
    if method is None:
        return None
    pattern: list[list[bool]] = method(node)
    if not isinstance(pattern, list):
        raise TypeError(f"connection_pattern of {node.op} must give a list, one entry for each input, got {type(pattern).__name__}")
    if len(pattern) != len(node.inputs) or any(len(row) != len(node.outputs) for row in pattern):
        raise ValueError(
            f"connection_pattern of {node.op} must have one row for each of {len(node.inputs)} inputs, with one entry for each of "
            f"{len(node.outputs)} outputs, got {pattern}"
        )
    return pattern


def dependents(order: Iterable[Apply], wrt: Iterable[Variable]) -> set[Variable]:
    """``wrt`` and the variables that depend on one of them differentiably through the nodes of ``order``."""
    found = set(wrt)
    for node in order:
        reached = [variable in found for variable in node.inputs]
        if not any(reached):
            continue
        pattern = connection_pattern(node)
        for index, output in enumerate(node.outputs):
            if pattern is None or any(hit and row[index] for hit, row in zip(reached, pattern, strict=True)):
                found.add(output)
    return found


def is_disconnected(variable: Variable) -> bool:
    """Whether a gradient says that there is no path."""
    return isinstance(variable.type, DisconnectedType)


def is_null(variable: Variable) -> bool:
    """Whether a gradient is undefined."""
    return isinstance(variable.type, NullType)


def is_discrete(variable: Variable) -> bool:
    """Whether the values are integers or bools, so that small changes do not exist."""
    dtype = getattr(variable.type, "dtype", None)
    return isinstance(dtype, str) and dtype.startswith(("int", "uint", "bool"))


def format_as(use_list: bool, use_tuple: bool, outputs: Any) -> Any:
    """``outputs`` as a list, as a tuple, or as they are: a list of one is unpacked.

    Parameters
    ----------
    use_list, use_tuple : bool
        Not both.
    outputs : Variable, or list or tuple of them
    """
    if use_list and use_tuple:
        raise AssertionError("either a list or a tuple is asked for, not both")
    if (use_list or use_tuple) and not isinstance(outputs, (list, tuple)):
        outputs = [outputs]
    if not (use_list or use_tuple) and isinstance(outputs, (list, tuple)):
        if len(outputs) != 1:
            raise AssertionError(f"one output is asked for, got {len(outputs)}")
        return outputs[0]
    return list(outputs) if use_list else tuple(outputs) if use_tuple else outputs


def as_list(given: Any) -> list[Any]:
    """A list or tuple as a list, anything else as a list of one."""
    return list(given) if isinstance(given, (list, tuple)) else [given]


def checked_variables(given: Sequence[Any], what: str) -> list[Variable]:
    """``given``, all Variables."""
    for entry in given:
        if not isinstance(entry, Variable):
            raise TypeError(f"{what} must be variables, got {entry!r}, of {type(entry).__name__}")
    return list(given)
