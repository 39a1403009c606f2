"""Forms of NumPy's arrays for tensors: axes added, turned and padded, parts put together and taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.graph import Variable
from tcore.tensor._axes import checked_axis

__all__ = [
    "append", "array_split", "at_least", "at_least_3d", "broadcast_to", "column_stack", "dstack", "expand_dims", "flip", "hsplit", "hstack", "pad", "reshape",
    "rollaxis", "rot90", "section", "split", "squeeze",
]  # fmt: skip


def reshape(a: Any, shape: Any, order: str = "C") -> Any:
    if order != "C":
        raise TypeError(f"np.reshape of a tensor of a graph is in row-major order, got order={order!r}")
    return T.reshape(a, shape if isinstance(shape, (tuple, list, Variable)) else (shape,))


def expand_dims(a: Any, axis: Any) -> Any:
    a = T.as_tensor_variable(a)
    new = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    ndim = a.type.ndim + len(new)
    places = {int(place) % ndim for place in new if -ndim <= place < ndim}
    if len(places) != len(new):
        raise ValueError(f"np.expand_dims: axes {new} for a tensor of {a.type.ndim} dimensions")
    own = iter(range(a.type.ndim))
    return a.dimshuffle(*["x" if place in places else next(own) for place in range(ndim)])


def broadcast_to(array: Any, shape: Any) -> Any:
    return T.alloc(array, *(shape if isinstance(shape, (tuple, list)) else (shape,)))


def _axes(name: str, axis: Any, x: Any) -> set[int]:
    """One axis or several, counted from the front; without any, all of them."""
    axes = range(x.type.ndim) if axis is None else axis if isinstance(axis, (tuple, list)) else [axis]
    return {checked_axis(name, each, x) for each in axes}


def flip(m: Any, axis: Any = None) -> Any:
    m = T.as_tensor_variable(m)
    turned = _axes("np.flip", axis, m)
    return m[tuple(slice(None, None, -1) if place in turned else slice(None) for place in range(m.type.ndim))]


def at_least(ndim: int, tensor: Any) -> Any:
    tensor = T.as_tensor_variable(tensor)
    return T.shape_padleft(tensor, ndim - tensor.type.ndim) if tensor.type.ndim < ndim else tensor


def hstack(tup: Sequence[Any]) -> Any:
    parts = [at_least(1, part) for part in tup]
    return T.concatenate(parts, axis=0 if parts[0].type.ndim == 1 else 1)


def squeeze(a: Any, axis: Any = None) -> Any:
    a = T.as_tensor_variable(a)
    if axis is None:
        return T.squeeze(a)
    axes = _axes("np.squeeze", axis, a)
    return T.addbroadcast(a, *axes).dimshuffle(*[place for place in range(a.type.ndim) if place not in axes])


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    if isinstance(indices_or_sections, (int, np.integer)):
        count = int(indices_or_sections)
        length = T.as_tensor_variable(ary).shape[axis]
        checked = T.Assert(f"np.split: the axis has no {count} equal parts", ValueError)(length, T.eq(length % count, 0))
        return list(T.split(ary, [checked // count] * count, count, axis))
    bounds = [0, *indices_or_sections]
    index: list[Any] = [slice(None)] * T.as_tensor_variable(ary).type.ndim
    parts = []
    for start, stop in zip(bounds, [*bounds[1:], None], strict=True):
        index[axis] = slice(start, stop)
        parts.append(ary[tuple(index)])
    return parts


def section(x: Any, axis: int, *ends: Any) -> Any:
    """``x[start:stop:step]`` of one axis, counted from the front."""
    return x[(*[slice(None)] * axis, slice(*ends))]


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts of which the first may be longer by one."""
    if not isinstance(indices_or_sections, (int, np.integer)):
        return split(ary, indices_or_sections, axis)
    ary, count = T.as_tensor_variable(ary), int(indices_or_sections)
    if count < 1:
        raise ValueError(f"np.array_split: the number of parts must be positive, got {count}")
    place = checked_axis("np.array_split", axis, ary)
    length = ary.shape[place]
    ends = [T.int_div(length, count) * part + T.minimum(part, length % count) for part in range(count + 1)]
    return [section(ary, place, *pair) for pair in pairwise(ends)]


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return split(ary, indices_or_sections, 0 if T.as_tensor_variable(ary).type.ndim == 1 else 1)


