"""The loop itself, in Python: what every backend's loop must compute, step for step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.configuration import config
from tcore.scan_module.layout import depth_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tcore.graph import Apply

__all__ = ["run_loop"]


class _Rows:
    """The rows of one output while the loop runs.

    Memory has room for the rows that are wanted at the end and for those that steps still read; where these are fewer than all, row r
    stands at place r modulo their number.

    Parameters
    ----------
    depth : int
        Rows before the first step.
    total : int
        Rows after the last step, if the loop does not stop before.
    keep : int or None
        How many of the last rows are wanted.
    what : str
        Names the output in errors.
    """

    def __init__(self, depth: int, total: int, keep: int | None, what: str) -> None:
        if keep is not None and keep < 0:
            raise ValueError(f"{what}: the number of rows to keep is {keep}")
        self.depth, self.what = depth, what
        self.keep = total if keep is None else min(keep, total)
        self.places = min(total, max(self.keep, depth, 1))
        self.memory: Any = None
        self.listed = not config.scan.allow_output_prealloc

    def start(self, first: np.ndarray, inplace: bool) -> None:
        """Take the rows before the first step: their memory as well, for ``inplace``, where nothing more is needed."""
        if len(first) != self.depth:
            raise ValueError(f"{self.what}: the initial state has {len(first)} rows, its taps need {self.depth}")
        if inplace and self.places == self.depth:
            self.memory = first
            return
        self._allocate(first.shape[1:], first.dtype)
        for row in range(self.depth):
            self.memory[row] = first[row]

    def _allocate(self, shape: tuple[int, ...], dtype: Any) -> None:
        if self.listed:
            self.memory = [np.zeros(shape, dtype) for _ in range(self.places)]
        else:
            self.memory = np.empty((self.places, *shape), dtype)

    def read(self, row: int) -> Any:
        """A view of a row."""
        return self.memory[row % self.places, ...] if isinstance(self.memory, np.ndarray) else self.memory[row % self.places]

    def write(self, step: int, value: Any) -> None:
        """Store the row of a step.

        Raises
        ------
        ValueError
            If it has another shape than the rows before it.
        """
        if self.memory is None:
            self._allocate(value.shape, value.dtype)
        place = (self.depth + step) % self.places
        wanted = np.shape(self.memory[place])
        if value.shape != wanted:
            before = "the initial state" if self.depth and not step else f"step {step - 1}"
            raise ValueError(
                f"{self.what} changes its shape: {value.shape} at step {step}, {wanted} at {before}. All rows of a result must have one shape"
            )
        self.memory[place] = value

    def result(self, steps: int) -> np.ndarray:
        """The rows that are wanted, the oldest first, after ``steps`` steps."""
        total = self.depth + steps
        kept = min(self.keep, total)
        if isinstance(self.memory, list):
            rows = [self.memory[row % self.places] for row in range(total - kept, total)]
            return np.stack(rows) if rows else np.stack(self.memory)[:0]
        first = (total - kept) % self.places if kept else 0
        if first + kept <= self.places:
            return self.memory[first : first + kept]
        return np.concatenate([self.memory[first:], self.memory[: first + kept - self.places]])


def run_loop(node: Apply, fn: Callable[..., list[Any]], inputs: Sequence[Any]) -> list[Any]:
    """The values of the outputs of ``node``.

    Parameters
    ----------
    node : Apply
        Of a ``Scan``.
    fn : callable
        From the inner inputs, as positional arguments, to a list of the inner outputs, which share no memory with the inputs.
    inputs : list
        The values of the node's inputs.
    """
    op: Any = node.op
    given, names = op.layout.outer_inputs(inputs), op.layout.outer_inputs(node.inputs)
    title = op.options.name or "scan"
    loop = _Loop(op, title, given, _checked_steps(title, given, names))
    if config.scan.debug:
        print(f"{op}: {loop.describe()}")
    done, finished = 0, loop.n_steps == 0
    while not finished:
        finished = loop.step(fn, done)
        done += 1
    return loop.results(done)


class _Loop:
    """The state of one run: arrays that steps read and write."""

    def __init__(self, op: Any, title: str, given: Any, n_steps: int) -> None:
        self.op, self.layout, self.title, self.given, self.n_steps = op, op.layout, title, given, n_steps
        self.mitmots = _mitmots(op, title, given, n_steps)
        self.states, self.nitsots = _rows(op, title, given, n_steps)
        self.stacked = [*self.states, *self.nitsots]
        self.shareds = list(given.shareds)

    def describe(self) -> str:
        """For ``config.scan.debug``."""
        return f"{self.n_steps} steps; rows in memory: states {[s.places for s in self.states]}, other outputs {[s.places for s in self.nitsots]}"

    def step(self, fn: Callable[..., list[Any]], t: int) -> bool:
        """Make step ``t``; whether it is the last."""
        layout, given = self.layout, self.given
        results = layout.inner_outputs(
            fn(
                *(seq[t, ...] if isinstance(seq, np.ndarray) else seq[t] for seq in given.seqs),
                *(rows[t + tap, ...] for rows, taps in zip(self.mitmots, layout.mitmot_taps, strict=True) for tap in taps),
                *(rows.read(t + rows.depth + tap) for rows, taps in zip(self.states, layout.state_taps, strict=True) for tap in taps),
                *self.shareds,
                *given.non_seqs,
            )
        )
        for memory, taps, values in zip(self.mitmots, layout.mitmot_out_taps, results.mitmots, strict=True):
            for tap, value in zip(taps, values, strict=True):
                _set_row(self.title, memory, t + tap, value)
        for rows, value in zip(self.stacked, (*results.states, *results.nitsots), strict=True):
            rows.write(t, value)
        self.shareds = results.shareds
        return t + 1 == self.n_steps or bool(layout.until and results.until[0])

    def results(self, done: int) -> list[Any]:
        """The values of the outputs after ``done`` steps."""
        if not done and self.nitsots:
            _empty_rows(self.op, self.nitsots, self.given)
        steps = [np.array(done, "int64")] if self.layout.until else []
        return [*self.mitmots, *(rows.result(done) for rows in self.stacked), *self.shareds, *steps]


def _checked_steps(title: str, given: Any, names: Any) -> int:
    n_steps = int(given.n_steps)
    if n_steps < 0:
        raise ValueError(f"{title}: the number of steps is {n_steps}, and cannot be negative")
    for position, (seq, variable) in enumerate(zip(given.seqs, names.seqs, strict=True)):
        if len(seq) < n_steps:
            raise ValueError(
                f"{title}: sequence {position}, {variable}, has {len(seq)} elements from its first tap on, too few for {n_steps} steps"
            )
    return n_steps


def _mitmots(op: Any, title: str, given: Any, n_steps: int) -> list[np.ndarray]:
    layout = op.layout
    found = []
    for position, (value, *taps) in enumerate(zip(given.mitmots, layout.mitmot_taps, layout.mitmot_out_taps, strict=True)):
        needed = n_steps + max(*taps[0], *taps[1]) if n_steps else 0
        if len(value) < needed:
            raise ValueError(f"{title}: mitmot {position} has {len(value)} rows, {n_steps} steps need {needed}")
        found.append(value if position in op.options.inplace else value.copy())
    return found


def _rows(op: Any, title: str, given: Any, n_steps: int) -> tuple[list[_Rows], list[_Rows]]:
    layout = op.layout
    keeps = [None if keep is None else int(keep) for keep in given.keeps]
    states = []
    for position, (taps, first, keep) in enumerate(zip(layout.state_taps, given.states, keeps, strict=False)):
        depth = depth_of(taps)
        rows = _Rows(depth, depth + n_steps, keep, f"{title}: state {position}")
        rows.start(first, layout.n_mitmots + position in op.options.inplace)
        states.append(rows)
    nitsots = [_Rows(0, n_steps, keep, f"{title}: output {position}") for position, keep in enumerate(keeps[layout.n_states :])]
    return states, nitsots


def _set_row(title: str, memory: np.ndarray, row: int, value: Any) -> None:
    if value.shape != memory.shape[1:]:
        raise ValueError(f"{title}: a row of shape {value.shape} does not fit into an array of shape {memory.shape}")
    memory[row] = value


def _empty_rows(op: Any, nitsots: Sequence[_Rows], given: Any) -> None:
    """Memory without rows for outputs of a loop of no steps: lengths that follow from those of the inputs, 0 for others."""
    layout = op.layout
    outputs = layout.inner_outputs(op.inner_outputs).nitsots
    values = [
        *(np.zeros(seq.shape[1:], seq.dtype) if isinstance(seq, np.ndarray) else seq for seq in given.seqs),
        *(np.zeros(rows.shape[1:], rows.dtype) for rows, taps in zip(given.mitmots, layout.mitmot_taps, strict=True) for _ in taps),
        *(rows[0, ...] for rows, taps in zip(given.states, layout.state_taps, strict=True) for _ in taps),
        *given.shareds,
        *given.non_seqs,
    ]
    try:
        measured = [int(length) for length in op.measure(*values)]
    except Exception:  # a length may follow from values of which there is none before the first step
        measured = [0 for output in outputs for _ in output.type.broadcastable]
    found = iter(measured)
    for rows, output in zip(nitsots, outputs, strict=True):
        rows.memory = np.empty((0, *[next(found) for _ in output.type.broadcastable]), output.type.dtype)
