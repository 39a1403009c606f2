"""Diagonals: ``ExtractDiag``, ``AllocDiag``, and ``diag``, ``diagonal``, ``trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from attrs import field

from tcore.configuration import config
from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor._lengths import greatest, least, less, plus
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.indexing import inc_subtensor
from tcore.tensor.ranges import arange
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["AllocDiag", "ExtractDiag", "diag", "diagonal", "trace"]


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
            return [x.zeros_like(dtype=config.floatX)]
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
            return [inputs[0].zeros_like(dtype=config.floatX)]
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
