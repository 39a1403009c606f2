"""Cross-entropies between what a model says and what is so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore import tensor as T
from tcore.gradient import DisconnectedType, grad_not_implemented
from tcore.graph import Apply, Op, Variable

__all__ = [
    "CrossentropyCategorical1Hot",
    "CrossentropyCategorical1HotGrad",
    "binary_crossentropy",
    "categorical_crossentropy",
    "crossentropy_categorical_1hot",
    "sigmoid_binary_crossentropy",
]


def binary_crossentropy(output: Any, target: Any) -> Any:
    """``-(target * log(output) + (1 - target) * log(1 - output))``, element by element.

    Parameters
    ----------
    output : floating tensor with values in (0, 1)
    target : tensor that broadcasts against ``output``, values in [0, 1]

    Notes
    -----
    When ``output`` is a sigmoid, the compiled graph works from its argument, so that nothing overflows.
    """
    return -(target * T.log(output) + (1.0 - target) * T.log(1.0 - output))


def sigmoid_binary_crossentropy(output: Any, target: Any) -> Any:
    """``binary_crossentropy(sigmoid(output), target)`` from the sigmoid's argument: exact for arguments of any size.

    softplus(−|x|) + x ([x > 0] − t), which never subtracts two large numbers.
    """
    output = T.as_tensor_variable(output)
    return T.softplus(-abs(output)) + output * (T.gt(output, 0) - target)


def categorical_crossentropy(coding_dist: Any, true_dist: Any) -> Any:
    """``-sum(true_dist * log(coding_dist))`` over the last axis: the cost of each row.

    Parameters
    ----------
    coding_dist : floating tensor, shape (..., n)
        Rows are distributions.
    true_dist : tensor
        A tensor of the same number of axes holds distributions; an integer vector holds for each row of a matrix the
        position of its 1.

    Returns
    -------
    tensor, one axis less than ``coding_dist``

    Raises
    ------
    TypeError
        If the numbers of axes fit neither reading, or positions are not integers.
    """
    coding_dist, true_dist = T.as_tensor_variable(coding_dist), T.as_tensor_variable(true_dist)
    if true_dist.ndim == coding_dist.ndim:
        return -T.sum(true_dist * T.log(coding_dist), axis=coding_dist.ndim - 1)
    if true_dist.ndim == coding_dist.ndim - 1:
        return crossentropy_categorical_1hot(coding_dist, true_dist)
    raise TypeError(
        f"true_dist must have as many axes as coding_dist ({coding_dist.ndim}), for distributions, or one less, for positions; "
        f"got {true_dist.ndim}"
    )


class CrossentropyCategorical1Hot(Op):
    """``out[i] = -log(coding[i, position[i]])``. Inputs: floating matrix (rows, n), integer vector (rows); output: vector (rows).

    Negative positions count from the end, as in NumPy. Raises IndexError for positions outside [-n, n) and ValueError when the numbers of rows differ.
    """

    __props__ = ()

    def make_node(self, coding: Any, position: Any) -> Apply:
        """Checks dtypes and numbers of axes."""
        coding, position = T.as_tensor_variable(coding), T.as_tensor_variable(position)
        if coding.ndim != 2 or not coding.dtype.startswith("float"):
            raise TypeError(f"the coding distribution must be a floating matrix, got {coding.type}")
        check_positions(position)
        return Apply(self, [coding, position], [T.TensorType(coding.dtype, coding.broadcastable[:1])()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """One gather and a logarithm."""
        coding, position = inputs
        check_rows(coding, position)
        output_storage[0][0] = -np.log(coding[np.arange(len(position)), position])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """(rows,)."""
        return [(shapes[0][0],)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """−g / coding at the chosen places, 0 elsewhere."""
        coding, position = inputs
        (g,) = output_grads
        return [crossentropy_categorical_1hot_grad(g, coding, position), DisconnectedType()()]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Positions are not differentiable."""
        return [[True], [False]]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Any]:
        """−direction / coding at the chosen places."""
        coding, position = inputs
        if eval_points[0] is None:
            return [None]
        rows = T.arange(position.shape[0])
        return [-eval_points[0][rows, position] / coding[rows, position]]


class CrossentropyCategorical1HotGrad(Op):
    """Gradient of :class:`CrossentropyCategorical1Hot` with respect to the coding distribution.

    Inputs: gradient (rows), coding (rows, n), positions (rows); output: shape and dtype of coding.
    """

    __props__ = ()

    def make_node(self, g: Any, coding: Any, position: Any) -> Apply:
        """The output is like coding."""
        return Apply(self, [T.as_tensor_variable(v) for v in (g, coding, position)], [coding.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """Scatter into zeros."""
        g, coding, position = inputs
        check_rows(coding, position)
        result = np.zeros_like(coding)
        rows = np.arange(len(position))
        result[rows, position] = -g / coding[rows, position]
        output_storage[0][0] = result

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """The shape of coding."""
        return [shapes[1]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """Of −g / coding at the chosen places."""
        g, coding, position = inputs
        rows = T.arange(position.shape[0])
        chosen, back = coding[rows, position], output_grads[0][rows, position]
        return [
            -back / chosen,
            T.set_subtensor(T.zeros_like(coding)[rows, position], back * g / chosen**2),
            grad_not_implemented(self, 2, position, "positions are not differentiable"),
        ]


crossentropy_categorical_1hot = CrossentropyCategorical1Hot()
crossentropy_categorical_1hot_grad = CrossentropyCategorical1HotGrad()


def check_positions(position: Any) -> None:
    """Refuse what is no vector of integers.

    Raises
    ------
    TypeError
    """
    if position.ndim != 1 or not position.dtype.startswith(("int", "uint")):
        raise TypeError(f"the positions of the ones must be a vector of integers, got {position.type}")


def check_rows(coding: np.ndarray, position: np.ndarray) -> None:
    """Refuse values whose rows do not match or whose positions lie outside; negative ones count from the end.

    Raises
    ------
    ValueError, IndexError
    """
    if len(coding) != len(position):
        raise ValueError(f"{len(coding)} rows of distributions, but {len(position)} positions")
    size = coding.shape[1]
    outside = np.flatnonzero((position < -size) | (position >= size))
    if outside.size:
        raise IndexError(f"position {position[outside[0]]} in row {outside[0]} is out of bounds for axis 1 with size {size}")
