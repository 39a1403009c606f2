"""Indexing by integer arrays: ``AdvancedSubtensor1`` along the first axis, ``AdvancedSubtensor`` for every NumPy index."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve, field

from tcore.configuration import config
from tcore.graph import Apply, Constant, FieldlessOp, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, integer_dtypes
from tcore.tensor._lengths import Length
from tcore.tensor.alloc_c import TakeC
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.errors import ShapeError
from tcore.tensor.math import eq, switch
from tcore.tensor.slices import slice_length
from tcore.tensor.subtensor import keeps_one
from tcore.tensor.type import TensorType
from tcore.tensor.type_other import MakeSlice, SliceType, make_slice, slicetype

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AdvancedSubtensor", "AdvancedSubtensor1", "adv_index_result", "advanced_subtensor", "advanced_subtensor1", "sparse_grad"]


def integer_index(value: Any) -> Variable:
    """``value`` as an integer tensor, for use as an index."""
    if not isinstance(value, Variable):
        array = np.asarray(value)
        value = array.astype("int64") if array.size == 0 and array.dtype.kind == "f" else array
    variable = as_tensor_variable(value)
    if variable.type.dtype not in integer_dtypes:
        raise TypeError(f"an index array holds integers, got {variable} of dtype {variable.type.dtype}")
    return variable


def checked_take(x: Any, index: Any, axis: int = 0) -> Any:
    """``x[index]`` along an axis, with the index, axis and size in the error."""
    if 0 in x.shape[:axis]:  # NumPy's take looks at no index then
        check_index(x, [*[slice(None)] * axis, index])
    try:
        return x.take(index, axis=axis)
    except IndexError:
        raise IndexError(out_of_range(index, x.shape[axis], axis)) from None


def out_of_range(index: Any, length: int, axis: int) -> str:
    """The error text for the first entry of ``index`` that lies outside an axis."""
    index = np.asarray(index)
    wrong = index[(index < -length) | (index >= length)]
    shown = int(wrong.reshape(-1)[0]) if wrong.size else "?"
    return f"index {shown} is out of bounds for axis {axis} with size {length}"


@frozen
class AdvancedSubtensor1(TakeC, Op):
    """``x[i]`` for an integer vector ``i``: those rows of ``x``, in that order.

    ``sparse_grad`` makes the gradient with respect to ``x`` a sparse matrix (tcore_sparse), for large tables of rows.
    """

    sparse_grad: bool = field(default=False, converter=bool)

    def make_node(self, x: Any, ilist: Any) -> Apply:
        x, index = as_tensor_variable(x), integer_index(ilist)
        if index.type.ndim != 1:
            raise TypeError(f"{self} takes an index vector, got {index} with {index.type.ndim} dimensions")
        if x.type.ndim == 0:
            raise IndexError(f"too many indices: {x} has no axis to index")
        return Apply(self, [x, index], [TensorType(x.type.dtype, (index.type.broadcastable[0], *x.type.broadcastable[1:]))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = checked_take(*inputs)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(*shapes[1], *shapes[0][1:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient added into zeros, row by row; a row that was taken twice gets both."""
        from tcore.tensor.advanced_incsubtensor import advanced_inc_subtensor1  # whose gradient is made of this op

        (x, index), (g,) = inputs, output_grads
        if x.type.dtype in discrete_dtypes:
            return [x.zeros_like(dtype=config.floatX), disconnected_type()]
        if self.sparse_grad:
            return [_sparse_gradient(x, g, index), disconnected_type()]
        return [advanced_inc_subtensor1(x.zeros_like(dtype=g.type.dtype), g, index), disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0], *inputs[1:])]

    def __str__(self) -> str:
        return "AdvancedSubtensor1"


