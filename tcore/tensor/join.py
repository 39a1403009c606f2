"""Arrays put together and taken apart: ``Join``, ``Split``, ``MakeVector`` and the functions on top of them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import DisconnectedType, disconnected_type
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, dtype_name, upcast
from tcore.tensor._lengths import Length, as_length, plus
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.alloc_c import JoinC, MakeVectorC, SplitC
from tcore.tensor.constants import (
    NotScalarConstantError,
    constant_int,
    get_vector_length,
    scalar_value_of,
    vector_length_of,
)
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.gradients import or_zeros, zero_gradient
from tcore.tensor.math import eq, or_, switch
from tcore.tensor.rebroadcast import addbroadcast
from tcore.tensor.reshape import shape_padaxis
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "Join",
    "MakeVector",
    "Split",
    "concatenate",
    "horizontal_stack",
    "join",
    "make_vector",
    "split",
    "stack",
    "stacklists",
    "vertical_stack",
]


def _known_axis(axis: Variable, ndim: int, what: str) -> int | None:
    """The axis as a number in [0, ndim), or None when it is symbolic."""
    number = constant_int(axis)
    if number is None:
        return None
    if not -ndim <= number < ndim:
        raise IndexError(f"{what}: axis {number} does not exist, there are {ndim} dimensions")
    return number % ndim


def _run_time_axis(axis: Any, ndim: int, what: str) -> int:
    number = int(axis)
    if not -ndim <= number < ndim:
        raise IndexError(f"{what}: axis {number} does not exist, there are {ndim} dimensions")
    return number % ndim


@frozen
class Join(JoinC, Op):
    """Tensors put one after another along an axis: ``Join()(axis, *tensors)``.

    ``view`` names an input, by position among the tensors, that the result may share memory with because all others
    are empty; -1 for none.
    """

    view: int = -1

    @property
    def view_map(self) -> dict[int, list[int]]:
        """The input that the result may be a view of."""
        return {} if self.view == -1 else {0: [self.view + 1]}

    def make_node(self, axis: Any, *tensors: Any) -> Apply:
        axis = integer_scalar(axis, "the axis of join")
        if not tensors:
            raise ValueError("join needs at least one tensor")
        variables = [as_tensor_variable(tensor) for tensor in tensors]
        ndims = {variable.type.ndim for variable in variables}
        if len(ndims) != 1:
            raise TypeError(
                "join needs tensors with equal numbers of dimensions, got " + ", ".join(f"{variable} with {variable.type.ndim}" for variable in variables)
            )
        (ndim,) = ndims
        if ndim == 0:
            raise TypeError("join cannot put scalars together: use stack, which makes a vector of them")
        number = _known_axis(axis, ndim, "join")
        patterns = [variable.type.broadcastable for variable in variables]
        if len(variables) == 1:
            marks = patterns[0] if number is not None else (False,) * ndim
        elif number is None:
            # any axis may be the one that grows
            marks = (False,) * ndim
        else:
            # lengths agree in the other axes: 1 in one tensor is 1 in all
            marks = tuple(place != number and any(p[place] for p in patterns) for place in range(ndim))
        dtype = upcast(*[variable.type.dtype for variable in variables])
        return Apply(self, [axis, *variables], [TensorType(dtype, marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        axis, *tensors = inputs
        place = _run_time_axis(axis, tensors[0].ndim, "join")
        if self.view != -1 and all(t.shape[place] == 0 for n, t in enumerate(tensors) if n != self.view):
            output_storage[0][0] = tensors[self.view]
            return
        try:
            joined = np.concatenate(tensors, axis=place)
        except ValueError as error:
            shapes = ", ".join(str(tensor.shape) for tensor in tensors)
            raise ValueError(f"join along axis {place} needs equal lengths in the other axes, got shapes {shapes}") from error
        output_storage[0][0] = joined.astype(node.outputs[0].type.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        axis = node.inputs[0]
        ndim = node.outputs[0].type.ndim
        tensors = node.inputs[1:]
        number = _known_axis(axis, ndim, "join")
        lengths = []
        for place in range(ndim):
            summed: Length = 0
            for shape in shapes[1:]:
                summed = plus(summed, shape[place])
            if place == number or len(tensors) == 1:
                lengths.append(summed)
                continue
            common = next((s[place] for s, t in zip(shapes[1:], tensors, strict=True) if t.type.broadcastable[place]), shapes[1][place])
            if number is None:

                common = switch(or_(eq(axis, place), eq(axis, place - ndim)), summed, common)
            lengths.append(common)
        return [tuple(lengths)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False], *[[True]] * (len(node.inputs) - 1)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient split along the axis."""
        (axis, *tensors), (g,) = inputs, output_grads
        if len(tensors) == 1:
            pieces = [g]
        else:
            sizes = stack([tensor.shape[axis] for tensor in tensors])
            pieces = Split(len(tensors))(g, axis, sizes, return_list=True)
        results = []
        for tensor, piece in zip(tensors, pieces, strict=True):
            if tensor.type.dtype in discrete_dtypes:
                results.append(tensor.zeros_like(dtype=config.floatX))
                continue
            marked = [n for n, m in enumerate(tensor.type.broadcastable) if m and not piece.type.broadcastable[n]]
            results.append(addbroadcast(piece, *marked) if marked else piece)
        return [disconnected_type(), *results]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        points = eval_points[1:]
        if all(point is None for point in points):
            return [None]
        filled = [tensor.zeros_like() if point is None else point for tensor, point in zip(inputs[1:], points, strict=True)]
        return [self(inputs[0], *filled)]

    def __str__(self) -> str:
        return "Join" if self.view == -1 else f"Join{{view={self.view}}}"


