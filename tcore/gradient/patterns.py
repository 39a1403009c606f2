"""Values that users give derivatives, with the broadcast patterns of the variables that they belong to."""

from __future__ import annotations

from typing import Any

from tcore.tensor.rebroadcast import Rebroadcast
from tcore.tensor.type import TensorType

__all__ = ["of_pattern"]


def of_pattern(value: Any, variable: Any) -> Any:
    """``value`` with the marks of ``variable``, on which the graph around it relies: a constant of one row has a mark that a matrix has not."""
    if not (isinstance(value.type, TensorType) and isinstance(variable.type, TensorType)) or value.type.broadcastable == variable.type.broadcastable:
        return value
    return Rebroadcast(*enumerate(variable.type.broadcastable))(value)
