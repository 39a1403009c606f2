"""``IncSubtensor``: an array with a part of it set or increased, the counterpart of basic indexing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, upcast
from tcore.tensor.alloc import sum_to_type
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.subtensor import (
    Subtensor,
    check_dimensions,
    fill_index,
    index_key,
    index_list,
    index_scalar,
    index_text,
    kept_entries,
    run_time_index,
)
from tcore.tensor.views_c import IncSubtensorC

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["IncSubtensor"]


def check_increment(what: str, x: Variable, y: Variable, part_ndim: int) -> None:
    """Refuse a value that does not fit into the part of ``x`` that it goes to, by its dtype or number of axes."""
    if y.type.ndim > part_ndim:
        raise TypeError(f"{what}: the value {y} has {y.type.ndim} dimensions, the part of {x} that it goes to has only {part_ndim}")
    if upcast(x.type.dtype, y.type.dtype) != x.type.dtype:
        raise TypeError(
            f"{what}: a value of dtype {y.type.dtype} does not fit into {x} of dtype {x.type.dtype}; convert one of them, "
            f"for instance with value.astype({x.type.dtype!r})"
        )


def written(x: Any, y: Any, place: Any, inplace: bool, set_instead_of_inc: bool, stretches: Sequence[bool]) -> Any:
    """``x``, or a copy of it, with ``y`` set or added at ``place``; of its axes only those stretch of which ``stretches`` says so."""
    wanted = np.shape(x[place])
    lengths = wanted[len(wanted) - len(stretches) :]
    if any(own != length for own, length, free in zip(y.shape, lengths, stretches, strict=True) if not free):
        verb = "set" if set_instead_of_inc else "add"
        raise ValueError(f"cannot {verb} a value of shape {y.shape} in a part of shape {wanted}: lengths must be equal, or 1 by the value's type")
    out = x if inplace else x.copy()
    if set_instead_of_inc:
        out[place] = y
    else:
        out[place] += y
    return out


def discrete_gradients(inputs: Sequence[Variable], index_count: int) -> list[Variable]:
    """The gradients of an increment of integers: zeros for the arrays, disconnected for the index."""
    zeros = [variable.zeros_like(dtype=config.floatX) for variable in inputs[:2]]
    return [*zeros, *[disconnected_type() for _ in range(index_count)]]


@frozen(eq=False, repr=False)
class IncSubtensor(IncSubtensorC, Op):
    """``x`` with a part of it increased by ``y``, or set to ``y``: ``IncSubtensor(idx_list)(x, y, *scalars)``.

    Attributes
    ----------
    idx_list : tuple
        As for :class:`~tcore.tensor.subtensor.Subtensor`.
    inplace : bool
        Whether the memory of ``x`` is overwritten. For the optimizer only.
    set_instead_of_inc : bool
    destroyhandler_tolerate_aliased : tuple of pairs
        Inputs that may share memory with the overwritten one, by position: (destroyed, aliased).
    """

    idx_list: tuple[Any, ...] = field(converter=kept_entries)
    inplace: bool = field(default=False, converter=bool)
    set_instead_of_inc: bool = field(default=False, converter=bool)
    destroyhandler_tolerate_aliased: tuple[tuple[int, int], ...] = field(default=(), converter=lambda pairs: tuple(tuple(pair) for pair in pairs or ()))
    #: a constant must not be folded into its first input: it wants to overwrite it
    overwrites_first_input: ClassVar[bool] = True

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """The first input, when working in place."""
        return {0: [0]} if self.inplace else {}

    def _key(self) -> tuple[Any, ...]:
        return (
            index_key(self.idx_list),
            self.inplace,
            self.set_instead_of_inc,
            self.destroyhandler_tolerate_aliased,
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def make_node(self, x: Any, y: Any, *inputs: Any) -> Apply:
        x, y = as_tensor_variable(x), as_tensor_variable(y)
        check_dimensions("set_subtensor" if self.set_instead_of_inc else "inc_subtensor", x, self.idx_list)
        scalars = [index_scalar(value) for value in inputs]
        kept, _ = index_list(fill_index(self.idx_list, scalars))
        if index_key(kept) != index_key(self.idx_list):
            raise TypeError(f"{self} needs index inputs of its types, got {', '.join(str(s.type) for s in scalars)}")
        part_ndim = x.type.ndim - sum(not isinstance(entry, slice) for entry in self.idx_list)
        check_increment(self._name(), x, y, part_ndim)
        return Apply(self, [x, y, *scalars], [x.type()])

    def _name(self) -> str:
        return "set_subtensor" if self.set_instead_of_inc else "inc_subtensor"

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y, *values = inputs
        place = run_time_index(self.idx_list, values)
        output_storage[0][0] = written(x, y, place, self.inplace, self.set_instead_of_inc, node.inputs[1].type.broadcastable)  # type: ignore[attr-defined]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [tuple(shapes[0])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [True], *[[False]] * (len(node.inputs) - 2)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """To ``x`` everywhere, or where it was not overwritten; to ``y`` what arrives at its place."""
        (x, y, *index), (g,) = inputs, output_grads
        if x.type.dtype in discrete_dtypes:
            return discrete_gradients(inputs, len(index))
        gx = IncSubtensor(self.idx_list, set_instead_of_inc=True)(g, y.zeros_like(dtype=g.type.dtype), *index) if self.set_instead_of_inc else g
        gy = sum_to_type(Subtensor(self.idx_list)(g, *index), y)
        if y.type.dtype in discrete_dtypes:
            gy = y.zeros_like(dtype=config.floatX)
        return [gx, gy, *[disconnected_type() for _ in index]]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        x, y, *index = inputs
        dx, dy = eval_points[:2]
        if dx is None and dy is None:
            return [None]
        # the result is linear in both: a missing direction counts as zeros
        return [self(x.zeros_like() if dx is None else dx, y.zeros_like() if dy is None else dy, *index)]

    def __str__(self) -> str:
        verb = ("Inplace" if self.inplace else "") + ("Set" if self.set_instead_of_inc else "Inc")
        return f"{type(self).__name__}{{{verb};{index_text(self.idx_list)}}}"

    __repr__ = __str__
