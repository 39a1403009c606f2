"""What the slots of a program hold."""

from __future__ import annotations

from typing import Any

from tcore.scalar.type import Scalar
from tcore.tensor.type import TensorType
from tcore_cpu.native.kept import DTYPES, MAX_DIMS

__all__ = ["is_array", "ndim_of"]


def is_array(type_: Any) -> bool:
    """Whether values of a type are dense arrays (or scalars) of an element type and rank that slots hold; others are objects."""
    return isinstance(type_, (TensorType, Scalar)) and type_.dtype in DTYPES and getattr(type_, "ndim", 0) <= MAX_DIMS


def ndim_of(type_: Any) -> int:
    """The rank of a slot for values of a type: 0 for objects."""
    return int(getattr(type_, "ndim", 0)) if is_array(type_) else 0
