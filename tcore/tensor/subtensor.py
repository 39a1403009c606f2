"""Basic indexing: ``Subtensor``, a view of a part of an array, and the index lists that it shares with ``IncSubtensor``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.configuration import config
from tcore.finders import names_elsewhere
from tcore.graph import Apply, Constant, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar import Scalar, get_scalar_type
from tcore.scalar.dtypes import discrete_dtypes, integer_dtypes
from tcore.tensor.constants import (
    NotScalarConstantError,
    constant_int,
    scalar_value_of,
    vector_length_of,
)
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.scalars import scalar_from_tensor, tensor_from_scalar
from tcore.tensor.shape import Shape, static_length
from tcore.tensor.slices import slice_len_constant, slice_length
from tcore.tensor.type import TensorType
from tcore.tensor.views_c import SubtensorC

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Subtensor", "get_idx_list", "index_list", "index_scalar"]


def index_scalar(value: Any) -> Variable:
    """One number of an index as a scalar variable.

    Raises
    ------
    TypeError
        If it is no integer.
    """
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return get_scalar_type("int64").make_constant(int(value))
    if isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iu":
        return get_scalar_type("int64").make_constant(int(value))
    kind = value.type if isinstance(value, Variable) else None
    if isinstance(kind, Scalar) and kind.dtype in integer_dtypes:
        return value
    if isinstance(kind, TensorType) and kind.ndim == 0 and kind.dtype in integer_dtypes:
        if isinstance(value, Constant):
            return get_scalar_type(kind.dtype).make_constant(value.data[()])
        return scalar_from_tensor(value)
    shown = value if kind is None else f"{value} of type {kind}"
    raise TypeError(f"an index is an integer, an integer scalar or a slice of these, got {shown!s} ({type(value).__name__})")


def index_list(entries: Sequence[Any]) -> tuple[tuple[Any, ...], list[Variable]]:
    """The form in which an op keeps an index, and the scalars that fill it.

    Returns
    -------
    (idx_list, inputs)
        ``idx_list`` has a :class:`~tcore.scalar.Scalar` type where a number stands, slices of these and None.
    """
    inputs: list[Variable] = []

    def number(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Scalar):
            return value
        scalar = index_scalar(value)
        inputs.append(scalar)
        return scalar.type

    kept = tuple(slice(number(e.start), number(e.stop), number(e.step)) if isinstance(e, slice) else number(e) for e in entries)
    return kept, inputs


def kept_entries(idx_list: Sequence[Any]) -> tuple[Any, ...]:
    """The entries that an op keeps of an index: types in the place of variables."""
    return index_list(idx_list)[0]


def fill_index(idx_list: Sequence[Any], values: Sequence[Any]) -> list[Any]:
    """``idx_list`` with ``values`` in the places of its types."""
    remaining = iter(values)

    def number(kind: Any) -> Any:
        return None if kind is None else next(remaining)

    filled = []
    for entry in idx_list:
        if isinstance(entry, slice):
            start, stop, step = number(entry.start), number(entry.stop), number(entry.step)
            filled.append(slice(start, stop, step))
        else:
            filled.append(number(entry))
    return filled


def get_idx_list(inputs: Sequence[Variable], idx_list: Sequence[Any]) -> tuple[Any, ...]:
    """The index of a node, with its scalar inputs (``inputs`` without those before the index) in their places."""
    return tuple(fill_index(idx_list, inputs))


def index_text(idx_list: Sequence[Any]) -> str:
    """The index list as ops print it: ``int64:int64:, int64``."""

    def number(kind: Any) -> str:
        return "" if kind is None else str(kind)

    texts = []
    for entry in idx_list:
        if isinstance(entry, slice):
            texts.append(f"{number(entry.start)}:{number(entry.stop)}:{number(entry.step)}")
        else:
            texts.append(number(entry))
    return ", ".join(texts)


def index_key(idx_list: Sequence[Any]) -> tuple[Any, ...]:
    """A hashable stand-in for an index list: Python's slices have no hash."""
    return tuple(("slice", e.start, e.stop, e.step) if isinstance(e, slice) else e for e in idx_list)


def run_time_index(idx_list: Sequence[Any], values: Sequence[Any]) -> tuple[Any, ...]:
    """The index for NumPy. Ends in an ellipsis, so that the result is always a view and never a NumPy scalar."""
    return (*fill_index(idx_list, [int(value) for value in values]), Ellipsis)


def check_dimensions(name: str, x: Variable, idx_list: Sequence[Any]) -> None:
    """Refuse an index with more entries than ``x`` has axes."""
    if len(idx_list) > x.type.ndim:
        raise IndexError(f"{name}: too many indices: {x} has {x.type.ndim} dimensions, the index has {len(idx_list)}")


def indexed_marks(x: Variable, filled: Sequence[Any]) -> tuple[bool, ...]:
    """The broadcast pattern of ``x`` under a basic index."""
    marks = []
    for axis, mark in enumerate(x.type.broadcastable):
        entry = filled[axis] if axis < len(filled) else slice(None)
        if not isinstance(entry, slice):
            continue
        marks.append(mark and keeps_one(entry))
    return tuple(marks)


def keeps_one(entry: slice) -> bool:
    """Whether a slice surely takes the one element of an axis of length 1."""
    parts = []
    for value in (entry.start, entry.stop, entry.step):
        number = None if value is None else constant_int(value)
        if value is not None and number is None:
            return False
        parts.append(number)
    return parts[2] != 0 and slice_len_constant(slice(*parts), 1) == 1


