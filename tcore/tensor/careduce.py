"""Reductions by a commutative, associative scalar op: CAReduce, and those with accumulator dtypes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from attrs import field

from tcore import scalar
from tcore.configuration import config
from tcore.graph.apply import Apply
from tcore.graph.floating import floating_point_errors
from tcore.graph.op import Op
from tcore.graph.variable import Variable
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, dtype_name, float_dtypes
from tcore.scalar.op import ScalarOp
from tcore.tensor.careduce_c import CAReduceC
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dimshuffle import dimshuffle_of
from tcore.tensor.elemwise import elemwise_of, fill_gradient
from tcore.tensor.gradients import zero_gradient
from tcore.tensor.type import tensor_type

__all__ = ["All", "Any_", "CAReduce", "CAReduceDtype", "NamedReduction", "Sum", "Supremum"]


def axes_of(axis: Any) -> tuple[int, ...] | None:
    """The entries of an ``axis`` argument, ascending; None for all axes.

    Raises
    ------
    TypeError
        If it is neither None, an integer nor a sequence of integers.
    ValueError
        If an entry stands there twice.
    """
    if axis is None:
        return None
    if isinstance(axis, np.ndarray):
        axis = axis.tolist()
    axes = list(axis) if isinstance(axis, Iterable) else [axis]
    for entry in axes:
        if isinstance(entry, bool) or not isinstance(entry, (int, np.integer)):
            raise TypeError(f"the axis of a reduction is an integer or a sequence of integers, got {entry!r}")
    if len(set(axes)) != len(axes):
        raise ValueError(f"a reduction names an axis twice: {axis!r}")
    return tuple(sorted(map(int, axes)))


def normal_axes(axis: tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """The reduced axes, ascending, counted from the front.

    Raises
    ------
    ValueError
        If an axis is out of range, or named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    for entry in axis:
        if not -ndim <= entry < ndim:
            raise ValueError(f"cannot reduce over axis {entry} of a tensor with {ndim} axes")
    axes = {entry % ndim for entry in axis}
    if len(axes) != len(axis):
        raise ValueError(f"a reduction of a tensor with {ndim} axes names an axis twice: {axis}")
    return tuple(sorted(axes))


def _combines_two(op: CAReduce, attribute: Any, scalar_op: Any) -> None:
    if scalar_op.nin not in (-1, 2) or scalar_op.nout != 1:
        raise TypeError(f"a reduction combines two values into one, again and again: {scalar_op} has {scalar_op.nin} inputs and {scalar_op.nout} outputs")


def spread_over(g: Any, ndim: int, axes: Iterable[int]) -> Any:
    """``g`` with broadcastable axes put back at the reduced positions ``axes`` of ``ndim``."""
    axes = set(axes)
    order: list[int | str] = []
    position = 0
    for axis in range(ndim):
        if axis in axes:
            order.append("x")
        else:
            order.append(position)
            position += 1
    return dimshuffle_of(g.type.broadcastable, tuple(order))(g)