def _sparse_gradient(x: Variable, g: Variable, index: Variable) -> Variable:
    if x.type.ndim != 2:
        raise TypeError(f"a sparse gradient needs a matrix, {x} has {x.type.ndim} dimensions")
    try:
        sparse = importlib.import_module("tcore.sparse")
    except ImportError as error:
        raise ImportError("sparse_grad needs the package tcore-sparse: pip install tcore-sparse") from error
    return sparse.construct_sparse_from_list(x, g, index)


advanced_subtensor1 = AdvancedSubtensor1()


def sparse_grad(var: Variable) -> Variable:
    """``var``, rows ``x[i]`` that an integer vector picks, again; the gradient with respect to ``x`` is a sparse matrix then.

    For tables of which each step uses few rows: the gradient holds these rows alone. It needs tcore-sparse.

    Raises
    ------
    TypeError
        If ``var`` is anything else.
    """
    node = getattr(var, "owner", None)
    if node is None or not isinstance(node.op, AdvancedSubtensor1):
        raise TypeError(f"sparse_grad takes rows that an integer vector picks, as in x[[2, 0]], got {var}")
    return evolve(node.op, sparse_grad=True)(*node.inputs)  # type: ignore[return-value]


def index_variable(entry: Any) -> Variable:
    """An entry of an advanced index as a variable: an integer tensor or a slice."""
    if isinstance(entry, slice):
        parts = (entry.start, entry.stop, entry.step)
        if all(part is None or (isinstance(part, (int, np.integer)) and not isinstance(part, bool)) for part in parts):
            numbers = [None if part is None else int(part) for part in parts]
            return slicetype.make_constant(slice(*numbers))
        return make_slice(entry)
    if isinstance(entry, Variable) and isinstance(entry.type, SliceType):
        return entry
    return integer_index(entry)


def slice_of(variable: Variable) -> slice:
    """The slice that a slice variable stands for, with integers, integer scalars and None.

    Raises
    ------
    ValueError
        If its parts are not known.
    """
    if isinstance(variable, Constant):
        return variable.data
    if variable.owner is not None and isinstance(variable.owner.op, MakeSlice):
        return slice(*[None if part.type.__class__.__name__ == "NoneTypeT" else part for part in variable.owner.inputs])
    raise ValueError(f"the parts of {variable} are not known")


def _is_slice(variable: Variable) -> bool:
    return isinstance(variable.type, SliceType)


def adv_index_result(index: Sequence[Variable], ndim: int) -> tuple[list[int], int, bool]:
    """Where the axes of an advanced index go.

    Returns
    -------
    (arrays, position, first)
        The positions in ``index`` of its arrays; the place in the result of the axes that they make together; whether
        they come first because something stands between them.
    """
    arrays = [place for place, entry in enumerate(index) if not _is_slice(entry)]
    together = arrays == list(range(arrays[0], arrays[-1] + 1)) if arrays else True
    return arrays, (arrays[0] if arrays and together else 0), not together