@frozen(eq=False, repr=False)
class Subtensor(SubtensorC, Op):
    """A view of a part of ``x``: ``Subtensor(idx_list)(x, *scalars)``.

    ``idx_list`` has one entry per indexed axis: a scalar type for an index that comes as an input, or a slice of such
    types and None. A number or a scalar variable in it stands for its type.
    """

    idx_list: tuple[Any, ...] = field(converter=kept_entries)
    view_map: ClassVar[dict[int, list[int]]] = {0: [0]}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.idx_list == other.idx_list

    def __hash__(self) -> int:
        return hash((type(self), index_key(self.idx_list)))

    def make_node(self, x: Any, *inputs: Any) -> Apply:
        x = as_tensor_variable(x)
        check_dimensions("indexing", x, self.idx_list)
        scalars = [index_scalar(value) for value in inputs]
        kept, _ = index_list(fill_index(self.idx_list, scalars))
        if index_key(kept) != index_key(self.idx_list):
            raise TypeError(f"{self} needs index inputs of its types, got {', '.join(str(s.type) for s in scalars)}")
        filled = fill_index(self.idx_list, scalars)
        for axis, entry in enumerate(filled):
            _check_known_index(x, axis, entry)
        return Apply(self, [x, *scalars], [TensorType(x.type.dtype, indexed_marks(x, filled))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, *values = inputs
        output_storage[0][0] = x[run_time_index(self.idx_list, values)]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        filled = fill_index(self.idx_list, node.inputs[1:])
        lengths = []
        for axis, length in enumerate(shapes[0]):
            entry = filled[axis] if axis < len(filled) else slice(None)
            if isinstance(entry, slice):
                lengths.append(slice_length(_tensor_parts(entry), length))
        return [tuple(lengths)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], *[[False]] * (len(node.inputs) - 1)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient added into zeros at the place that was taken; zeros for integers."""
        from tcore.tensor.incsubtensor import IncSubtensor  # whose gradient is made of this op

        x, *index = inputs
        if x.type.dtype in discrete_dtypes:
            gradient = x.zeros_like(dtype=config.floatX)
        else:
            gradient = IncSubtensor(self.idx_list)(x.zeros_like(dtype=output_grads[0].type.dtype), output_grads[0], *index)
        return [gradient, *[disconnected_type() for _ in index]]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0], *inputs[1:])]

    def __str__(self) -> str:
        return f"{type(self).__name__}{{{index_text(self.idx_list)}}}"

    __repr__ = __str__


def _check_known_index(x: Variable, axis: int, entry: Any) -> None:
    """Tell at once about an index that is known to lie outside an axis of known length."""
    if isinstance(entry, slice):
        if entry.step is not None and constant_int(entry.step) == 0:
            raise ValueError("slice step cannot be zero")
        return
    length = static_length(x, axis)
    index = constant_int(entry)
    if length is not None and index is not None and not -length <= index < length:
        raise IndexError(f"index {index} is out of bounds for axis {axis} of {x} with size {length}")


def _tensor_parts(entry: slice) -> slice:
    """The slice with tensors in place of scalar variables, for shape arithmetic."""
    def part(value: Any) -> Any:
        if value is None:
            return None
        number = constant_int(value)
        if number is not None:
            return number
        return tensor_from_scalar(value)

    return slice(part(entry.start), part(entry.stop), part(entry.step))


@scalar_value_of.register(Subtensor)
def _indexed_value(op: Subtensor, node: Apply, index: int | None, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    """The value of an element: of a constant, of a MakeVector or Join of scalars, of a shape; of an array of one value."""
    x, *scalars = node.inputs
    if len(op.idx_list) == 1 and not isinstance(op.idx_list[0], slice) and x.type.ndim == 1:
        place = int(value_of(scalars[0]))
        if isinstance(x, Constant):
            return np.array(x.data[place])
        owner = x.owner
        if owner is not None and isinstance(owner.op, Shape):
            source = owner.inputs[0]
            if not hasattr(source.type, "broadcastable"):
                raise NotScalarConstantError(f"the shape of {source} is not known")
            length = static_length(source, place % source.type.ndim)
            if length is None:
                raise NotScalarConstantError(f"axis {place} of {source} has no known length")
            return np.array(length, "int64")
        if owner is not None and getattr(owner.op, "elements_are_inputs", False):
            return value_of(owner.inputs[place])
    if isinstance(x, Constant):
        values = [int(value_of(scalar)) for scalar in scalars]
        part = x.data[run_time_index(op.idx_list, values)]
        if part.size == 1:
            return np.array(part.reshape(-1)[0])
    return value_of(x)


@vector_length_of.register(Subtensor)
def _length_of_slice(op: Subtensor, node: Apply, length_of: Callable[[Variable], int]) -> int:
    """The length of a slice with known parts of a vector of known length."""
    x, *scalars = node.inputs
    if x.type.ndim != 1 or len(op.idx_list) != 1:
        raise ValueError(f"the length of {node.outputs[0]} is not known")
    numbers = [constant_int(scalar) for scalar in scalars]
    if None in numbers:
        raise ValueError(f"the length of {node.outputs[0]} depends on values that are not known")
    return slice_len_constant(fill_index(op.idx_list, numbers)[0], length_of(x))


if not TYPE_CHECKING:
    __getattr__ = names_elsewhere(__name__)
