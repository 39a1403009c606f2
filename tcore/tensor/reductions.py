"""Sums, products, extremes, means and truth over axes.

In all of them ``axis`` is None (all axes), an int or a sequence of ints, and ``keepdims=True`` leaves reduced axes in
place with length 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore import scalar
from tcore.configuration import config
from tcore.graph.variable import Constant, Variable
from tcore.scalar.dtypes import discrete_dtypes
from tcore.tensor.careduce import All, Any_, CAReduce, Sum, axes_of, normal_axes, spread_over
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast, conj, isclose, maximum, sqr, sqrt, true_div
from tcore.tensor.type import TensorType

__all__ = [
    "all", "allclose", "any", "argmax", "argmin", "makeKeepDims", "max", "max_and_argmax", "mean", "min", "prod", "ptp",
    "std", "sum", "var",
]  # fmt: skip


def makeKeepDims(x: Any, y: Any, axis: Any) -> Variable:
    """``y``, a reduction of ``x`` over ``axis``, with the reduced axes put back as broadcastable ones."""
    x, y = as_tensor_variable(x), as_tensor_variable(y)
    return spread_over(y, x.type.ndim, checked_axes(axis, x.type.ndim))


def checked_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that ``axis`` means, ascending; also from a constant variable.

    Raises
    ------
    TypeError
        If it is no integer or sequence of integers.
    ValueError
        If one is out of range, or named twice.
    """
    if isinstance(axis, Variable):
        if not (isinstance(axis, Constant) and isinstance(axis.type, TensorType) and axis.type.dtype in discrete_dtypes):
            raise TypeError(f"the axis of a reduction must be known when the graph is built, got {axis}")
        axis = axis.data
    return normal_axes(axes_of(axis), ndim)


def _reduce(x: Any, axis: Any, keepdims: bool, op: Any) -> Any:
    """``op(axis)`` applied to ``x``, where a given axis is normalised and None stays."""
    axes = checked_axes(axis, x.type.ndim)
    out = op(None if axis is None else axes)(x)
    return spread_over(out, x.type.ndim, axes) if keepdims else out


def sum(
    input: Any,
    axis: Any = None,
    dtype: str | None = None,
    keepdims: bool = False,
    acc_dtype: str | None = None,
) -> Variable:
    """The sum over ``axis``.

    Parameters
    ----------
    dtype : str, optional
        Of the result. None: that of the input, but int64 for smaller integers, uint64 for smaller unsigned ones.
    acc_dtype : str, optional
        Of the accumulator. None: at least int64, uint64, float64 or complex128, by kind.
    """
    x = as_tensor_variable(input)
    return _reduce(x, axis, keepdims, lambda axes: Sum(axes, dtype, acc_dtype))


def prod(
    input: Any,
    axis: Any = None,
    dtype: str | None = None,
    keepdims: bool = False,
    acc_dtype: str | None = None,
    no_zeros_in_input: bool = False,
) -> Variable:
    """The product over ``axis``; dtypes as in :func:`sum`.

    ``no_zeros_in_input=True`` promises that no element is zero: the gradient is faster then, can itself be differentiated,
    and is wrong where the promise is broken.
    """
    x = as_tensor_variable(input)
    from tcore.tensor.products import Prod  # as other seldom used ops, loaded when one is asked for

    return _reduce(x, axis, keepdims, lambda axes: Prod(axes, dtype, acc_dtype, no_zeros_in_input))


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """Whether all elements over ``axis`` are true (not zero): bool."""
    return _reduce(as_tensor_variable(x), axis, keepdims, All)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """Whether any element over ``axis`` is true (not zero): bool."""
    return _reduce(as_tensor_variable(x), axis, keepdims, Any_)


def max_and_argmax(a: Any, axis: Any = None, keepdims: bool = False) -> list[Variable]:
    """``[largest element, index of its first occurrence]`` over ``axis``; over the flattened tensor for None."""
    from tcore.tensor.extremes import MaxAndArgmax

    x = as_tensor_variable(a)
    axes = checked_axes(axis, x.type.ndim)
    outputs = MaxAndArgmax(axes)(x)
    return [spread_over(out, x.type.ndim, axes) for out in outputs] if keepdims else list(outputs)


