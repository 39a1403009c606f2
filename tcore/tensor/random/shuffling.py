"""Rows in another order."""

from __future__ import annotations

from typing import Any

from tcore.graph import Variable
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.ranges import arange

__all__ = ["permute_row_elements"]


def permute_row_elements(x: Any, order: Any) -> Variable:
    """``x`` with the elements of each row (last axis) in the order that the same row of ``order`` gives."""
    x, order = as_tensor_variable(x), as_tensor_variable(order)
    depth = x.type.ndim
    if order.type.ndim != depth:
        raise TypeError(f"permute_row_elements needs an order for each row: x has {depth} axes, order {order.type.ndim}")
    rows = [arange(x.shape[axis]).dimshuffle(*["x"] * axis, 0, *["x"] * (depth - axis - 1)) for axis in range(depth - 1)]
    return x[(*rows, order)]  # type: ignore[no-any-return]
