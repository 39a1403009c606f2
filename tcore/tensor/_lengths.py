"""Arithmetic on lengths: Python integers where they are known, int64 scalars of the graph where not.

``infer_shape`` methods write with it, so that known lengths stay plain numbers and add no nodes.
"""

from __future__ import annotations

from typing import Any

from tcore.graph import Variable
from tcore.tensor.constants import constant_int
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.math import cast, lt, maximum, minimum, switch

__all__ = [
    "Length",
    "as_length",
    "ceil_divided",
    "divided",
    "greatest",
    "least",
    "less",
    "plus",
    "product",
    "times",
    "where_negative",
]

Length = Any  # int or an integer scalar variable


def as_length(value: Any) -> Length:
    """``value`` as an int, or as an int64 scalar variable."""
    number = constant_int(value)
    if number is not None:
        return number

    if not isinstance(value, Variable):
        raise TypeError(f"a length is an integer or an integer scalar, got {value!r}")
    variable = as_tensor_variable(value)
    return variable if variable.type.dtype == "int64" else cast(variable, "int64")


def plus(a: Length, b: Length) -> Length:
    """``a + b``."""
    if isinstance(a, int) and isinstance(b, int):
        return a + b
    if isinstance(a, int) and a == 0:
        return b
    if isinstance(b, int) and b == 0:
        return a
    return a + b


def less(a: Length, b: Length) -> Length:
    """``a - b``."""
    if isinstance(b, int) and b == 0:
        return a
    return a - b


def times(a: Length, b: Length) -> Length:
    """``a * b``."""
    if isinstance(a, int) and a == 1:
        return b
    if isinstance(b, int) and b == 1:
        return a
    return a * b


def product(lengths: Any) -> Length:
    """The product of all ``lengths``."""
    result: Length = 1
    for length in lengths:
        result = times(result, length)
    return result


def divided(a: Length, b: Length) -> Length:
    """``a // b``."""
    if isinstance(b, int) and b == 1:
        return a
    if isinstance(a, int) and isinstance(b, int):
        return a // b if b else 0
    return a // b


def ceil_divided(a: Length, b: Length) -> Length:
    """``a / b``, rounded up, for positive ``b``."""
    if isinstance(b, int) and b == 1:
        return a
    return divided(less(plus(a, b), 1), b)


def least(a: Length, b: Length) -> Length:
    """The smaller one."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    if a is b:
        return a

    return minimum(a, b)


def greatest(a: Length, b: Length) -> Length:
    """The larger one."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    if a is b:
        return a

    return maximum(a, b)


def where_negative(test: Length, then: Length, otherwise: Length) -> Length:
    """``then`` where ``test`` is negative, else ``otherwise``."""
    if isinstance(test, int):
        return then if test < 0 else otherwise
    if then is otherwise:
        return then

    return switch(lt(test, 0), then, otherwise)
