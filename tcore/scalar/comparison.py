"""Comparisons and tests of values; all give bool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.scalar.dtypes import complex_dtypes
from tcore.scalar.op import MathOp
from tcore.scalar.preferences import bool_out
from tcore.scalar.type import Scalar

__all__ = [
    "EQ",
    "GE",
    "GT",
    "LE",
    "LT",
    "NEQ",
    "Comparison",
    "InRange",
    "IsInf",
    "IsNan",
    "eq",
    "ge",
    "gt",
    "inclosedrange",
    "inopenrange",
    "isinf",
    "isnan",
    "le",
    "lt",
    "neq",
]


class Comparison(MathOp):
    """What comparisons share: two inputs, a bool, no gradient."""

    nin = 2
    loop_dtype = "natural"
    output_types_preference = staticmethod(bool_out)

    def pullback(self, g: Any, out: Any, *inputs: Any) -> Any:
        return tuple(None for _ in inputs)


def _ordered(*types: Scalar) -> tuple[Scalar]:
    for t in types:
        if t.dtype in complex_dtypes:
            raise TypeError(f"complex values have no order, got {t.dtype}")
    return bool_out()


class LT(Comparison):
    """x < y."""

    numpy = np.less
    loop_name = "lt"
    output_types_preference = staticmethod(_ordered)


class GT(Comparison):
    """x > y."""

    numpy = np.greater
    loop_name = "gt"
    output_types_preference = staticmethod(_ordered)


class LE(Comparison):
    """x <= y."""

    numpy = np.less_equal
    loop_name = "le"
    output_types_preference = staticmethod(_ordered)


class GE(Comparison):
    """x >= y."""

    numpy = np.greater_equal
    loop_name = "ge"
    output_types_preference = staticmethod(_ordered)


class EQ(Comparison):
    """x == y."""

    numpy = np.equal
    loop_name = "eq"
    commutative = True


class NEQ(Comparison):
    """x != y."""

    numpy = np.not_equal
    loop_name = "ne"
    commutative = True


class IsNan(Comparison):
    """Whether x is NaN."""

    nin = 1
    numpy = np.isnan
    loop_name = "isnan"


class IsInf(Comparison):
    """Whether x is infinite, of either sign."""

    nin = 1
    numpy = np.isinf
    loop_name = "isinf"


class InRange(Comparison):
    """Whether low < x < high, each bound open or closed."""

    loop_name = "in_range"
    nin = 3
    output_types_preference = staticmethod(_ordered)

    def __init__(self, openlow: bool, openhi: bool) -> None:
        super().__init__()
        self.openlow = openlow
        self.openhi = openhi

    def impl(self, x: Any, low: Any, high: Any) -> Any:
        above = np.greater(x, low) if self.openlow else np.greater_equal(x, low)
        below = np.less(x, high) if self.openhi else np.less_equal(x, high)
        return above & below

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        inside = self.impl(*inputs)
        if out[0] is None:
            return [np.asarray(inside)]
        out[0][...] = inside
        return [out[0]]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and (self.openlow, self.openhi) == (other.openlow, other.openhi)

    def __hash__(self) -> int:
        return hash((InRange, self.openlow, self.openhi))


lt = LT()
gt = GT()
le = LE()
ge = GE()
eq = EQ()
neq = NEQ()
isnan = IsNan(name="isnan")
isinf = IsInf(name="isinf")
inopenrange = InRange(openlow=True, openhi=True)
inclosedrange = InRange(openlow=False, openhi=False)
