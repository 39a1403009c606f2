"""MRG31k3p in numbers: the generator, its jumps, its streams and substreams.

L'Ecuyer and Touzin 2000, "Fast combined multiple recursive generators with multipliers of the form a = ±2^d ± 2^e":

    x[n] = (2^22 x[n-2] + (2^7 + 1) x[n-3]) mod M1        M1 = 2^31 - 1
    y[n] = (2^15 y[n-1] + (2^15 + 1) y[n-3]) mod M2       M2 = 2^31 - 21069
    z[n] = (x[n] - y[n]) mod M1, with M1 in place of 0    u[n] = z[n] / (M1 + 1)

A state is (x[n], x[n-1], x[n-2], y[n], y[n-1], y[n-2]). Both recurrences are linear, so that a jump is a product with a power of a
matrix, computed here rather than listed. Streams begin 2^134 steps apart, substreams 2^72 (L'Ecuyer, Simard, Chen and Kelton 2002).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = [
    "M1",
    "M2",
    "NORM",
    "STREAM",
    "SUBSTREAM",
    "advanced",
    "jump",
    "matVecModM",
    "mat_vec_mod",
    "multMatVect",
    "seed_state",
    "step_rows",
    "substreams",
]

M1 = 2147483647
M2 = 2147462579
NORM = 2.0**-31
#: binary logarithms of the distances between the beginnings of streams and of substreams
STREAM, SUBSTREAM = 134, 72

Matrix = tuple[tuple[int, int, int], ...]
_A1: Matrix = ((0, 2**22, 2**7 + 1), (1, 0, 0), (0, 1, 0))
_A2: Matrix = ((2**15, 0, 2**15 + 1), (1, 0, 0), (0, 1, 0))
_ONE: Matrix = ((1, 0, 0), (0, 1, 0), (0, 0, 1))


def _product(a: Matrix, b: Matrix, modulus: int) -> Matrix:
    columns = list(zip(*b, strict=True))
    return tuple(tuple(sum(x * y for x, y in zip(row, column, strict=True)) % modulus for column in columns) for row in a)  # type: ignore[misc]


@lru_cache(maxsize=256)
def jump(steps: int) -> tuple[Matrix, Matrix]:
    """The matrices that move the two halves of a state by ``steps``."""
    found = []
    for base, modulus in ((_A1, M1), (_A2, M2)):
        result, square, left = _ONE, base, steps
        while left:
            if left & 1:
                result = _product(result, square, modulus)
            square = _product(square, square, modulus)
            left >>= 1
        found.append(result)
    return found[0], found[1]


def matVecModM(A: Any, s: Any, m: int) -> np.ndarray:
    """``A`` times ``s`` modulo ``m``, a vector of int32. The sums are exact."""
    rows = [[int(entry) for entry in row] for row in np.asarray(A)]
    vector = [int(entry) for entry in np.asarray(s)]
    return np.array([sum(a * b for a, b in zip(row, vector, strict=True)) % int(m) for row in rows], "int32")


def multMatVect(v: Any, A: Any, m1: int, B: Any, m2: int) -> np.ndarray:
    """The first half of ``v`` multiplied by ``A`` modulo ``m1``, the second by ``B`` modulo ``m2``, as one vector of int32."""
    v = np.asarray(v)
    if v.ndim != 1 or len(v) % 2:
        raise ValueError(f"multMatVect takes a vector of two halves, got one of shape {v.shape}")
    half = len(v) // 2
    return np.concatenate([matVecModM(A, v[:half], m1), matVecModM(B, v[half:], m2)])


def seed_state(seed: Any) -> np.ndarray:
    """A state of six int32 from a seed.

    Parameters
    ----------
    seed : int or six ints
        One number stands for six equal ones.

    Raises
    ------
    TypeError
        If it is neither.
    ValueError
        If one of the first three is not below M1 or one of the last three not below M2, one is negative, or three are 0.
    """
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        numbers = [int(seed)] * 6
    else:
        if not isinstance(seed, Iterable) or isinstance(seed, str):
            raise TypeError(f"the seed of an MRG31k3p generator is an integer or six of them, got {seed!r}")
        numbers = []
        for entry in seed:
            if isinstance(entry, (bool, np.bool_)) or int(entry) != entry:
                raise TypeError(f"the seed of an MRG31k3p generator is an integer or six of them, got {seed!r}")
            numbers.append(int(entry))
        if len(numbers) != 6:
            raise ValueError(f"the seed of an MRG31k3p generator is an integer or six of them, got {len(numbers)}: {seed!r}")
    for half, modulus, which in ((numbers[:3], M1, "first"), (numbers[3:], M2, "last")):
        if not all(0 <= number < modulus for number in half) or not any(half):
            raise ValueError(f"the {which} three numbers of the seed must be at least 0, less than {modulus}, and not all 0; got {half}")
    return np.array(numbers, "int32")


def mat_vec_mod(state: np.ndarray, exponent: int) -> np.ndarray:
    """The state ``2**exponent`` steps after ``state``."""
    first, second = jump(2**exponent)
    return multMatVect(state, first, M1, second, M2)


def advanced(states: np.ndarray, steps: int) -> np.ndarray:
    """Each state, a row of ``states``, ``steps`` steps later."""
    first, second = (np.array(matrix, "uint64") for matrix in jump(steps))
    columns = states.T.astype("uint64")
    return np.concatenate([_mod_product(first, columns[:3], M1), _mod_product(second, columns[3:], M2)]).astype("int32").T


def substreams(state: np.ndarray, count: int) -> np.ndarray:
    """An int32 matrix: in row k the state at the beginning of the k-th substream from ``state`` on.

    Columns are contiguous in memory: generators run over the streams, with one number of the state at a time.
    """
    first, second = (np.array(matrix, "uint64") for matrix in jump(2**SUBSTREAM))
    states = np.empty((6, count), "uint64")
    states[:, :1] = np.asarray(state, "uint64")[:, None]
    done = 1
    while done < count:  # twice as many in each round: those from 0 to done, moved by done substreams
        more = min(done, count - done)
        states[:3, done : done + more] = _mod_product(first, states[:3, :more], M1)
        states[3:, done : done + more] = _mod_product(second, states[3:, :more], M2)
        first, second = _mod_product(first, first, M1), _mod_product(second, second, M2)
        done += more
    return states.astype("int32").T[:count]


def _mod_product(a: np.ndarray, b: np.ndarray, modulus: int) -> np.ndarray:
    """The product of uint64 matrices modulo ``modulus``: three products of numbers below 2**31 fit."""
    return (a[:, :1] * b[:1] + a[:, 1:2] * b[1:2] + a[:, 2:] * b[2:]) % np.uint64(modulus)


class _StepRows:
    """The first rows of the powers of both matrices, kept as far as they were ever asked for.

    Row k + 2, for k from -2 on, turns a state into what its first numbers are k steps later; -2, -1 and 0 give the numbers of
    the state itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = np.array([[0, 0, 1, 0, 0, 1], [0, 1, 0, 0, 1, 0], [1, 0, 0, 1, 0, 0]], "uint32")

    def __call__(self, count: int) -> np.ndarray:
        with self._lock:
            while len(self._rows) < count:
                self._double()
            return self._rows[:count]

    def _double(self) -> None:
        rows = self._rows.astype("uint64")
        first, second = (np.array(matrix, "uint64") for matrix in jump(len(rows)))
        moved = np.concatenate([_mod_product(rows[:, :3], first, M1), _mod_product(rows[:, 3:], second, M2)], axis=1)
        self._rows = np.concatenate([self._rows, moved.astype("uint32")])


#: ``step_rows(count)``: the first ``count`` of them, a uint32 matrix of six columns that is not to be changed
step_rows = _StepRows()
