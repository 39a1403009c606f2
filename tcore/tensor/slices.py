"""What a slice selects from an axis: canonical bounds and the number of elements, for known and symbolic parts."""

from __future__ import annotations

from typing import Any

from tcore.tensor._lengths import (
    Length,
    as_length,
    ceil_divided,
    greatest,
    least,
    less,
    plus,
    times,
    where_negative,
)

__all__ = ["get_canonical_form_slice", "slice_len_constant", "slice_length"]


def slice_len_constant(part: slice, length: int) -> int:
    """The number of elements that a slice of integers selects from an axis of ``length``."""
    return len(range(*part.indices(length)))


def _forward_bound(value: Length, length: Length) -> Length:
    """A bound of a slice with positive step, clipped to [0, length]."""
    if isinstance(value, int) and value >= 0:
        return least(value, length) if value else 0
    return where_negative(value, greatest(plus(value, length), 0), least(value, length))


def _backward_bound(value: Length, length: Length) -> Length:
    """A bound of a slice with negative step, clipped to [-1, length - 1]."""
    return where_negative(value, greatest(plus(value, length), -1), least(value, less(length, 1)))


def _forward(start: Any, stop: Any, step: Length, length: Length) -> tuple[Length, Length, Length]:
    low = 0 if start is None else _forward_bound(start, length)
    high = length if stop is None else _forward_bound(stop, length)
    count = ceil_divided(_at_least_zero(low, high), step)
    return low, high, count


def _at_least_zero(low: Length, high: Length) -> Length:
    # bounds are never negative, so that the difference is not when low is 0
    if isinstance(low, int) and low == 0:
        return high
    return greatest(less(high, low), 0)


def _backward(start: Any, stop: Any, step: Length, length: Length) -> tuple[Length, Length, Length]:
    high = less(length, 1) if start is None else _backward_bound(start, length)
    low = -1 if stop is None else _backward_bound(stop, length)
    span = length if start is None and stop is None else greatest(less(high, low), 0)
    return high, low, ceil_divided(span, times(step, -1))


def _parts(part: slice) -> tuple[Any, Any, Length]:
    start, stop, step = (None if value is None else as_length(value) for value in (part.start, part.stop, part.step))
    if step is None:
        step = 1
    if isinstance(step, int) and step == 0:
        raise ValueError("slice step cannot be zero")
    return start, stop, step


def slice_length(part: slice, length: Any) -> Length:
    """The number of elements that ``part``, of integers, integer scalars and None, selects from an axis of ``length``."""
    start, stop, step = _parts(part)
    length = as_length(length)
    if isinstance(step, int):
        return (_forward if step > 0 else _backward)(start, stop, step, length)[2]
    # a step of unknown sign: both counts are cheap; the magnitude keeps the unused one from dividing by a negative number
    forward = _forward(start, stop, greatest(step, 1), length)[2]
    backward = _backward(start, stop, least(step, -1), length)[2]
    return where_negative(step, backward, forward)


def get_canonical_form_slice(theslice: Any, length: Any) -> tuple[Any, int | Any]:
    """An index or slice as one with bounds inside the axis.

    Parameters
    ----------
    theslice : int, integer scalar, or slice of these
    length : int or integer scalar
        Of the axis.

    Returns
    -------
    (index or slice, direction)
        Together equal to ``theslice``: first take the slice, whose step is positive and whose bounds lie in
        [0, length], then every ``direction``-th element (1, or -1 for reversed order).
    """
    length = as_length(length)
    if not isinstance(theslice, slice):
        index = as_length(theslice)
        return where_negative(index, plus(index, length), index), 1
    start, stop, step = _parts(theslice)
    if isinstance(step, int) and step > 0:
        low, high, _ = _forward(start, stop, step, length)
        return slice(low, high, step), 1
    if not isinstance(step, int):
        raise ValueError("get_canonical_form_slice needs a step whose sign is known")  # noqa: TRY004 - its value counts
    high, _, count = _backward(start, stop, step, length)
    # the last element that is selected becomes the first
    last = plus(high, times(less(count, 1), step))
    low = greatest(last, 0)
    return slice(low, where_negative(less(count, 1), low, plus(high, 1)), -step), -1
