"""Arrays with the places of an integer index set or increased: of duplicates the last is set, and all are added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import evolve, field

from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.advanced_subtensor import (
    adv_index_result,
    advanced_subtensor,
    advanced_subtensor1,
    check_index,
    index_variable,
    integer_index,
)
from tcore.tensor.alloc import sum_to_type
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.incsubtensor import check_increment, discrete_gradients
from tcore.tensor.last_writers import of_last_writers

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AdvancedIncSubtensor", "AdvancedIncSubtensor1", "advanced_inc_subtensor", "advanced_inc_subtensor1"]


class _AdvancedIncrement(Op):
    """What both ops share: ``op(x, y, *index)`` gives ``x`` with ``y`` at the places of ``index``."""

    overwrites_first_input: ClassVar[bool] = True
    inplace: bool
    set_instead_of_inc: bool

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """The first input, when working in place."""
        return {0: [0]} if self.inplace else {}

    @property
    def _name(self) -> str:
        return "set_subtensor" if self.set_instead_of_inc else "inc_subtensor"

    def _take(self, x: Variable, index: Sequence[Variable]) -> Variable:
        raise NotImplementedError

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y, *index = inputs
        check_index(x, index)
        flags = node.inputs[1].type.broadcastable  # type: ignore[attr-defined]
        ones = [axis - y.ndim for axis, (length, flag) in enumerate(zip(y.shape, flags, strict=True)) if length == 1 and not flag]
        if ones and any((part := x[tuple(index)].shape)[axis] != 1 for axis in ones):
            raise ValueError(f"a value of shape {y.shape} does not fit in a part of shape {part}: lengths must be equal, or 1 by the value's type")
        out = x if self.inplace else x.copy()
        try:
            if self.set_instead_of_inc:
                out[tuple(index)] = y
            else:
                np.add.at(out, tuple(index), y)
        except ValueError as error:
            raise ValueError(f"a value of shape {y.shape} does not fit in a part of shape {x[tuple(index)].shape} of an array of shape {x.shape}") from error
        output_storage[0][0] = out

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(shapes[0])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [True], *[[False]] * (len(node.inputs) - 2)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """To ``x`` everywhere, or where it was not overwritten; to ``y`` what arrives at its places, at those written twice to the last."""
        (x, y, *index), (g,) = inputs, output_grads
        if x.type.dtype in discrete_dtypes:
            return discrete_gradients(inputs, len(index))
        gx = evolve(self, inplace=False)(g, y.zeros_like(dtype=g.type.dtype), *index) if self.set_instead_of_inc else g
        return [gx, self._gradient_of_value(x, y, index, g), *[disconnected_type() for _ in index]]

    def _gradient_of_value(self, x: Variable, y: Any, index: Sequence[Variable], g: Variable) -> Variable:
        if y.type.dtype in discrete_dtypes:
            return y.zeros_like(dtype=config.floatX)
        part = self._take(g, index)
        return sum_to_type(of_last_writers(part, x, index, advanced_set_subtensor) if self.set_instead_of_inc else part, y)

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        x, y, *index = inputs
        dx, dy = eval_points[:2]
        if dx is None and dy is None:
            return [None]
        return [self(x.zeros_like() if dx is None else dx, y.zeros_like() if dy is None else dy, *index)]

    def __str__(self) -> str:
        place = "inplace" if self.inplace else "no_inplace"
        return f"{type(self).__name__}{{{place},{'set' if self.set_instead_of_inc else 'inc'}}}"


@frozen(repr=False, str=False)
class AdvancedIncSubtensor1(_AdvancedIncrement):
    """``x`` with the rows of an index vector increased by ``y`` or set to it: ``op(x, y, ilist)``.

    ``y`` has the axes of ``x``, or fewer: it is broadcast.
    """

    inplace: bool = field(default=False, converter=bool)
    set_instead_of_inc: bool = field(default=False, converter=bool)

    def make_node(self, x: Any, y: Any, ilist: Any) -> Apply:
        x, y, index = as_tensor_variable(x), as_tensor_variable(y), integer_index(ilist)
        if index.type.ndim != 1:
            raise TypeError(f"{self} takes an index vector, got {index} with {index.type.ndim} dimensions")
        if x.type.ndim == 0:
            raise IndexError(f"too many indices: {x} has no axis to index")
        check_increment(self._name, x, y, x.type.ndim)
        return Apply(self, [x, y, index], [x.type()])

    def _take(self, x: Variable, index: Sequence[Variable]) -> Variable:
        return advanced_subtensor1(x, *index)


@frozen(repr=False, str=False)
class AdvancedIncSubtensor(_AdvancedIncrement):
    """``x`` with the places of a NumPy index increased by ``y`` or set to it: ``op(x, y, *index)``."""

    inplace: bool = field(default=False, converter=bool)
    set_instead_of_inc: bool = field(default=False, converter=bool)

    def make_node(self, x: Any, y: Any, *index: Any) -> Apply:
        x, y = as_tensor_variable(x), as_tensor_variable(y)
        entries = [index_variable(entry) for entry in index]
        if len(entries) > x.type.ndim:
            raise IndexError(f"too many indices: {x} has {x.type.ndim} dimensions, the index has {len(entries)}")
        arrays, _, _ = adv_index_result(entries, x.type.ndim)
        made = max((entries[place].type.ndim for place in arrays), default=0)
        check_increment(self._name, x, y, x.type.ndim - len(arrays) + made)
        return Apply(self, [x, y, *entries], [x.type()])

    def _take(self, x: Variable, index: Sequence[Variable]) -> Variable:
        return advanced_subtensor(x, *index)


advanced_inc_subtensor1 = AdvancedIncSubtensor1()
advanced_set_subtensor1 = AdvancedIncSubtensor1(set_instead_of_inc=True)
advanced_inc_subtensor = AdvancedIncSubtensor()
advanced_set_subtensor = AdvancedIncSubtensor(set_instead_of_inc=True)
