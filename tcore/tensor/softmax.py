"""Softmax over the last axis, its logarithm, and logsumexp; without overflow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore import scalar
from tcore.graph.apply import Apply
from tcore.graph.floating import floating_point_errors
from tcore.graph.op import Op
from tcore.graph.variable import Variable
from tcore.scalar.dtypes import float_dtypes
from tcore.tensor.careduce import spread_over
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dimshuffle import dimshuffle
from tcore.tensor.elemwise import elemwise_of
from tcore.tensor.math import exp, isinf, log, switch
from tcore.tensor.reductions import checked_axes
from tcore.tensor.reductions import max as largest_of
from tcore.tensor.reductions import sum as sum_of

__all__ = ["LogSoftmax", "Softmax", "SoftmaxGrad", "logsoftmax", "logsumexp", "softmax"]


def _rows(op: Op, x: Any) -> Any:
    """``x`` as a float matrix; a vector becomes a row."""
    variable = as_tensor_variable(x)
    if variable.type.ndim not in (1, 2) or variable.type.dtype not in float_dtypes:
        raise ValueError(f"{op} takes a float vector or matrix, got {variable} of type {variable.type}")
    if variable.type.ndim == 1:
        variable = dimshuffle(variable, "x", 0)  # type: ignore[assignment]
    return variable


class _Rowwise(Op):
    """One float matrix in, one of the same type out; each row by itself."""

    __props__ = ()
    nin = 1
    nout = 1
    _f16_ok = True

    def make_node(self, x: Any) -> Apply:
        rows = _rows(self, x)
        return Apply(self, [rows], [rows.type()])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> Sequence[Any]:
        return shapes

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """The derivative of each row is applied to the direction; for softmax it is symmetric, as L_op uses."""
        if eval_points[0] is None:
            return [None]
        return list(self.L_op(inputs, [self(inputs[0])], eval_points))


def _shifted(x: np.ndarray) -> np.ndarray:
    """``x`` less the largest value of each row, in at least single precision; rows have no gaps, so that NumPy sums them in pairs."""
    wide = x.astype("float32") if x.dtype == "float16" else x
    if wide.shape[1] == 0:
        return wide.copy()
    return np.subtract(wide, wide.max(axis=1, keepdims=True), order="C")


class Softmax(_Rowwise):
    """exp(x) over its sum, for each row of a matrix."""

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        with floating_point_errors():
            e = _shifted(x)
            np.exp(e, out=e)
            e /= e.sum(axis=1, keepdims=True)
        output_storage[0][0] = e.astype(x.dtype, copy=False)

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """``sm * (g - sum(g * sm))``."""
        return [softmax_grad(output_grads[0], outputs[0])]


class SoftmaxGrad(Op):
    """The gradient of :class:`Softmax`: ``sm * (dy - sum(dy * sm))`` for each row, from ``dy`` and the result ``sm``."""

    __props__ = ()
    nin = 2
    nout = 1
    _f16_ok = True

    def make_node(self, dy: Any, sm: Any) -> Apply:
        dy, sm = _rows(self, dy), _rows(self, sm)
        return Apply(self, [dy, sm], [sm.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        dy, sm = inputs
        if dy.shape != sm.shape:
            raise ValueError(f"{self} takes two matrices of one shape, got {dy.shape} and {sm.shape}")
        with floating_point_errors():
            weighted = dy * sm
            result = weighted - weighted.sum(axis=1, keepdims=True, dtype=_accumulator(sm)) * sm
        output_storage[0][0] = result.astype(sm.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[1]]

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """Both inputs; with p = sm: d/d(dy) = p * (g - sum(g * p)), d/dp = g * (dy - sum(dy * p)) - dy * sum(g * p)."""
        (dy, sm), (g,) = inputs, output_grads
        along_g = (g * sm).sum(axis=1).dimshuffle(0, "x")
        along_dy = (dy * sm).sum(axis=1).dimshuffle(0, "x")
        return [sm * (g - along_g), g * (dy - along_dy) - dy * along_g]


def _accumulator(x: np.ndarray) -> Any:
    return "float32" if x.dtype == "float16" else None


class LogSoftmax(_Rowwise):
    """x less the logarithm of the sum of exp(x), for each row of a matrix."""

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        with floating_point_errors():
            shifted = _shifted(x)
            shifted -= np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        output_storage[0][0] = shifted.astype(x.dtype, copy=False)

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """``g - sum(g) * softmax(x)``."""
        (x,), (g,) = inputs, output_grads
        return [g - g.sum(axis=1).dimshuffle(0, "x") * softmax_op(x)]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """``v - sum(softmax(x) * v)``."""
        if eval_points[0] is None:
            return [None]
        (x,), (v,) = inputs, eval_points
        return [v - (softmax_op(x) * v).sum(axis=1).dimshuffle(0, "x")]


softmax_op = Softmax()
softmax_grad = SoftmaxGrad()
logsoftmax_op = LogSoftmax()


def softmax(c: Any) -> Variable:
    """exp(c) over its sum, for each row of a matrix; a vector counts as one row, and the result is a matrix."""
    return softmax_op(_as_float(c))


def logsoftmax(c: Any) -> Variable:
    """The logarithm of :func:`softmax`, accurate where that rounds to 0."""
    return logsoftmax_op(_as_float(c))


def _as_float(c: Any) -> Any:
    variable = as_tensor_variable(c)
    if variable.type.dtype in float_dtypes:
        return variable
    return elemwise_of(scalar.cast_op(scalar.dtypes.as_float(variable.type.dtype)))(variable)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The logarithm of the sum of exp(x) over ``axis`` (all axes for None), without overflow.

    -inf where every element is -inf; inf where one is inf.

    Source
    ------
    m + log(sum(exp(x - m))), m = max(x). Blanchard, Higham and Higham 2021, doi:10.1093/imanum/draa038.
    """
    variable = _as_float(x)
    axes = checked_axes(axis, variable.type.ndim)
    largest = largest_of(variable, axes, keepdims=True)
    # x - m is nan where both are infinite; a finite stand-in for m gives the right limit
    shift = switch(isinf(largest), 0, largest)
    total = log(sum_of(exp(variable - shift), axes))
    flat = shift.dimshuffle(*[axis for axis in range(variable.type.ndim) if axis not in axes])
    result = total + flat
    return spread_over(result, variable.type.ndim, axes) if keepdims else result
