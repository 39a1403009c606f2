"""Constants behind expressions: the value of a scalar that is known when the graph is built, and the length of a vector."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Constant, Op, Variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tcore.graph import Apply

__all__ = [
    "EmptyConstantError",
    "NotScalarConstantError",
    "constant_int",
    "get_scalar_constant_value",
    "get_vector_length",
    "scalar_value_of",
    "value_behind",
    "vector_length_of",
]


class NotScalarConstantError(Exception):
    """An expression has no value that is known when the graph is built, or not one value for all its elements."""


class EmptyConstantError(NotScalarConstantError):
    """A constant has no elements, so that it stands for no scalar."""


@singledispatch
def scalar_value_of(op: Op, node: Apply, index: int | None, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    """The one value of output ``index`` of ``node``: ops that can know it register a rule for their class.

    ``value_of(variable)`` asks on for an input; like the rule itself it raises :class:`NotScalarConstantError`.
    """
    raise NotScalarConstantError(f"{op} says nothing about constant values")


def value_behind(op: Op, node: Apply, index: int | None, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    """The rule of ops whose elements are those of their first input: ``scalar_value_of.register(View, value_behind)``."""
    return value_of(node.inputs[0])


@singledispatch
def vector_length_of(op: Op, node: Apply, length_of: Callable[[Variable], int]) -> int:
    """The known length of the vector that ``node`` computes: ops that can know it register a rule for their class.

    ``length_of(variable)`` asks on for an input; like the rule itself it raises ValueError.
    """
    raise ValueError(f"{op} says nothing about the length of its vector")


def _constant_scalar(data: Any) -> np.ndarray:
    values = np.asarray(data)
    if values.dtype.kind not in "biufc":
        raise NotScalarConstantError(f"{data!r} is not numeric")
    if values.size == 0:
        raise EmptyConstantError(f"the constant has shape {values.shape}: it holds no value")
    first = values.reshape(-1)[0]
    if values.size > 1 and not (values == first).all():
        raise NotScalarConstantError("the constant holds different values")
    return np.array(first)


def get_scalar_constant_value(v: Any, elemwise: bool = True, only_process_constants: bool = False, max_recur: int = 10) -> np.ndarray:
    """The value of a scalar expression that is known when the graph is built.

    Looks through dimshuffle, fill, alloc, casts, constant elementwise operations and constant indexing. An array that holds
    one value everywhere counts as that value.

    Parameters
    ----------
    v : Variable or number
    elemwise : bool
        False does not look into elementwise operations.
    only_process_constants : bool
        True takes constants only, whatever computed them.
    max_recur : int
        How many operations deep to look.

    Returns
    -------
    ndarray, 0-d

    Raises
    ------
    NotScalarConstantError
        If the value is not known; its subclass :class:`EmptyConstantError` for a constant without elements.
    """
    if not isinstance(v, Variable):
        if v is None:
            raise NotScalarConstantError("None is no number")
        return _constant_scalar(v)
    if isinstance(v, Constant):
        return _constant_scalar(v.data)
    if v.owner is None or only_process_constants or max_recur <= 0:
        raise NotScalarConstantError(f"{v} is not known when the graph is built")
    if not elemwise and getattr(v.owner.op, "scalar_op", None) is not None:
        raise NotScalarConstantError(f"{v} is elementwise")

    def value_of(variable: Variable) -> np.ndarray:
        return get_scalar_constant_value(variable, elemwise, only_process_constants, max_recur - 1)

    return scalar_value_of(v.owner.op, v.owner, v.index, value_of)


def constant_int(v: Any) -> int | None:
    """The value of an integer expression that is known when the graph is built, else None."""
    if isinstance(v, (int, np.integer)):
        return int(v)
    try:
        value = get_scalar_constant_value(v)
    except NotScalarConstantError:
        return None
    return int(value) if value.dtype.kind in "biu" else None


def get_vector_length(v: Any, max_recur: int = 20) -> int:
    """The length of a vector that is known when the graph is built; ``max_recur`` says how many operations deep to look.

    Raises
    ------
    ValueError
        If it is not, or ``v`` is no vector.
    """
    if isinstance(v, (list, tuple)):
        return len(v)
    if not isinstance(v, Variable):
        v = np.asarray(v)
        if v.ndim != 1:
            raise ValueError(f"expected a vector, got {v.ndim} dimensions")
        return int(v.shape[0])
    if getattr(v.type, "ndim", None) != 1:
        raise ValueError(f"expected a vector, got {v} of type {v.type}")
    if v.type.broadcastable[0]:
        return 1
    if isinstance(v, Constant):
        return len(v.data)
    hint = getattr(v.type, "shape", None)
    if hint and hint[0] is not None:
        return int(hint[0])
    if v.owner is None or max_recur <= 0:
        raise ValueError(f"the length of {v} is not known when the graph is built")
    return vector_length_of(v.owner.op, v.owner, lambda variable: get_vector_length(variable, max_recur - 1))
