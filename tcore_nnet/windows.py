"""Windows that slide over the last axes of an array: how many there are, where they lie, and views of them.

Along an axis of length n, with windows of w elements, a stride of s and p elements of padding at both ends, window i covers
the places from i s − p to i s − p + w − 1. The lengths here are numbers, symbolic integers, or lengths of the loop IR: one
formula for all of them, in terms of an :class:`Arithmetic`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tcore import tensor as T
from tcore.graph import Constant, Variable
from tcore.records import frozen

__all__ = ["ARRAYS", "NUMBERS", "Arithmetic", "arithmetic_of", "check_numbers", "count", "int_vector", "pad_to", "pooled_length", "windows_of"]


@frozen
class Arithmetic:
    """What :func:`pooled_length` needs beside ``+ - *``."""

    floor_div: Callable[[Any, Any], Any]
    maximum: Callable[[Any, Any], Any]
    minimum: Callable[[Any, Any], Any]


NUMBERS = Arithmetic(operator.floordiv, max, min)
ARRAYS = Arithmetic(np.floor_divide, np.maximum, np.minimum)
_SYMBOLS = Arithmetic(operator.floordiv, T.maximum, T.minimum)


def arithmetic_of(*lengths: Any) -> Arithmetic:
    """That of symbolic integers if one of ``lengths`` is symbolic, else that of numbers."""
    return _SYMBOLS if any(isinstance(each, Variable) for each in lengths) else NUMBERS


def pooled_length(n: Any, window: Any, stride: Any, pad: Any, ignore_border: bool, arithmetic: Arithmetic = NUMBERS) -> Any:
    """Number of windows along an axis of length ``n``; none where there are no elements.

    With ``ignore_border`` only whole windows count, else there are as many as it takes to cover the axis with its padding,
    without those that would hold padding alone.
    """
    floor_div, maximum, minimum = arithmetic.floor_div, arithmetic.maximum, arithmetic.minimum
    padded = n + pad * 2
    if ignore_border:
        found = maximum(floor_div(padded - window + stride, stride), 0)
    else:
        # the windows before the last one cover all but its last `stride` places, or leave gaps between them
        covering = floor_div(padded - maximum(window - stride, 0) + stride - 1, stride)
        holding = floor_div(n + pad + stride - 1, stride)
        found = maximum(minimum(covering, holding), 1)
    return found * minimum(n, 1)


def count(position: Any, n: Any, window: Any, stride: Any, pad: Any, with_padding: bool, arithmetic: Arithmetic) -> Any:
    """Number of places in the window at ``position`` along an axis: those of elements, or of padding as well."""
    start = position * stride - pad
    stop = start + window
    if with_padding:
        return arithmetic.minimum(stop, n + pad) - start
    return arithmetic.minimum(stop, n) - arithmetic.maximum(start, 0)


def int_vector(value: Any, length: int, name: str, least: int) -> Variable:
    """``value`` as a symbolic vector of ``length`` integers, each at least ``least`` where it is known.

    Raises
    ------
    TypeError
        If it is no vector of integers.
    ValueError
        If it is known to have another length or a smaller number in it.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        raise TypeError(f"{name} needs one integer for each pooled axis, {length} of them, got the number {value}")
    vector = T.as_tensor_variable(value)
    if vector.ndim != 1 or not vector.dtype.startswith(("int", "uint")):
        raise TypeError(f"{name} must be a vector of {length} integers, got {vector.type}")
    if isinstance(vector, Constant):
        check_numbers(vector.data, length, name, least)
    return vector


def check_numbers(value: Any, length: int, name: str, least: int) -> list[int]:
    """The integers of a vector, checked.

    Raises
    ------
    ValueError
        If there are not ``length`` of them, or one is below ``least``.
    """
    numbers = [int(each) for each in value]
    if len(numbers) != length:
        raise ValueError(f"{name} must have {length} entries, one for each pooled axis, got {tuple(numbers)}")
    if min(numbers) < least:
        raise ValueError(f"the entries of {name} must be at least {least}, got {tuple(numbers)}")
    return numbers


def pad_to(x: Any, before: Sequence[int], lengths: Sequence[int], fill: Any) -> Any:
    """``x`` with its last axes brought to ``lengths``: ``before`` places of ``fill`` in front, the rest behind (or cut)."""
    keep = x.ndim - len(lengths)
    after = [max(length - front - n, 0) for length, front, n in zip(lengths, before, x.shape[keep:], strict=True)]
    if any(before) or any(after):
        x = np.pad(x, [(0, 0)] * keep + list(zip(before, after, strict=True)), constant_values=fill)
    return x[(..., *(slice(length) for length in lengths))]


def windows_of(x: Any, window: Sequence[int], stride: Sequence[int], pad: Sequence[int], counts: Sequence[int], fill: Any) -> Any:
    """The windows over the last axes of ``x``, as a view with one axis more for each of them; outside of ``x`` stands ``fill``.

    Shape: the leading axes of ``x``, then ``counts``, then ``window``.
    """
    ndim = len(window)
    keep = x.shape[: x.ndim - ndim]
    if 0 in counts:
        return np.empty((*keep, *counts, *window), x.dtype)
    lengths = [(k - 1) * s + w for k, s, w in zip(counts, stride, window, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(pad_to(x, pad, lengths, fill), tuple(window), axis=tuple(range(-ndim, 0)))
    return view[(slice(None),) * len(keep) + tuple(slice(None, None, s) for s in stride)]
