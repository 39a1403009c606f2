"""Elements of several arrays by number, and slices by truth: ``choose``, ``compress``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.graph import Variable
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.assertion import Assert
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.indexing import flatnonzero, set_subtensor, take
from tcore.tensor.math import and_, clip, eq, ge, lt, minimum, switch
from tcore.tensor.ranges import arange
from tcore.tensor.reductions import all as all_true

__all__ = ["choose", "compress"]

_MODES = ("raise", "wrap", "clip")


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Variable:
    """At each place the element of one of several arrays: ``choices[a[I]][I]``.

    Parameters
    ----------
    a : integer tensor
        Which of them.
    choices : sequence of tensors, or one tensor whose first axis counts them
        They and ``a`` broadcast together.
    out : tensor, optional
        The result is put into it: it has the dtype of ``out``, whose shape must fit.
    mode : 'raise', 'wrap' or 'clip'
        What numbers outside of 0 … n - 1 do: raise, count modulo n, or mean the nearest.

    Raises
    ------
    ValueError
        For an unknown mode, no choices; when the function runs, for numbers that are none of the choices.
    """
    if mode not in _MODES:
        raise ValueError(f"choose: mode is one of {', '.join(_MODES)}, got {mode!r}")
    a = as_tensor_variable(a)
    if a.type.dtype not in discrete_dtypes:
        raise TypeError(f"choose takes integers to choose by, got {a} of dtype {a.type.dtype}")
    if isinstance(choices, (list, tuple)):
        if not choices:
            raise ValueError("choose: there is nothing to choose from")
        several = [as_tensor_variable(choice) for choice in choices]
        result = _by_comparison(_in_range(a, len(several), mode), several)
    else:
        result = _by_index(a, as_tensor_variable(choices), mode)
    if out is None:
        return result
    out = as_tensor_variable(out)
    if out.type.ndim != result.type.ndim:
        raise ValueError(f"choose: out has {out.type.ndim} dimensions, the result {result.type.ndim}")
    return set_subtensor(out[...], result.astype(out.type.dtype))


def _in_range(a: Any, count: Any, mode: str) -> Any:
    if a.type.dtype == "bool":
        a = a.astype("int8")
    count = as_tensor_variable(count)
    if mode != "raise" and a.type.dtype == "uint64":  # beyond int64 before, within it after
        count = count.astype("uint64")
        return (a % count if mode == "wrap" else minimum(a, count - np.uint64(1))).astype("int64")
    if mode == "wrap":
        return a.astype("int64") % count
    if mode == "clip":
        return clip(a.astype("int64"), 0, count - 1)
    return Assert("choose: a number is none of the choices", ValueError)(a, all_true(and_(ge(a, 0), lt(a, count))))


def _by_comparison(a: Any, choices: list[Any]) -> Any:
    result = choices[-1]
    for number in reversed(range(len(choices) - 1)):
        result = switch(eq(a, number), choices[number], result)
    return result if len(choices) > 1 else switch(eq(a, 0), result, result)


def _by_index(a: Any, choices: Any, mode: str) -> Any:
    if choices.type.ndim == 0:
        raise ValueError("choose: there is nothing to choose from in a scalar")
    first = choices[0]
    # index vectors, one per axis, which broadcast against the numbers and against each other
    index = [
        np.array(0) if mark else arange(first.shape[axis]).dimshuffle(0, *["x"] * (first.type.ndim - axis - 1))
        for axis, mark in enumerate(first.type.broadcastable)
    ]
    return choices[(_in_range(a, choices.shape[0], mode), *index)]


def compress(condition: Any, x: Any, axis: int | None = None) -> Variable:
    """The slices of ``x`` along ``axis`` for which ``condition`` is not zero.

    Parameters
    ----------
    condition : vector
        If it is shorter than the axis, what lies beyond is left out.
    x : tensor
    axis : int, optional
        Without it, elements of the flattened ``x``.
    """
    condition = as_tensor_variable(condition)
    if condition.type.ndim != 1:
        raise ValueError(f"compress takes a vector of conditions, got {condition} with {condition.type.ndim} dimensions")
    return take(x, flatnonzero(condition), axis=axis)
