"""Plain values into variables: the registry that types above this floor add to.

``tcore.as_variable`` asks the converters in turn; the tensor package registers NumPy arrays and numbers, plugins their
own values. Values that nobody takes become :data:`~tcore.graph.type.generic` constants only where a caller asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tcore.graph.variable import Variable
from tcore.plugins.process import converters_for

__all__ = ["as_variable", "register_converter"]

Converter = Callable[[Any, "str | None"], "Variable | None"]

_converters: tuple[Converter, ...] = ()


def register_converter(converter: Converter) -> Converter:
    """Add ``converter(value, name) -> Variable or None``; None means "not mine". The newest is asked first."""
    global _converters  # noqa: PLW0603 - replaced as a whole, so that readers need no lock
    if converter not in _converters:
        _converters = (converter, *_converters)
    return converter


def as_variable(value: Any, name: str | None = None) -> Variable:
    """``value`` as a variable: itself, what its ``_as_TensorVariable`` gives, or what a converter makes of it.

    Raises
    ------
    TypeError
        If no converter takes it.
    """
    if isinstance(value, Variable):
        return value
    for converter in (*converters_for(value), *_converters):
        variable = converter(value, name)
        if variable is not None:
            return variable
    raise TypeError(f"cannot make a variable of {value!r}, of {type(value).__module__}.{type(value).__qualname__}")
