"""The same elements in other places and more often: ``roll``, ``tile``, ``repeat``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.configuration import config
from tcore.graph import Apply, FieldlessOp, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor._axes import checked_axis
from tcore.tensor._lengths import as_length, times
from tcore.tensor.alloc import alloc, integer_scalar
from tcore.tensor.constants import constant_int, get_vector_length
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.indexing import inc_subtensor
from tcore.tensor.join import join
from tcore.tensor.math import eq, switch
from tcore.tensor.ranges import arange
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CpuContiguous", "Repeat", "cpu_contiguous", "repeat", "roll", "tile"]


def roll(x: Any, shift: Any, axis: Any = None) -> Variable:
    """``x`` with its elements moved by ``shift`` places along ``axis``; those that leave at the end enter at the start.

    Parameters
    ----------
    x : tensor
    shift : integer or integer scalar
    axis : int or constant, optional
        Without it the flattened ``x`` is moved and brought back to its shape.
    """
    x = as_tensor_variable(x)
    if axis is None:
        if x.type.ndim == 1:
            return roll(x, shift, 0)
        return roll(x.flatten(), shift, 0).reshape(x.shape, ndim=x.type.ndim)
    number = axis if isinstance(axis, (list, tuple)) else constant_int(axis)
    if number is None:
        return _roll_along(x, shift, axis)
    number = checked_axis("roll", number, x)
    length = as_length(x.shape[number])
    # an empty axis has no place to move to: counting modulo 1 leaves it
    steps = as_length(shift) % (max(length, 1) if isinstance(length, int) else length.clip(1, 2**62))
    before = (slice(None),) * number
    return join(number, x[(*before, slice(length - steps, None))], x[(*before, slice(None, length - steps))])


def _roll_along(x: Variable, shift: Any, axis: Any) -> Variable:
    """:func:`roll` along an axis that is known only when the function runs: by index vectors, one per axis."""
    axis = integer_scalar(axis, "the axis of roll")
    places = []
    for place in range(x.type.ndim):
        moved = switch(eq(axis % x.type.ndim, place), shift, 0)
        length = x.shape[place]
        order = (arange(length) - moved) % length.clip(1, 2**62)
        places.append(order.dimshuffle(*["x"] * place, 0, *["x"] * (x.type.ndim - place - 1)))
    return x[tuple(places)]


def tile(x: Any, reps: Any, ndim: int | None = None) -> Variable:
    """``x`` repeated ``reps[i]`` times along axis ``i``.

    Parameters
    ----------
    x : tensor
    reps : integer, integer scalar, or sequence of these
        Missing entries count as 1 and stand first, as in NumPy.
    ndim : int, optional
        Number of axes of the result, at least that of ``x`` and of ``reps``.

    Raises
    ------
    ValueError
        If ``ndim`` is too small, or the length of ``reps`` is not known.
    """
    x = as_tensor_variable(x)
    if isinstance(reps, Variable) and reps.type.ndim == 1:
        count = ndim if ndim is not None else get_vector_length(reps)
        reps = [reps[place] for place in range(count)]
    counts = list(reps) if isinstance(reps, (list, tuple, np.ndarray)) else [reps]
    wanted = max(x.type.ndim, len(counts)) if ndim is None else ndim
    if wanted < max(x.type.ndim, len(counts)):
        raise ValueError(f"tile: ndim={ndim} is less than the {x.type.ndim} axes of {x} or the {len(counts)} entries of reps")
    if wanted > x.type.ndim:
        x = x.dimshuffle(*["x"] * (wanted - x.type.ndim), *range(x.type.ndim))
    factors = [as_length(integer_scalar(count, "an entry of reps")) for count in [1] * (wanted - len(counts)) + counts]
    if all(isinstance(factor, int) and factor == 1 for factor in factors):
        return x.copy()
    lengths = [1 if mark else x.shape[axis] for axis, mark in enumerate(x.type.broadcastable)]
    # each axis becomes a pair (copy, element), then the pairs are merged
    spread = x.dimshuffle(*[entry for axis in range(wanted) for entry in ("x", axis)])
    pairs = [entry for factor, length in zip(factors, lengths, strict=True) for entry in (factor, length)]
    return alloc(spread, *pairs).reshape([times(factor, length) for factor, length in zip(factors, lengths, strict=True)], ndim=wanted)


@frozen
class Repeat(Op):
    """Elements repeated along an axis: ``Repeat(axis)(x, repeats)``, ``repeats`` a vector with a number for each, or one for all."""

    axis: int = field(converter=int)

    def make_node(self, x: Any, repeats: Any) -> Apply:
        x, repeats = as_tensor_variable(x), as_tensor_variable(repeats)
        if repeats.type.ndim != 1 or repeats.type.dtype not in discrete_dtypes:
            raise TypeError(f"repeat takes an integer vector of counts, got {repeats} of type {repeats.type}")
        if not 0 <= self.axis < x.type.ndim:
            raise ValueError(f"repeat: axis {self.axis} does not exist in {x} with {x.type.ndim} dimensions")
        marks = [mark and axis != self.axis for axis, mark in enumerate(x.type.broadcastable)]
        return Apply(self, [x, repeats], [TensorType(x.type.dtype, marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, repeats = inputs
        if len(repeats) not in (1, x.shape[self.axis]):
            raise ValueError(f"repeat: axis {self.axis} has length {x.shape[self.axis]}, there are {len(repeats)} counts")
        if repeats.dtype.kind == "i" and (repeats < 0).any():  # NumPy looks at none where there is nothing to repeat
            raise ValueError(f"repeat: counts are not negative, got {int(repeats.min())}")
        output_storage[0][0] = np.repeat(x, repeats, axis=self.axis)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        _x, repeats = node.inputs
        lengths = list(shapes[0])
        total = repeats.sum(dtype="int64")
        # one number for all: where that is so, there are as many numbers as elements otherwise
        lengths[self.axis] = times(total, lengths[self.axis]) if repeats.type.broadcastable[0] else total * (lengths[self.axis] // shapes[1][0])
        return [tuple(lengths)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The sum of the gradient over the copies of each element."""
        (x, repeats), (g,) = inputs, output_grads
        if x.type.dtype in discrete_dtypes:
            return [x.zeros_like(dtype=config.floatX), disconnected_type()]
        if repeats.type.broadcastable[0]:
            # not -1: the length is not known where there is nothing to repeat
            lengths = [*x.shape[: self.axis + 1], as_length(repeats[0]), *x.shape[self.axis + 1 :]]  # type: ignore[index]
            return [g.reshape(lengths, ndim=x.type.ndim + 1).sum(self.axis + 1), disconnected_type()]
        source = Repeat(0)(arange(x.shape[self.axis]), repeats)
        place = (slice(None),) * self.axis
        return [inc_subtensor(x.zeros_like()[(*place, source)], g), disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0], *inputs[1:])]

    def __str__(self) -> str:
        return f"Repeat{{{self.axis}}}"


