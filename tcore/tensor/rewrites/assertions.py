"""Assertions that go: those that are known to hold, and, where a user asks for it, all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.optimizer.rewrite import Rewrite, Stage, rewrite
from tcore.tensor.assertion import Assert
from tcore.tensor.rewrites.common import uniform_value

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Assert], tags=("fast_compile",))
def local_remove_useless_assert(node: Apply) -> Any:
    """Assert(value, true, condition, condition) -> Assert(value, condition); Assert(value, true) -> value"""
    op: Any = node.op
    value, conditions = node.inputs[0], op.conditions(node)
    kept: list[Any] = []
    for condition in conditions:
        known = uniform_value(condition)
        if condition not in kept and (known is None or not known):
            kept.append(condition)
    if not kept:
        return [value]
    return False if len(kept) == len(conditions) else [op(value, *kept, *node.inputs[1 + len(conditions) :])]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[Assert], tags=("unsafe",))
def local_remove_all_assert(node: Apply) -> Any:
    """Assert(value, conditions) -> value: wrong input goes undetected"""
    return [node.inputs[0]]


REWRITES: tuple[Rewrite, ...] = (local_remove_useless_assert, local_remove_all_assert)
