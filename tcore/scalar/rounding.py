"""Rounding to whole numbers, where the dtype stays and integers are left alone; and the neighbours of a float."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.scalar.dtypes import discrete_dtypes
from tcore.scalar.op import MathOp
from tcore.scalar.preferences import same_out_nocomplex, upgrade_to_float_no_complex

__all__ = [
    "Ceil",
    "Floor",
    "NextAfter",
    "RoundHalfAwayFromZero",
    "RoundHalfToEven",
    "Trunc",
    "ceil",
    "floor",
    "nextafter",
    "round_half_away_from_zero",
    "round_half_to_even",
    "trunc",
]


class Rounding(MathOp):
    """What the roundings share: one real input, a gradient of zero."""

    nin = 1
    output_types_preference = staticmethod(same_out_nocomplex)

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        if dtypes[0] in discrete_dtypes:
            if out[0] is None:
                return [inputs[0].copy(order="K")]
            out[0][...] = inputs[0]
            return [out[0]]
        return super().on_arrays(inputs, dtypes, out)

    def pullback(self, g: Any, out: Any, x: Any) -> Any:
        return None


class Ceil(Rounding):
    """The smallest whole number not below x."""

    numpy = np.ceil
    loop_name = "ceil"


class Floor(Rounding):
    """The largest whole number not above x."""

    numpy = np.floor
    loop_name = "floor"


class Trunc(Rounding):
    """The whole part of x."""

    numpy = np.trunc
    loop_name = "trunc"


class RoundHalfToEven(Rounding):
    """The nearest whole number; of two, the even one."""

    numpy = np.rint
    loop_name = "rint"


class RoundHalfAwayFromZero(Rounding):
    """The nearest whole number; of two, the larger in magnitude."""

    loop_name = "round"

    def impl(self, x: Any) -> Any:
        whole = np.trunc(x)
        # x - whole is exact, where x + 0.5 would round 0.49999999999999994 up
        return whole + np.copysign(np.abs(x - whole) >= 0.5, x)

    def on_arrays(self, inputs: Sequence[np.ndarray], dtypes: Sequence[str], out: Sequence[np.ndarray | None]) -> list[np.ndarray]:
        if dtypes[0] in discrete_dtypes:
            return super().on_arrays(inputs, dtypes, out)
        (x,) = inputs
        whole = np.trunc(x)
        up = np.copysign((np.abs(x - whole) >= 0.5).astype(x.dtype), x)
        target = out[0]
        return [np.asarray(np.add(whole, up) if target is None else np.add(whole, up, out=target))]


class NextAfter(MathOp):
    """The float next to the first number, towards the second; equal numbers give the second. As far from the first as its last digit, hence a derivative of 1."""

    nin = 2
    numpy = np.nextafter
    loop_name = "nextafter"
    output_types_preference = staticmethod(upgrade_to_float_no_complex)

    def pullback(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g, None


ceil = Ceil(name="ceil")
floor = Floor(name="floor")
trunc = Trunc(name="trunc")
round_half_to_even = RoundHalfToEven(name="round_half_to_even")
round_half_away_from_zero = RoundHalfAwayFromZero(name="round_half_away_from_zero")
nextafter = NextAfter(name="nextafter")