def dstack(tup: Sequence[Any]) -> Any:
    return T.concatenate([at_least_3d(part) for part in tup], axis=2)


def column_stack(tup: Sequence[Any]) -> Any:
    parts = [T.as_tensor_variable(part) for part in tup]
    return T.concatenate([part.dimshuffle(*range(part.type.ndim), *["x"] * (2 - part.type.ndim)) for part in parts], axis=1)


def at_least_3d(a: Any) -> Any:
    """Rows of length 1 around a vector, one column behind a matrix, as NumPy has it."""
    a = T.as_tensor_variable(a)
    return a.dimshuffle(*(("x", "x", "x"), ("x", 0, "x"), (0, 1, "x"))[a.type.ndim]) if a.type.ndim < 3 else a


def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    if axis is None:
        return T.concatenate([T.flatten(arr), T.flatten(values)])
    return T.concatenate([arr, values], axis=axis)


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    a = T.as_tensor_variable(a)
    place, target = checked_axis("np.rollaxis", axis, a), start + a.type.ndim * (start < 0)
    if not 0 <= target <= a.type.ndim:
        raise ValueError(f"np.rollaxis: start {start} for a tensor of {a.type.ndim} dimensions")
    return T.moveaxis(a, place, target - (place < target))


def rot90(m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    """Turned ``k`` times from the first towards the second of ``axes``."""
    m = T.as_tensor_variable(m)
    if not (isinstance(axes, Sequence) and len(axes) == 2):
        raise ValueError(f"np.rot90: axes are two integers, got {axes!r}")
    if not isinstance(k, (int, np.integer)):
        raise TypeError(f"np.rot90: k is an integer that is known while the graph is built, got {k!r}")
    first, second = (checked_axis("np.rot90", axis, m) for axis in axes)
    if first == second:
        raise ValueError(f"np.rot90: axes must differ, got {tuple(axes)}")
    turned = {0: (), 1: (second,), 2: (first, second), 3: (first,)}[k % 4]
    m = flip(m, turned) if turned else m
    return T.swapaxes(m, first, second) if k % 2 else m


def pad(array: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    """Around ``array``, numbers or, by ``mode``, elements of it: "constant", "edge", "reflect", "symmetric" or "wrap"."""
    array = T.as_tensor_variable(array)
    if mode != "constant" and mode not in _PADDED_PLACES:
        raise TypeError(f"np.pad of a tensor of a graph takes the modes {', '.join(map(repr, ['constant', *_PADDED_PLACES]))}, got {mode!r}")
    widths = np.broadcast_to(np.asarray(pad_width), (array.type.ndim, 2))
    if widths.dtype.kind not in "iu" or (widths < 0).any():
        raise ValueError(f"np.pad: pad_width must be whole numbers that are not negative, got {pad_width!r}")
    values = np.broadcast_to(np.asarray(constant_values), (array.type.ndim, 2))
    for axis, (before, after) in enumerate(widths.tolist()):
        if mode == "constant":
            array = _between(array, axis, (before, after), values[axis])
        elif before or after:
            length = array.shape[axis]
            array = T.take(array, _PADDED_PLACES[mode](T.arange(-before, length + after), length), axis)
    return array


def _between(x: Any, axis: int, lengths: Sequence[int], values: Sequence[Any]) -> Any:
    sides = [
        [T.alloc(np.asarray(value).astype(x.type.dtype), *(length if place == axis else x.shape[place] for place in range(x.type.ndim)))] if length else []
        for length, value in zip(lengths, values, strict=True)
    ]
    return T.concatenate([*sides[0], x, *sides[1]], axis=axis) if sides[0] or sides[1] else x


def _mirrored(places: Any, period: Any) -> Any:
    """Forth and back: of ``period`` steps the second half goes down again."""
    within = places % T.maximum(period, 1)
    return T.minimum(within, period - within)


def _mirrored_between(places: Any, length: Any) -> Any:
    """As :func:`_mirrored`, but the ends come twice."""
    within = places % (2 * length)
    return T.minimum(within, 2 * length - 1 - within)


#: mode -> where an element beyond the ends of an axis is taken from
_PADDED_PLACES = {
    "edge": lambda places, length: T.clip(places, 0, length - 1),
    "reflect": lambda places, length: _mirrored(places, 2 * (length - 1)),
    "symmetric": _mirrored_between,
    "wrap": lambda places, length: places % length,
}
