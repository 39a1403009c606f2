"""Places of elements, order, and different elements."""

from __future__ import annotations

from typing import Any, NamedTuple

import tcore.tensor as T
from tcore.tensor._axes import checked_axis
from tcore.tensor.xp.manipulation import flip
from tcore.tensor.xp.scalars import operands

__all__ = [
    "argmax", "argmin", "argsort", "nonzero", "searchsorted", "sort", "take", "take_along_axis", "unique_all", "unique_counts", "unique_inverse", "unique_values", "where",
]  # fmt: skip


def argmax(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the first largest element along ``axis``; in the flattened tensor for None."""
    return T.argmax(x, axis, keepdims)


def argmin(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
    """The index of the first smallest element along ``axis``; in the flattened tensor for None."""
    return T.argmin(x, axis, keepdims)


def nonzero(x: Any, /) -> tuple[Any, ...]:
    """The indices of elements that are not zero, a vector for each axis."""
    return tuple(T.nonzero(x))


def searchsorted(x1: Any, x2: Any, /, *, side: Any = "left", sorter: Any = None) -> Any:
    """Where in the ascending vector ``x1`` the elements of ``x2`` would have to be put."""
    return T.searchsorted(x1, x2, side, sorter)


def take(x: Any, indices: Any, /, *, axis: int | None = None) -> Any:
    """The parts of ``x`` at these indices of ``axis``, which only a vector may leave out."""
    x = T.as_tensor_variable(x)
    if axis is None and x.type.ndim != 1:
        raise ValueError(f"take: {x} has {x.type.ndim} dimensions, so it needs an axis")
    return T.take(x, indices, 0 if axis is None else axis)


def take_along_axis(x: Any, indices: Any, /, *, axis: int = -1) -> Any:
    """The elements of ``x`` at ``indices``, which along ``axis`` say where and elsewhere have the place of the result."""
    return T.take_along_axis(x, indices, axis)


def sort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The elements along ``axis`` in order."""
    ascending = T.sort(x, axis, "stable" if stable else "quicksort")
    return flip(ascending, axis=axis) if descending else ascending


def argsort(x: Any, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Any:
    """The indices that put the elements along ``axis`` in order; equal ones stay in theirs where it is stable."""
    x = T.as_tensor_variable(x)
    kind: Any = "stable" if stable else "quicksort"
    if not descending:
        return T.argsort(x, axis, kind)
    # the last of equals comes first in the flipped tensor, and becomes the last again when the result is flipped
    last = x.shape[checked_axis("argsort", axis, x)] - 1
    return last - flip(T.argsort(flip(x, axis=axis), axis, kind), axis=axis)


def where(condition: Any, x1: Any, x2: Any, /) -> Any:
    """The elements of ``x1`` where ``condition`` holds, else those of ``x2``."""
    return T.switch(condition, *operands(x1, x2))


class UniqueAll(NamedTuple):
    """What :func:`unique_all` gives."""

    values: Any
    indices: Any
    inverse_indices: Any
    counts: Any


class UniqueCounts(NamedTuple):
    """What :func:`unique_counts` gives."""

    values: Any
    counts: Any


class UniqueInverse(NamedTuple):
    """What :func:`unique_inverse` gives."""

    values: Any
    inverse_indices: Any


def unique_all(x: Any, /) -> UniqueAll:
    """The different elements, where each is first, which of them each element is (in the shape of ``x``), and how often each occurs."""
    x = T.as_tensor_variable(x)
    values, indices, inverse, counts = T.unique(x, True, True, True, equal_nan=False)
    return UniqueAll(values, indices, inverse.reshape(x.shape, ndim=x.type.ndim), counts)


def unique_counts(x: Any, /) -> UniqueCounts:
    """The different elements, and how often each occurs."""
    return UniqueCounts(*T.unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: Any, /) -> UniqueInverse:
    """The different elements, and which of them each element of ``x`` is."""
    x = T.as_tensor_variable(x)
    values, inverse = T.unique(x, return_inverse=True, equal_nan=False)
    return UniqueInverse(values, inverse.reshape(x.shape, ndim=x.type.ndim))


def unique_values(x: Any, /) -> Any:
    """The different elements, ascending; each NaN is one of its own."""
    return T.unique(x, equal_nan=False)