_join = Join()


def join(axis: Any, *tensors_list: Any) -> Variable:
    """``tensors_list``, tensors or one list of them, put one after another along ``axis``, an integer or integer scalar.

    A single tensor is returned as it is.
    """
    tensors = list(tensors_list)
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = list(tensors[0])
    if len(tensors) == 1:
        return as_tensor_variable(tensors[0])
    return _join(axis, *tensors)


def concatenate(tensor_list: Any, axis: Any = 0) -> Variable:
    """The tensors of a list put one after another along ``axis``, an integer or integer scalar.

    Raises
    ------
    TypeError
        If ``tensor_list`` is no list or tuple, or the numbers of axes differ.
    ValueError
        If the list is empty.
    """
    if not isinstance(tensor_list, (list, tuple)):
        raise TypeError(f"concatenate takes a list or tuple of tensors, got {tensor_list} ({type(tensor_list).__name__})")
    if not tensor_list:
        raise ValueError("concatenate needs at least one tensor")
    return join(axis, *tensor_list)


@frozen
class Split(SplitC, Op):
    """A tensor cut along an axis: ``Split(n)(x, axis, splits)`` gives ``n`` pieces of the lengths in ``splits``."""

    len_splits: int

    def make_node(self, x: Any, axis: Any, splits: Any) -> Apply:
        x, axis, splits = as_tensor_variable(x), integer_scalar(axis, "the axis of split"), as_tensor_variable(splits)
        if splits.type.ndim != 1 or splits.type.dtype not in discrete_dtypes:
            raise TypeError(f"split takes the lengths of the pieces as an integer vector, got {splits} of type {splits.type}")
        if x.type.ndim == 0:
            raise TypeError(f"split needs at least one dimension, {x} has none")
        try:
            known = get_vector_length(splits)
        except ValueError:
            known = self.len_splits
        if known != self.len_splits:
            raise ValueError(f"{self} needs {self.len_splits} lengths, got {known}")
        number = _known_axis(axis, x.type.ndim, "split")
        # a cut axis of length 1 may give a piece of length 0
        marks = [m and number is not None and place != number for place, m in enumerate(x.type.broadcastable)]
        return Apply(self, [x, axis, splits], [TensorType(x.type.dtype, marks)() for _ in range(self.len_splits)])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, axis, splits = inputs
        place = _run_time_axis(axis, x.ndim, "split")
        if len(splits) != self.len_splits:
            raise ValueError(f"split into {self.len_splits} pieces needs as many lengths, got {splits}")
        if (splits < 0).any():
            raise ValueError(f"split: a length is negative in {splits}")
        if int(splits.sum()) != x.shape[place]:
            raise ValueError(f"split: the lengths {splits} make {int(splits.sum())}, but axis {place} has length {x.shape[place]}")
        start = 0
        for storage, length in zip(output_storage, splits, strict=True):
            part = (slice(None),) * place + (slice(start, start + int(length)),)
            # a copy: the op declares no view
            storage[0] = x[part].copy()
            start += int(length)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        x, axis, splits = node.inputs
        number = _known_axis(axis, x.type.ndim, "split")
        result = []
        for piece in range(self.len_splits):
            length = as_length(splits[piece])
            if number is not None:
                lengths = [length if place == number else whole for place, whole in enumerate(shapes[0])]
            else:
                lengths = [switch(or_(eq(axis, place), eq(axis, place - x.type.ndim)), length, whole) for place, whole in enumerate(shapes[0])]
            result.append(tuple(lengths))
        return result

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True] * self.len_splits, [False] * self.len_splits, [False] * self.len_splits]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradients put one after another; zeros for pieces that the cost does not depend on."""
        x, axis, _splits = inputs
        if all(isinstance(g.type, DisconnectedType) for g in output_grads):
            return [disconnected_type(), disconnected_type(), disconnected_type()]
        if x.type.dtype in discrete_dtypes:
            return [zero_gradient(x), disconnected_type(), disconnected_type()]
        pieces = [or_zeros(g, piece) for g, piece in zip(output_grads, outputs, strict=True)]
        joined = join(axis, *pieces)
        marked = [n for n, m in enumerate(x.type.broadcastable) if m and not joined.type.broadcastable[n]]
        return [addbroadcast(joined, *marked) if marked else joined, disconnected_type(), disconnected_type()]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        if eval_points[0] is None:
            return [None] * self.len_splits
        return self(eval_points[0], *inputs[1:], return_list=True)

    def __str__(self) -> str:
        return f"Split{{{self.len_splits}}}"


def split(x: Any, splits_size: Any, n_splits: int, axis: Any = 0) -> list[Variable]:
    """``x`` cut along ``axis`` into ``n_splits`` pieces, whose lengths ``splits_size`` gives as an integer vector."""
    return Split(n_splits)(x, axis, splits_size, return_list=True)


@frozen
class MakeVector(MakeVectorC, Op):
    """Scalars as a vector: ``MakeVector(dtype)(*scalars)``; an empty vector of none."""

    dtype: str = field(default="int64", converter=dtype_name)
    #: element i of the result is input i
    elements_are_inputs: ClassVar[bool] = True

    def make_node(self, *inputs: Any) -> Apply:
        scalars = [as_tensor_variable(value) for value in inputs]
        for scalar in scalars:
            if scalar.type.ndim != 0:
                raise TypeError(f"{self} takes scalars, got {scalar} with {scalar.type.ndim} dimensions: use stack")
        if any(scalar.type.dtype != self.dtype for scalar in scalars):
            common = upcast(self.dtype, *[scalar.type.dtype for scalar in scalars])
            if common != self.dtype:
                raise TypeError(f"{self} would lose precision: its inputs have dtype {common}")
            scalars = [s if s.type.dtype == self.dtype else s.astype(self.dtype) for s in scalars]
        return Apply(self, scalars, [TensorType(self.dtype, (len(scalars) == 1,))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        out = np.empty(len(inputs), self.dtype)
        for place, value in enumerate(inputs):
            out[place] = value
        output_storage[0][0] = out

    def do_constant_folding(self, node: Apply) -> bool:
        """Yes, also without inputs: the vector is empty then."""
        return True

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [(len(shapes),)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Element ``i`` of the gradient; zeros for integers."""
        (g,) = output_grads
        if self.dtype in discrete_dtypes:
            return [scalar.zeros_like(dtype=config.floatX) for scalar in inputs]
        return [g[place] for place in range(len(inputs))]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        if all(point is None for point in eval_points):
            return [None]
        return [self(*[s.zeros_like() if p is None else p for s, p in zip(inputs, eval_points, strict=True)])]

    def __str__(self) -> str:
        return f"MakeVector{{dtype={self.dtype!r}}}"


