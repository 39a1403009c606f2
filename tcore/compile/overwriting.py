"""Memory that a call overwrites without having allocated it: whether it may, and a copy where it may not.

Such memory belongs to arguments declared mutable and to values that outlive calls. It can be read-only (a file mapped for
reading), show one element at several places, or be seen by another operand of the same call.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph.type import of_type

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tcore.graph import Type

__all__ = ["is_plain_memory", "may_overwrite", "own_copy"]


def is_plain_memory(array: np.ndarray) -> bool:
    """Whether an array may be written to, each element by itself, by code that knows only native aligned numbers."""
    flags = array.flags
    if not (flags.writeable and flags.aligned and array.dtype.isnative):
        return False
    if flags.forc or array.size == 0:
        return True
    span = array.itemsize
    for stride, length in sorted((abs(s), n) for s, n in zip(array.strides, array.shape, strict=True) if n > 1):
        if stride < span:  # zero, or a step into a neighbour: what broadcasting and sliding windows make
            return False
        span = stride * (length - 1) + span
    return True


def may_overwrite(kind: Type, value: Any, others: Iterable[Any]) -> bool:
    """Whether ``value``, of type ``kind``, may be overwritten while a call uses ``others`` as well."""
    if isinstance(value, np.ndarray):
        if not is_plain_memory(value):
            return False
    elif not getattr(getattr(value, "flags", None), "writeable", True):
        return False
    shares = of_type(kind, "may_share_memory")
    return not any(other is not None and shares(value, other) for other in others)


def own_copy(value: Any) -> Any:
    """A copy that may be overwritten."""
    if isinstance(value, np.ndarray):
        # keeps the order of axes, drops subclasses such as files mapped into memory
        return np.array(value, dtype=value.dtype.newbyteorder("="), order="K", subok=False)
    return copy.deepcopy(value)