@frozen(slots=False, str=False, repr=False)
class CAReduce(CAReduceC, Op):
    """Reduce over ``axis`` by a scalar op whose order of application does not matter.

    Parameters
    ----------
    scalar_op : ScalarOp
        Of two inputs, commutative and associative: ``scalar.maximum``, ``scalar.and_``, …
    axis : None, int or sequence of int
        None stands for all axes. The reduced axes are gone from the result.
    """

    scalar_op: ScalarOp = field(validator=_combines_two)
    axis: tuple[int, ...] | None = field(default=None, converter=axes_of)

    _f16_ok = True

    # ------------------------------------------------------------ building

    def make_node(self, input: Any) -> Apply:
        x = as_tensor_variable(input)
        axes = normal_axes(self.axis, x.type.ndim)
        op = self
        if self.axis is not None and axes != self.axis:
            op = self.clone(axis=axes)
        flags = [flag for axis, flag in enumerate(x.type.broadcastable) if axis not in axes]
        op = op.fitted(x.type.dtype)
        return Apply(op, [x], [tensor_type(op.output_dtype(x.type.dtype), tuple(flags)).make_variable()])

    def clone(self, **changes: Any) -> CAReduce:
        """The same op with another ``axis``."""
        return type(self)(self.scalar_op, changes.get("axis", self.axis))

    def fitted(self, input_dtype: str) -> CAReduce:
        """The op with everything decided that depends on the input's dtype."""
        return self

    def output_dtype(self, input_dtype: str) -> str:
        """The dtype of the result."""
        kind = scalar.get_scalar_type(input_dtype)
        (out,) = self.scalar_op.output_types([kind, kind])
        return out.dtype

    # ------------------------------------------------------------ computing

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        axes = normal_axes(self.axis, x.ndim)
        dtype = node.outputs[0].type.dtype
        with floating_point_errors():
            output_storage[0][0] = np.asarray(self.reduced(x, axes), dtype)

    def reduced(self, x: np.ndarray, axes: tuple[int, ...]) -> Any:
        """The reduction of an array, in any dtype that holds it."""
        function = getattr(self.scalar_op, "numpy", None)
        if isinstance(function, np.ufunc):
            return function.reduce(x, axis=axes)
        return _fold(self.scalar_op, x, axes)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        axes = normal_axes(self.axis, node.inputs[0].type.ndim)
        return [tuple(length for axis, length in enumerate(shapes[0]) if axis not in axes)]

    # ------------------------------------------------------------ differentiating

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """For extremes: the gradient goes to every element that equals the result; zero for bit operations."""
        (x,), (out,), (g,) = inputs, outputs, output_grads
        if out.type.dtype in discrete_dtypes:
            return [zero_gradient(x)]
        if not isinstance(self.scalar_op, (scalar.Maximum, scalar.Minimum)):
            return super().L_op(inputs, outputs, output_grads)  # type: ignore[return-value]
        axes = normal_axes(self.axis, x.type.ndim)
        best = spread_over(out, x.type.ndim, axes)
        return [elemwise_of(scalar.switch)(elemwise_of(scalar.eq)(x, best), spread_over(g, x.type.ndim, axes), 0)]

    # ------------------------------------------------------------ text

    @property
    def inner_ops(self) -> tuple[Any, ...]:
        """What is computed for each element: its package takes part in compiling this op."""
        return (self.scalar_op,)

    def __str__(self) -> str:
        return f"Reduce{{{self.scalar_op}}}{self._axis_text()}"

    __repr__ = __str__

    def _axis_text(self) -> str:
        return "" if self.axis is None else f"{{{', '.join(map(str, self.axis))}}}"


def _fold(op: ScalarOp, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Reduce with an op that is no ufunc: one slice after the other."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    rows = x.transpose([*axes, *kept]).reshape([-1, *(x.shape[axis] for axis in kept)])
    if not len(rows):
        if op.identity is None:
            raise ValueError(f"cannot reduce an empty array by {op}, which has no neutral element")
        return np.full(rows.shape[1:], op.identity, x.dtype)
    total = rows[0].copy()
    for row in rows[1:]:
        total = op.on_arrays([total, row], [x.dtype.name], [None])[0]
    return total


class Supremum(CAReduce):
    """The maximum of floats over ``axis``, and of nothing -infinity where the maximum is an error."""

    def __init__(self, axis: Any = None) -> None:
        super().__init__(scalar.maximum, axis)

    def clone(self, **changes: Any) -> CAReduce:
        """The same op with another ``axis``."""
        return type(self)(changes.get("axis", self.axis))

    def reduced(self, x: np.ndarray, axes: tuple[int, ...]) -> Any:
        return np.maximum.reduce(x, axis=axes, initial=-np.inf)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.axis,)

    def __str__(self) -> str:
        return f"Supremum{self._axis_text()}"

    __repr__ = __str__


def accumulator_dtype(dtype: str) -> str:
    """The widest dtype of the same kind, in which sums and products are accumulated."""
    if dtype in discrete_dtypes:
        return "uint64" if dtype.startswith("uint") else "int64"
    return "complex128" if dtype.startswith("complex") else "float64"


def _named(dtype: Any) -> str | None:
    """A dtype by its name; None and "floatX", whose meaning comes later, as they are."""
    return dtype if dtype is None or (isinstance(dtype, str) and dtype == "floatX") else dtype_name(dtype)


