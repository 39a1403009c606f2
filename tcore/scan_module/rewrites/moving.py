"""What a step computes, computed for all steps at once: which nodes may move, and what their rows are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, Variable
from tcore.scan_module.rewrites.batching import batched
from tcore.scan_module.rewrites.common import Opened
from tcore.scan_module.rows import checked_rows
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.reshape import Reshape
from tcore.tensor.subtensor import Subtensor
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from tcore.graph import Apply

__all__ = ["all_rows", "may_move", "rows_before"]

#: views that may move; others hand on their input and have an effect, or say something about it
_VIEWS = (DimShuffle, Rebroadcast, Reshape, Subtensor)


def may_move(node: Apply) -> bool:
    """Whether a node may be computed once, or for no step at all, in place of once a step."""
    op: Any = node.op
    return not op.destroy_map and (isinstance(op, _VIEWS) or not op.view_map) and all(isinstance(v.type, TensorType) for v in node.outputs)


def rows_before(loop: Opened) -> tuple[dict[Variable, Any], dict[Variable, Any]]:
    """The rows that are known before the loop, one for each step, and the values that are the same in all."""
    parts = loop.parts
    return {part.inner: checked_rows(part.outer, parts.n_steps) for part in parts.seqs}, {part.inner: part.outer for part in parts.non_seqs}


def all_rows(inner: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> list[Variable] | None:
    """The outputs of an inner node that have rows now, in ``rows``; None where the node stays. What constants alone decide gets into ``fixed``."""
    if not may_move(inner):
        return None
    if all(isinstance(v, Constant) or fixed.get(v) is v for v in inner.inputs):
        fixed.update({v: v for v in inner.outputs})
        return []
    found = batched(inner, rows, fixed)
    if found is None:
        return None
    rows.update(zip(inner.outputs, found, strict=True))
    return list(inner.outputs)
