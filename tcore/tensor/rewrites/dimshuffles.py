"""DimShuffles: towards the inputs, where they meet and cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore import scalar
from tcore.optimizer.rewrite import Rewrite, Stage, rewrite
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.dot import Dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.rewrites.common import only_client

if TYPE_CHECKING:
    from tcore.graph.apply import Apply

__all__ = ["REWRITES"]


def _shuffled(variable: Any, order: tuple[Any, ...]) -> Any:
    """``variable`` with axes in ``order``, straight from what it is a shuffle of."""
    node = variable.owner
    if node is not None and isinstance(node.op, DimShuffle):
        inner = node.op.new_order
        order = tuple(axis if axis == "x" else inner[axis] for axis in order)
        variable = node.inputs[0]
    if _keeps(order, variable):
        return variable
    return DimShuffle(variable.type.broadcastable, order)(variable)


def _keeps(order: tuple[Any, ...], variable: Any) -> bool:
    """Whether every axis stays in its place, those of length 1 possibly as new ones."""
    flags = variable.type.broadcastable
    return len(order) == len(flags) and all(entry == axis or (entry == "x" and flags[axis]) for axis, entry in enumerate(order))


@rewrite(Stage.USELESS, Stage.CANONICALIZE, Stage.SPECIALIZE, tracks=[DimShuffle], tags=("fast_compile",))
def local_dimshuffle_lift(node: Apply) -> Any:
    """dimshuffle(x, order of x, axes of length 1 anew or not) -> x; dimshuffle(dimshuffle(x)) -> dimshuffle(x); dimshuffle(f(x)) -> f(dimshuffle(x))

    The last for elementwise f whose result nobody else needs.
    """
    (x,) = node.inputs
    order = node.op.new_order  # type: ignore[attr-defined]
    if _keeps(order, x):
        return [x]
    inner: Any = x.owner
    if inner is None:
        return False
    if isinstance(inner.op, DimShuffle):
        return [_shuffled(x, order)]
    if isinstance(inner.op, Elemwise) and not inner.op.inplace_pattern and only_client(x) and len(inner.outputs) == 1:
        if isinstance(inner.op.scalar_op, scalar.Second):
            return False  # has a rule of its own
        if any(axis for axis in node.op.drop if any(not v.type.broadcastable[axis] for v in inner.inputs)):  # type: ignore[attr-defined]
            return False
        inputs = [_shuffled(variable, order) for variable in inner.inputs]
        result = inner.op(*inputs)
        return [result] if result.type == node.outputs[0].type else False
    return False


@rewrite(Stage.CANONICALIZE, tracks=[DimShuffle])
def local_lift_transpose_through_dot(node: Apply) -> Any:
    """dot(x, y).T -> dot(y.T, x.T), for matrices"""
    (x,) = node.inputs
    if node.op.new_order != (1, 0) or x.owner is None or not isinstance(x.owner.op, Dot):  # type: ignore[attr-defined]
        return False
    left, right = x.owner.inputs
    if left.type.ndim != 2 or right.type.ndim != 2:  # type: ignore[attr-defined]
        return False
    return [x.owner.op(_shuffled(right, (1, 0)), _shuffled(left, (1, 0)))]


REWRITES: list[Rewrite] = [local_dimshuffle_lift, local_lift_transpose_through_dot]
