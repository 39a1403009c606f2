"""Identities that change the gradient which flows through them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from tcore.compile.copy_ops import ViewOp
from tcore.gradient.reverse import float_zeros
from tcore.graph import Apply, Variable
from tcore.graph.gradient_only import GradientOnly
from tcore.graph.null_type import disconnected_type
from tcore.graph.undefined import grad_undefined
from tcore.records import frozen
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import clip

__all__ = [
    "GradClip",
    "GradScale",
    "consider_constant",
    "consider_constant_",
    "disconnected_grad",
    "disconnected_grad_",
    "grad_clip",
    "grad_scale",
    "undefined_grad",
    "undefined_grad_",
    "zero_grad",
    "zero_grad_",
]


class _GradIdentity(GradientOnly, ViewOp):
    """Hands its input on; subclasses say what becomes of the gradient. Optimizations remove it from finished graphs."""

    __props__ = ()

    def make_node(self, *inputs: Any) -> Apply:
        """One tensor in, the same type out."""
        (x,) = inputs
        x = x if isinstance(x, Variable) else as_tensor_variable(x)
        return Apply(self, [x], [x.type()])


class ZeroGrad(_GradIdentity):
    """The gradient becomes zero, and goes on down as zero."""

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return [float_zeros(inputs[0])]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [None if eval_points[0] is None else float_zeros(inputs[0])]


class ConsiderConstant(ZeroGrad):
    """As :class:`ZeroGrad`: the documented old form."""


class DisconnectedGrad(_GradIdentity):
    """No gradient goes through."""

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return [disconnected_type()]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [None]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Not connected."""
        return [[False]]


class UndefinedGrad(_GradIdentity):
    """A gradient through it is an error."""

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return [grad_undefined(self, 0, inputs[0], "undefined_grad stands in the path")]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [None]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Connected, so that the error appears."""
        return [[True]]


@frozen
class GradClip(_GradIdentity):
    """The gradient is clipped, element by element."""

    clip_lower_bound: Any
    clip_upper_bound: Any

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return [clip(g, self.clip_lower_bound, self.clip_upper_bound) for g in output_grads]

    def __str__(self) -> str:
        return f"GradClip{{{self.clip_lower_bound}, {self.clip_upper_bound}}}"


@frozen
class GradScale(_GradIdentity):
    """The gradient is multiplied by a number."""

    multiplier: Any

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return [self.multiplier * g for g in output_grads]  # type: ignore[operator]

    def __str__(self) -> str:
        return f"GradScale{{{self.multiplier}}}"


consider_constant_ = ConsiderConstant()
zero_grad_ = ZeroGrad()
disconnected_grad_ = DisconnectedGrad()
undefined_grad_ = UndefinedGrad()

def consider_constant(x: Any) -> Variable:
    """``x``, with a gradient of zero.

    Deprecated: use :func:`zero_grad` or :func:`disconnected_grad`.
    """
    warnings.warn(
        "consider_constant is deprecated: use zero_grad or disconnected_grad", DeprecationWarning, stacklevel=2
    )
    return consider_constant_(x)  # type: ignore[no-any-return]


def zero_grad(x: Any) -> Variable:
    """``x``, through which gradients flow as zeros: what lies below gets a gradient of zero."""
    return zero_grad_(x)  # type: ignore[no-any-return]


def disconnected_grad(x: Any) -> Variable:
    """``x``, through which no gradient flows: what lies below is disconnected. Cheaper than :func:`zero_grad`."""
    return disconnected_grad_(x)  # type: ignore[no-any-return]


def undefined_grad(x: Any) -> Variable:
    """``x``, through which a gradient is an error."""
    return undefined_grad_(x)  # type: ignore[no-any-return]


def grad_clip(x: Any, lower_bound: Any, upper_bound: Any) -> Variable:
    """``x``, whose gradient is clipped to the bounds, element by element.

    >>> z = grad(grad_clip(x, -1, 1) ** 2, x)  # 1.0 at x = 2, where the gradient of x ** 2 is 4.0
    """
    return GradClip(lower_bound, upper_bound)(x)  # type: ignore[no-any-return]


def grad_scale(x: Any, multiplier: Any) -> Variable:
    """``x``, whose gradient is multiplied by ``multiplier``."""
    return GradScale(multiplier)(x)  # type: ignore[no-any-return]
