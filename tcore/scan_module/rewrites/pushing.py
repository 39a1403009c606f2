"""Work that need not be done in a loop, done before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, Variable, clone_replace, io_toposort
from tcore.optimizer import rewrite
from tcore.scan_module.op import Scan
from tcore.scan_module.parts import Nitsot, NonSequence, SequencePart
from tcore.scan_module.rewrites.common import is_loop, opened
from tcore.scan_module.rewrites.moving import all_rows, may_move, rows_before
from tcore.tensor.alloc import alloc
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcore.graph import Apply

__all__ = ["PushOutNonSeqScan", "PushOutSeqScan"]


def _border(nodes: Iterable[Apply], moved: Iterable[Variable], outputs: Iterable[Variable]) -> list[Variable]:
    """Those of ``moved`` that ``nodes``, or the outputs of the step, read."""
    known = set(moved)
    found = dict.fromkeys(v for node in nodes for v in node.inputs if v in known)
    found.update(dict.fromkeys(v for v in outputs if v in known))
    return list(found)


@rewrite(tracks=[Scan], name="scanOp_pushout_nonseqs_ops")
def PushOutNonSeqScan(node: Apply) -> Any:
    """scan(x -> f(x, g(w))) -> scan(x -> f(x, v)) with v = g(w), for w that is the same at every step"""
    if not is_loop(node):
        return False
    loop = opened(node)
    parts = loop.parts
    fixed = {part.inner: part.outer for part in parts.non_seqs}
    moved: dict[Variable, None] = {}
    stay = []
    for inner in io_toposort(parts.inner_inputs(), parts.inner_outputs()):
        known = all(v in fixed or v in moved or isinstance(v, Constant) for v in inner.inputs)
        if known and may_move(inner) and not all(isinstance(v, Constant) for v in inner.inputs):
            moved.update(dict.fromkeys(inner.outputs))
        else:
            stay.append(inner)
    border = _border(stay, moved, parts.inner_outputs())
    if not border:
        return False
    inside: dict[Variable, Variable] = {}
    for variable, outer in zip(border, clone_replace(border, fixed), strict=True):
        inside[variable] = fresh = variable.type(variable.name)
        parts.non_seqs.append(NonSequence(outer, fresh))
    loop.substitute(inside)
    return dict(loop.rebuilt())


@rewrite(tracks=[Scan], name="scanOp_pushout_seqs_ops", tags=("more_mem",))
def PushOutSeqScan(node: Apply) -> Any:
    """scan(x -> f(g(x))) -> scan(y -> f(y)) over y = g(all x), for g that sees nothing of earlier steps"""
    if not is_loop(node) or node.op.layout.until:  # type: ignore[attr-defined]
        return False
    loop = opened(node)
    parts = loop.parts
    rows, fixed = rows_before(loop)
    moved: dict[Variable, None] = {}
    stay = []
    for inner in io_toposort(parts.inner_inputs(), parts.inner_outputs()):
        found = all_rows(inner, rows, fixed)
        if found is None:
            stay.append(inner)
        else:
            moved.update(dict.fromkeys(found))
    outside: dict[Any, Any] = {}
    for record in list(parts.nitsots):
        done = _done_outside(record, rows, fixed, parts.n_steps)
        if done is not None:
            outside[loop.output_of[record]] = done
            parts.nitsots.remove(record)
    border = _border(stay, moved, parts.inner_outputs())
    if not border and not outside:
        return False
    inside: dict[Variable, Variable] = {}
    for variable in border:
        inside[variable] = fresh = variable.type(variable.name)
        parts.seqs.append(SequencePart(rows[variable], fresh))
    loop.substitute(inside)
    return {**loop.rebuilt(), **outside}


def _done_outside(record: Nitsot, rows: dict[Variable, Any], fixed: dict[Variable, Any], n_steps: Variable) -> Any:
    """The output of ``record``, where the loop is not needed for it."""
    if record.keep is not None:
        return None
    out: Any = record.out
    if out in rows:
        found = rows[out]
    elif out in fixed or isinstance(out, Constant):
        value = fixed.get(out, out)
        found = alloc(value, n_steps, *(value.shape[axis] for axis in range(value.type.ndim)))
    else:
        return None
    wanted = TensorType(out.type.dtype, (False, *out.type.broadcastable))
    return found if found.type == wanted else Rebroadcast(*enumerate(wanted.broadcastable))(found)
