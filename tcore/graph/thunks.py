"""Thunks: what a linker runs for a node, from cells into cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["value_thunk"]


def value_thunk(
    run: Callable[[list[Any]], Sequence[Any]], inputs: Sequence[list[Any]], outputs: Sequence[list[Any]], computed: Sequence[list[int]]
) -> Callable[[], None]:
    """A thunk on a function from the values of all inputs to those of all outputs.

    Parameters
    ----------
    run : callable
    inputs, outputs : sequences of cells
    computed : sequence of cells
        Set to True when the outputs are there.

    Returns
    -------
    callable
        With the documented attributes ``inputs``, ``outputs`` and ``lazy`` (False).
    """

    def thunk() -> None:
        for cell, value in zip(outputs, run([cell[0] for cell in inputs]), strict=True):
            cell[0] = value
        for flag in computed:
            flag[0] = True

    thunk.inputs = inputs  # type: ignore[attr-defined]
    thunk.outputs = outputs  # type: ignore[attr-defined]
    thunk.lazy = False  # type: ignore[attr-defined]
    return thunk