class AdvancedSubtensor(FieldlessOp):
    """``x[index]`` as in NumPy, for an index of integer arrays and slices, one entry for each leading axis of ``x``.

    Boolean masks are integer arrays by the time they come here (:func:`tcore.tensor.indexing.index`), None is an axis
    of length 1 that ``x`` got before.
    """

    def make_node(self, x: Any, *index: Any) -> Apply:
        x = as_tensor_variable(x)
        entries = [index_variable(entry) for entry in index]
        if len(entries) > x.type.ndim:
            raise IndexError(f"too many indices: {x} has {x.type.ndim} dimensions, the index has {len(entries)}")
        return Apply(self, [x, *entries], [TensorType(x.type.dtype, _marks(x, entries))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, *index = inputs
        *before, last = index
        along_one_axis = all(isinstance(entry, slice) and entry == slice(None) for entry in before)
        if along_one_axis and isinstance(last, np.ndarray) and last.dtype.kind == "i":
            output_storage[0][0] = checked_take(x, last, axis=len(before))  # twice as fast as an index of NumPy
            return
        check_index(x, index)
        picked = x[tuple(index)]  # of slices alone a view, which this op does not promise
        output_storage[0][0] = np.array(picked) if all(isinstance(entry, slice) for entry in index) else np.asarray(picked)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        x, *index = node.inputs
        arrays, position, _ = adv_index_result(index, x.type.ndim)
        index_shapes = [shapes[place + 1] for place in arrays]
        marks = [index[place].type.broadcastable for place in arrays]
        kept: list[Length] = []
        for axis, length in enumerate(shapes[0]):
            if axis >= len(index):
                kept.append(length)
            elif _is_slice(index[axis]):
                try:
                    part = slice_of(index[axis])
                except ValueError as error:
                    raise ShapeError(str(error)) from error
                kept.append(slice_length(part, length))
        return [(*kept[:position], *broadcast_lengths(index_shapes, marks), *kept[position:])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], *[[False]] * (len(node.inputs) - 1)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient added into zeros at the places that were taken; one taken twice gets both."""
        from tcore.tensor.advanced_incsubtensor import advanced_inc_subtensor  # whose gradient is made of this op

        (x, *index), (g,) = inputs, output_grads
        gradient = x.zeros_like(dtype=config.floatX) if x.type.dtype in discrete_dtypes else advanced_inc_subtensor(x.zeros_like(dtype=g.type.dtype), g, *index)
        return [gradient, *[disconnected_type() for _ in index]]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0], *inputs[1:])]

    def __str__(self) -> str:
        return "AdvancedSubtensor"


advanced_subtensor = AdvancedSubtensor()


def _marks(x: Variable, index: Sequence[Variable]) -> tuple[bool, ...]:
    arrays, position, _ = adv_index_result(index, x.type.ndim)
    patterns = [index[place].type.broadcastable for place in arrays]
    ndim = max((len(pattern) for pattern in patterns), default=0)
    padded = [(True,) * (ndim - len(pattern)) + tuple(pattern) for pattern in patterns]
    made = [all(marks) for marks in zip(*padded, strict=True)]
    kept = []
    for axis, mark in enumerate(x.type.broadcastable):
        if axis >= len(index):
            kept.append(mark)
        elif _is_slice(index[axis]):
            try:
                kept.append(mark and keeps_one(slice_of(index[axis])))
            except ValueError:
                kept.append(False)
    return (*kept[:position], *made, *kept[position:])


def broadcast_lengths(shapes: Sequence[Sequence[Length]], marks: Sequence[Sequence[bool]]) -> tuple[Length, ...]:
    """The common shape of index arrays: in each axis the length of one that is not broadcastable there.

    Known lengths come before symbolic ones, so that an array of unmarked length 1 does not hide a longer constant.
    """
    ndim = max((len(shape) for shape in shapes), default=0)
    result: list[Length] = []
    for axis in range(-ndim, 0):
        candidates = [
            shape[axis]
            for shape, pattern in zip(shapes, marks, strict=True)
            if len(shape) >= -axis and not pattern[axis] and not (isinstance(shape[axis], int) and shape[axis] == 1)
        ]
        known = [length for length in candidates if isinstance(length, int)]
        if known:
            result.append(known[0])
        elif not candidates:
            result.append(1)
        else:
            length = candidates[0]
            for other in candidates[1:]:
                length = _common(length, other)
            result.append(length)
    return tuple(result)


def _common(a: Length, b: Length) -> Length:
    # NumPy broadcasts an index of length 1 whatever its mark says
    if a is b:
        return a

    return switch(eq(a, 1), b, a)


def check_index(x: Any, index: Sequence[Any]) -> None:
    """Raise IndexError naming index, axis and size where an array of ``index`` lies outside its axis of ``x``."""
    for axis, entry in enumerate(index):
        if isinstance(entry, slice):
            continue
        length = x.shape[axis]
        if entry.size and not (-length <= entry.min() and entry.max() < length):
            raise IndexError(out_of_range(entry, length, axis))
