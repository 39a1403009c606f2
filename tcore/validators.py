"""Checks of fields, as in ``field(validator=in_(("C", "F")))``: what attrs calls so, with a sentence for an error, and without importing attrs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Validator = Callable[[Any, Any, Any], None]

__all__ = ["ge", "in_", "instance_of", "optional"]


def in_(choices: Iterable[Any]) -> Validator:
    """The value is one of ``choices``."""
    known = tuple(choices)

    def check(owner: Any, attribute: Any, value: Any) -> None:
        if value not in known:
            raise ValueError(f"{type(owner).__name__}: {attribute.name!r} must be in {known}, got {value!r}")

    return check


def instance_of(kind: type) -> Validator:
    """The value is a ``kind``."""

    def check(owner: Any, attribute: Any, value: Any) -> None:
        if not isinstance(value, kind):
            raise TypeError(f"{type(owner).__name__}: {attribute.name!r} must be of {kind}, got {value!r} of {type(value)}")

    return check


def ge(bound: Any) -> Validator:
    """The value is at least ``bound``."""

    def check(owner: Any, attribute: Any, value: Any) -> None:
        if not value >= bound:
            raise ValueError(f"{type(owner).__name__}: {attribute.name!r} must be >= {bound}, got {value!r}")

    return check


def optional(validator: Validator) -> Validator:
    """The value is None, or what ``validator`` takes."""

    def check(owner: Any, attribute: Any, value: Any) -> None:
        if value is not None:
            validator(owner, attribute, value)

    return check
