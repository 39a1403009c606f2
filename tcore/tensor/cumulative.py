"""Values carried along an axis: ``cumsum``, ``cumprod``, and the linear recurrence that their derivatives are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from attrs import field
from attrs.validators import in_

from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.scalar.dtypes import discrete_dtypes, upcast
from tcore.tensor._axes import along, checked_axis
from tcore.tensor.alloc import ones_like
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.gradients import as_gradient_of, zero_gradient
from tcore.tensor.join import join
from tcore.tensor.math import cast, conj
from tcore.tensor.type import TensorType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CumOp", "LinearRecurrence", "cumprod", "cumsum"]


def reversed_along(x: Any, axis: int) -> Any:
    return x[along(axis, slice(None, None, -1))]


def _delayed(first: Any, x: Any, axis: int) -> Any:
    """``first`` in front, and all of ``x`` but its last element."""
    if x.type.broadcastable[axis]:
        return as_gradient_of(x, first)
    return join(axis, first, x[along(axis, slice(None, -1))])


def _backwards(coefficients: Any, terms: Any, axis: int) -> Any:
    """``t[i] = terms[i] + coefficients[i + 1] * t[i + 1]``."""
    turned = reversed_along(coefficients, axis)
    delayed = _delayed(turned[along(axis, slice(None, 1))], turned, axis)
    return reversed_along(LinearRecurrence(axis)(delayed, reversed_along(terms, axis)), axis)


def before(x: Any, axis: int) -> Any:
    """The products of all elements before each."""
    products = CumOp(axis, "mul")(x)
    return _delayed(ones_like(x[along(axis, slice(None, 1))]), products, axis)


@frozen
class CumOp(Op):
    """Sums (``add``) or products (``mul``) of all elements up to each, along an axis."""

    axis: int = field(converter=int)
    mode: Literal["add", "mul"] = field(default="add", validator=in_(("add", "mul")))

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        if x.type.dtype == "bool":
            x = cast(x, "int64")
        if not 0 <= self.axis < x.type.ndim:
            raise ValueError(f"{self}: axis {self.axis} does not exist in {x} with {x.type.ndim} dimensions")
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (x,) = inputs
        accumulate = np.cumsum if self.mode == "add" else np.cumprod
        output_storage[0][0] = accumulate(x, axis=self.axis, dtype=x.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[0]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Sums from the end; for products the products before an element times a recurrence from the end, which never divides."""
        x: Any = inputs[0]
        if x.type.dtype in discrete_dtypes:
            return [zero_gradient(x)]
        g = output_grads[0]
        if self.mode == "add":
            return [reversed_along(self(reversed_along(g, self.axis)), self.axis)]
        x = conj(x)
        return [before(x, self.axis) * _backwards(x, g, self.axis)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        (x,), (v,) = inputs, eval_points
        if v is None:
            return [None]
        if self.mode == "add":
            return [self(v)]  # type: ignore[list-item]
        return [LinearRecurrence(self.axis)(x, before(x, self.axis) * v)]  # type: ignore[list-item]

    def __str__(self) -> str:
        return f"CumOp{{{self.axis}, {self.mode}}}"


@frozen
class LinearRecurrence(Op):
    """``s[i] = a[i] * s[i - 1] + b[i]`` along an axis, beginning with ``s[0] = b[0]``, for ``a`` and ``b`` of one shape."""

    axis: int = field(converter=int)

    def make_node(self, a: Any, b: Any) -> Apply:
        a, b = as_tensor_variable(a), as_tensor_variable(b)
        if a.type.ndim != b.type.ndim or not 0 <= self.axis < a.type.ndim:
            raise ValueError(f"{self} takes two tensors of equal dimensions with axis {self.axis}, got {a} with {a.type.ndim} and {b} with {b.type.ndim}")
        dtype = upcast(a.type.dtype, b.type.dtype)
        marks = [mark or other for mark, other in zip(a.type.broadcastable, b.type.broadcastable, strict=True)]
        return Apply(self, [a, b], [TensorType(dtype, marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = inputs
        if a.shape != b.shape:
            raise ValueError(f"{self}: coefficients of shape {a.shape}, terms of shape {b.shape}")
        result = np.array(b, node.outputs[0].type.dtype)
        rows, factors = np.moveaxis(result, self.axis, 0), np.moveaxis(a, self.axis, 0)
        for i in range(1, len(rows)):
            rows[i] += factors[i] * rows[i - 1]
        output_storage[0][0] = result

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [shapes[1]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """A recurrence from the end."""
        (a, b), (s,) = map(conj, inputs), outputs
        t = _backwards(a, output_grads[0], self.axis)
        earlier = _delayed(b[along(self.axis, slice(None, 1))].zeros_like(), conj(s), self.axis)  # type: ignore[index]
        return [as_gradient_of(x, g) for x, g in zip(inputs, (t * earlier, t), strict=True)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        """The same recurrence."""
        (a, b), (da, db) = inputs, eval_points
        terms: Any = db
        if da is not None:
            s: Any = self(a, b)
            moved = da * _delayed(b[along(self.axis, slice(None, 1))].zeros_like(), s, self.axis)  # type: ignore[operator, index]
            terms = moved if db is None else db + moved
        return [None if terms is None else self(a, terms)]  # type: ignore[list-item]

    def __str__(self) -> str:
        return f"LinearRecurrence{{{self.axis}}}"


def _cumulative(name: str, mode: Literal["add", "mul"], x: Any, axis: Any) -> Variable:
    x = as_tensor_variable(x)
    if axis is None:
        x, axis = x.flatten(), 0
    return CumOp(checked_axis(name, axis, x), mode)(x)  # type: ignore[return-value]


def cumsum(x: Any, axis: int | None = None) -> Variable:
    """The sums of all elements up to each.

    Parameters
    ----------
    x : tensor
    axis : int, optional
        Without it, of the flattened ``x``.

    Returns
    -------
    tensor of the dtype of ``x``; bools are counted in int64
    """
    return _cumulative("cumsum", "add", x, axis)


def cumprod(x: Any, axis: int | None = None) -> Variable:
    """The products of all elements up to each; see :func:`cumsum`. The gradient is right beside zeros, too."""
    return _cumulative("cumprod", "mul", x, axis)
