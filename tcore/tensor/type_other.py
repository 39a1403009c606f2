"""Types of index entries that are no arrays: slices and None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.graph import Apply, Constant, FieldlessOp, Variable
from tcore.graph.null_type import Unconnected
from tcore.graph.type import SingletonType
from tcore.tensor.alloc import integer_scalar
from tcore.tensor.scalars import tensor_from_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MakeSlice",
    "NoneConst",
    "NoneTypeT",
    "SliceConstant",
    "SliceType",
    "as_int_none_variable",
    "make_slice",
    "none_type_t",
    "slicetype",
]


class NoneTypeT(SingletonType):
    """The type of None, for ops with an optional input."""

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """None itself."""
        if value is not None:
            raise TypeError(f"expected None, got {value!r}")
        return None


none_type_t = NoneTypeT()


class _NoneConstant(Constant):
    __slots__ = ()

    def __str__(self) -> str:
        return "NoneConst"


NoneConst = _NoneConstant(none_type_t, None, name="NoneConst")


class SliceType(SingletonType):
    """The type of Python slices of integers and None."""

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """The slice itself, with plain integers."""
        if not isinstance(value, slice):
            raise TypeError(f"expected a slice, got {value!r} of {type(value).__name__}")
        return value

    def values_eq(self, a: Any, b: Any) -> bool:
        return bool(a == b)

    def constant_signature(self, data: Any) -> Any:
        return (self, data.start, data.stop, data.step)

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Never: slices hold numbers."""
        return False

    def __str__(self) -> str:
        return "slice"


class SliceConstant(Constant):
    """A slice whose parts are all known."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"SliceConstant{{{self.data.start}, {self.data.stop}, {self.data.step}}}"


SliceType.Constant = SliceConstant

slicetype = SliceType()


def as_int_none_variable(x: Any) -> Variable:
    """A part of a slice as a variable: an integer scalar, or :data:`NoneConst`."""
    if x is None or x is NoneConst:
        return NoneConst
    if isinstance(x, Variable) and not hasattr(x.type, "broadcastable"):
        raise TypeError(f"a part of a slice is an integer scalar or None, got {x} of type {x.type}")
    if isinstance(x, Variable) and type(x.type).__name__ == "Scalar":
        x = tensor_from_scalar(x)
    return integer_scalar(x, "a part of a slice")


class MakeSlice(Unconnected, FieldlessOp):
    """A slice of symbolic parts, each an integer scalar or :data:`NoneConst`."""

    def make_node(self, start: Any, stop: Any = None, step: Any = None) -> Apply:
        if isinstance(start, slice):
            start, stop, step = start.start, start.stop, start.step
        return Apply(self, [as_int_none_variable(part) for part in (start, stop, step)], [slicetype()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = slice(*[part if part is None else int(np.asarray(part)) for part in inputs])

    def __str__(self) -> str:
        return "MakeSlice"


make_slice = MakeSlice()
