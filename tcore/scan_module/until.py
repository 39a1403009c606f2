"""What a step returns to end its loop."""

from __future__ import annotations

from typing import Any

from tcore.tensor.conversion import as_tensor_variable

__all__ = ["until"]


class until:
    """A stop condition: returned last by the step, it ends the loop after the first step for which it holds.

    Parameters
    ----------
    condition : 0-d variable
        Made of the arguments of the step, and of what is computed of them.
    """

    def __init__(self, condition: Any) -> None:
        self.condition = as_tensor_variable(condition)
        kind = self.condition.type
        if getattr(kind, "ndim", None) != 0:
            raise TypeError(f"until needs a scalar condition (0-d), got {self.condition} of type {kind}; T.all or T.any make one of an array")

    def __repr__(self) -> str:
        return f"until({self.condition})"
