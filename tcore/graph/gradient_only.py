"""Ops that hand on their first input, and change what is said of its gradient."""

from __future__ import annotations

from tcore.graph.op import Op

__all__ = ["GradientOnly"]


class GradientOnly(Op):
    """Base of such ops. Gradients are taken before a graph is optimized, which removes them."""