@frozen(slots=False, str=False, repr=False)
class CAReduceDtype(CAReduce):
    """A reduction with a dtype for the result and one for its accumulator.

    Parameters
    ----------
    scalar_op, axis
        As in :class:`CAReduce`.
    dtype : str, optional
        Of the result. None: that of the input, but int64 for smaller integers and bools, uint64 for unsigned ones.
    acc_dtype : str, optional
        Of the accumulator. None: at least int64, uint64, float64 or complex128, by kind.
    """

    dtype: str | None = field(default=None, converter=_named)
    acc_dtype: str | None = field(default=None, converter=_named)

    def clone(self, **changes: Any) -> CAReduce:
        """The same op with another ``axis``, ``dtype`` or ``acc_dtype``."""
        return self._made(
            changes.get("axis", self.axis),
            changes.get("dtype", self.dtype),
            changes.get("acc_dtype", self.acc_dtype),
        )

    def _made(self, axis: Any, dtype: str | None, acc_dtype: str | None) -> CAReduce:
        return type(self)(self.scalar_op, axis, dtype, acc_dtype)

    def output_dtype(self, input_dtype: str) -> str:
        if self.dtype is not None:
            return config.floatX if self.dtype == "floatX" else self.dtype
        if input_dtype in discrete_dtypes:
            return accumulator_dtype(input_dtype)
        return input_dtype

    def accumulator(self, input_dtype: str) -> str:
        """The dtype of the accumulator for an input dtype."""
        if self.acc_dtype is not None:
            return config.floatX if self.acc_dtype == "floatX" else self.acc_dtype
        dtype = self.output_dtype(input_dtype)
        if dtype in discrete_dtypes and input_dtype in float_dtypes:
            dtype = input_dtype  # summed as floats, and only the result is cut to an integer
        return scalar.upcast(accumulator_dtype(dtype), dtype)

    def fitted(self, input_dtype: str) -> CAReduce:
        """The op with both dtypes filled in; it refuses accumulators that cannot hold the input."""
        dtype = self.output_dtype(input_dtype)
        acc_dtype = self.accumulator(input_dtype)
        if input_dtype.startswith("complex") and not acc_dtype.startswith("complex"):
            raise TypeError(f"{type(self).__name__} of {input_dtype} cannot accumulate in {acc_dtype}")
        if input_dtype not in discrete_dtypes and acc_dtype in discrete_dtypes:
            raise TypeError(f"{type(self).__name__} of {input_dtype} cannot accumulate in the integers {acc_dtype}")
        if (self.dtype, self.acc_dtype) == (dtype, acc_dtype):
            return self
        return self.clone(dtype=dtype, acc_dtype=acc_dtype)

    def reduced(self, x: np.ndarray, axes: tuple[int, ...]) -> Any:
        function = getattr(self.scalar_op, "numpy", None)
        acc_dtype = self.accumulator(x.dtype.name)
        if isinstance(function, np.ufunc):
            return function.reduce(x, axis=axes, dtype=acc_dtype)
        return _fold(self.scalar_op, x.astype(acc_dtype), axes)


class NamedReduction(CAReduceDtype):
    """A CAReduceDtype whose scalar op is fixed."""

    kind: ClassVar[ScalarOp]

    def __init__(self, axis: Any = None, dtype: str | None = None, acc_dtype: str | None = None) -> None:
        super().__init__(self.kind, axis, dtype, acc_dtype)

    def _made(self, axis: Any, dtype: str | None, acc_dtype: str | None) -> CAReduce:
        return type(self)(axis, dtype, acc_dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.axis, self.dtype, self.acc_dtype)


class Sum(NamedReduction):
    """The sum over ``axis``; of nothing 0."""

    kind = scalar.add

    def L_op(self, inputs: Sequence[Any], outputs: Sequence[Any], output_grads: Sequence[Any]) -> list[Variable]:
        """The gradient of the sum, for each of its elements."""
        (x,), (out,), (g,) = inputs, outputs, output_grads
        if out.type.dtype in discrete_dtypes:
            return [zero_gradient(x)]
        axes = normal_axes(self.axis, x.type.ndim)
        return [fill_gradient(x, spread_over(g, x.type.ndim, axes))]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        """The sum of the direction."""
        return [None] if eval_points[0] is None else self(eval_points[0], return_list=True)

    def __str__(self) -> str:
        axis = "" if self.axis is None else f"axis=[{', '.join(map(str, self.axis))}], "
        return f"Sum{{{axis}acc_dtype={self.acc_dtype}}}"

    __repr__ = __str__


class _Logical(CAReduce):
    """A reduction of truth values; a number counts as true unless it is zero."""

    kind: ClassVar[ScalarOp]

    def __init__(self, axis: Any = None) -> None:
        super().__init__(self.kind, axis)

    def clone(self, **changes: Any) -> CAReduce:
        return type(self)(changes.get("axis", self.axis))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.axis,)

    def make_node(self, input: Any) -> Apply:
        x = as_tensor_variable(input)
        return super().make_node(x if x.type.dtype == "bool" else elemwise_of(scalar.neq)(x, 0))

    def output_dtype(self, input_dtype: str) -> str:
        return "bool"

    def __str__(self) -> str:
        return f"{type(self).__name__.rstrip('_')}{self._axis_text()}"

    __repr__ = __str__


class All(_Logical):
    """Whether all elements over ``axis`` are true; of nothing True."""

    kind = scalar.and_

    def reduced(self, x: np.ndarray, axes: tuple[int, ...]) -> Any:
        return np.logical_and.reduce(x, axis=axes)


class Any_(_Logical):
    """Whether any element over ``axis`` is true; of nothing False."""

    kind = scalar.or_

    def reduced(self, x: np.ndarray, axes: tuple[int, ...]) -> Any:
        return np.logical_or.reduce(x, axis=axes)
