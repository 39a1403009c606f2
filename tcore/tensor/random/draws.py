"""What NumPy's generator has not: draws whose parameters are arrays where NumPy takes numbers only.

Functions ``draw(state, *parameters, size)`` for :class:`~tcore.tensor.random.function.RandomFunction`. With numbers as
parameters each draws what NumPy's method of that name does, from the same bits. ``drawn_lengths`` gives the lengths of the
axes that one draw adds, from parameters and their shapes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.graph import Variable
from tcore.tensor._lengths import as_length

__all__ = ["choice", "multinomial", "permutation", "random_integers"]


def random_integers(state: np.random.RandomState, low: Any, high: Any, size: tuple[int, ...]) -> Any:
    """Integers from ``low`` to ``high``, both included, each of which may be an array."""
    if np.ndim(low) == 0 and np.ndim(high) == 0:
        return state.randint(int(low), int(high) + 1, size=size, dtype="int64")
    beyond = np.asarray(high, "int64")
    # Python's integers where the bound that NumPy leaves out would overflow
    beyond = beyond + 1 if not beyond.size or beyond.max() < np.iinfo("int64").max else beyond.astype(object) + 1
    return state.randint(np.asarray(low, "int64"), beyond, size=size, dtype="int64")


def choice(state: np.random.RandomState, a: Any, replace: Any, *p: Any, size: tuple[int, ...]) -> Any:
    """Entries of the vector ``a``, or of ``range(a)``; with the probabilities ``p`` if they are given."""
    return state.choice(int(a) if np.ndim(a) == 0 else a, size=size, replace=bool(replace), p=p[0] if p else None)


def permutation(state: np.random.RandomState, n: Any, size: tuple[int, ...]) -> Any:
    """A permutation of ``range(n)`` for each index of ``size``."""
    count = int(n)
    if count < 0:
        raise ValueError(f"permutation: n counts the elements of a permutation, got {count}")
    if not size:
        return state.permutation(count)
    numbers = np.empty((*size, count), "int64")
    for row in numbers.reshape(-1, count) if count else ():
        row[:] = np.arange(count)
        state.shuffle(row)  # what NumPy's permutation does
    return numbers


def multinomial(state: np.random.RandomState, n: Any, pvals: Any, size: tuple[int, ...]) -> Any:
    """How often each outcome came in ``n`` trials with the probabilities ``pvals`` (last axis), for each index of ``size``."""
    wide = _probabilities(pvals)
    if np.ndim(n) == 0 and wide.ndim == 1:
        return state.multinomial(int(n), wide, size=size)
    trials = np.broadcast_to(n, size)
    chances = np.broadcast_to(wide, (*size, wide.shape[-1]))
    numbers = np.empty(chances.shape, "int64")
    for place in np.ndindex(*size):
        numbers[place] = state.multinomial(int(trials[place]), chances[place])
    return numbers


def _probabilities(pvals: Any) -> Any:
    """In float64; those that were rounded to less add up to 1 again, or NumPy would refuse many of them."""
    wide = np.asarray(pvals, "float64")
    if pvals.dtype == np.float64:
        return wide
    total = wide.sum(axis=-1, keepdims=True)
    near = abs(total - 1) <= wide.shape[-1] * np.finfo(pvals.dtype if pvals.dtype.kind == "f" else "float64").eps
    return np.divide(wide, total, out=wide.copy(), where=near)


def _permuted(parameters: Sequence[Variable], shapes: Sequence[Any]) -> tuple[Any, ...]:
    return (as_length(parameters[0]),)


def _outcomes(parameters: Sequence[Variable], shapes: Sequence[Any]) -> tuple[Any, ...]:
    return (shapes[1][-1],)


permutation.drawn_lengths = _permuted  # type: ignore[attr-defined]
multinomial.drawn_lengths = _outcomes  # type: ignore[attr-defined]
