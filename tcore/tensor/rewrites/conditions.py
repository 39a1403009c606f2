"""Choices that go: those whose condition is known, and those between equal branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.optimizer.rewrite import Rewrite, Stage, rewrite
from tcore.tensor.ifelse import IfElse
from tcore.tensor.rewrites.common import uniform_value

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[IfElse], tags=("fast_compile",))
def local_ifelse_known_condition(node: Apply) -> Any:
    """ifelse(true, x, y) -> x; ifelse(false, x, y) -> y"""
    known = uniform_value(node.inputs[0])
    if known is None:
        return None
    count = node.op.n_outs  # type: ignore[attr-defined]
    return node.inputs[1 : 1 + count] if known else node.inputs[1 + count :]


@rewrite(Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[IfElse])
def local_ifelse_equal_branches(node: Apply) -> Any:
    """ifelse(c, [x, y], [x, z]) -> [x, ifelse(c, y, z)]"""
    count = node.op.n_outs  # type: ignore[attr-defined]
    then, other = node.inputs[1 : 1 + count], node.inputs[1 + count :]
    differ = [k for k in range(count) if then[k] is not other[k]]
    if len(differ) == count:
        return None
    results = list(then)
    if differ:
        op = IfElse(len(differ), node.op.name)  # type: ignore[attr-defined]
        chosen = op(node.inputs[0], *[then[k] for k in differ], *[other[k] for k in differ], return_list=True)
        for k, value in zip(differ, chosen, strict=True):
            results[k] = value
    return results


REWRITES: tuple[Rewrite, ...] = (local_ifelse_known_condition, local_ifelse_equal_branches)
