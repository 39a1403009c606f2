"""Products of all other elements, whose derivatives are right at zeros, too.

A product divided by an element is the product of the others, where nothing is zero: this is fast, and what gradients of products are
computed with. At zeros the quotient is put right case by case, and the cases hide from further derivatives what depends on what. These
follow the same product in another form, the elements before times the elements behind, which never divides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tcore.graph import Apply, FieldlessOp, Variable
from tcore.graph.gradient_only import GradientOnly
from tcore.graph.null_type import disconnected_type
from tcore.tensor.cumulative import before, reversed_along
from tcore.tensor.math import cast

__all__ = ["Differentiated", "other_factors"]


class Differentiated(GradientOnly, FieldlessOp):
    """``Differentiated()(value, exact)`` is ``value``, with the derivatives of ``exact``: another expression of the same value.

    Optimizations remove it from finished graphs, and ``exact`` with it.
    """

    view_map = {0: [0]}

    def make_node(self, *inputs: Any) -> Apply:
        """Two tensors of one type."""
        value, exact = inputs
        if value.type.ndim != exact.type.ndim or value.type.dtype != exact.type.dtype:
            raise TypeError(f"{self} takes two expressions of one value, got types {value.type} and {exact.type}")
        return Apply(self, [value, exact], [value.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = inputs[0]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Connected to the second alone."""
        return [[False], [True]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        return [disconnected_type(), output_grads[0]]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return [eval_points[1]]


def other_factors(x: Any, axes: Sequence[int], value: Any) -> Variable:
    """The product over ``axes`` of all elements of ``x`` but the one at each place: ``value`` has it, of the shape of ``x``."""
    ndim = x.type.ndim
    kept = [axis for axis in range(ndim) if axis not in axes]
    order = [*kept, *sorted(axes)]
    turned = x.dimshuffle(order)
    rows = turned.reshape([*(x.shape[axis] for axis in kept), -1], ndim=len(kept) + 1)
    last = len(kept)
    products = before(rows, last) * reversed_along(before(reversed_along(rows, last), last), last)
    exact = products.reshape(turned.shape, ndim=ndim).dimshuffle([order.index(axis) for axis in range(ndim)])
    return Differentiated()(value, cast(exact, value.type.dtype))  # type: ignore[return-value]
