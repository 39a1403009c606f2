"""Philox4x32-10: random numbers by counting. Any number of a stream can be had at once, in any order, anywhere.

Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3", doi:10.1145/2063384.2063405. A key and a counter
of 128 bits go through ten rounds of multiplication and exclusive or. Here the key is the seed, the high half of the counter says
which stream, the low half the place in it, and the first two of four words are used. This is the reference; kernels have the same
rounds in :mod:`tcore.codegen.functions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["philox", "philox_block"]

_WORD = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_KEY_STEPS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)


def philox_block(counter: Sequence[Any], key: Sequence[Any]) -> list[np.ndarray]:
    """The four words of Philox4x32-10 for four words of the counter and two of the key, each an array of uint64 below 2**32."""
    c0, c1, c2, c3 = (np.asarray(word, "uint64") for word in counter)
    k0, k1 = (np.asarray(word, "uint64") for word in key)
    for _ in range(10):
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (second >> _SHIFT) ^ c1 ^ k0, second & _WORD, (first >> _SHIFT) ^ c3 ^ k1, first & _WORD
        k0, k1 = (k0 + _KEY_STEPS[0]) & _WORD, (k1 + _KEY_STEPS[1]) & _WORD
    return [c0, c1, c2, c3]


def philox(key: Any, stream: Any, place: Any) -> np.ndarray:
    """64 random bits for each ``place`` of a stream: uint64 arrays and numbers, which broadcast."""
    key, stream, place = (np.asarray(value, "uint64") for value in (key, stream, place))
    low, high, _, _ = philox_block(
        (place & _WORD, place >> _SHIFT, stream & _WORD, stream >> _SHIFT), (key & _WORD, key >> _SHIFT)
    )
    return (high << _SHIFT) | low
