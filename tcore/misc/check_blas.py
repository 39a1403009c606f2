"""How fast matrix products are here, and whether BLAS uses several cores.

::

    OMP_NUM_THREADS=1 python -m tcore.misc.check_blas -q
    OMP_NUM_THREADS=2 python -m tcore.misc.check_blas -q

The second takes less time where BLAS is parallel.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from operator import attrgetter
from typing import Literal

import numpy as np

import tcore
import tcore.tensor as T
from tcore.compile import function, shared

__all__ = ["main", "seconds"]


def seconds(rows: int, columns: int, inner: int, repeats: int, order: Literal["C", "F"] = "C") -> float:
    """The time of ``repeats`` updates of a matrix c by 0.4 c + 0.8 a b, of which one more is done before.

    Parameters
    ----------
    rows, columns, inner : int
        a is rows × inner, b is inner × columns.
    order : {"C", "F"}
        Of all three in memory.
    """
    rng = np.random.default_rng(1)
    a, b, c = (
        shared(rng.random(shape).astype(tcore.config.floatX, order=order), name)
        for name, shape in (("a", (rows, inner)), ("b", (inner, columns)), ("c", (rows, columns)))
    )
    f = function([], updates=[(c, T.add(T.mul(0.4, c), T.mul(0.8, T.dot(a, b))))], mode="FAST_RUN")
    f()
    start = time.perf_counter()
    for _ in range(repeats):
        f()
    return time.perf_counter() - start


def _settings() -> list[str]:
    flags = ("floatX", "device", "backend", "blas.ldflags", "compiledir", "threads")
    lines = [f"{name} = {attrgetter(name)(tcore.config)}" for name in flags]
    lines += [f"{name} = {os.environ.get(name, 'not set')}" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")]
    return [*lines, f"numpy = {np.__version__}", f"cores = {os.cpu_count()}"]


def main(arguments: Sequence[str] | None = None) -> float:
    """Print settings and the time; return it."""
    parser = argparse.ArgumentParser(description="Time matrix products.")
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing but the seconds")
    parser.add_argument("-M", "--M", type=int, default=2000, help="rows of the result")
    parser.add_argument("-N", "--N", type=int, default=2000, help="columns of the result")
    parser.add_argument("-K", "--K", type=int, default=2000, help="length of the sums")
    parser.add_argument("--iter", type=int, default=10, help="how many products")
    parser.add_argument("--order", choices=("C", "F"), default="C", help="order in memory")
    given = parser.parse_args(arguments)
    if not given.quiet:
        print("\n".join(_settings()))
    taken = seconds(given.M, given.N, given.K, given.iter, given.order)
    rate = 2e-9 * given.M * given.N * given.K * given.iter / taken
    print(f"{taken:.4f}" if given.quiet else f"{given.iter} products of {given.M}x{given.K} and {given.K}x{given.N}: {taken:.4f}s, {rate:.1f} GFlop/s")
    return taken


if __name__ == "__main__":
    main()
