"""Gradients of loops: a loop that goes back.

A state's gradient is a mitmot: an array with a row for each row of the state, the last first. Each step reads the row of the output that it is
about, complete by then, and adds to the rows of the earlier outputs that the step saw. What the loop forward computed is read, not computed
again, where it is an output of it; what is costly, or random, becomes one: the loop forward is then another one, with these outputs more, and
merging leaves one of the two.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, field

from tcore.gradient.connection import is_disconnected, is_null
from tcore.gradient.reverse import float_zeros
from tcore.graph import Variable, ancestors, clone_replace, io_toposort
from tcore.graph.null_type import disconnected_type
from tcore.graph.undefined import grad_not_implemented
from tcore.records import define
from tcore.scan_module.connection import input_bits, outer_pattern
from tcore.scan_module.layout import depth_of
from tcore.scan_module.parts import Built, Mitmot, Nitsot, NonSequence, Parts, SequencePart, State
from tcore.scan_module.pullback import Pullback, has_value, in_type_of
from tcore.scan_module.rows import first_rows, has_rows
from tcore.tensor.alloc import zeros, zeros_like
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.indexing import set_subtensor
from tcore.tensor.math import minimum
from tcore.tensor.rebroadcast import patternbroadcast
from tcore.tensor.shape import Shape_i
from tcore.tensor.subtensor import Subtensor
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.scan_module.op import Scan

__all__ = ["gradients"]


def gradients(op: Scan, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
    """As ``L_op`` gives them."""
    forward = Parts.of(op, inputs)
    given = op.layout.outer_outputs(list(output_grads))
    pullback = Pullback(forward, given)
    if pullback.nothing():
        return [disconnected_type() for _ in inputs]
    found = _BackwardLoop(op, forward, given, pullback, op.layout.outer_outputs(list(outputs))).results()
    found.update(_undefined(op, forward, pullback))
    pattern = outer_pattern(op)
    results = []
    for position, variable in enumerate(inputs):
        connected = any(hit and not is_disconnected(g) for hit, g in zip(pattern[position], output_grads, strict=True))
        results.append(found.get(position) or (float_zeros(variable) if connected else disconnected_type()))
    return results


def _undefined(op: Scan, forward: Parts, pullback: Pullback) -> dict[int, Variable]:
    """By position, outer inputs whose gradient is undefined, since it is so within a step that they flow into."""
    nulls = [(k, pullback.of[v]) for k, v in enumerate(forward.inner_inputs()) if v in pullback.of and is_null(pullback.of[v])]
    if not nulls:
        return {}
    bits = input_bits(op)
    return {position: reason for k, reason in nulls for position in range(op.layout.n_outer_inputs) if bits[k] >> position & 1}


def _is_cheap(op: Any) -> bool:
    return isinstance(op, (DimShuffle, Elemwise, Shape_i, Subtensor)) or bool(op.view_map)


def _to_save(forward: Parts, wanted: Sequence[Variable], known: set[Variable]) -> list[Variable]:
    """What ``wanted`` needs of the step forward, beside ``known``, that cannot be computed again, or not cheaply: tensors."""
    nodes = io_toposort(list(known), wanted)
    tainted: set[Variable] = {part.inner for part in forward.shareds}
    lost: set[Variable] = {inner for each in forward.mitmots for inner in each.inners}
    own = {v for node in io_toposort(forward.inner_inputs(), forward.inner_outputs()) for v in node.outputs}
    found: dict[Variable, None] = {}
    for node in nodes:
        found.update(dict.fromkeys(v for v in node.inputs if v in lost))
        uses_state = any(v in tainted for v in node.inputs)
        for output in node.outputs:
            if output in known or output not in own:
                continue
            if not isinstance(output.type, TensorType):
                if uses_state:
                    tainted.add(output)
            elif uses_state or not (_is_cheap(node.op) or _holds_a_loop(node.op)):
                found[output] = None
    found.update(dict.fromkeys(v for v in wanted if v in lost))
    saved = list(found)
    needed = set(ancestors(wanted, [*known, *saved]))
    return [v for v in saved if v in needed]


def _holds_a_loop(op: Any) -> bool:
    """Whether an op is a loop itself: what it stores of its steps may be more than anyone wants to keep (checkpoints count on it)."""
    return hasattr(op, "fgraph") and hasattr(op, "layout")


@define(eq=False)
class _BackwardLoop:
    """The loop back of one loop, and where its results stand."""

    op: Any
    forward: Parts
    given: Any
    pullback: Pullback
    outputs: Any
    back: Parts = field(init=False)
    n_steps: Any = field(init=False)
    #: inner variable of the loop forward -> that of the loop back
    replace: dict[Variable, Variable] = field(init=False, factory=dict)
    #: position of an outer input -> the record in :attr:`back` that gives its gradient
    wanted: dict[int, Any] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        options = self.forward.options
        values = self._values_of_the_loop_forward()
        cut = options.truncate_gradient
        n_back = self.n_steps if cut < 0 else minimum(self.n_steps, cut)
        self.back = Parts(n_back, options=evolve(options, name=f"grad_of_{options.name or 'scan_fn'}"))
        for variable, rows in values:
            self._add_sequence(variable, rows)
        for record, gradient, template in zip(self.forward.nitsots, self.given.nitsots, self.outputs.nitsots, strict=True):
            for seed in self.pullback.seeds.get(record, ()):
                self._add_sequence(seed, self._all_rows(gradient, template, 0, record.keep))
        targets = {v: g for v, g in self.pullback.of.items() if has_value(g)}
        positions = self.op.layout.outer_inputs(range(self.op.layout.n_outer_inputs))
        self._add_mitmots(targets, positions)
        for position, part in zip(positions.seqs, self.forward.seqs, strict=True):
            if part.inner in targets:
                self.back.nitsots.append(Nitsot(targets[part.inner]))
                self.wanted[position] = self.back.nitsots[-1]
        for position, fixed in zip(positions.non_seqs, self.forward.non_seqs, strict=True):
            if fixed.inner in targets and isinstance(fixed.outer.type, TensorType):
                self.back.states.append(_sum_over_steps(fixed.outer, fixed.inner, targets[fixed.inner]))
                self.wanted[position] = self.back.states[-1]
        self._finish()

    # ------------------------------------------------------------ values of the loop forward

    def _values_of_the_loop_forward(self) -> list[tuple[Variable, Any]]:
        """Pairs of an inner variable that gradients need and what has its value at step t as row t."""
        forward = self.forward
        wanted = [g for g in self.pullback.of.values() if has_value(g)]
        inner_inputs = set(forward.inner_inputs())
        computed = [r for r in forward.stacked() if r.out not in inner_inputs and r.out.owner is not None]
        known = {*inner_inputs, *(record.out for record in computed)}
        saved = _to_save(forward, wanted, known)
        used = set(ancestors(wanted, [*known, *saved]))
        states, nitsots, steps = self.outputs.states, self.outputs.nitsots, (self.outputs.steps or [None])[0]
        if saved or any(record.keep is not None for record in forward.stacked()):
            again = self._again(saved)
            states, nitsots, steps = again.states, again.nitsots, again.steps
        self.n_steps = forward.n_steps if steps is None else steps
        found: dict[Variable, Any] = {part.inner: part.outer for part in forward.seqs}
        for state, rows in zip(forward.states, states, strict=True):
            depth = depth_of(state.taps)
            found.update({inner: rows[depth + tap :] if depth + tap else rows for tap, inner in zip(state.taps, state.inners, strict=True)})
            if state in computed:
                found[state.out] = rows[depth:]
        found.update({record.out: rows for record, rows in zip(forward.nitsots, nitsots, strict=False) if record in computed})
        found.update(zip(saved, nitsots[len(forward.nitsots) :], strict=True) if saved else ())
        return [(variable, rows) for variable, rows in found.items() if variable in used]

    def _again(self, saved: Sequence[Variable]) -> Built:
        """The loop forward with all rows of its outputs, and with those of ``saved``."""
        forward = self.forward
        twin = Parts(
            forward.n_steps, forward.seqs, forward.mitmots, [evolve(state, keep=None) for state in forward.states],
            [*(Nitsot(record.out) for record in forward.nitsots), *map(Nitsot, saved)],
            forward.shareds, forward.non_seqs, forward.until, forward.options,
        )  # fmt: skip
        return twin.build()

    def _add_sequence(self, variable: Variable, rows: Any) -> None:
        """Let row t of ``rows`` be the value of ``variable`` in the step back that is about step t."""
        self.replace[variable] = inner = variable.type(variable.name)
        self.back.seqs.append(SequencePart(first_rows(rows, self.n_steps)[::-1], inner))

    # ------------------------------------------------------------ gradients that come in

    def _all_rows(self, gradient: Any, template: Any, depth: int, keep: Any) -> Any:
        """The gradient of all rows of an output: zeros where there is none, and before the rows that were kept."""
        if keep is None:
            return gradient if has_value(gradient) else zeros_like(template)
        lengths = [template.shape[axis] for axis in range(1, template.type.ndim)]
        whole = zeros((self.n_steps + depth, *lengths), dtype=template.type.dtype)
        return set_subtensor(whole[whole.shape[0] - gradient.shape[0] :], gradient) if has_value(gradient) else whole

    def _add_mitmots(self, targets: dict[Variable, Variable], positions: Any) -> None:
        forward, seeds_of = self.forward, self.pullback.seeds
        for position, state, gradient, template in zip(positions.states, forward.states, self.given.states, self.outputs.states, strict=True):
            if state in seeds_of:
                rows = self._all_rows(gradient, template, depth_of(state.taps), state.keep)
                added = {-tap: targets[v] for tap, v in zip(state.taps, state.inners, strict=True) if v in targets}
                self.wanted[position] = self._mitmot(rows[::-1], {0: seeds_of[state][0]}, added, ())
        for position, mitmot, gradient, template in zip(positions.mitmots, forward.mitmots, self.given.mitmots, self.outputs.mitmots, strict=True):
            if mitmot in seeds_of:
                last = max(*mitmot.taps, *mitmot.out_taps)
                rows = gradient if has_value(gradient) else zeros_like(template)
                seeds = {last - tap: seed for tap, seed in zip(mitmot.out_taps, seeds_of[mitmot], strict=True)}
                added = {last - tap: targets[v] for tap, v in zip(mitmot.taps, mitmot.inners, strict=True) if v in targets}
                self.wanted[position] = self._mitmot(rows[: self.n_steps + last][::-1], seeds, added, tuple(seeds))

    def _mitmot(self, rows: Any, seeds: dict[int, Any], added: dict[int, Any], overwritten: Sequence[int]) -> Mitmot:
        """A mitmot whose rows ``seeds`` are read, and to whose rows ``added`` something is added; ``overwritten`` ones begin at zero."""
        kind: Any = next(iter(seeds.values())).type
        taps = tuple(sorted({*seeds, *added}))
        inners = {tap: seeds[tap] if tap in seeds else kind() for tap in taps}
        outs: dict[int, Any] = {}
        for tap in sorted({*added, *overwritten}):
            start: Any = zeros_like(inners[tap]) if tap in overwritten else inners[tap]
            outs[tap] = in_type_of(start + added[tap], inners[tap]) if tap in added else start
        if not outs:  # no earlier row is seen in a differentiable way
            outs = {taps[0]: inners[taps[0]]}
        if rows.type.broadcastable[1:] != kind.broadcastable:
            rows = patternbroadcast(rows, (False, *kind.broadcastable))
        record = Mitmot(rows, taps, list(inners.values()), tuple(outs), list(outs.values()))
        self.back.mitmots.append(record)
        return record

    def _finish(self) -> None:
        """Add the non-sequences that are needed, and let the variables of the loop back stand for those of the loop forward."""
        back = self.back
        used = set(ancestors(back.inner_outputs(), list(self.replace)))
        for part in self.forward.non_seqs:
            if part.inner in used:
                self.replace[part.inner] = inner = part.inner.type(part.inner.name)
                back.non_seqs.append(NonSequence(part.outer, inner))
        renamed = iter(clone_replace(back.inner_outputs(), self.replace))
        for mitmot in back.mitmots:
            mitmot.outs = [next(renamed) for _ in mitmot.outs]
        for record in back.stacked():
            record.out = next(renamed)

    # ------------------------------------------------------------ results

    def results(self) -> dict[int, Variable]:
        """Gradients of outer inputs, by position."""
        if not self.wanted:
            return {}
        built = self.back.build()
        given = dict(zip(self.back.with_output(), (*built.mitmots, *built.states, *built.nitsots), strict=True))
        positions, forward = self.op.layout.outer_inputs(range(self.op.layout.n_outer_inputs)), self.forward
        by_position: dict[int, Any] = dict(
            zip(
                (*positions.seqs, *positions.mitmots, *positions.states, *positions.non_seqs),
                (*forward.seqs, *forward.mitmots, *forward.states, *forward.non_seqs),
                strict=True,
            )
        )
        found = {}
        for position, record in self.wanted.items():
            part = by_position[position]
            found[position] = in_type_of(self._result(part, given[record]), part.outer)
        for position, part in zip(positions.non_seqs, self.forward.non_seqs, strict=True):
            gradient = self.pullback.of.get(part.inner)
            if gradient is not None and has_value(gradient) and position not in found:
                found[position] = grad_not_implemented(self.op, position, part.outer, "a sum over steps of what is no tensor")
        return found

    def _result(self, part: Any, rows: Any) -> Any:
        """The gradient of the outer input of ``part``, from the output of the loop back that stands for it."""
        if isinstance(part, NonSequence):
            return rows[-1]
        if isinstance(part, State):
            return rows[self.n_steps : self.n_steps + depth_of(part.taps)][::-1]
        if isinstance(part, Mitmot):
            gradient = self.given.mitmots[self.forward.mitmots.index(part)]
            whole = gradient if has_value(gradient) else zeros_like(part.outer)
            return set_subtensor(whole[: rows.shape[0]], rows[::-1])
        if self.back.n_steps is self.n_steps and has_rows(part.outer, self.n_steps):
            return rows[::-1]
        return set_subtensor(zeros_like(part.outer)[self.n_steps - self.back.n_steps : self.n_steps], rows[::-1])


def _sum_over_steps(outer: Any, inner: Any, gradient: Any) -> State:
    """A state that adds up ``gradient``, that of a value that every step sees."""
    start: Any = zeros_like(outer)
    total: Any = inner.type()
    return State(start.dimshuffle("x", *range(start.type.ndim)), (-1,), [total], in_type_of(total + gradient, total))