def max(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The largest element over ``axis``; NaN where there is one.

    Raises (when computed)
    ----------------------
    ValueError
        Over an axis of length 0.
    """
    return max_and_argmax(x, axis, keepdims)[0]


def argmax(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The int64 index of the first largest element over ``axis``; over the flattened tensor for None."""
    return max_and_argmax(x, axis, keepdims)[1]


def min(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The smallest element over ``axis``; NaN where there is one."""
    return _reduce(as_tensor_variable(x), axis, keepdims, lambda axes: CAReduce(scalar.minimum, axes))


def argmin(x: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The int64 index of the first smallest element over ``axis``; over the flattened tensor for None."""
    from tcore.tensor.extremes import Argmin

    variable = as_tensor_variable(x)
    axes = checked_axes(axis, variable.type.ndim)
    out = Argmin(axes)(variable)
    return spread_over(out, variable.type.ndim, axes) if keepdims else out


def _length(x: Any, axes: tuple[int, ...], dtype: str) -> Any:
    """The number of elements over ``axes``, as a ``dtype`` scalar."""
    total: Any = None
    for axis in axes:
        entry = cast(x.shape[axis], dtype)
        total = entry if total is None else total * entry
    return as_tensor_variable(np.asarray(1, dtype)) if total is None else total


def mean(
    input: Any,
    axis: Any = None,
    dtype: str | None = None,
    keepdims: bool = False,
    acc_dtype: str | None = None,
    op: bool = False,
) -> Variable:
    """The mean over ``axis``.

    Parameters
    ----------
    dtype : str, optional
        To which the inner sum is cast. None: that of the input, float64 for integers.
    acc_dtype : str, optional
        Of the accumulator; as in :func:`sum`.
    op : bool
        Kept for compatibility; there is no mean op.
    """
    x = as_tensor_variable(input)
    dtype = dtype if dtype is None or (isinstance(dtype, str) and dtype == "floatX") else scalar.dtypes.dtype_name(dtype)
    sum_dtype = dtype
    if dtype in (None, "floatX") and x.type.dtype == "float16":
        sum_dtype = "float32"  # a sum of halves overflows at 65504
    elif dtype is None and x.type.dtype in discrete_dtypes:
        sum_dtype = "float64"
    axes = checked_axes(axis, x.type.ndim)
    total = sum(x, axis=axis, dtype=sum_dtype, keepdims=keepdims, acc_dtype=acc_dtype)
    float_dtype = total.dtype if total.dtype not in discrete_dtypes else config.floatX
    if float_dtype.startswith("complex"):
        float_dtype = scalar.dtypes.real_of(float_dtype)
    for axis_ in axes:
        total = true_div(total, cast(x.shape[axis_], float_dtype))
    if x.type.dtype == "float16" and dtype is None:
        total = cast(total, "float16")
    total.name = "mean"
    return total


def var(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Variable:
    """The variance over ``axis``: the sum of squared distances from the mean, over the number of elements less ``ddof``.

    ``corrected=True`` takes off the square of the mean distance, which rounding leaves different from zero: the two-pass
    algorithm of Chan, Golub and LeVeque 1983, doi:10.1080/00031305.1983.10483115.
    """
    variable = as_tensor_variable(x)
    if isinstance(ddof, bool) or not isinstance(ddof, (int, np.integer)):
        raise TypeError(f"ddof is an integer, got {ddof!r}")
    axes = checked_axes(axis, variable.type.ndim)
    centre = mean(variable, axis, keepdims=True)
    centred = variable - centre  # type: ignore[operator]
    square = (centred * conj(centred)).real if variable.type.dtype.startswith("complex") else sqr(centred)
    if ddof == 0:
        result = mean(square, axis, keepdims=keepdims)
        if corrected:
            result = result - sqr(mean(centred, axis, keepdims=keepdims))  # type: ignore[operator]
    else:
        count = _length(variable, axes, square.dtype)
        total: Any = sum(square, axis=axis, keepdims=keepdims)
        if corrected:
            total = total - sqr(sum(centred, axis=axis, keepdims=keepdims)) / count
        # more taken off than there is says nothing of the distances: infinite, not negative
        result = total / maximum(count - ddof, 0)
    result.name = "var"
    return result


def std(x: Any, axis: Any = None, ddof: int = 0, keepdims: bool = False, corrected: bool = False) -> Variable:
    """The standard deviation over ``axis``: the root of :func:`var`."""
    result = sqrt(var(x, axis, ddof, keepdims, corrected))
    result.name = "std"
    return result


def ptp(a: Any, axis: Any = None, keepdims: bool = False) -> Variable:
    """The range: largest less smallest element over ``axis``; over the flattened tensor for None."""
    x = as_tensor_variable(a)
    return max(x, axis, keepdims) - min(x, axis, keepdims)  # type: ignore[operator]


def allclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Variable:
    """Whether all elements are close as :func:`~tcore.tensor.math.isclose` says: a bool scalar."""
    return all(isclose(a, b, rtol, atol, equal_nan))
