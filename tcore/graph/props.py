"""Equality, hash and text from ``__props__``: the documented way to say which attributes make an Op or a Type."""

from __future__ import annotations

from typing import Any

__all__ = ["add_props_methods", "default_text", "props_of", "props_text"]


def props_of(self: Any) -> tuple[Any, ...]:
    """The values of the attributes named in ``__props__``."""
    return tuple(getattr(self, name) for name in self.__props__)


def props_text(self: Any) -> str:
    """``Name{prop=value, …}``, or the class name alone without properties."""
    name = type(self).__name__
    if not self.__props__:
        return name
    return f"{name}{{{', '.join(f'{p}={getattr(self, p)!r}' for p in self.__props__)}}}"


def _eq(self: Any, other: object) -> bool:
    return type(self) is type(other) and props_of(self) == props_of(other)


def _ne(self: Any, other: object) -> bool:
    return not self == other  # noqa: SIM201 - this is what != calls


def _hash(self: Any) -> int:
    return hash((type(self), props_of(self)))


def add_props_methods(cls: type) -> None:
    """Give ``cls`` the three methods, where it has ``__props__`` and neither it nor a base wrote its own.

    The nearer definition wins: a subclass that names ``__props__`` anew overrides an inherited ``__eq__``; one that
    writes ``__eq__`` keeps it.
    """
    own = cls.__dict__
    props = own.get("__props__")
    if props is None or "__attrs_attrs__" in own:
        return
    if not isinstance(props, tuple) or not all(isinstance(p, str) for p in props):
        raise TypeError(f"{cls.__name__}.__props__ must be a tuple of attribute names, got {props!r}")
    if "__eq__" not in own:
        cls.__eq__ = _eq  # type: ignore[assignment]
        cls.__ne__ = _ne  # type: ignore[assignment]
    if "__hash__" not in own or own["__hash__"] is None:
        cls.__hash__ = _hash  # type: ignore[assignment]
    if "__str__" not in own and getattr(cls, "__str__", None) in _DEFAULT_TEXTS:
        cls.__str__ = props_text  # type: ignore[assignment]


_DEFAULT_TEXTS: list[Any] = [object.__str__, props_text]


def default_text(function: Any) -> Any:
    """Mark a ``__str__`` as one that ``__props__`` may replace."""
    _DEFAULT_TEXTS.append(function)
    return function
