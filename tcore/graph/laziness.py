"""What a node says of laziness: which of its inputs it may do without, and which it wants together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

__all__ = ["branch_of", "is_lazy", "lazy_inputs"]


def is_lazy(node: Any) -> bool:
    """Whether a node decides itself which of its inputs are computed."""
    return bool(lazy_inputs(node))


def lazy_inputs(node: Any) -> Collection[int]:
    """The positions of inputs that a node may do without: those that its op names; all of a lazy op that names none."""
    named = tuple(getattr(node.op, "lazy_inputs", ()))
    return named or (range(len(node.inputs)) if getattr(node.op, "lazy", False) else ())


def branch_of(node: Any, position: int) -> int:
    """Which inputs a lazy node wants together: one number for each group; each input is a group where the op says nothing."""
    ask = getattr(node.op, "branch_of", None)
    return position if ask is None else int(ask(position))
