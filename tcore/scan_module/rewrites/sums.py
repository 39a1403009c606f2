"""Sums over steps, done after the loop: one product, or one reduction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Variable, io_toposort
from tcore.optimizer import rewrite
from tcore.scalar.arithmetic import Add
from tcore.scan_module.op import Scan
from tcore.scan_module.parts import State
from tcore.scan_module.rewrites.common import Opened, is_loop, is_used, opened, outs_of
from tcore.scan_module.rewrites.rows_after import RowsAfter
from tcore.tensor.alloc import alloc
from tcore.tensor.constants import constant_int
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.dot import Dot, dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.subtensor import Subtensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph import Apply

__all__ = ["PushOutDot1"]


@rewrite(tracks=[Scan], name="scan_pushout_dot1")
def PushOutDot1(node: Apply) -> Any:
    """scan(s -> s + dot(a, b))[-1] -> s0 + one product of all a and all b; scan(s -> s + v)[-1] -> s0 + the sum of all v"""
    if not is_loop(node) or node.op.layout.until:  # type: ignore[attr-defined]
        return False
    loop = opened(node)
    parts = loop.parts
    totals: dict[State, list[Variable]] = {}
    for state in parts.states:
        terms = _terms(loop, state)
        if terms is not None and all(_term_is_worth_it(term) for term in terms):
            totals[state] = terms
    if not totals:
        return False
    parts.states = [state for state in parts.states if state not in totals]
    after = RowsAfter(loop)
    sums = {state: _sum(after, state, terms) for state, terms in totals.items()}
    replacements: dict[Variable, Variable] = {}
    values = after.finished(list(sums.values()), replacements)
    for state, value in zip(sums, values, strict=True):
        output = loop.output_of[state]
        for client, _ in output.clients:
            replacements[client.outputs[0]] = value
    return dict(replacements)


def _terms(loop: Opened, state: State) -> list[Variable] | None:
    """What a state adds up, where only its last row is used and no other part of the step sees it."""
    parts = loop.parts
    out: Any = state.out
    made = out.owner
    if state.taps != (-1,) or state.keep is not None or made is None or not isinstance(made.op, Elemwise) or not isinstance(made.op.scalar_op, Add):
        return None
    (inner,) = state.inners
    summands = _summands(out)
    terms = [v for v in summands if v is not inner]
    if len(terms) != len(summands) - 1 or any(v.type != out.type for v in terms):
        return None
    others = [v for record in parts.with_output() if record is not state for v in outs_of(record)]
    readers = io_toposort(parts.inner_inputs(), [*others, *terms])
    if any(inner in each.inputs for each in readers) or inner in others or out in others:
        return None
    output = loop.output_of[state]
    return terms if is_used(output) and all(_takes_last(client) for client, _ in output.clients) else None


def _summands(total: Variable) -> list[Variable]:
    """What is added up to ``total``, sums of sums taken apart."""
    found, waiting = [], [total]
    while waiting:
        variable = waiting.pop()
        made = variable.owner
        if made is not None and isinstance(made.op, Elemwise) and isinstance(made.op.scalar_op, Add) and all(v.type == total.type for v in made.inputs):
            waiting += reversed(made.inputs)
        else:
            found.append(variable)
    return found


def _takes_last(client: Any) -> bool:
    if client == "output" or not isinstance(client.op, Subtensor):
        return False
    op = client.op
    return len(op.idx_list) == 1 and not isinstance(op.idx_list[0], slice) and constant_int(client.inputs[1]) == -1


def _is_product(term: Variable) -> bool:
    return term.owner is not None and isinstance(term.owner.op, Dot) and all(v.type.ndim == 2 for v in term.owner.inputs)


def _term_is_worth_it(term: Variable) -> bool:
    """A product of matrices, or a row so small that storing one for each step costs little."""
    return _is_product(term) or term.type.ndim <= 1


def _sum(after: RowsAfter, state: State, terms: Sequence[Variable]) -> Any:
    total: Any = state.outer[0]
    for term in terms:
        total = total + (_sum_of_products(after, term) if _is_product(term) else _sum_of_rows(after, term))
    wanted = state.inners[0].type
    return total if total.type == wanted else Rebroadcast(*enumerate(wanted.broadcastable))(total)


def _rows_of(after: RowsAfter, variable: Variable) -> Any:
    """All rows of ``variable``; what it is a view of is stored, where that is smaller work than storing itself."""
    made = variable.owner
    if variable not in after.rows and variable not in after.fixed and made is not None and isinstance(made.op, DimShuffle):
        below = _rows_of(after, made.inputs[0])
        order = made.op.new_order
        return below.dimshuffle(0, *("x" if axis == "x" else axis + 1 for axis in order))
    after.store(variable)
    if variable in after.rows:
        return after.rows[variable]
    value = after.fixed.get(variable, variable)
    return alloc(value, after.loop.parts.n_steps, *(value.shape[axis] for axis in range(value.type.ndim)))


def _sum_of_products(after: RowsAfter, term: Variable) -> Any:
    """The sum over t of ``dot(a[t], b[t])``: one product, over steps and inner axis at once."""
    a, b = (_rows_of(after, v) for v in term.owner.inputs)
    if a.type.broadcastable[2] and b.type.broadcastable[1]:  # outer products
        return dot(a.dimshuffle(1, 0), b.dimshuffle(0, 2))
    left = a.dimshuffle(1, 0, 2).reshape((a.shape[1], a.shape[0] * a.shape[2]))
    return dot(left, b.reshape((b.shape[0] * b.shape[1], b.shape[2])))


def _sum_of_rows(after: RowsAfter, term: Variable) -> Any:
    return _rows_of(after, term).sum(axis=0, dtype=term.type.dtype)
