"""Products of matrices: ``Dot``, ``BatchedDot``, and the functions that reduce all other products to them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Apply, FieldlessOp, Variable
from tcore.scalar.dtypes import upcast
from tcore.tensor._lengths import product
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.gradients import as_gradient_of, bilinear_tangent
from tcore.tensor.math import conj, eq
from tcore.tensor.products_c import DotC
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BatchedDot", "Dot", "batched_dot", "batched_tensordot", "dot", "matrix_dot", "outer", "tensordot"]


def check_product_shapes(x: Any, y: Any) -> None:
    """Fail unless the last axis of ``x`` is as long as the first of ``y``; both are vectors or matrices.

    Raises
    ------
    ValueError
        With both shapes in words, as documented.
    """
    if x.shape[-1] != y.shape[0]:
        left = f"{x.shape[1]} cols (and {x.shape[0]} rows)" if x.ndim == 2 else f"{x.shape[0]} elements"
        right = f"{y.shape[0]} rows (and {y.shape[1]} cols)" if y.ndim == 2 else f"{y.shape[0]} elements"
        raise ValueError(f"Shape mismatch: x has {left} but y has {right}")


def product_flops(left: Sequence[int], right: Sequence[int]) -> int:
    """Multiplications and additions of a product in which the last axis of ``left`` meets the first of ``right``."""
    return 2 * math.prod(left) * math.prod(right[1:])


class Dot(DotC, FieldlessOp):
    """The product of two vectors or matrices: ``Dot()(x, y)``. The last axis of ``x`` meets the first of ``y``."""

    def make_node(self, x: Any, y: Any) -> Apply:
        x, y = as_tensor_variable(x), as_tensor_variable(y)
        for operand in (x, y):
            if operand.type.ndim not in (1, 2):
                raise TypeError(
                    f"the op Dot takes vectors and matrices, got {operand} with {operand.type.ndim} dimensions: "
                    "use the function dot, which reduces the others to these"
                )
        marks = (*x.type.broadcastable[:-1], *y.type.broadcastable[1:])
        return Apply(self, [x, y], [TensorType(upcast(x.type.dtype, y.type.dtype), marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y = inputs
        check_product_shapes(x, y)
        output_storage[0][0] = np.asarray(np.dot(x, y), node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        x, y = shapes
        return [(*x[:-1], *y[1:])]

    def flops(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> int:
        """From shapes; for the profile."""
        return product_flops(*inputs)

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``g · yᴴ`` and ``xᴴ · g``, by the number of axes."""
        (x, y), (g,) = map(conj, inputs), output_grads
        ndims = (x.type.ndim, y.type.ndim)
        if ndims == (1, 1):
            gx, gy = g * y, g * x
        elif ndims == (1, 2):
            gx, gy = dot(g, y.T), outer(x, g)
        elif ndims == (2, 1):
            gx, gy = outer(g, y), dot(x.T, g)
        else:
            gx, gy = dot(g, y.T), dot(x.T, g)
        return [as_gradient_of(inputs[0], gx), as_gradient_of(inputs[1], gy)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return bilinear_tangent(self, inputs, eval_points)

    def __str__(self) -> str:
        return "dot"


_dot = Dot()


def dot(l: Any, r: Any) -> Variable:  # noqa: E741 - the documented names
    """The product of two tensors.

    Of vectors the inner product, without conjugation; of matrices the matrix product; in general the sum over the last
    axis of ``l`` and the second-to-last of ``r`` (the only one of a vector). With a scalar it multiplies.
    """
    # a value with a product of its own, such as a sparse matrix, takes over
    for operand, other in ((l, r), (r, l)):
        own = getattr(operand, "__tcore_dot__", None)
        if own is not None:
            return own(other, operand is l)
    x, y = as_tensor_variable(l), as_tensor_variable(r)
    if x.type.ndim == 0 or y.type.ndim == 0:
        return x * y
    if x.type.ndim > 2 or y.type.ndim > 2:
        return _tensordot(x, y, [[x.type.ndim - 1], [max(0, y.type.ndim - 2)]], batched=False, name="dot")
    return _dot(x, y)


def matrix_dot(*args: Any) -> Variable:
    """The product of all matrices in the given order."""
    result = args[0]
    for factor in args[1:]:
        result = dot(result, factor)
    return result


def outer(x: Any, y: Any) -> Variable:
    """The outer product of two vectors; tensors with more axes are flattened."""
    x, y = as_tensor_variable(x), as_tensor_variable(y)
    x = x if x.type.ndim == 1 else x.flatten()
    y = y if y.type.ndim == 1 else y.flatten()
    return dot(x.dimshuffle(0, "x"), y.dimshuffle("x", 0))


def _hint(*lengths: int) -> str:
    """What to do about a length of 1 that the graph does not know of."""
    return ": an axis of length 1 is repeated where its type says so, see addbroadcast" if 1 in lengths else ""


class BatchedDot(FieldlessOp):
    """The product of the items of two batches: ``out[i] = dot(x[i], y[i])``.

    The operands are batches of vectors or matrices, so they have 2 or 3 axes.
    """

    def make_node(self, x: Any, y: Any) -> Apply:
        x, y = as_tensor_variable(x), as_tensor_variable(y)
        for operand in (x, y):
            if operand.type.ndim not in (2, 3):
                raise TypeError(f"{self} takes batches of vectors or matrices (2 or 3 dimensions), got {operand} with {operand.type.ndim}")
        marks = (
            x.type.broadcastable[0] or y.type.broadcastable[0],
            *x.type.broadcastable[1:-1],
            *y.type.broadcastable[2:],
        )
        return Apply(self, [x, y], [TensorType(upcast(x.type.dtype, y.type.dtype), marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y = inputs
        if x.shape[0] != y.shape[0]:
            raise TypeError(f"batched_dot needs batches of equal length, got shapes {x.shape} and {y.shape}{_hint(x.shape[0], y.shape[0])}")
        if x.shape[-1] != y.shape[1]:
            raise ValueError(f"batched_dot: inner lengths differ, got shapes {x.shape} and {y.shape}")
        left = x if x.ndim == 3 else x[:, None, :]
        right = y if y.ndim == 3 else y[:, :, None]
        result = np.matmul(left, right)
        shape = (x.shape[0], *x.shape[1:-1], *y.shape[2:])
        output_storage[0][0] = np.asarray(result.reshape(shape), node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        x, y = shapes
        return [(x[0], *x[1:-1], *y[2:])]

    def flops(self, inputs: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]]) -> int:
        """From shapes; for the profile."""
        x, y = inputs
        return product_flops(x, y[1:])

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The rules of :class:`Dot`, item by item."""
        (x, y), (g,) = map(conj, inputs), output_grads
        ndims = (x.type.ndim, y.type.ndim)
        if ndims == (2, 2):
            gx, gy = g.dimshuffle(0, "x") * y, g.dimshuffle(0, "x") * x
        elif ndims == (2, 3):
            gx, gy = self(g, y.dimshuffle(0, 2, 1)), x.dimshuffle(0, 1, "x") * g.dimshuffle(0, "x", 1)
        elif ndims == (3, 2):
            gx, gy = g.dimshuffle(0, 1, "x") * y.dimshuffle(0, "x", 1), self(x.dimshuffle(0, 2, 1), g)
        else:
            gx, gy = self(g, y.dimshuffle(0, 2, 1)), self(x.dimshuffle(0, 2, 1), g)
        return [as_gradient_of(inputs[0], gx), as_gradient_of(inputs[1], gy)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return bilinear_tangent(self, inputs, eval_points)

    def __str__(self) -> str:
        return "BatchedDot"


_batched_dot = BatchedDot()


def batched_dot(a: Any, b: Any) -> Variable:
    """The product of the items of two batches along their first axes; (d1, d3, d2) · (d1, d2, d4) gives (d1, d3, d4).

    Raises
    ------
    ValueError
        If an operand has no axis.
    """
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    for operand in (a, b):
        if operand.type.ndim == 0:
            raise ValueError(f"batched_dot: {operand} needs at least one dimension, the batch")
    if a.type.ndim == 1:
        return a.dimshuffle(0, *["x"] * (b.type.ndim - 1)) * b
    if b.type.ndim == 1:
        return a * b.dimshuffle(0, *["x"] * (a.type.ndim - 1))
    if a.type.ndim > 3 or b.type.ndim > 3:
        return _tensordot(a, b, [[a.type.ndim - 1], [max(1, b.type.ndim - 2)]], batched=True, name="batched_dot")
    return _batched_dot(a, b)


def _pairs(a: Variable, b: Variable, axes: Any, batched: bool, name: str) -> tuple[list[int], list[int]]:
    """The axes of ``a`` and ``b`` that are summed over together."""
    first = 1 if batched else 0
    if isinstance(axes, (int, np.integer)) or (hasattr(axes, "ndim") and axes.ndim == 0):
        count = int(axes)
        if not 0 <= count <= min(a.type.ndim, b.type.ndim) - first:
            raise ValueError(f"{name}: axes={count} needs that many dimensions, {a} has {a.type.ndim}, {b} has {b.type.ndim}")
        return list(range(a.type.ndim - count, a.type.ndim)), list(range(first, first + count))
    if len(axes) != 2:
        raise ValueError(f"{name}: axes is a number, or two lists of axes, got {axes!r}")
    lists = []
    for operand, given in zip((a, b), axes, strict=True):
        numbers = [given] if isinstance(given, (int, np.integer)) else list(given)
        for number in numbers:
            if not -operand.type.ndim <= number < operand.type.ndim:
                raise ValueError(f"{name}: axis {number} does not exist in {operand} with {operand.type.ndim} dimensions")
        normal = [int(number) % operand.type.ndim for number in numbers]
        if len(set(normal)) != len(normal):
            raise ValueError(f"{name}: an axis is given twice in {numbers}")
        if batched and 0 in normal:
            raise ValueError(f"{name}: axis 0 is the batch, it cannot be summed over")
        lists.append(normal)
    if len(lists[0]) != len(lists[1]):
        raise ValueError(f"{name}: both lists of axes must have one length, got {axes!r}")
    return lists[0], lists[1]


def _tensordot(a: Any, b: Any, axes: Any, batched: bool, name: str) -> Variable:
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    a_axes, b_axes = _pairs(a, b, axes, batched, name)
    first = 1 if batched else 0
    a_kept = [axis for axis in range(first, a.type.ndim) if axis not in a_axes]
    b_kept = [axis for axis in range(first, b.type.ndim) if axis not in b_axes]
    batch = [0] if batched else []
    a_moved = a.dimshuffle(*batch, *a_kept, *a_axes) if [*a_kept, *a_axes] != list(range(first, a.type.ndim)) else a
    b_moved = b.dimshuffle(*batch, *b_axes, *b_kept) if [*b_axes, *b_kept] != list(range(first, b.type.ndim)) else b
    a_shape, b_shape = a.shape, b.shape

    def length(operand: Variable, shape: Variable, axis: int) -> Any:
        return 1 if operand.type.broadcastable[axis] else shape[axis]

    a_kept_lengths = [length(a, a_shape, axis) for axis in a_kept]
    b_kept_lengths = [length(b, b_shape, axis) for axis in b_kept]
    batch_lengths = [length(a, a_shape, 0)] if batched else []
    inner_a = product([length(a, a_shape, axis) for axis in a_axes])
    inner_b = product([length(b, b_shape, axis) for axis in b_axes])
    if a_axes and not len(a_axes) == len(a_kept) == len(b_kept) == 1:
        # the product compares products of lengths, and its errors speak of them; the check is one of numbers, for the sake of devices
        equal = [eq(a_shape[i], b_shape[j]) for i, j in zip(a_axes, b_axes, strict=True)]
        from tcore.tensor.assertion import assert_fitting  # few products need one

        inner_a, inner_b = (assert_fitting(f"{name}: the axes that are summed over differ in length", inner, equal, [a, b]) for inner in (inner_a, inner_b))
    if len(a_kept) != 1 or len(a_axes) != 1:
        a_moved = a_moved.reshape((*batch_lengths, product(a_kept_lengths), inner_a), ndim=first + 2)
    if len(b_kept) != 1 or len(b_axes) != 1:
        b_batch = [length(b, b_shape, 0)] if batched else []
        b_moved = b_moved.reshape((*b_batch, inner_b, product(b_kept_lengths)), ndim=first + 2)
    result = (_batched_dot if batched else _dot)(a_moved, b_moved)
    if len(a_kept) == 1 and len(b_kept) == 1:
        return result
    return result.reshape((*batch_lengths, *a_kept_lengths, *b_kept_lengths), ndim=first + len(a_kept) + len(b_kept))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Variable:
    """The sum of products over pairs of axes, as in NumPy.

    Parameters
    ----------
    a, b : tensors
    axes : int or pair of lists of int
        An int ``i`` pairs the last ``i`` axes of ``a`` with the first ``i`` of ``b``, in order (0: the outer product);
        two lists pair the axes of ``a`` and of ``b`` that they name.

    Returns
    -------
    tensor
        Its axes are those of ``a`` that were not summed, then those of ``b``.

    Raises
    ------
    ValueError
        If ``axes`` does not fit ``a`` and ``b``.
    """
    return _tensordot(a, b, axes, batched=False, name="tensordot")


def batched_tensordot(x: Any, y: Any, axes: Any = 2) -> Variable:
    """:func:`tensordot` of the items of two batches along their first axes.

    An int ``i`` pairs the last ``i`` axes of ``x`` with the first ``i`` axes of ``y`` after the batch; lists count the
    batch as axis 0.
    """
    return _tensordot(x, y, axes, batched=True, name="batched_tensordot")
