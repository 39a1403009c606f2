"""Rewrites of the ops of this floor."""

from __future__ import annotations

from typing import Any

from tcore.graph import Apply
from tcore.graph.gradient_only import GradientOnly
from tcore.optimizer import Rewrite, Stage, rewrite

__all__ = ["GROUP"]


@rewrite(Stage.USELESS, Stage.CANONICALIZE, tracks=[GradientOnly], tags=("fast_compile",), name="local_view_op")
def remove_identity(node: Apply) -> Any:
    """grad_clip(x), zero_grad(x), disconnected_grad(x), … -> x: what they say about gradients is said by then."""
    return [node.inputs[0]]


#: what the built-in plugin registers
GROUP: tuple[Rewrite, ...] = (remove_identity,)
