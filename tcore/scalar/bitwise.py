"""Bit operations on integers, logical ones on bools."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.scalar.op import MathOp
from tcore.scalar.preferences import upcast_to_bitwise

__all__ = ["AND", "OR", "XOR", "Invert", "and_", "invert", "or_", "xor"]


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


and_ = AND()
or_ = OR()
xor = XOR()
invert = Invert(name="invert")