make_vector = MakeVector()


@vector_length_of.register(MakeVector)
def _vector_length(op: Op, node: Apply, length_of: Callable[[Variable], int]) -> int:
    return len(node.inputs)


@vector_length_of.register(Join)
def _joined_length(op: Op, node: Apply, length_of: Callable[[Variable], int]) -> int:
    return sum(length_of(tensor) for tensor in node.inputs[1:])


@vector_length_of.register(Split)
def _piece_length(op: Op, node: Apply, length_of: Callable[[Variable], int]) -> int:
    raise ValueError("the pieces of a split have lengths that are not known")


@scalar_value_of.register(MakeVector)
def _only_element(op: Op, node: Apply, index: int | None, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    if len(node.inputs) != 1:
        raise NotScalarConstantError(f"{node.outputs[0]} has {len(node.inputs)} elements")
    return value_of(node.inputs[0])


def stack(*tensors: Any, axis: int = 0) -> Variable:
    """Tensors with equal numbers of axes, put side by side along a new axis: ``stack([a, b], axis=0)``.

    Parameters
    ----------
    tensors : list or tuple of tensors
        The form ``stack(a, b, c)``, which stacks along axis 0, is deprecated.
    axis : int
        Place of the new axis in the result; its length is the number of tensors. Negative places count from the end.

    Raises
    ------
    IndexError
        If ``axis`` is no place in the result.
    """
    if not tensors:
        raise ValueError("stack needs at least one tensor")
    if isinstance(tensors[0], (list, tuple)):
        if len(tensors) == 2:
            axis = tensors[1]
        elif len(tensors) > 2:
            raise TypeError(f"stack takes a list of tensors and an axis, got {len(tensors)} arguments")
        items = list(tensors[0])
    else:
        warnings.warn("stack(*tensors) is deprecated: write stack([a, b, …], axis=0)", DeprecationWarning, stacklevel=2)
        items = list(tensors)
    if not items:
        raise ValueError("stack needs at least one tensor")
    variables = [as_tensor_variable(item) for item in items]
    ndim = variables[0].type.ndim + 1
    if not isinstance(axis, (int, np.integer)) or not -ndim <= axis < ndim:
        raise IndexError(f"stack: axis {axis} is out of range [-{ndim}, {ndim}) for the result")
    if all(variable.type.ndim == 0 for variable in variables):
        return MakeVector(upcast(*[variable.type.dtype for variable in variables]))(*variables)
    return join(int(axis) % ndim, *[shape_padaxis(variable, axis) for variable in variables])


def stacklists(arg: Any) -> Variable:
    """Nested lists of tensors as one tensor: each level of lists becomes an axis."""
    if not isinstance(arg, (list, tuple)):
        return as_tensor_variable(arg)
    # depth first without recursion: a list waits until its items are stacked
    pending: list[tuple[list[Any], list[Variable]]] = [(list(arg), [])]
    while True:
        todo, done = pending[-1]
        if len(done) == len(todo):
            pending.pop()
            stacked = stack(done)
            if not pending:
                return stacked
            pending[-1][1].append(stacked)
            continue
        item = todo[len(done)]
        if isinstance(item, (list, tuple)):
            pending.append((list(item), []))
        else:
            done.append(as_tensor_variable(item))


def horizontal_stack(*args: Any) -> Variable:
    """Matrices side by side."""
    return concatenate(_matrices("horizontal_stack", args), axis=1)


def vertical_stack(*args: Any) -> Variable:
    """Matrices one below the other."""
    return concatenate(_matrices("vertical_stack", args), axis=0)


def _matrices(name: str, args: Sequence[Any]) -> list[Variable]:
    matrices: list[Variable] = [as_tensor_variable(arg) for arg in args]
    if len(matrices) < 2:
        raise ValueError(f"{name} needs at least two matrices, got {len(matrices)}")
    for matrix in matrices:
        if matrix.type.ndim != 2:
            raise TypeError(f"{name} takes matrices, got {matrix} with {matrix.type.ndim} dimensions")
    return matrices
