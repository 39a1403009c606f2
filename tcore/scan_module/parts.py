"""A loop taken apart: each variable of it as a record with all that belongs to it, inside and outside.

What builds or changes loops works on these records, which can be added, left out and put into any order; :meth:`Parts.build` makes a node
of them. The lists in which an op keeps its variables are the business of :mod:`tcore.scan_module.layout` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve, field

from tcore.graph import clone
from tcore.records import define
from tcore.scan_module.layout import Layout
from tcore.scan_module.op import Options, Scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph import Apply, Variable

__all__ = ["Built", "Mitmot", "Nitsot", "NonSequence", "Parts", "SequencePart", "SharedPart", "State"]


@define(eq=False)
class SequencePart:
    """``inner`` is row t of ``outer`` at step t."""

    outer: Variable
    inner: Variable


@define(eq=False)
class Mitmot:
    """``inners[k]`` is row t + ``taps[k]`` of ``outer``; ``outs[k]`` becomes its row t + ``out_taps[k]``."""

    outer: Variable
    taps: tuple[int, ...]
    inners: list[Variable]
    out_taps: tuple[int, ...]
    outs: list[Variable]


@define(eq=False)
class State:
    """``outer`` holds the rows before the first step, ``inners[k]`` is the row of step t + ``taps[k]``, ``out`` that of step t.

    ``keep`` is the number of last rows that are wanted; None for all.
    """

    outer: Variable
    taps: tuple[int, ...]
    inners: list[Variable]
    out: Variable
    keep: Variable | None = None


@define(eq=False)
class Nitsot:
    """``out`` is the row of step t."""

    out: Variable
    keep: Variable | None = None


@define(eq=False)
class SharedPart:
    """A value of any type that is handed from step to step: ``inner`` before, ``out`` after."""

    outer: Variable
    inner: Variable
    out: Variable


@define(eq=False)
class NonSequence:
    """``inner`` is ``outer`` at each step."""

    outer: Variable
    inner: Variable


@define(eq=False)
class Built:
    """The node that :meth:`Parts.build` made, and its outputs in the order of the records."""

    node: Apply
    mitmots: list[Variable]
    states: list[Variable]
    nitsots: list[Variable]
    shareds: list[Variable]
    #: the number of steps, where the loop may stop early
    steps: Variable | None


@define(eq=False)
class Parts:
    """The records of one loop."""

    n_steps: Variable
    seqs: list[SequencePart] = field(factory=list)
    mitmots: list[Mitmot] = field(factory=list)
    states: list[State] = field(factory=list)
    nitsots: list[Nitsot] = field(factory=list)
    shareds: list[SharedPart] = field(factory=list)
    non_seqs: list[NonSequence] = field(factory=list)
    until: Variable | None = None
    options: Options = field(factory=Options)

    @classmethod
    def of(cls, op: Scan, inputs: Sequence[Variable]) -> Parts:
        """The records of a node of ``op`` with ``inputs``, on a copy of the inner graph. The inner variables are the caller's to change."""
        layout = op.layout
        inner_inputs, inner_outputs = clone(op.inner_inputs, op.inner_outputs)
        i, o, outer = layout.inner_inputs(inner_inputs), layout.inner_outputs(inner_outputs), layout.outer_inputs(inputs)
        keeps = iter(outer.keeps)
        return cls(
            outer.n_steps,
            [SequencePart(*pair) for pair in zip(outer.seqs, i.seqs, strict=True)],
            [Mitmot(*each) for each in zip(outer.mitmots, layout.mitmot_taps, i.mitmots, layout.mitmot_out_taps, o.mitmots, strict=True)],
            [State(*each, next(keeps)) for each in zip(outer.states, layout.state_taps, i.states, o.states, strict=True)],
            [Nitsot(out, next(keeps)) for out in o.nitsots],
            [SharedPart(*each) for each in zip(outer.shareds, i.shareds, o.shareds, strict=True)],
            [NonSequence(*pair) for pair in zip(outer.non_seqs, i.non_seqs, strict=True)],
            o.until[0] if o.until else None,
            evolve(op.options, inplace=()),
        )

    def stacked(self) -> list[Any]:
        """The records whose rows are stacked: states, then nitsots."""
        return [*self.states, *self.nitsots]

    def fed_back(self) -> list[Any]:
        """The records whose outputs later steps see: mitmots, states, shared values."""
        return [*self.mitmots, *self.states, *self.shareds]

    def with_output(self) -> list[Any]:
        """The records that an output of the node belongs to, in the order of the outputs."""
        return [*self.mitmots, *self.states, *self.nitsots, *self.shareds]

    def inner_inputs(self) -> list[Variable]:
        """All inner inputs, in the order of the records."""
        return [
            *(each.inner for each in self.seqs),
            *(inner for each in self.mitmots for inner in each.inners),
            *(inner for each in self.states for inner in each.inners),
            *(each.inner for each in self.shareds),
            *(each.inner for each in self.non_seqs),
        ]

    def inner_outputs(self) -> list[Variable]:
        """All inner outputs, in the order of the records; the condition last."""
        return [
            *(out for each in self.mitmots for out in each.outs),
            *(each.out for each in self.states),
            *(each.out for each in self.nitsots),
            *(each.out for each in self.shareds),
            *([] if self.until is None else [self.until]),
        ]

    def build(self) -> Built:
        """A node of these records. The inner graph is copied; the outputs come in the order of the records."""
        order = sorted(range(len(self.states)), key=lambda k: self.states[k].taps == (-1,))
        given, self.states = self.states, [self.states[k] for k in order]
        keeps = [each.keep for each in self.stacked()]
        layout = Layout(
            len(self.seqs), tuple(m.taps for m in self.mitmots), tuple(m.out_taps for m in self.mitmots), tuple(s.taps for s in self.states),
            len(self.nitsots), len(self.shareds), len(self.non_seqs), tuple(keep is not None for keep in keeps), self.until is not None,
        )  # fmt: skip
        op = Scan.of(self.inner_inputs(), self.inner_outputs(), layout, self.options)
        first: list[Any] = [*self.seqs, *self.fed_back()]
        outer = [
            self.n_steps,
            *(each.outer for each in first),
            *(keep for keep in keeps if keep is not None),
            *(each.outer for each in self.non_seqs),
        ]
        results = op(*outer, return_list=True)
        groups = layout.outer_outputs(results)
        self.states = given
        states = [groups.states[order.index(k)] for k in range(len(given))]
        steps = groups.steps[0] if groups.steps else None
        return Built(results[0].owner, groups.mitmots, states, groups.nitsots, groups.shareds, steps)
