"""Order: ``sort``, ``argsort``, and ``take_along_axis``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import field
from attrs.validators import in_

from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor._axes import checked_axis
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.gradients import zero_gradient
from tcore.tensor.ranges import arange
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ArgSortOp", "SortOp", "argsort", "sort", "take_along_axis"]

_Kind = Literal["quicksort", "mergesort", "heapsort", "stable"]
_KINDS = ("quicksort", "mergesort", "heapsort", "stable")


@frozen
class _Ordering(Op):
    """What the two share: ``axis`` is counted from the front; ``kind`` is NumPy's name of the method."""

    axis: int = field(converter=int)
    kind: _Kind = field(default="quicksort", validator=in_(_KINDS))

    def _checked(self, x: Any) -> Any:
        x = as_tensor_variable(x)
        if not 0 <= self.axis < x.type.ndim:
            raise ValueError(f"{self}: axis {self.axis} does not exist in {x} with {x.type.ndim} dimensions")
        return x

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{self.axis}, {self.kind}}}"


@frozen(str=False)
class SortOp(_Ordering):
    """A tensor sorted along an axis, NaN last."""

    def make_node(self, x: Any) -> Apply:
        x = self._checked(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.sort(inputs[0], self.axis, self.kind)

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Each gradient goes back to the place where its element was."""
        x: Any = inputs[0]
        if x.type.dtype in discrete_dtypes:
            return [zero_gradient(x)]
        back = ArgSortOp(self.axis)(ArgSortOp(self.axis, self.kind)(x))
        return [take_along_axis(output_grads[0], back, self.axis)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        if eval_points[0] is None:
            return [None]
        return [take_along_axis(eval_points[0], ArgSortOp(self.axis, self.kind)(inputs[0]), self.axis)]


@frozen(str=False)
class ArgSortOp(_Ordering):
    """The int64 indices that sort a tensor along an axis; equal elements keep their order, whatever ``kind`` is."""

    def make_node(self, x: Any) -> Apply:
        x = self._checked(x)
        return Apply(self, [x], [TensorType("int64", x.type.broadcastable)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        # in one order on every backend: other kinds may leave equal elements in any
        output_storage[0][0] = np.argsort(inputs[0], self.axis, "stable").astype("int64", copy=False)

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Zero: small changes of the values change no index."""
        return [zero_gradient(inputs[0])]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None]


def _prepared(name: str, a: Any, axis: Any, order: Any) -> tuple[Any, int]:
    if order is not None:
        raise ValueError(f"{name}: order names fields of structured arrays, which tensors do not have; got {order!r}")
    a = as_tensor_variable(a)
    if axis is None:
        return a.flatten(), 0
    return a, checked_axis(name, axis, a)


def sort(a: Any, axis: int | None = -1, kind: _Kind = "quicksort", order: None = None) -> Variable:
    """A sorted copy.

    Parameters
    ----------
    a : tensor
    axis : int or None
        None sorts the flattened ``a``.
    kind : str
        NumPy's name of the method: quicksort, mergesort, heapsort or stable.
    order : None
        For structured arrays in NumPy; tensors have no fields.
    """
    a, axis = _prepared("sort", a, axis, order)
    return SortOp(axis, kind)(a)  # type: ignore[return-value]


def argsort(a: Any, axis: int | None = -1, kind: _Kind = "quicksort", order: None = None) -> Variable:
    """The int64 indices that would sort ``a``; see :func:`sort`. Equal elements keep their order with every ``kind``."""
    a, axis = _prepared("argsort", a, axis, order)
    return ArgSortOp(axis, kind)(a)  # type: ignore[return-value]


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Variable:
    """``arr[i, indices[i, j]]`` and so on: along ``axis`` the elements that ``indices`` name, row by row.

    Parameters
    ----------
    arr : tensor
    indices : integer tensor
        Of as many dimensions; the other axes are as long as those of ``arr``, or broadcastable.
    axis : int or None
        None takes from the flattened ``arr``.
    """
    arr, indices = as_tensor_variable(arr), as_tensor_variable(indices)
    if axis is None:
        arr, axis = arr.flatten(), 0
    axis = checked_axis("take_along_axis", axis, arr)
    if indices.type.ndim != arr.type.ndim or indices.type.dtype not in discrete_dtypes or indices.type.dtype == "bool":
        raise TypeError(f"take_along_axis takes integer indices of {arr.type.ndim} dimensions, got {indices} of type {indices.type}")
    places = []
    for place in range(arr.type.ndim):
        if place == axis:
            places.append(indices)
        else:
            steps = arange(arr.shape[place])
            places.append(steps.dimshuffle(*["x"] * place, 0, *["x"] * (arr.type.ndim - place - 1)))
    return arr[tuple(places)]  # type: ignore[no-any-return]
