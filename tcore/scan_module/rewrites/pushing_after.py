"""Products that no later step sees, done after the loop for all steps at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, Variable, io_toposort
from tcore.optimizer import rewrite
from tcore.scan_module.op import Scan
from tcore.scan_module.rewrites.batching import batched
from tcore.scan_module.rewrites.common import is_loop, opened
from tcore.scan_module.rewrites.moving import all_rows
from tcore.scan_module.rewrites.rows_after import RowsAfter
from tcore.tensor.dot import Dot
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph import Apply

__all__ = ["PushOutScanOutput"]


def _batched_chain(variable: Variable, after: RowsAfter, inputs: Sequence[Variable]) -> Any:
    """All rows of an inner variable, computed of rows that are known; None where that cannot be."""
    rows, fixed = dict(after.rows), dict(after.fixed)
    for inner in io_toposort([*inputs, *rows], [variable]):
        if all_rows(inner, rows, fixed) is None:
            return None
    return rows.get(variable)


def _product_of_stored(out: Any, after: RowsAfter) -> Any:
    """All rows of a product with something that is the same in all steps, of the stored rows of its other operand; else None."""
    made = out.owner
    if made is None or not isinstance(made.op, Dot):
        return None
    moving = [v for v in made.inputs if v not in after.fixed and not isinstance(v, Constant)]
    if len(moving) != 1:
        return None
    trial = {moving[0]: TensorType(moving[0].type.dtype, (False, *moving[0].type.broadcastable))()}
    if batched(made, trial, after.fixed) is None:
        return None
    after.store(moving[0])
    found = batched(made, after.rows, after.fixed)
    return None if found is None else found[0]


@rewrite(tracks=[Scan], name="scanOp_pushout_output", tags=("more_mem",))
def PushOutScanOutput(node: Apply) -> Any:
    """scan(h -> h, dot(h, v)) -> scan(h -> h) and dot(all h, v), for products that no later step sees"""
    if not is_loop(node) or node.op.layout.until:  # type: ignore[attr-defined]
        return False
    loop = opened(node)
    parts = loop.parts
    after = RowsAfter(loop)
    inputs = parts.inner_inputs()
    outside: dict[Variable, Any] = {}
    for record in list(parts.nitsots):
        chain = io_toposort([*inputs, *(v for v in after.rows if v is not record.out)], [record.out])
        if record.keep is None and record.out not in after.rows and any(isinstance(each.op, Dot) for each in chain):
            rows = _batched_chain(record.out, after, inputs)
            if rows is None:
                rows = _product_of_stored(record.out, after)
            if rows is not None:
                outside[loop.output_of[record]] = rows
                parts.nitsots.remove(record)
    if not outside:
        return False
    replacements: dict[Variable, Variable] = {}
    values = after.finished(list(outside.values()), replacements)
    return {**replacements, **dict(zip(outside, values, strict=True))}
