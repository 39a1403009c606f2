"""What the derivatives of tensor ops share: zeros where there is nothing to differentiate, and gradients in the form of what they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tcore.configuration import config
from tcore.graph import Variable
from tcore.graph.null_type import DisconnectedType
from tcore.scalar.dtypes import complex_dtypes, discrete_dtypes
from tcore.tensor.rebroadcast import patternbroadcast

__all__ = ["as_gradient_of", "bilinear_tangent", "or_zeros", "zero_gradient"]


def zero_gradient(x: Any) -> Any:
    """Zeros of the shape of ``x``, in its dtype; in floatX, where that is discrete."""
    return x.zeros_like(dtype=config.floatX if x.type.dtype in discrete_dtypes else None)


def or_zeros(g: Any, output: Any) -> Any:
    """The gradient ``g`` of ``output``; zeros where the cost does not depend on it."""
    return output.zeros_like() if isinstance(g.type, DisconnectedType) else g


def as_gradient_of(x: Any, gradient: Any) -> Any:
    """``gradient`` with the broadcast marks of ``x``, and its real part where ``x`` is real."""
    if gradient.type.dtype in complex_dtypes and x.type.dtype not in complex_dtypes:
        gradient = gradient.real
    if gradient.type.broadcastable == x.type.broadcastable:
        return gradient
    return patternbroadcast(gradient, x.type.broadcastable)


def bilinear_tangent(product: Callable[[Any, Any], Variable], inputs: Sequence[Variable], tangents: Sequence[Variable | None]) -> list[Variable | None]:
    """``R_op`` of a product that is linear in each of its two operands: ``product(dx, y) + product(x, dy)``, without what is None."""
    (x, y), (dx, dy) = inputs, tangents
    if dx is None:
        return [None if dy is None else product(x, dy)]
    return [product(dx, y) if dy is None else product(dx, y) + product(x, dy)]
