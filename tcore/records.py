"""``frozen`` and ``define`` of attrs, for classes that are cheap to make.

attrs writes and compiles source for ``__repr__``, ``__eq__`` and ``__hash__`` of each class: half of what a class costs at
import, and a first program imports some hundred and fifty. Here these methods are functions that all classes share; ``__init__``
stays compiled. The classes are attrs classes, and behave as attrs documents it.

A type whose values are compared or hashed at every step of an optimization takes the decorators of attrs itself.
"""

from __future__ import annotations

from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from attrs import define, frozen

__all__ = ["define", "frozen"]


def _decorator(make: Any, frozen: bool) -> Any:
    def decorator(cls: type | None = None, /, *, eq: bool | None = None, repr: bool | None = None, **options: Any) -> Any:
        def decorate(cls: type) -> type:
            own = cls.__dict__
            has_repr = "__repr__" not in own if repr is None else repr
            has_eq = "__eq__" not in own and "__ne__" not in own if eq is None else eq
            has_hash = has_eq and "__hash__" not in own
            if any(base.__dictoffset__ for base in cls.__mro__[1:]):
                options.setdefault("slots", False)  # its objects have a dict: slots would save nothing, and a slotted class is made twice
            made: Any = make(eq=False, repr=False, **options)(cls)
            if has_repr:
                made.__repr__ = _repr
            if has_eq:
                key = _key(made)
                made.__eq__ = _equality(key)
                if has_hash:
                    made.__hash__ = _hash(made.__qualname__, key) if frozen else None
            return made  # type: ignore[no-any-return]

        return decorate if cls is None else decorate(cls)

    return decorator


@recursive_repr("...")
def _repr(self: Any) -> str:
    shown = ((each.name, each.repr, getattr(self, each.name, attrs.NOTHING)) for each in self.__attrs_attrs__ if each.repr)
    fields = ", ".join(f"{name}={repr(value) if how is True else how(value)}" for name, how, value in shown)
    return f"{type(self).__qualname__.rpartition('>.')[2]}({fields})"


def _key(cls: Any) -> Callable[[Any], Any]:
    """The function whose values tell objects of ``cls`` apart."""
    compared = [each for each in cls.__attrs_attrs__ if each.eq]
    if not compared:
        return lambda _: ()
    if all(each.eq_key is None for each in compared):
        return attrgetter(*(each.name for each in compared))
    parts = [(attrgetter(each.name), each.eq_key) for each in compared]
    return lambda self: tuple(get(self) if convert is None else convert(get(self)) for get, convert in parts)


def _equality(key: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    def __eq__(self: Any, other: object) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _hash(name: str, key: Callable[[Any], Any]) -> Callable[[Any], int]:
    # fields that are hashed are those that are compared
    def __hash__(self: Any) -> int:
        return hash((name, key(self)))

    return __hash__


if not TYPE_CHECKING:
    frozen = _decorator(attrs.frozen, frozen=True)
    define = _decorator(attrs.define, frozen=False)
