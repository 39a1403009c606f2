"""Types of variables that stand for the absence of a value."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from tcore.graph.errors import NullTypeError
from tcore.graph.type import SingletonType, Type

__all__ = ["DisconnectedType", "NullType", "disconnected_type", "null_type"]


@frozen
class NullType(Type):
    """The type of an undefined gradient: it has no values, and any use of one tells why.

    Attributes
    ----------
    why_null : str
        What makes it undefined; shown in errors.
    """

    why_null: str = "(no explanation given)"

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """Raises: there is no value."""
        raise NullTypeError(f"an undefined gradient has no value: {self.why_null}")

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Any:
        """Raises: there is no value."""
        raise NullTypeError(f"nothing can be converted to an undefined gradient: {self.why_null}")

    def is_valid_value(self, value: Any) -> bool:
        """False."""
        return False

    def values_eq(self, a: Any, b: Any, force_same_dtype: bool = True) -> bool:
        """Raises: there is no value."""
        raise NullTypeError(f"undefined gradients cannot be compared: {self.why_null}")

    def __eq__(self, other: object) -> bool:
        # why a gradient is undefined is no part of what it is
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __str__(self) -> str:
        return "NullType"


class DisconnectedType(SingletonType):
    """The type of a gradient with respect to something that the cost does not depend on: mathematically zero."""

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """Raises: the variable only says that there is no path."""
        raise TypeError(
            "a variable of DisconnectedType has no value: it stands for a gradient along a path that does not exist"
        )

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Any:
        """As :meth:`filter`."""
        return self.filter(other)

    def is_valid_value(self, value: Any) -> bool:
        """False."""
        return False

    def values_eq(self, a: Any, b: Any) -> bool:
        """Raises: there is no value."""
        raise TypeError("variables of DisconnectedType have no values to compare")


null_type = NullType()
disconnected_type = DisconnectedType()
