"""Largest elements and where they stand: MaxAndArgmax, Argmax, Argmin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from attrs import field

from tcore import scalar
from tcore.graph.apply import Apply
from tcore.graph.null_type import DisconnectedType
from tcore.graph.op import Op
from tcore.graph.variable import Variable
from tcore.records import frozen
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes
from tcore.tensor.careduce import normal_axes, spread_over
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.elemwise import elemwise_of
from tcore.tensor.gradients import zero_gradient
from tcore.tensor.type import TensorType

__all__ = ["Argmax", "Argmin", "MaxAndArgmax"]


def _ascending(axis: Any) -> tuple[int, ...]:
    return tuple(sorted({int(entry) for entry in axis}))


@frozen(slots=False, str=False, repr=False)
class _Extreme(Op):
    """What the three share. ``axis`` is a tuple of axes; several count as one, in row-major order."""

    axis: tuple[int, ...] = field(converter=_ascending)

    _f16_ok = True

    def _reduced(self, input: Any) -> tuple[Any, list[bool]]:
        x = as_tensor_variable(input)
        if x.type.dtype in complex_dtypes:
            raise TypeError(f"complex values have no order, got {x.type.dtype}")
        axes = normal_axes(self.axis, x.type.ndim)
        if axes != self.axis:
            raise ValueError(f"{self} takes axes counted from the front, got an input with {x.type.ndim} axes")
        return x, [flag for axis, flag in enumerate(x.type.broadcastable) if axis not in axes]

    def _rows(self, x: np.ndarray) -> np.ndarray:
        """The reduced axes as one, in last place."""
        kept = [axis for axis in range(x.ndim) if axis not in self.axis]
        moved = x.transpose([*kept, *self.axis])
        length = int(np.prod([x.shape[axis] for axis in self.axis], dtype="int64"))
        if length == 0:
            raise ValueError(f"{type(self).__name__} of an empty axis: the array has shape {x.shape}, reduced over {self.axis}")
        return moved.reshape([*(x.shape[axis] for axis in kept), length])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        kept = tuple(length for axis, length in enumerate(shapes[0]) if axis not in self.axis)
        return [kept] * len(node.outputs)

    def __str__(self) -> str:
        return f"{type(self).__name__}{{axis={self.axis}}}"

    __repr__ = __str__


class MaxAndArgmax(_Extreme):
    """The largest element over the axes, and the int64 index of its first occurrence; NaN counts as the largest."""

    nin = 2

    def make_node(self, input: Any) -> Apply:
        x, flags = self._reduced(input)
        return Apply(self, [x], [TensorType(x.type.dtype, flags)("max"), TensorType("int64", flags)("argmax")])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        rows = self._rows(inputs[0])
        index = np.asarray(rows.argmax(axis=-1), "int64")
        output_storage[0][0] = np.asarray(np.take_along_axis(rows, index[..., None], -1)[..., 0])
        output_storage[1][0] = index

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """The gradient goes to every element that equals the largest; small changes do not move the index, so it gives zeros."""
        (x,), g = inputs, output_grads[0]
        if isinstance(g.type, DisconnectedType) or x.type.dtype in discrete_dtypes:
            return [zero_gradient(x)]
        ndim = x.type.ndim
        best = elemwise_of(scalar.eq)(spread_over(outputs[0], ndim, self.axis), x)
        return [best * spread_over(g, ndim, self.axis)]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """The direction at the largest element; the mean over equal ones."""
        if eval_points[0] is None:
            return [None, None]
        x = inputs[0]
        largest = self.make_node(x).outputs[0]
        best = elemwise_of(scalar.eq)(spread_over(largest, x.type.ndim, self.axis), x)
        return [(best * eval_points[0]).sum(axis=self.axis) / best.sum(axis=self.axis), None]


class _Arg(_Extreme):
    """The int64 index of the first extreme element over the axes."""

    function: ClassVar[Any]

    def make_node(self, input: Any) -> Apply:
        x, flags = self._reduced(input)
        return Apply(self, [x], [TensorType("int64", flags)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.asarray(self.function(self._rows(inputs[0]), axis=-1), "int64")

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """Zero: small changes do not move the index."""
        return [zero_gradient(inputs[0])]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """None: zero."""
        return [None]


class Argmax(_Arg):
    """The int64 index of the first largest element over the axes; NaN counts as the largest."""

    function = staticmethod(np.argmax)


class Argmin(_Arg):
    """The int64 index of the first smallest element over the axes; NaN counts as the smallest."""

    function = staticmethod(np.argmin)
