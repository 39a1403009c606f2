"""Axes as users name them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["along", "checked_axis"]


def checked_axis(name: str, axis: Any, x: Any) -> int:
    """``axis`` of ``x``, counted from the front; ``name`` is that of the function that takes it.

    Raises
    ------
    TypeError, ValueError
        If it is no int, or none of ``x``.
    """
    if not isinstance(axis, (int, np.integer)) or isinstance(axis, (bool, np.bool_)):
        raise TypeError(f"{name}: an axis is an int, got {axis!r}")
    if not -x.type.ndim <= axis < x.type.ndim:
        raise ValueError(f"{name}: axis {axis} does not exist in {x} with {x.type.ndim} dimensions")
    return int(axis) % int(x.type.ndim)


def along(axis: int, part: slice) -> tuple[slice, ...]:
    """The index that takes ``part`` of one axis."""
    return (*(slice(None),) * axis, part)