class CpuContiguous(FieldlessOp):
    """Its input where that lies in row-major order in memory, else a copy that does."""

    view_map: ClassVar[dict[int, list[int]]] = {0: [0]}

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = inputs[0] if inputs[0].flags.c_contiguous else inputs[0].copy()

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        return [inputs[0].zeros_like(dtype=config.floatX) if inputs[0].type.dtype in discrete_dtypes else output_grads[0]]  # type: ignore[attr-defined]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [eval_points[0]]

    def __str__(self) -> str:
        return "CpuContiguous"


cpu_contiguous = CpuContiguous()


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Variable:
    """``x`` with its elements repeated along ``axis``; of the flattened ``x`` without ``axis``.

    Parameters
    ----------
    x : tensor
    repeats : integer, integer scalar or integer vector
        How often: one number for all, or one for each element along the axis.
    axis : int, optional
    """
    x = as_tensor_variable(x)
    repeats = as_tensor_variable(repeats)
    if repeats.type.dtype not in discrete_dtypes or repeats.type.ndim > 1:
        raise TypeError(f"repeat takes an integer or an integer vector, got {repeats} of type {repeats.type}")
    if axis is None:
        x, axis = x.flatten(), 0
    axis = checked_axis("repeat", axis, x)
    return Repeat(axis)(x, repeats.dimshuffle("x") if repeats.type.ndim == 0 else repeats)
