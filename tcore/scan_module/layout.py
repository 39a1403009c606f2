"""Which variables a loop has, by kind, and in which order they stand in its four lists.

The lists are the inputs and outputs of the node (*outer*) and those of the graph of one step (*inner*):

====================  ====================================  ==========================  =====================  ===========================
kind                  outer input                           inner inputs at step t      inner outputs          outer output
====================  ====================================  ==========================  =====================  ===========================
(number of steps)     int64 scalar                          none                        none                   none
sequence              rows, at least one a step             row t                       none                   none
mitmot                all rows                              rows t + tap                rows t + tap           all rows, some overwritten
mitsot, sitsot        the first ``depth`` rows              rows t + depth + tap        row t + depth          first rows, then one a step
nitsot                none                                  none                        row t                  one row a step
shared                first value                           value after step t - 1      value after step t     last value
(rows kept)           int64 scalar                          none                        none                   none
non-sequence          value                                 the value                   none                   none
====================  ====================================  ==========================  =====================  ===========================

Kinds follow one another in this order, in all four lists. The taps of a mitsot are negative, ``depth`` is the largest in magnitude;
a sitsot is a state whose only tap is -1. Those of a mitmot are not negative. A loop that may stop early has one more inner output, the
condition, and one more outer output, the number of steps that were made; both stand last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["InnerInputs", "InnerOutputs", "Layout", "OuterInputs", "OuterOutputs", "depth_of"]


def depth_of(taps: Sequence[int]) -> int:
    """How many rows before the first step a state with these taps has."""
    return -min(taps)


@frozen
class InnerInputs:
    """The inner inputs by kind; mitmots and states have one list each, with an entry for each tap."""

    seqs: list[Any]
    mitmots: list[list[Any]]
    states: list[list[Any]]
    shareds: list[Any]
    non_seqs: list[Any]


@frozen
class InnerOutputs:
    """The inner outputs by kind; ``until`` holds the condition, or nothing."""

    mitmots: list[list[Any]]
    states: list[Any]
    nitsots: list[Any]
    shareds: list[Any]
    until: list[Any]


@frozen
class OuterInputs:
    """The inputs of a node by kind; ``keeps`` has an entry for each state and nitsot, None where all rows are kept."""

    n_steps: Any
    seqs: list[Any]
    mitmots: list[Any]
    states: list[Any]
    shareds: list[Any]
    keeps: list[Any]
    non_seqs: list[Any]


@frozen
class OuterOutputs:
    """The outputs of a node by kind; ``steps`` holds the number of steps that were made, or nothing."""

    mitmots: list[Any]
    states: list[Any]
    nitsots: list[Any]
    shareds: list[Any]
    steps: list[Any]


@frozen
class Layout:
    """How many variables of each kind a loop has.

    Attributes
    ----------
    n_seqs, n_nitsots, n_shared, n_non_seqs : int
    mitmot_taps, mitmot_out_taps : tuple of tuples of int
        Which rows each mitmot reads and writes, relative to the step. All are read before one is written.
    state_taps : tuple of tuples of int
        Which rows each state reads: mitsots first, then sitsots.
    kept : tuple of bool
        For each state, then each nitsot: whether the node is told how many of the last rows are wanted.
    until : bool
        Whether the loop may stop before its last step.
    """

    n_seqs: int = 0
    mitmot_taps: tuple[tuple[int, ...], ...] = ()
    mitmot_out_taps: tuple[tuple[int, ...], ...] = ()
    state_taps: tuple[tuple[int, ...], ...] = ()
    n_nitsots: int = 0
    n_shared: int = 0
    n_non_seqs: int = 0
    kept: tuple[bool, ...] = ()
    until: bool = False

    @property
    def n_mitmots(self) -> int:
        """Number of mitmots."""
        return len(self.mitmot_taps)

    @property
    def n_states(self) -> int:
        """Number of mitsots and sitsots."""
        return len(self.state_taps)

    @property
    def n_mitsots(self) -> int:
        """Number of states that read another row than the last one."""
        return sum(taps != (-1,) for taps in self.state_taps)

    @property
    def n_sitsots(self) -> int:
        """Number of states that read the last row alone."""
        return self.n_states - self.n_mitsots

    # ------------------------------------------------------------ the four lists

    def inner_inputs(self, flat: Sequence[Any]) -> InnerInputs:
        """The list of inner inputs, or one that runs beside it, by kind."""
        rest = iter(flat)
        return InnerInputs(
            _take(rest, self.n_seqs),
            [_take(rest, len(taps)) for taps in self.mitmot_taps],
            [_take(rest, len(taps)) for taps in self.state_taps],
            _take(rest, self.n_shared),
            _take(rest, self.n_non_seqs),
        )

    def inner_outputs(self, flat: Sequence[Any]) -> InnerOutputs:
        """The list of inner outputs, or one that runs beside it, by kind."""
        rest = iter(flat)
        return InnerOutputs(
            [_take(rest, len(taps)) for taps in self.mitmot_out_taps],
            _take(rest, self.n_states),
            _take(rest, self.n_nitsots),
            _take(rest, self.n_shared),
            list(rest),
        )

    def outer_inputs(self, flat: Sequence[Any]) -> OuterInputs:
        """The list of a node's inputs, or one that runs beside it, by kind."""
        rest = iter(flat)
        return OuterInputs(
            next(rest),
            _take(rest, self.n_seqs),
            _take(rest, self.n_mitmots),
            _take(rest, self.n_states),
            _take(rest, self.n_shared),
            [next(rest) if given else None for given in self.kept],
            _take(rest, self.n_non_seqs),
        )

    def outer_outputs(self, flat: Sequence[Any]) -> OuterOutputs:
        """The list of a node's outputs, or one that runs beside it, by kind."""
        rest = iter(flat)
        return OuterOutputs(
            _take(rest, self.n_mitmots),
            _take(rest, self.n_states),
            _take(rest, self.n_nitsots),
            _take(rest, self.n_shared),
            list(rest),
        )

    # ------------------------------------------------------------ lengths of the lists

    @property
    def n_inner_inputs(self) -> int:
        """Length of the list of inner inputs."""
        return self.n_seqs + sum(map(len, (*self.mitmot_taps, *self.state_taps))) + self.n_shared + self.n_non_seqs

    @property
    def n_inner_outputs(self) -> int:
        """Length of the list of inner outputs."""
        return sum(map(len, self.mitmot_out_taps)) + self.n_states + self.n_nitsots + self.n_shared + self.until

    @property
    def n_outer_inputs(self) -> int:
        """Number of inputs of a node."""
        return 1 + self.n_seqs + self.n_mitmots + self.n_states + self.n_shared + sum(self.kept) + self.n_non_seqs

    @property
    def n_outer_outputs(self) -> int:
        """Number of outputs of a node."""
        return self.n_mitmots + self.n_states + self.n_nitsots + self.n_shared + self.until


def _take(rest: Iterator[Any], count: int) -> list[Any]:
    return [next(rest) for _ in range(count)]
