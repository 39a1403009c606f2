"""Output memory that an op may find: the documented kinds of preallocated outputs, all filled with what must not be read."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["KINDS", "kinds_of", "offered"]

#: by rising strangeness
KINDS = ("initial", "previous", "c_contiguous", "f_contiguous", "strided", "wrong_size")

_STEPS = (1, -1, 2)


def kinds_of(text: str) -> tuple[str, ...]:
    """The kinds that a colon-separated list names; ``ALL`` stands for all.

    Raises
    ------
    ValueError
        For a kind that there is not.
    """
    asked = {word for word in text.split(":") if word}
    unknown = asked - {*KINDS, "ALL"}
    if unknown:
        raise ValueError(f"there is no kind of output memory {', '.join(sorted(unknown))}; there are {', '.join(KINDS)} and ALL")
    return KINDS if "ALL" in asked else tuple(kind for kind in KINDS if kind in asked)


def offered(
    kinds: Sequence[str], results: Sequence[Any], initial: Sequence[Any], ndim: int
) -> Iterator[tuple[str, list[Any]]]:
    """Contents for the output cells of a node, one set after the other, each with the name of its kind.

    Parameters
    ----------
    kinds : sequence of str
    results : sequence
        What the node computes: dtypes and shapes to go by.
    initial : sequence
        What its cells held before it ran.
    ndim : int
        How many of the innermost axes are tried with every step of ``strided``.
    """
    for kind in kinds:
        if kind == "initial":
            if any(value is not None for value in initial):
                yield kind, [copy.deepcopy(value) for value in initial]
        elif kind == "previous":
            yield kind, [copy.deepcopy(value) for value in results]
        elif kind in ("c_contiguous", "f_contiguous"):
            yield kind, [_like(value, kind[0].upper()) for value in results]
        elif kind == "strided":
            depth = min(ndim, max((np.ndim(value) for value in results), default=0))
            for steps in itertools.product(_STEPS, repeat=depth):
                if any(step != 1 for step in steps):
                    yield f"strided {steps}", [_strided(value, steps) for value in results]
        else:
            for change in (1, -1):
                yield f"wrong_size {change:+d}", [_resized(value, change) for value in results]


def _poison(dtype: np.dtype[Any]) -> Any:
    if dtype.kind in "fc":
        return np.nan
    return True if dtype.kind == "b" else np.iinfo(dtype).max


def _array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufc"


def _like(value: Any, order: Any) -> Any:
    return np.full(value.shape, _poison(value.dtype), value.dtype, order) if _array(value) else None


def _strided(value: Any, steps: Sequence[int]) -> Any:
    """An array of the shape of ``value`` that walks its memory with these steps along the innermost axes."""
    if not _array(value):
        return None
    mine = steps[max(0, len(steps) - value.ndim) :]
    steps = (*([1] * (value.ndim - len(mine))), *mine)
    shape = [length * abs(step) for length, step in zip(value.shape, steps, strict=True)]
    base = np.full(shape, _poison(value.dtype), value.dtype)
    walks: Any = (..., *(slice(None, None, step) for step in steps))  # without axes, too, it gives an array and no number
    return base[walks]


def _resized(value: Any, change: int) -> Any:
    if not _array(value):
        return None
    return np.full([max(0, length + change) for length in value.shape], _poison(value.dtype), value.dtype)
