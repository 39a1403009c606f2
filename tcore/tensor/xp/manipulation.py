"""Tensors put together, taken apart, and in other shapes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

import tcore.tensor as T
from tcore.tensor._axes import along, checked_axis
from tcore.tensor.numpy_protocols import FUNCTIONS
from tcore.tensor.shape import static_length

__all__ = [
    "broadcast_arrays", "broadcast_to", "concat", "expand_dims", "flip", "moveaxis", "permute_dims", "repeat", "reshape", "roll", "squeeze", "stack", "tile",
    "unstack",
]  # fmt: skip


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """Each tensor in the shape that all of them have together."""
    tensors = [T.as_tensor_variable(array) for array in arrays]
    if len(tensors) < 2:
        return tensors
    common = reduce(T.second, tensors)
    return [T.second(common, tensor) for tensor in tensors]


def broadcast_to(x: Any, /, shape: Any) -> Any:
    """``x`` in this shape, repeated along axes that it lacks or that are known to have length 1."""
    return FUNCTIONS[np.broadcast_to](x, shape)


def concat(arrays: Sequence[Any], /, *, axis: int | None = 0) -> Any:
    """Tensors one after the other along ``axis``; None flattens them first."""
    if axis is None:
        return T.concatenate([T.as_tensor_variable(array).flatten() for array in arrays])
    return T.concatenate(list(arrays), axis=axis)


def expand_dims(x: Any, /, axis: Any = 0) -> Any:
    """``x`` with an axis of length 1 at ``axis`` of the result."""
    return FUNCTIONS[np.expand_dims](x, axis)


def flip(x: Any, /, *, axis: Any = None) -> Any:
    """``x`` backwards along ``axis``, an int or several; along all for None."""
    return FUNCTIONS[np.flip](x, axis)


def moveaxis(x: Any, source: Any, destination: Any, /) -> Any:
    """``x`` with the axes ``source`` at the places ``destination``; the others stay in their order."""
    return T.moveaxis(x, source, destination)


def permute_dims(x: Any, /, axes: Any) -> Any:
    """``x`` with its axes in this order."""
    return T.transpose(x, axes)


def repeat(x: Any, repeats: Any, /, *, axis: int | None = None) -> Any:
    """Each element ``repeats`` times, along ``axis``; of the flattened tensor for None."""
    return T.repeat(x, repeats, axis)


def reshape(x: Any, /, shape: Any, *, copy: Any = None) -> Any:
    """The elements in another shape. Nothing in a graph is changed, so ``copy`` makes no difference."""
    return FUNCTIONS[np.reshape](x, shape)


def roll(x: Any, /, shift: Any, *, axis: Any = None) -> Any:
    """Elements moved by ``shift`` places along ``axis``, those that leave at the end to the start; several shifts for several axes."""
    if not isinstance(axis, (tuple, list)):
        return T.roll(x, shift, axis)
    shifts = shift if isinstance(shift, (tuple, list)) else [shift] * len(axis)
    if len(shifts) != len(axis):
        raise ValueError(f"roll: {len(shifts)} shifts for {len(axis)} axes")
    for places, each in zip(shifts, axis, strict=True):
        x = T.roll(x, places, each)
    return x


def squeeze(x: Any, /, axis: Any) -> Any:
    """``x`` without these axes, which must have length 1."""
    return FUNCTIONS[np.squeeze](x, axis)


def stack(arrays: Sequence[Any], /, *, axis: int = 0) -> Any:
    """Tensors of one shape along a new axis."""
    return T.stack(list(arrays), axis=axis)


def tile(x: Any, repetitions: Any, /) -> Any:
    """``x`` so many times along each axis."""
    return T.tile(x, repetitions)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The parts of ``x`` along ``axis``, without it.

    Raises
    ------
    ValueError
        If the length of the axis is not known while the graph is built.
    """
    x = T.as_tensor_variable(x)
    place = checked_axis("unstack", axis, x)
    length = static_length(x, place)
    if length is None and x.type.ndim == 1:
        length = T.get_vector_length(x)
    if length is None:
        raise ValueError(f"unstack: the length of axis {axis} of {x} is not known while the graph is built; promise it with tcore.tensor.specify_shape")
    front = along(place, slice(None))[:-1]
    return tuple(x[(*front, index)] for index in range(length))
