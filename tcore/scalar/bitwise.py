"""Bit operations on integers, logical ones on bools."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.scalar.op import MathOp
from tcore.scalar.preferences import upcast_to_bitwise

__all__ = ["AND", "OR", "XOR", "Invert", "LeftShift", "RightShift", "and_", "invert", "left_shift", "or_", "right_shift", "xor"]


class Bitwise(MathOp):
    """What bit operations share: integers or bools, no gradient."""

    nin = -1
    commutative = True
    associative = True
    output_types_preference = staticmethod(upcast_to_bitwise)

    def pullback(self, g: Any, out: Any, *inputs: Any) -> Any:
        return tuple(None for _ in inputs)


class AND(Bitwise):
    """x & y & …"""

    numpy = np.bitwise_and
    loop_name = "and"
    identity = -1


class OR(Bitwise):
    """x | y | …"""

    numpy = np.bitwise_or
    loop_name = "or"
    identity = 0


class XOR(Bitwise):
    """x ^ y ^ …"""

    numpy = np.bitwise_xor
    loop_name = "xor"
    identity = 0


class Invert(Bitwise):
    """~x: every bit changed; the other bool."""

    nin = 1
    numpy = np.invert
    loop_name = "invert"
    commutative = False
    associative = False


class _Shift(Bitwise):
    """What shifts share: integers only; a count of at least the width leaves no bit of ``x``."""

    nin = 2
    commutative = False
    associative = False

    @staticmethod
    def output_types_preference(*types: Any) -> Any:
        """The common integer type."""
        (common,) = upcast_to_bitwise(*types)
        if common.dtype == "bool":
            raise TypeError("a shift moves the bits of integers, got two bools")
        return (common,)


class LeftShift(_Shift):
    """x << y: ``x`` times two to the power of ``y``, without the bits that leave its dtype."""

    numpy = np.left_shift
    loop_name = "shift_left"


class RightShift(_Shift):
    """x >> y: ``x`` over two to the power of ``y``, rounded down."""

    numpy = np.right_shift
    loop_name = "shift_right"


and_ = AND()
or_ = OR()
xor = XOR()
invert = Invert(name="invert")
left_shift = LeftShift(name="left_shift")
right_shift = RightShift(name="right_shift")
