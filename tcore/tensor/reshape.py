"""Other shapes for the same elements: ``Reshape``, ``flatten`` and the functions that add axes of length 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.tensor._lengths import as_length, divided, product, where_negative
from tcore.tensor.constants import constant_int, get_vector_length, scalar_value_of, value_behind
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.rebroadcast import addbroadcast
from tcore.tensor.shape import as_shape_vector
from tcore.tensor.type import TensorType
from tcore.tensor.views_c import ReshapeC

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Flatten", "Reshape", "flatten", "reshape", "shape_padaxis", "shape_padleft", "shape_padright"]


@frozen
class Reshape(ReshapeC, Op):
    """The elements of ``x`` in row-major order in a new shape of ``ndim`` axes, as a view where that is possible.

    One entry of the shape may be -1: it is what the others leave.
    """

    ndim: int
    name: str | None = field(default=None, eq=False)
    view_map: ClassVar[dict[int, list[int]]] = {0: [0]}
    copies_where_it_must: ClassVar[bool] = True

    def __attrs_post_init__(self) -> None:
        if self.ndim < 0:
            raise ValueError(f"a shape has 0 or more dimensions, got {self.ndim}")

    def make_node(self, x: Any, shp: Any) -> Apply:
        x = as_tensor_variable(x)
        vector = as_shape_vector(shp)
        try:
            length = get_vector_length(vector)
        except ValueError:
            length = None
        if length is not None and length != self.ndim:
            raise ValueError(f"reshape of {x} to {self.ndim} dimensions needs as many entries in the shape, got {length}")
        entries = [constant_int(vector[axis]) for axis in range(self.ndim)] if length is not None else [None] * self.ndim
        if sum(entry == -1 for entry in entries) > 1:
            raise ValueError(f"reshape of {x}: only one entry of the shape can be -1, got {entries}")
        if any(entry is not None and entry < -1 for entry in entries):
            raise ValueError(f"reshape of {x}: a length is not negative (but for one -1), got {entries}")
        return Apply(self, [x, vector], [TensorType(x.type.dtype, tuple(entry == 1 for entry in entries))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, shp = inputs
        if len(shp) != self.ndim:
            raise ValueError(f"reshape to {self.ndim} dimensions needs as many entries in the shape, got {shp}")
        try:
            output_storage[0][0] = np.reshape(x, tuple(int(n) for n in shp))
        except ValueError as error:
            raise ValueError(f"cannot reshape an array of shape {x.shape} ({x.size} elements) to {tuple(map(int, shp))}") from error

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        wanted = node.inputs[1]
        entries = [as_length(wanted[axis]) for axis in range(self.ndim)]
        unknown = [axis for axis, entry in enumerate(entries) if not isinstance(entry, int)]
        if -1 not in entries and not unknown:
            return [tuple(entries)]
        size = product(shapes[0])
        # several entries may turn out to be the -1: each asks what the others leave
        candidates = [entries.index(-1)] if -1 in entries else unknown
        lengths = list(entries)
        for axis in candidates:
            others = [entry for other, entry in enumerate(entries) if other != axis]
            if len(candidates) > 1:
                others = [where_negative(entry, 1, entry) for entry in others]
            known = [other for other in others if isinstance(other, int)]
            rest = 0 if 0 in known else _rest(size, shapes[0], others)
            lengths[axis] = where_negative(entries[axis], rest, entries[axis])
        return [tuple(lengths)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient in the input's shape."""
        (x, _), (g,) = inputs, output_grads
        back = reshape(g, x.shape, ndim=x.type.ndim)
        for axis, mark in enumerate(x.type.broadcastable):
            if mark and not back.type.broadcastable[axis]:
                back = addbroadcast(back, axis)
        return [back, disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0], *inputs[1:])]

    def __str__(self) -> str:
        return f"{self.name or 'Reshape'}{{{self.ndim}}}"


