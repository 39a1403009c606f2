"""Loops over numbers as one op that kernels run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.compile.mode import mode_in_use
from tcore.graph import Constant, FunctionGraph, clone
from tcore.optimizer import Query, rewrite
from tcore.scalar import Composite, get_scalar_type
from tcore.scan_module.op import Scan
from tcore.scan_module.rewrites.common import is_loop, opened
from tcore.scan_module.rows import first_rows, has_enough_rows
from tcore.tensor.constants import constant_int
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.join import join
from tcore.tensor.recurrence import Recurrence
from tcore.tensor.subtensor import Subtensor, fill_index
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from tcore.graph import Apply, Variable
    from tcore.scan_module.parts import Parts

__all__ = ["scan_to_recurrence"]

#: operations of a step: more would only make the compiler slow
_LARGEST = 100


@rewrite(tracks=[Scan], name="scan_to_recurrence")
def scan_to_recurrence(node: Apply) -> Any:
    """scan(f, x, s) -> recurrence(f, s, x), for an elementwise f of numbers whose results are all kept"""
    op: Any = node.op
    layout = op.layout
    if not is_loop(node) or layout.until or layout.n_mitmots or layout.n_shared or layout.n_mitsots or not layout.n_seqs or any(layout.kept):
        return False
    if op.options.mode is not None or op.options.profile:
        return False
    loop = opened(node)
    parts = loop.parts
    if not _is_of_numbers(parts) or not all(has_enough_rows(part.outer, parts.n_steps) for part in parts.seqs):
        return False
    scalar_op = _step_as_scalar_op(parts)
    if scalar_op is None:
        return False
    outer = [state.outer[0] for state in parts.states] + [first_rows(part.outer, parts.n_steps) for part in parts.seqs]
    outer += [part.outer for part in parts.non_seqs]
    rows = Recurrence(scalar_op, len(parts.states), len(parts.seqs))(*outer, return_list=True)
    replacements: dict[Any, Any] = {}
    for record, found in zip(parts.stacked(), rows, strict=True):
        output = loop.output_of[record]
        if found.type != output.type:
            return False
        if record in parts.nitsots:
            replacements[output] = found
            continue
        for client, _ in output.clients:
            if _drops_first(client):
                replacements[client.outputs[0]] = found
        if not all(_drops_first(client) for client, _ in output.clients):
            replacements[output] = join(0, record.outer, found)
    return replacements


def _is_of_numbers(parts: Parts) -> bool:
    inner = [*parts.inner_inputs(), *parts.inner_outputs()]
    return all(isinstance(v.type, TensorType) and v.type.ndim == 0 for v in inner)


def _step_as_scalar_op(parts: Parts) -> Composite | None:
    """One scalar op of states, elements and values that does what a step does, optimized as the function around it is."""
    inner_inputs = [*(v for state in parts.states for v in state.inners), *(part.inner for part in parts.seqs), *(part.inner for part in parts.non_seqs)]
    fgraph = FunctionGraph(*clone(inner_inputs, parts.inner_outputs()), clone=False)
    mode = mode_in_use()
    if mode is not None and isinstance(mode.provided_optimizer, (str, Query)):
        mode.excluding("fusion", "inplace").optimizer_for(fgraph).optimize(fgraph)
    order = fgraph.toposort()
    if len(order) > _LARGEST:
        return None
    scalar_of: dict[Variable, Any] = {v: get_scalar_type(v.type.dtype)() for v in fgraph.inputs}  # type: ignore[attr-defined]

    def scalar(variable: Any) -> Any:
        if isinstance(variable, Constant) and variable not in scalar_of:
            scalar_of[variable] = get_scalar_type(variable.type.dtype).make_constant(variable.data[()])  # type: ignore[attr-defined]
        return scalar_of[variable]

    for node in order:
        op: Any = node.op
        if isinstance(op, DimShuffle) and node.outputs[0].type.ndim == node.inputs[0].type.ndim == 0:  # type: ignore[attr-defined]
            scalar_of[node.outputs[0]] = scalar(node.inputs[0])
            continue
        if not isinstance(op, Elemwise) or op.inplace_pattern or any(v.type.ndim for v in node.inputs):  # type: ignore[attr-defined]
            return None
        made = op.scalar_op.make_node(*map(scalar, node.inputs))
        if any(a.type.dtype != b.type.dtype for a, b in zip(made.outputs, node.outputs, strict=True)):  # type: ignore[attr-defined]
            return None
        scalar_of.update(zip(node.outputs, made.outputs, strict=True))
    outputs = [scalar(v) for v in fgraph.outputs]
    if not any(v.owner is not None for v in outputs):
        return None
    return Composite([scalar_of[v] for v in fgraph.inputs], outputs)


def _drops_first(client: Any) -> bool:
    """Whether a node is ``rows[1:]``."""
    if client == "output" or not isinstance(client.op, Subtensor) or len(client.op.idx_list) != 1:
        return False
    (entry,) = fill_index(client.op.idx_list, client.inputs[1:])
    return isinstance(entry, slice) and entry.stop is None and entry.step is None and entry.start is not None and constant_int(entry.start) == 1
