"""What this machine can do at best: the rows that the limits of the others are made of, sampled again in each round of each row."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
from attrs import frozen
from row import Call, Row

__all__ = ["COPY", "GEMM", "ROWS"]


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
        """NumPy copies without the interpreter's lock, so that its threads do run at once."""
        threads = available_cores()
        parts = list(zip(np.array_split(data.target, threads), np.array_split(data.source, threads), strict=True))
        pool = ThreadPoolExecutor(threads)

        def copy() -> np.ndarray:
            list(pool.map(lambda part: np.copyto(*part), parts))
            return data.target[:1000]

        return copy


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


def available_cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


COPY, GEMM = CopyBandwidth(), MatrixProduct()
ROWS = (COPY, GEMM)