def _rest(size: Any, lengths: Sequence[Any], others: Sequence[Any]) -> Any:
    """The ``-1`` entry: the number of elements over the product of ``others``; equal symbolic factors cancel."""
    numerator = list(lengths)
    denominator = []
    for other in others:
        for position, factor in enumerate(numerator):
            if factor is other and not isinstance(factor, int):
                del numerator[position]
                break
        else:
            denominator.append(other)
    return divided(product(numerator), product(denominator)) if denominator else product(numerator)


scalar_value_of.register(Reshape, value_behind)


def reshape(x: Any, newshape: Any, ndim: int | None = None) -> Variable:
    """``x`` with the shape ``newshape``, in row-major order.

    Parameters
    ----------
    x : tensor
    newshape : sequence of integers and integer scalars, or integer vector
        One entry may be -1.
    ndim : int, optional
        Number of entries of ``newshape``; needed when it is a vector whose length is not known.

    Raises
    ------
    ValueError
        If the length of ``newshape`` is not known and ``ndim`` not given; when the function runs, if the sizes differ.
    """
    x = as_tensor_variable(x)
    vector = as_shape_vector(newshape)
    if ndim is None:
        try:
            ndim = get_vector_length(vector)
        except ValueError as error:
            raise ValueError(
                f"reshape of {x}: the length of the shape {vector} is not known when the graph is built; pass ndim=, the number of dimensions of the result"
            ) from error
    return Reshape(ndim)(x, vector)


def flatten(x: Any, ndim: int = 1) -> Variable:
    """``x`` with its first ``ndim - 1`` axes kept and the others collapsed into the last.

    Raises
    ------
    ValueError
        If ``ndim`` is smaller than 1 or larger than the number of axes of ``x`` (a 0-d ``x`` flattens to one axis).
    """
    x = as_tensor_variable(x)
    if ndim is None:
        ndim = 1
    if ndim < 1 or ndim > max(1, x.type.ndim):
        raise ValueError(f"flatten: ndim must lie in [1, {max(1, x.type.ndim)}] for {x} of {x.type.ndim} dimensions, got {ndim}")
    if ndim == x.type.ndim:
        return x
    lengths = [1 if x.type.broadcastable[axis] else x.shape[axis] for axis in range(ndim - 1)]
    flat = reshape(x, (*lengths, -1), ndim=ndim)
    if all(x.type.broadcastable[ndim - 1 :]):
        flat = addbroadcast(flat, ndim - 1)
    return flat


@frozen
class Flatten:
    """:func:`flatten` with its number of axes fixed: ``Flatten(outdim)(x)`` is ``flatten(x, outdim)``, made of Reshape."""

    outdim: int = 1

    def __call__(self, x: Any) -> Variable:
        """Apply to a tensor."""
        return flatten(x, self.outdim)


def shape_padleft(t: Any, n_ones: int = 1) -> Variable:
    """``t`` with ``n_ones`` broadcastable axes before its own."""
    x = as_tensor_variable(t)
    return x.dimshuffle(*["x"] * n_ones, *range(x.type.ndim))


def shape_padright(t: Any, n_ones: int = 1) -> Variable:
    """``t`` with ``n_ones`` broadcastable axes after its own."""
    x = as_tensor_variable(t)
    return x.dimshuffle(*range(x.type.ndim), *["x"] * n_ones)


def shape_padaxis(t: Any, axis: int) -> Variable:
    """``t`` with a broadcastable axis at position ``axis`` of the result; negative positions count from its end.

    Raises
    ------
    IndexError
        If ``axis`` is no position of the result.
    """
    x = as_tensor_variable(t)
    ndim = x.type.ndim + 1
    if not -ndim <= axis < ndim:
        raise IndexError(f"axis {axis} is out of range [-{ndim}, {ndim}) for {x} with one axis more")
    order: list[Any] = list(range(x.type.ndim))
    order.insert(axis % ndim, "x")
    return x.dimshuffle(*order)
