"""Work that need not be done in a loop, done before it or after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph import Constant, Variable, clone_replace, io_toposort
from tcore.optimizer import Rewrite, rewrite
from tcore.scalar.arithmetic import Add
from tcore.scan_module.layout import depth_of
from tcore.scan_module.op import Scan
from tcore.scan_module.parts import Nitsot, NonSequence, SequencePart, State
from tcore.scan_module.rewrites.batching import batched
from tcore.scan_module.rewrites.common import Opened, is_loop, is_used, opened, outs_of
from tcore.scan_module.rows import first_rows
from tcore.tensor.alloc import alloc
from tcore.tensor.constants import constant_int
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.dot import Dot, dot
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.reshape import Reshape
from tcore.tensor.subtensor import Subtensor
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tcore.graph import Apply

__all__ = ["PushOutDot1", "PushOutNonSeqScan", "PushOutScanOutput", "PushOutSeqScan"]

#: views that may move; others hand on their input and have an effect, or say something about it
_VIEWS = (DimShuffle, Rebroadcast, Reshape, Subtensor)


def _may_move(node: Apply) -> bool:
    """Whether a node may be computed once, or for no step at all, in place of once a step."""
    op: Any = node.op
    return not op.destroy_map and (isinstance(op, _VIEWS) or not op.view_map) and all(isinstance(v.type, TensorType) for v in node.outputs)


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
        if known and _may_move(inner) and not all(isinstance(v, Constant) for v in inner.inputs):
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


def _rows_before(loop: Opened) -> tuple[dict[Variable, Any], dict[Variable, Any]]:
    """The rows that are known before the loop, one for each step, and the values that are the same in all."""
    parts = loop.parts
    return {part.inner: first_rows(part.outer, parts.n_steps) for part in parts.seqs}, {part.inner: part.outer for part in parts.non_seqs}


def _all_rows(inner: Apply, rows: dict[Variable, Any], fixed: dict[Variable, Any]) -> list[Variable] | None:
    """The outputs of an inner node that have rows now, in ``rows``; None where the node stays. What constants alone decide gets into ``fixed``."""
    if not _may_move(inner):
        return None
    if all(isinstance(v, Constant) or fixed.get(v) is v for v in inner.inputs):
        fixed.update({v: v for v in inner.outputs})
        return []
    found = batched(inner, rows, fixed)
    if found is None:
        return None
    rows.update(zip(inner.outputs, found, strict=True))
    return list(inner.outputs)


@rewrite(tracks=[Scan], name="scanOp_pushout_seqs_ops", tags=("more_mem",))
def PushOutSeqScan(node: Apply) -> Any:
    """scan(x -> f(g(x))) -> scan(y -> f(y)) over y = g(all x), for g that sees nothing of earlier steps"""
    if not is_loop(node) or node.op.layout.until:  # type: ignore[attr-defined]
        return False
    loop = opened(node)
    parts = loop.parts
    rows, fixed = _rows_before(loop)
    moved: dict[Variable, None] = {}
    stay = []
    for inner in io_toposort(parts.inner_inputs(), parts.inner_outputs()):
        found = _all_rows(inner, rows, fixed)
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


# ------------------------------------------------------------ after the loop


class _RowsAfter:
    """All rows of inner variables, as they are known after a loop. Stand-ins for outputs of the loop, until it is built.

    Attributes
    ----------
    rows : dict
        Inner variable -> rows.
    stand_ins : dict
        Stand-in -> (record, first row): the output of the loop from that row on.
    """

    def __init__(self, loop: Opened) -> None:
        self.loop = loop
        self.rows, self.fixed = _rows_before(loop)
        self.stand_ins: dict[Variable, tuple[Any, int]] = {}
        for record in loop.parts.states:
            if record.keep is None:
                depth = depth_of(record.taps)
                for tap, inner in zip(record.taps, record.inners, strict=True):
                    self._stand_in(inner, record, depth + tap)
                if record.out not in self.rows and record.out not in self.fixed and not isinstance(record.out, Constant):
                    self._stand_in(record.out, record, depth)

    def _stand_in(self, inner: Any, record: Any, first: int) -> None:
        rows = TensorType(inner.type.dtype, (False, *inner.type.broadcastable))()
        self.rows.setdefault(inner, rows)
        self.stand_ins[rows] = (record, first)

    def store(self, inner: Variable) -> None:
        """Let the rows of ``inner`` be an output of the loop, where they are not known otherwise."""
        if inner in self.rows or inner in self.fixed or isinstance(inner, Constant):
            return
        record = next((r for r in self.loop.parts.nitsots if r.out is inner and r.keep is None), None)
        if record is None:
            record = Nitsot(inner)
            self.loop.parts.nitsots.append(record)
        self._stand_in(inner, record, 0)

    def finished(self, values: Sequence[Any], extra: dict[Variable, Variable]) -> list[Any]:
        """``values`` in terms of the outputs of the loop that is built now; ``extra`` gets old outputs -> new ones."""
        parts = self.loop.parts
        known = dict(self.loop.output_of)
        for record, _ in self.stand_ins.values():
            if record not in known:
                self.loop.output_of[record] = TensorType(record.out.type.dtype, (False, *record.out.type.broadcastable))()
        found = self.loop.rebuilt()
        replace = {}
        for stand_in, (record, first) in self.stand_ins.items():
            if record in parts.stacked():
                whole: Any = found[self.loop.output_of[record]]
                part = whole[first:] if first else whole
                replace[stand_in] = part[: parts.n_steps] if isinstance(record, State) and first < depth_of(record.taps) else part
        extra.update({old: new for old, new in found.items() if any(old is each for each in known.values()) or old is self.loop.steps})
        return list(clone_replace(list(values), replace))


def _batched_chain(variable: Variable, after: _RowsAfter, inputs: Sequence[Variable]) -> Any:
    """All rows of an inner variable, computed of rows that are known; None where that cannot be."""
    rows, fixed = dict(after.rows), dict(after.fixed)
    for inner in io_toposort([*inputs, *rows], [variable]):
        if _all_rows(inner, rows, fixed) is None:
            return None
    return rows.get(variable)


def _product_of_stored(out: Any, after: _RowsAfter) -> Any:
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
    after = _RowsAfter(loop)
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


# ------------------------------------------------------------ sums over steps


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
    after = _RowsAfter(loop)
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


def _sum(after: _RowsAfter, state: State, terms: Sequence[Variable]) -> Any:
    total: Any = state.outer[0]
    for term in terms:
        total = total + (_sum_of_products(after, term) if _is_product(term) else _sum_of_rows(after, term))
    wanted = state.inners[0].type
    return total if total.type == wanted else Rebroadcast(*enumerate(wanted.broadcastable))(total)


def _rows_of(after: _RowsAfter, variable: Variable) -> Any:
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


def _sum_of_products(after: _RowsAfter, term: Variable) -> Any:
    """The sum over t of ``dot(a[t], b[t])``: one product, over steps and inner axis at once."""
    a, b = (_rows_of(after, v) for v in term.owner.inputs)
    if a.type.broadcastable[2] and b.type.broadcastable[1]:  # outer products
        return dot(a.dimshuffle(1, 0), b.dimshuffle(0, 2))
    left = a.dimshuffle(1, 0, 2).reshape((a.shape[1], a.shape[0] * a.shape[2]))
    return dot(left, b.reshape((b.shape[0] * b.shape[1], b.shape[2])))


def _sum_of_rows(after: _RowsAfter, term: Variable) -> Any:
    return _rows_of(after, term).sum(axis=0, dtype=term.type.dtype)


RULES: tuple[Rewrite, ...] = (PushOutNonSeqScan, PushOutSeqScan, PushOutScanOutput, PushOutDot1)
