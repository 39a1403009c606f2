"""Graphs in the place of the ops that were made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.gradient.op_from_graph import OpFromGraph
from tcore.optimizer import in2out, local_optimizer
from tcore.optimizer.rewrite import GlobalRewrite

if TYPE_CHECKING:
    from tcore.graph import Apply

__all__ = ["GROUP"]


@local_optimizer([OpFromGraph])
def inline_ofg_expansion(node: Apply) -> Any:
    """op(x) -> its graph on x, where the op was made with inline=True"""
    op: Any = node.op
    return op.inlined(node.inputs) if op.inline else False


GROUP: tuple[GlobalRewrite, ...] = (
    GlobalRewrite("inline_ofg_expansion", in2out(inline_ofg_expansion), -0.01, tags=("fast_run", "fast_compile")),
)
