"""Differences, areas and interpolation of sampled functions, as NumPy has them for arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.tensor._axes import checked_axis
from tcore.tensor.numpy_protocols.shapes import section
from tcore.tensor.reductions import checked_axes

__all__ = ["ediff1d", "gradient", "interp", "trapezoid"]


def _floating(x: Any) -> Any:
    x = T.as_tensor_variable(x)
    return x if x.type.dtype[0] in "fc" else T.cast(x, "float64")


def gradient(f: Any, *varargs: Any, axis: Any = None) -> Any:
    """Central differences, one-sided at the ends, over as many steps; ``varargs`` are the distances of neighbours, one for all axes or one each."""
    f = _floating(f)
    axes = checked_axes(axis, f.type.ndim)
    steps = [T.as_tensor_variable(step) for step in varargs or [np.asarray(1, f.type.dtype)]]
    if any(step.type.ndim for step in steps) or len(steps) not in (1, len(axes)):
        raise TypeError(f"np.gradient of a tensor of a graph takes one distance, or one for each of {len(axes)} axes, and no places")
    found = [_slopes(f, place, step) for place, step in zip(axes, steps * len(axes) if len(steps) == 1 else steps, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slopes(f: Any, axis: int, step: Any) -> Any:
    inner = (section(f, axis, 2, None) - section(f, axis, None, -2)) / 2
    first = section(f, axis, 1, 2) - section(f, axis, 0, 1)
    last = section(f, axis, -1, None) - section(f, axis, -2, -1)
    f = T.concatenate([first, inner, last], axis=axis)
    return f / T.cast(step, abs(f).type.dtype)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The area under ``y`` at the places ``x``, or at distances ``dx``."""
    y = _floating(y)
    place = checked_axis("np.trapezoid", axis, y)
    means = (section(y, place, 1, None) + section(y, place, None, -1)) / 2
    if x is None:
        return T.sum(means, axis=place) * T.cast(dx, abs(y).type.dtype)
    x = T.as_tensor_variable(x)
    distances = T.diff(x, axis=0 if x.type.ndim == 1 else axis)
    if x.type.ndim == 1:
        distances = distances.dimshuffle(*[0 if other == place else "x" for other in range(y.type.ndim)])
    return T.sum(means * distances, axis=place)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours in the flattened tensor, between given ends."""
    differences = T.diff(T.flatten(ary))
    ends = [[] if end is None else [T.cast(T.flatten(end), differences.type.dtype)] for end in (to_begin, to_end)]
    return T.concatenate([*ends[0], differences, *ends[1]]) if ends[0] or ends[1] else differences


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None) -> Any:
    """At ``x``, the line through the points (xp, fp), of which ``xp`` must ascend; ``left`` and ``right``, or the ends, outside."""
    x, xp, fp = map(_floating, (x, xp, fp))
    after = T.clip(T.searchsorted(xp, T.flatten(x), side="right").reshape(x.shape, ndim=x.type.ndim), 1, T.maximum(xp.shape[0] - 1, 1))
    start, value = xp[after - 1], fp[after - 1]
    slope = (fp[after] - value) / (xp[after] - start)
    found = value + slope * (x - start)
    found = T.switch(T.lt(x, xp[0]), fp[0] if left is None else left, found)
    return T.switch(T.eq(x, xp[-1]), fp[-1], T.switch(T.gt(x, xp[-1]), fp[-1] if right is None else right, found))
