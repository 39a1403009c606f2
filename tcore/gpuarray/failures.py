"""Errors of kernels: which node of a kernel refuses its operands, in the words of its ``perform``.

A kernel says at most that something is wrong. Its nodes are then run one by one on the host, from the values that the kernel was
given, so that every device gives the same errors as NumPy, with the node and the user's line. This costs a copy of the operands, once,
when a call has failed already.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from tcore.codegen.group import Group
from tcore.gpuarray.array import GpuArray
from tcore.graph import Apply, Constant, Variable
from tcore.link.errors import raise_with_op

__all__ = ["ask_nodes", "raise_for"]

_LOST = object()


class _View:
    """The cells of a node's operands, as :func:`raise_with_op` looks at them."""

    def __init__(self, values: Sequence[Any]) -> None:
        self.inputs = [[None if value is _LOST else value] for value in values]


def raise_for(
    group: Group, inputs: Sequence[Any], lookup: Callable[[Variable], Any], node: Apply | None, error: Exception
) -> NoReturn:
    """Raise what the first node of ``group`` that refuses its operands says; ``error``, of ``node``, where none does."""
    given = ask_nodes(group, inputs, lookup, node)
    if node is None:
        raise error
    # a kernel measures lengths against one another, so that its own report may name the wrong one of two nodes: it comes last
    raise_with_op(None, node, _View(given), (type(error), error, error.__traceback__))


def ask_nodes(group: Group, inputs: Sequence[Any], lookup: Callable[[Variable], Any], node: Apply | None = None) -> list[Any]:
    """Raise what the first node of ``group`` that refuses its operands says; where none does, the operands of ``node``."""
    known: dict[Variable, Any] = dict(zip(group.inputs, map(_on_host, inputs), strict=True))
    member: Apply
    given: list[Any] = []
    for member in group.nodes:
        operands = [_value(variable, known, lookup) for variable in member.inputs]
        try:
            known.update(zip(member.outputs, _perform(member, operands), strict=True))
        except Exception:
            raise_with_op(None, member, _View(operands), sys.exc_info())
        if member is node:
            given = operands
    return given


def _value(variable: Variable, known: dict[Variable, Any], lookup: Callable[[Variable], Any]) -> Any:
    if isinstance(variable, Constant):
        return _on_host(variable.data)
    if variable in known:
        return known[variable]
    try:
        return _on_host(lookup(variable))
    except KeyError:
        return _LOST


def _on_host(value: Any) -> Any:
    return np.asarray(value) if isinstance(value, GpuArray) else value


def _perform(node: Apply, operands: Sequence[Any]) -> list[Any]:
    """The outputs of a node by its host op; nothing where an operand is lost. Operands that it destroys are copied."""
    if any(value is _LOST or value is None for value in operands):
        return [_LOST] * len(node.outputs)
    host: Apply = node.op.host_node(node)  # type: ignore[attr-defined]
    if getattr(host.op, "destroy_map", None):
        operands = [value.copy() if isinstance(value, np.ndarray) else value for value in operands]
    cells: list[list[Any]] = [[None] for _ in node.outputs]
    host.op.perform(host, list(operands), cells)
    return [cell[0] for cell in cells]
