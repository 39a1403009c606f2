"""What this machine can do at best: the rows that the limits of the others are made of, sampled again in each round of each row."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
from attrs import frozen
from row import Call, Row

__all__ = ["BOUNDS", "ROWS"]


@frozen
class CopyBandwidth(Row):
    """A copy by as many threads as there are cores: each byte is read once and written once."""

    name = "copy"
    summary = "copy of 160 MB by all cores"
    tiny = {"n": 1000}
    n: int = 20_000_000

    def data(self):
        return SimpleNamespace(source=np.ones(self.n), target=np.zeros(self.n))

    def bytes_moved(self):
        return 2 * 8 * self.n

    def numpy(self, data) -> Call:
        threads = available_cores()
        parts = zip(np.array_split(data.target, threads), np.array_split(data.source, threads), strict=True)
        return in_threads(lambda part: np.copyto(*part), list(parts), lambda _: data.target[:1000])


@frozen
class ReadBandwidth(Row):
    """The highest number: its vector form waits for memory alone. (The copy reads its target, too, before it writes.)"""

    name = "read"
    summary = "160 MB read by all cores"
    tiny = {"n": 1000}
    n: int = 20_000_000

    def data(self):
        return SimpleNamespace(source=np.ones(self.n))

    def bytes_read(self):
        return 8 * self.n

    def numpy(self, data) -> Call:
        return in_threads(np.max, np.array_split(data.source, available_cores()), max)


@frozen
class Exponentials(Row):
    """The vector form that NumPy brings, by all cores, on numbers that stay in the cache."""

    name = "exp"
    summary = "exponentials of 8,192 numbers, 100 times, by each core"
    tiny = {"repeats": 1}
    n: int = 8192
    repeats: int = 100

    def data(self):
        return SimpleNamespace(x=np.linspace(-1, 1, self.n))

    def exponentials(self):
        return self.n * self.repeats * available_cores()

    def numpy(self, data) -> Call:
        def work(out: np.ndarray) -> None:
            for _ in range(self.repeats):
                np.exp(data.x, out=out)

        outs = [np.empty(self.n) for _ in range(available_cores())]
        return in_threads(work, outs, lambda _: outs[0])


@frozen
class MatrixProduct(Row):
    """The rate of the BLAS that NumPy brings, all cores."""

    name = "gemm"
    summary = "product of two matrices of 1536 x 1536"
    tiny = {"n": 32}
    n: int = 1536

    def data(self):
        rng = np.random.default_rng(0)
        return SimpleNamespace(a=rng.normal(size=(self.n, self.n)), b=rng.normal(size=(self.n, self.n)), out=np.empty((self.n, self.n)))

    def flops(self):
        return 2 * self.n**3

    def numpy(self, data) -> Call:
        return lambda: np.matmul(data.a, data.b, out=data.out)


def in_threads(work: Callable[[Any], Any], parts: list[Any], result: Callable[[list[Any]], Any]) -> Call:
    """A call that works on each part in a thread of its own; NumPy works without the interpreter's lock, so that they do run at once."""
    pool = ThreadPoolExecutor(len(parts))
    return lambda: result(list(pool.map(work, parts)))


def available_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


BOUNDS = {"copy": CopyBandwidth(), "read": ReadBandwidth(), "gemm": MatrixProduct(), "exp": Exponentials()}
ROWS = tuple(BOUNDS.values())
