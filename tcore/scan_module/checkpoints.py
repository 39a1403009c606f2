"""Loops whose gradients need less memory, for some steps computed twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.scan_module.arguments import checked_non_sequences, checked_outputs_info, checked_sequences, checked_steps
from tcore.scan_module.scan import scan
from tcore.tensor.alloc import zeros
from tcore.tensor.assertion import Assert
from tcore.tensor.join import join
from tcore.tensor.math import eq, minimum
from tcore.tensor.ranges import arange

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcore.graph import Variable
    from tcore.scan_module.updates import OrderedUpdates

__all__ = ["scan_checkpoints"]


def scan_checkpoints(
    fn: Callable[..., Any],
    sequences: Any = (),
    outputs_info: Any = None,
    non_sequences: Any = (),
    name: str = "checkpointscan_fn",
    n_steps: Any = None,
    save_every_N: int = 10,
    padding: bool = True,
) -> tuple[Any, OrderedUpdates]:
    """A loop like :func:`scan` of which only every ``save_every_N``-th step is kept; gradients compute the steps between anew.

    Parameters
    ----------
    fn, sequences, outputs_info, non_sequences, name
        As for :func:`scan`; no taps but ``t`` for sequences and ``t-1`` for outputs. All sequences have one length.
    n_steps : int or integer scalar, optional
        Positive, and the length of the sequences where there are some.
    save_every_N : int
        How many steps there are from one that is kept to the next.
    padding : bool
        Whether the number of steps may be other than a multiple of ``save_every_N``, which costs a copy of the sequences.

    Returns
    -------
    (outputs, updates)
        As :func:`scan`, but outputs have one row for each step that is kept, the last step among them.
    """
    if isinstance(save_every_N, bool) or not isinstance(save_every_N, int) or save_every_N < 1:
        raise ValueError(f"scan_checkpoints: save_every_N is a number of steps, at least 1, got {save_every_N!r}")
    seqs = checked_sequences(list(sequences) if isinstance(sequences, tuple) else sequences)
    infos = checked_outputs_info(outputs_info)
    fixed = checked_non_sequences(list(non_sequences) if isinstance(non_sequences, tuple) else non_sequences)
    if any(seq.taps != (0,) for seq in seqs) or any(info.taps not in ((), (-1,)) for info in infos or ()):
        raise ValueError("scan_checkpoints: taps other than t for sequences and t-1 for outputs are not possible: use scan")
    count = checked_steps(n_steps)
    if count is None and not seqs:
        raise ValueError("scan_checkpoints: without sequences the number of steps is not known: give n_steps")
    steps = _checked_length(count, [seq.input for seq in seqs])
    chunks: Any = (steps + save_every_N - 1) // save_every_N
    if not padding:
        chunks = Assert("scan_checkpoints: with padding=False the number of steps must be a multiple of save_every_N")(
            chunks, eq(steps % save_every_N, 0)
        )
    blocks = [_in_blocks(seq.input, chunks, steps, save_every_N, padding) for seq in seqs]
    n_seqs = len(seqs)

    def block(first_step: Variable, *arguments: Variable) -> Any:
        """The steps from ``first_step`` to the next one that is kept."""
        own, rest = list(arguments[:n_seqs]), list(arguments[n_seqs:])
        started = iter(rest)
        inner_info = None if infos is None else [next(started) if info.taps else None for info in infos]
        length = minimum(steps - first_step, save_every_N) if padding else save_every_N
        outputs, updates = scan(fn, own, inner_info, list(started), length, name=f"{name}_block", return_list=True)
        return [output[-1] for output in outputs], updates

    firsts = arange(chunks) * save_every_N
    return scan(block, [firsts, *blocks], None if infos is None else [info.initial if info.taps else None for info in infos], fixed, chunks, name=name)


def _checked_length(count: Variable | None, sequences: list[Any]) -> Any:
    """The number of steps, which is the length of every sequence: who computes it checks that."""
    lengths = [seq.shape[0] for seq in sequences]
    steps = lengths[0] if count is None else count
    others = [length for length in lengths if length is not steps]
    if not others:
        return steps
    return Assert("scan_checkpoints: all sequences have one length, which is n_steps where that is given")(steps, *(eq(length, steps) for length in others))


def _in_blocks(sequence: Any, chunks: Any, steps: Any, every: int, padding: bool) -> Any:
    """``sequence`` with two axes in place of the first: blocks, and steps of a block; zeros fill up the last one."""
    rest = [sequence.shape[axis] for axis in range(1, sequence.type.ndim)]
    if padding:
        missing = chunks * every - steps
        sequence = join(0, sequence, zeros((missing, *rest), dtype=sequence.type.dtype))
    return sequence.reshape((chunks, every, *rest), ndim=sequence.type.ndim + 1)
