"""DimShuffle: axes in another order, new ones of length 1, and such ones dropped; always a view."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from attrs import field

from tcore.graph.apply import Apply
from tcore.graph.op import Op
from tcore.graph.variable import Variable
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor._axes import checked_axis
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import tensor_type
from tcore.tensor.views_c import DimShuffleC

__all__ = ["DimShuffle", "dimshuffle", "moveaxis", "squeeze", "swapaxes", "transpose"]


def _flags(flags: Sequence[Any]) -> tuple[bool, ...]:
    return tuple(map(bool, flags))


def _axis(entry: Any) -> int | str:
    if isinstance(entry, str):
        if entry != "x":
            raise ValueError(f"a dimshuffle pattern holds axis numbers and 'x', got {entry!r}")
        return "x"
    try:
        return operator.index(entry)
    except TypeError:
        raise TypeError(f"a dimshuffle pattern holds axis numbers and 'x', both known when the graph is built, got {entry!r}") from None


def _order(order: Sequence[Any]) -> tuple[int | str, ...]:
    return tuple(map(_axis, order))


@frozen(slots=False, init=False, str=False, repr=False)
class DimShuffle(DimShuffleC, Op):
    """A view with the axes in ``new_order``.

    Parameters
    ----------
    input_broadcastable : sequence of bool
        The flags of the input.
    new_order : sequence of int and ``"x"``
        Input axes in their new order; ``"x"`` is a new axis of length 1. Axes left out must be broadcastable.
    inplace : bool
        Kept for compatibility: the result is a view in any case.
    """

    input_broadcastable: tuple[bool, ...] = field(converter=_flags)
    new_order: tuple[int | str, ...] = field(converter=_order)
    shuffle: tuple[int, ...] = field(init=False, eq=False)
    augment: tuple[int, ...] = field(init=False, eq=False)
    drop: tuple[int, ...] = field(init=False, eq=False)

    view_map = {0: [0]}
    _f16_ok = True

    def __init__(self, input_broadcastable: Sequence[Any], new_order: Sequence[Any], inplace: bool = True) -> None:
        self.__attrs_init__(input_broadcastable, new_order)
        ndim = len(self.input_broadcastable)
        kept = [axis for axis in self.new_order if axis != "x"]
        for axis in kept:
            if not -ndim <= axis < ndim or axis < 0:  # type: ignore[operator]
                raise ValueError(f"dimshuffle{self.new_order} names axis {axis}, but the input has {ndim} axes")
        if len(set(kept)) != len(kept):
            raise ValueError(f"dimshuffle{self.new_order} names an axis twice")
        drop = tuple(axis for axis in range(ndim) if axis not in kept)
        for axis in drop:
            if not self.input_broadcastable[axis]:
                raise ValueError(f"dimshuffle{self.new_order} drops axis {axis}, which is not broadcastable: its length may not be 1")
        set_ = object.__setattr__
        set_(self, "shuffle", tuple(kept))
        set_(self, "drop", drop)
        set_(self, "augment", tuple(i for i, axis in enumerate(self.new_order) if axis == "x"))

    @property
    def inplace(self) -> bool:
        """True: the result is a view."""
        return True

    def make_node(self, input: Any) -> Apply:
        x = as_tensor_variable(input)
        if x.type.broadcastable != self.input_broadcastable:
            raise TypeError(f"{self} takes the broadcast pattern {self.input_broadcastable}, got {x.type.broadcastable} of {x}")
        flags = [axis == "x" or self.input_broadcastable[axis] for axis in self.new_order]  # type: ignore[index]
        return Apply(self, [x], [tensor_type(x.type.dtype, tuple(flags)).make_variable()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        shape = x.shape
        for axis in self.drop:
            if shape[axis] != 1:
                raise ValueError(f"{self} drops axis {axis}, whose length must be 1: got shape {shape}")
        view = x.transpose(self.shuffle + self.drop) if self.shuffle + self.drop else x
        output_storage[0][0] = view.reshape([1 if axis == "x" else shape[axis] for axis in self.new_order])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        (shape,) = shapes
        return [tuple(1 if axis == "x" else shape[axis] for axis in self.new_order)]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The axes put back."""
        (x,), (g,) = inputs, output_grads
        if x.type.dtype in discrete_dtypes:
            return [x.zeros_like(dtype="floatX")]
        back: list[int | str] = ["x"] * len(self.input_broadcastable)
        for position, axis in enumerate(self.new_order):
            if axis != "x":
                back[axis] = position  # type: ignore[index]
        return [dimshuffle_of(g.type.broadcastable, tuple(back))(g)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Any]:
        """The same shuffle of the direction."""
        return [None if eval_points[0] is None else self(eval_points[0])]

    def __str__(self) -> str:
        return f"InplaceDimShuffle{{{','.join(map(str, self.new_order))}}}"

    __repr__ = __str__


@lru_cache(maxsize=1024)
def dimshuffle_of(input_broadcastable: tuple[bool, ...], new_order: tuple[int | str, ...]) -> DimShuffle:
    """The DimShuffle from a pattern to an order: one object for each."""
    return DimShuffle(input_broadcastable, new_order)


def dimshuffle(x: Any, *pattern: Any) -> Variable:
    """``x`` with its axes in the order ``pattern``: numbers, and ``"x"`` for new axes; as arguments or one sequence."""
    if len(pattern) == 1 and isinstance(pattern[0], (list, tuple)):
        pattern = tuple(pattern[0])
    variable = as_tensor_variable(x)
    ndim = variable.type.ndim
    order = [axis + ndim if isinstance(axis, int) and -ndim <= axis < 0 else axis for axis in pattern]
    return dimshuffle_of(variable.type.broadcastable, tuple(order))(variable)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Variable:
    """``x`` with its axes in the order ``axes``, or reversed."""
    variable = as_tensor_variable(x)
    ndim = variable.type.ndim
    if axes is None:
        order = list(range(ndim - 1, -1, -1))
    else:
        order = [int(axis) for axis in axes]
        if len(order) != ndim:
            raise ValueError(f"transpose of {ndim} axes got {len(order)} axes: {order}")
    result = dimshuffle(variable, order)
    if variable.name and axes is None:
        result.name = f"{variable.name}.T"
    return result


def swapaxes(x: Any, axis1: int, axis2: int) -> Variable:
    """``x`` with two axes exchanged."""
    variable = as_tensor_variable(x)
    first, second = (checked_axis("swapaxes", axis, variable) for axis in (axis1, axis2))
    order = list(range(variable.type.ndim))
    order[first], order[second] = order[second], order[first]
    return dimshuffle(variable, order)


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Variable:
    """``x`` with the axes ``source`` moved to the places ``destination``, the others kept in order."""
    variable = as_tensor_variable(x)
    ndim = variable.type.ndim
    froms, tos = ([checked_axis("moveaxis", axis, variable) for axis in ([axes] if isinstance(axes, int) else axes)] for axes in (source, destination))
    if len(froms) != len(tos) or len(set(froms)) != len(froms) or len(set(tos)) != len(tos):
        raise ValueError(f"moveaxis takes as many different destinations as sources, got {source} and {destination}")
    order = [axis for axis in range(ndim) if axis not in froms]
    for place, axis in sorted(zip(tos, froms, strict=True)):
        order.insert(place, axis)
    return dimshuffle(variable, order)


def squeeze(x: Any) -> Variable:
    """``x`` without its broadcastable axes; other axes stay, also if their length turns out to be 1."""
    variable = as_tensor_variable(x)
    flags = variable.type.broadcastable
    return dimshuffle(variable, [axis for axis, flag in enumerate(flags) if not flag])
