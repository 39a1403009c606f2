"""Diagonals: ``ExtractDiag``, ``AllocDiag``, and ``diag``, ``diagonal``, ``trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, upcast
from tcore.tensor._lengths import as_length, greatest, least, less, plus, times
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.assertion import Assert
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.gradients import zero_gradient
from tcore.tensor.indexing import inc_subtensor, set_subtensor
from tcore.tensor.math import eq
from tcore.tensor.ranges import arange
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AllocDiag", "ExtractDiag", "diag", "diagonal", "fill_diagonal", "fill_diagonal_offset", "trace"]


@frozen
class ExtractDiag(Op):
    """A diagonal of two axes of a tensor, as its last axis: a view."""

    offset: int = field(default=0, converter=int)
    axis1: int = field(default=0, converter=int)
    axis2: int = field(default=1, converter=int)
    view_map: ClassVar[dict[int, list[int]]] = {0: [0]}

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        if x.type.ndim < 2:
            raise ValueError(f"a diagonal needs at least two dimensions, {x} has {x.type.ndim}")
        first, second = self._axes(x.type.ndim)
        if first == second:
            raise ValueError(f"a diagonal needs two different axes, got {self.axis1} twice")
        kept = [mark for axis, mark in enumerate(x.type.broadcastable) if axis not in (first, second)]
        return Apply(self, [x], [TensorType(x.type.dtype, (*kept, False))()])

    def _axes(self, ndim: int) -> tuple[int, int]:
        for axis in (self.axis1, self.axis2):
            if not -ndim <= axis < ndim:
                raise ValueError(f"{self}: axis {axis} does not exist, there are {ndim} dimensions")
        return self.axis1 % ndim, self.axis2 % ndim

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        view = inputs[0].diagonal(self.offset, self.axis1, self.axis2)
        view.flags.writeable = inputs[0].flags.writeable
        output_storage[0][0] = view

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        (shape,) = shapes
        first, second = self._axes(len(shape))
        rows, columns = shape[first], shape[second]
        if self.offset > 0:
            columns = less(columns, self.offset)
        elif self.offset < 0:
            rows = plus(rows, self.offset)
        kept = [length for axis, length in enumerate(shape) if axis not in (first, second)]
        return [(*kept, greatest(least(rows, columns), 0))]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient added into zeros along the diagonal."""
        (x,), (g,) = inputs, output_grads
        if x.type.dtype in discrete_dtypes:
            return [zero_gradient(x)]
        first, second = self._axes(x.type.ndim)
        steps = arange(g.shape[-1])
        front = [first, second, *[axis for axis in range(x.type.ndim) if axis not in (first, second)]]
        zeros = x.zeros_like().dimshuffle(*front)
        place = (steps + max(-self.offset, 0), steps + max(self.offset, 0))
        filled = inc_subtensor(zeros[place], g.dimshuffle(g.type.ndim - 1, *range(g.type.ndim - 1)))
        return [filled.dimshuffle(*[front.index(axis) for axis in range(x.type.ndim)])]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0])]

    def __str__(self) -> str:
        return f"ExtractDiag{{offset={self.offset}, axis1={self.axis1}, axis2={self.axis2}}}"


@frozen
class AllocDiag(Op):
    """A square matrix of zeros with a vector on a diagonal."""

    offset: int = field(default=0, converter=int)

    def make_node(self, diag: Any) -> Apply:
        diag = as_tensor_variable(diag)
        if diag.type.ndim != 1:
            raise TypeError(f"AllocDiag takes a vector, got {diag} with {diag.type.ndim} dimensions")
        return Apply(self, [diag], [TensorType(diag.type.dtype, (False, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.diag(inputs[0], self.offset)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        length = plus(shapes[0][0], abs(self.offset))
        return [(length, length)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The diagonal of the gradient."""
        if inputs[0].type.dtype in discrete_dtypes:
            return [zero_gradient(inputs[0])]
        return [ExtractDiag(self.offset)(output_grads[0])]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0])]

    def __str__(self) -> str:
        return f"AllocDiag{{offset={self.offset}}}"


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Variable:
    """The ``offset``-th diagonal of two axes of ``a``, as the last axis of the result."""
    return ExtractDiag(offset, axis1, axis2)(a)


def diag(v: Any, k: int = 0) -> Variable:
    """The ``k``-th diagonal of a matrix; for a vector the matrix that has it there.

    Raises
    ------
    ValueError
        If ``v`` is neither.
    """
    v = as_tensor_variable(v)
    if v.type.ndim == 1:
        return AllocDiag(k)(v)
    if v.type.ndim == 2:
        return diagonal(v, k)
    raise ValueError(f"diag takes a vector or a matrix, got {v} with {v.type.ndim} dimensions")


def trace(a: Any) -> Variable:
    """The sum of the main diagonal of a matrix."""
    a = as_tensor_variable(a)
    if a.type.ndim != 2:
        raise ValueError(f"trace takes a matrix, got {a} with {a.type.ndim} dimensions")
    return diagonal(a).sum()


def _filling(name: str, a: Any, val: Any) -> tuple[Any, Any]:
    a, val = as_tensor_variable(a), as_tensor_variable(val)
    if val.type.ndim != 0:
        raise TypeError(f"{name} fills with a scalar, got {val} with {val.type.ndim} dimensions")
    if upcast(a.type.dtype, val.type.dtype) != a.type.dtype:
        raise TypeError(f"{name}: a value of dtype {val.type.dtype} does not fit into {a} of dtype {a.type.dtype}")
    return a, val


def fill_diagonal(a: Any, val: Any) -> Variable:
    """``a`` with ``val`` on its main diagonal, ``a[i, i, …]``.

    Parameters
    ----------
    a : tensor of two dimensions, or of more that are equally long
    val : scalar
        Of a dtype that fits into that of ``a``.
    """
    a, val = _filling("fill_diagonal", a, val)
    if a.type.ndim < 2:
        raise TypeError(f"fill_diagonal takes two dimensions or more, got {a} with {a.type.ndim}")
    if a.type.ndim > 2:
        equal = [eq(a.shape[0], a.shape[axis]) for axis in range(1, a.type.ndim)]
        a = Assert("fill_diagonal: of more than two dimensions all have to be equally long", ValueError)(a, *equal)
        length = as_length(a.shape[0])
    else:
        length = least(as_length(a.shape[0]), as_length(a.shape[1]))
    steps = arange(length)
    return set_subtensor(a[(steps,) * a.type.ndim], val)


def fill_diagonal_offset(a: Any, val: Any, offset: Any) -> Variable:
    """A matrix with ``val`` on a diagonal that may lie beside the main one.

    Parameters
    ----------
    a : matrix
    val : scalar
        Of a dtype that fits into that of ``a``.
    offset : integer or integer scalar
        Positive above the main diagonal, negative below. In a tall matrix the diagonal does not begin again.
    """
    a, val = _filling("fill_diagonal_offset", a, val)
    if a.type.ndim != 2:
        raise TypeError(f"fill_diagonal_offset takes a matrix, got {a} with {a.type.ndim} dimensions")
    offset = as_length(integer_scalar(offset, "the offset of a diagonal"))
    below, right = greatest(times(-1, offset), 0), greatest(offset, 0)
    length = greatest(least(less(as_length(a.shape[0]), below), less(as_length(a.shape[1]), right)), 0)
    steps = arange(length)
    return set_subtensor(a[steps + below, steps + right], val)
