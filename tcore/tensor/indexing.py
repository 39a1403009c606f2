"""``x[…]`` and its counterparts ``set_subtensor`` and ``inc_subtensor``: from Python's index to the op that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tcore.graph import Apply, Constant, Op, Variable
from tcore.graph.null_type import Unconnected
from tcore.records import frozen
from tcore.tensor._axes import checked_axis
from tcore.tensor.advanced_incsubtensor import AdvancedIncSubtensor, AdvancedIncSubtensor1
from tcore.tensor.advanced_subtensor import (
    AdvancedSubtensor,
    AdvancedSubtensor1,
    advanced_subtensor,
    advanced_subtensor1,
    integer_index,
)
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.incsubtensor import IncSubtensor, check_increment
from tcore.tensor.join import stack
from tcore.tensor.rebroadcast import Rebroadcast, addbroadcast
from tcore.tensor.subtensor import Subtensor, index_list
from tcore.tensor.type import TensorType
from tcore.tensor.type_other import NoneTypeT, SliceType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "MaskIndices",
    "flatnonzero",
    "inc_subtensor",
    "index",
    "mask_indices",
    "nonzero",
    "nonzero_values",
    "set_subtensor",
    "take",
]


@frozen
class MaskIndices(Unconnected, Op):
    """The places where a mask is true, as one int64 vector per axis: ``op(mask)``, or ``op(mask, lengths)``.

    With ``lengths``, an integer vector, a mask of another shape is an IndexError: the mask selects from axes of these
    lengths.
    """

    #: no two elements of the outputs together are alike
    places_differ: ClassVar[bool] = True
    ndim: int

    def make_node(self, mask: Any, lengths: Any = None) -> Apply:
        mask = as_tensor_variable(mask)
        if mask.type.ndim != self.ndim or self.ndim == 0:
            raise ValueError(f"{self} takes a mask of {self.ndim} dimensions, at least 1, got {mask.type.ndim}")
        inputs = [mask] if lengths is None else [mask, as_tensor_variable(lengths)]
        return Apply(self, inputs, [TensorType("int64", (False,))() for _ in range(self.ndim)])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        mask = inputs[0]
        if len(inputs) == 2 and mask.shape != tuple(inputs[1]):
            axis = next(axis for axis, length in enumerate(inputs[1]) if mask.shape[axis] != length)
            raise IndexError(
                f"a boolean mask must have the shape of what it selects from: axis {axis} has length {int(inputs[1][axis])}, the mask {mask.shape[axis]} there"
            )
        for storage, places in zip(output_storage, np.nonzero(mask), strict=True):
            storage[0] = np.ascontiguousarray(places, "int64")  # NumPy's are columns of one array

    def __str__(self) -> str:
        return f"MaskIndices{{{self.ndim}}}"


def mask_indices(mask: Any, lengths: Any = None) -> list[Variable]:
    """The places where ``mask`` is true, one int64 vector per axis; its shape is checked against ``lengths`` if given."""
    mask = as_tensor_variable(mask)
    op = MaskIndices(mask.type.ndim)
    return op(mask, return_list=True) if lengths is None else op(mask, lengths, return_list=True)


def nonzero(a: Any, return_matrix: bool = False) -> Any:
    """The places of the elements that are not zero.

    Returns
    -------
    tuple of int64 vectors, one per axis, which is an index of these elements; for ``return_matrix=True`` the int64 matrix that has them as rows.
    """
    a = as_tensor_variable(a)
    if a.type.ndim == 0:
        raise ValueError("nonzero needs at least one dimension, got a scalar")
    places = mask_indices(a)
    if not return_matrix:
        return tuple(places)

    return stack(places, axis=0)


def flatnonzero(a: Any) -> Variable:
    """The places of the elements of the flattened ``a`` that are not zero."""
    a = as_tensor_variable(a)
    return nonzero(a.flatten())[0]


def nonzero_values(a: Any) -> Variable:
    """The elements that are not zero, as a vector in row-major order."""
    a = as_tensor_variable(a)
    return a[nonzero(a)]


# ---------------------------------------------------------------------- reading an index


def _is_mask(entry: Any) -> bool:
    if isinstance(entry, Variable):
        return isinstance(entry.type, TensorType) and entry.type.dtype == "bool"
    return isinstance(entry, np.ndarray) and entry.dtype == bool


def _consumed(entry: Any) -> int:
    """The number of axes of the array that an entry speaks of."""
    if entry is None or entry is Ellipsis:
        return 0
    if _is_mask(entry):
        return int(entry.ndim)
    return 1


def _checked(entry: Any) -> Any:
    """The entry, after a look at its type: with Python lists as arrays, and None for its variable."""
    if entry is None or entry is Ellipsis or isinstance(entry, slice):
        return entry
    if isinstance(entry, Variable):
        if isinstance(entry.type, NoneTypeT):
            return None
        if isinstance(entry.type, SliceType) and isinstance(entry, Constant):
            return entry.data
        if _is_mask(entry) and entry.type.ndim == 0:
            raise TypeError(f"a 0-d boolean cannot be an index, got {entry}: use switch, or a mask with axes")
        return entry
    if isinstance(entry, (bool, np.bool_)):
        raise TypeError(f"the bool {entry} cannot be an index: use 0 or 1 for an element, or a boolean array for a mask")
    if isinstance(entry, (list, tuple)):
        return _checked_list(entry)
    return entry


def _checked_list(entry: Any) -> Any:
    if _holds_variables(entry):
        return as_tensor_variable(list(entry))
    array = np.asarray(entry)
    if array.dtype == bool:
        raise TypeError("a Python list of bools cannot be an index: use numpy.array(…, dtype=bool) for a mask")
    return array.astype("int64") if array.size == 0 else array


def _holds_variables(values: Iterable[Any]) -> bool:
    pending = [values]
    while pending:
        for value in pending.pop():
            if isinstance(value, Variable):
                return True
            if isinstance(value, (list, tuple)):
                pending.append(value)
    return False


def _is_array(entry: Any) -> bool:
    """Whether an entry, already checked, is an index array and not a number."""
    if isinstance(entry, Variable):
        return isinstance(entry.type, SliceType) or getattr(entry.type, "ndim", 0) > 0
    return isinstance(entry, np.ndarray) and entry.ndim > 0


def _expanded(x: Variable, args: Any) -> list[Any]:
    """The entries of the index, checked, with slices in place of an ellipsis."""
    entries = [_checked(entry) for entry in (args if isinstance(args, tuple) else (args,))]
    ellipses = [place for place, entry in enumerate(entries) if entry is Ellipsis]
    if len(ellipses) > 1:
        raise IndexError("an index can have only one ellipsis ('...')")
    used = sum(_consumed(entry) for entry in entries)
    if used > x.type.ndim:
        raise IndexError(f"too many indices: {x} has {x.type.ndim} dimensions, the index speaks of {used}")
    if ellipses:
        place = ellipses[0]
        entries[place : place + 1] = [slice(None)] * (x.type.ndim - used)
    return entries


def index(x: Any, args: Any) -> Variable:
    """``x[args]``, by the rules of NumPy.

    Parameters
    ----------
    x : tensor
    args : index or tuple of indices
        Integers, integer scalars, slices of these, None, an ellipsis, integer arrays and lists, boolean arrays.

    Raises
    ------
    TypeError
        For an entry that is no index, such as a float or a Python list of bools.
    IndexError
        For more entries than axes.
    """
    x = as_tensor_variable(x)
    entries = _expanded(x, args)
    if any(_is_array(entry) for entry in entries):
        return _advanced(x, entries)
    new_axes = any(entry is None for entry in entries)
    kept = [entry for entry in entries if entry is not None]
    if new_axes and all(isinstance(entry, slice) and entry == slice(None) for entry in kept):
        result = x
    else:
        idx_list, scalars = index_list(kept)
        result = Subtensor(idx_list)(x, *scalars)
    if not new_axes:
        return result
    order: list[Any] = []
    axis = 0
    for entry in entries:
        if entry is None:
            order.append("x")
        elif isinstance(entry, slice):
            order.append(axis)
            axis += 1
    order += list(range(axis, result.type.ndim))
    return result.dimshuffle(*order)


def _advanced(x: Variable, entries: list[Any]) -> Variable:
    if any(_is_mask(entry) for entry in entries):
        entries = _without_masks(x, entries)
    if any(entry is None for entry in entries):
        return _with_new_axes(x, entries)
    while entries and isinstance(entries[-1], slice) and entries[-1] == slice(None):
        entries.pop()
    if len(entries) == 1 and not isinstance(entries[0], slice):
        only = entries[0]
        if not (isinstance(only, Variable) and isinstance(only.type, SliceType)):
            only = integer_index(only)
            if only.type.ndim == 1:
                return advanced_subtensor1(x, only)
    return advanced_subtensor(x, *entries)


def _takes_slice(entry: Any) -> bool:
    return isinstance(entry, slice) or (isinstance(entry, Variable) and isinstance(entry.type, SliceType))


def _axis_labels(entries: list[Any], made: int, rest: int) -> list[Any]:
    """The axes of an indexing result, by where they come from: an array axis, an indexed axis, or None."""
    arrays = [place for place, entry in enumerate(entries) if entry is not None and not _takes_slice(entry)]
    together = arrays == list(range(arrays[0], arrays[-1] + 1))
    array_axes = [("array", place) for place in range(made)]
    labels: list[Any] = [] if together else list(array_axes)
    axis = 0
    for place, entry in enumerate(entries):
        if entry is None:
            labels.append("x")
            continue
        if _takes_slice(entry):
            labels.append(("axis", axis))
        elif together and place == arrays[0]:
            labels += array_axes
        axis += 1
    return labels + [("axis", place) for place in range(axis, axis + rest)]


def _with_new_axes(x: Variable, entries: list[Any]) -> Variable:
    """Index without the entries None, then add axes; None between arrays also brings their axes to the front."""
    kept = [entry for entry in entries if entry is not None]
    result = _advanced(x, list(kept))
    made = max(getattr(entry, "ndim", 0) for entry in kept if not _takes_slice(entry))
    rest = x.type.ndim - len(kept)
    now = _axis_labels(kept, made, rest)
    wanted = _axis_labels(entries, made, rest)
    return result.dimshuffle(*["x" if label == "x" else now.index(label) for label in wanted])


def _without_masks(x: Variable, entries: list[Any]) -> list[Any]:
    """The places where a mask is true instead of the mask."""
    result: list[Any] = []
    axis = 0
    for entry in entries:
        width = _consumed(entry)
        if _is_mask(entry):
            result += mask_indices(entry, x.shape[axis : axis + width])
        else:
            result.append(entry)
        axis += width
    return result


def take(a: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Variable:
    """``a[…, indices, …]`` along ``axis``; of the flattened ``a`` without ``axis``.

    Parameters
    ----------
    a : tensor
    indices : integer tensor
    axis : int, optional
    mode : {"raise", "wrap", "clip"}
        What an index outside the axis does: IndexError, count modulo the length, or take the nearest element.
    """
    a = as_tensor_variable(a)
    indices = integer_index(indices)
    if axis is None:
        a, axis = a.flatten(), 0
    axis = checked_axis("take", axis, a)
    if mode == "clip":
        indices = indices.clip(0, a.shape[axis] - 1)
    elif mode == "wrap":
        indices = indices % a.shape[axis]
    elif mode != "raise":
        raise ValueError(f"take: mode is 'raise', 'wrap' or 'clip', got {mode!r}")
    return index(a, (*[slice(None)] * axis, indices))


# ---------------------------------------------------------------------- writing


def set_subtensor(x: Any, y: Any, inplace: bool = False, tolerate_inplace_aliasing: bool = False) -> Variable:
    """The array of which ``x`` is a part, with that part replaced by ``y``: ``set_subtensor(a[2:], 0)``.

    Parameters
    ----------
    x : tensor
        The result of indexing.
    y : tensor or number
        What to write there; it is broadcast.
    inplace : bool
        For the optimizer only: whether the array is overwritten.
    tolerate_inplace_aliasing : bool
        As for :func:`inc_subtensor`.

    Raises
    ------
    TypeError
        If ``x`` is no result of indexing, or ``y`` has more axes than ``x``, or a dtype that does not fit.
    """
    return inc_subtensor(x, y, inplace, set_instead_of_inc=True, tolerate_inplace_aliasing=tolerate_inplace_aliasing)


def inc_subtensor(
    x: Any,
    y: Any,
    inplace: bool = False,
    set_instead_of_inc: bool = False,
    tolerate_inplace_aliasing: bool = False,
) -> Variable:
    """The array of which ``x`` is a part, with that part increased by ``y``: ``inc_subtensor(a[2:], 1)``.

    A place that an index array names twice gets both increments.

    Parameters
    ----------
    x : tensor
        The result of indexing.
    y : tensor or number
        What to add there; it is broadcast.
    inplace : bool
        For the optimizer only: whether the array is overwritten.
    set_instead_of_inc : bool
        Act as :func:`set_subtensor`; a place that is named twice gets the last value.
    tolerate_inplace_aliasing : bool
        Let the array and ``y`` be views of one array even when working in place; where they overlap, the result is
        wrong. Without effect when ``inplace`` is False.

    Raises
    ------
    TypeError
        If ``x`` is no result of indexing, or ``y`` has more axes than ``x``, or a dtype that does not fit.
    """
    name = "set_subtensor" if set_instead_of_inc else "inc_subtensor"
    x = as_tensor_variable(x)
    y = _value_for(y, x)
    if x.owner is None:
        raise TypeError(f"{name} takes the result of indexing, such as a[1:3], got {x}, which is no part of anything")
    op, inputs = x.owner.op, x.owner.inputs
    check_increment(name, x, y, x.type.ndim)
    if isinstance(op, Subtensor):
        aliased = ((0, 1),) if tolerate_inplace_aliasing and inplace else ()
        increment = IncSubtensor(op.idx_list, inplace, set_instead_of_inc, aliased)
        return increment(inputs[0], _fitted(y, x), *inputs[1:])
    if isinstance(op, AdvancedSubtensor1):
        return AdvancedIncSubtensor1(inplace, set_instead_of_inc)(inputs[0], _fitted(y, x), inputs[1])
    if isinstance(op, AdvancedSubtensor):
        return AdvancedIncSubtensor(inplace, set_instead_of_inc)(inputs[0], _fitted(y, x), *inputs[1:])
    again = {"inplace": inplace, "set_instead_of_inc": set_instead_of_inc}
    again["tolerate_inplace_aliasing"] = tolerate_inplace_aliasing
    if isinstance(op, DimShuffle):
        # the part was indexed and its axes were then moved: move those of the value back
        y = _fitted(y, x)
        y = y if y.type.ndim == x.type.ndim else y.dimshuffle(*["x"] * (x.type.ndim - y.type.ndim), *range(y.type.ndim))
        back: list[Any] = ["x"] * inputs[0].type.ndim
        for position, axis in enumerate(op.new_order):
            if axis != "x":
                back[axis] = position
        return _inner(name, x, inputs[0], y.dimshuffle(*back), again)
    if isinstance(op, Rebroadcast):
        return _inner(name, x, inputs[0], y, again)
    raise TypeError(f"{name} takes the result of indexing, such as a[1:3], got {x}, the result of {op}")


def _inner(name: str, x: Variable, part: Variable, y: Variable, options: dict[str, bool]) -> Variable:
    """Write into ``part``, of which ``x`` is a view: into that itself, where it is an array of its own, into its base else."""
    owner = part.owner
    while owner is not None and isinstance(owner.op, (DimShuffle, Rebroadcast)):
        owner = owner.inputs[0].owner
    if owner is not None and isinstance(owner.op, (Subtensor, AdvancedSubtensor1, AdvancedSubtensor)):
        return inc_subtensor(part, y, **options)
    raise TypeError(f"{name} takes the result of indexing, such as a[1:3], got {x}, the result of {x.owner.op}")


def _value_for(y: Any, x: Variable) -> Variable:
    """``y`` as a tensor; a plain Python number gets the dtype of ``x`` where that holds it."""
    if isinstance(y, (int, float)) and not isinstance(y, (bool, np.generic)):
        kind = np.dtype(x.type.dtype).kind
        fits = kind in "fc" or (kind in "iu" and isinstance(y, int) and np.iinfo(x.type.dtype).min <= y <= np.iinfo(x.type.dtype).max)
        if fits:
            return as_tensor_variable(np.array(y, x.type.dtype))
    return as_tensor_variable(y)


def _fitted(y: Variable, x: Variable) -> Variable:
    """``y`` with the marks of ``x`` where it has none: an axis of length 1 in the part has length 1 in the value."""
    offset = x.type.ndim - y.type.ndim
    axes = [axis for axis, mark in enumerate(y.type.broadcastable) if x.type.broadcastable[offset + axis] and not mark]
    return addbroadcast(y, *axes) if axes else y
