"""What several threads gain for elementwise work on a vector of ``config.openmp_elemwise_minsize`` numbers.

::

    OMP_NUM_THREADS=2 python -m tcore.misc.elemwise_openmp_speedup

A fast and a slow operation, each with one thread and with as many as ``OMP_NUM_THREADS`` says: where the fast one gains nothing,
the flag ``openmp_elemwise_minsize`` should be larger.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tcore
import tcore.tensor as T
from tcore.compile import function, shared

__all__ = ["main", "measure"]

OPERATIONS: tuple[tuple[str, Callable[[Any], Any]], ...] = (("Fast", lambda x: T.add(x, x)), ("Slow", lambda x: T.tanh(x)))


def measure(size: int, repeats: int) -> dict[str, float]:
    """Seconds of one call for each operation, the best of several: in this process, as its flags say."""
    x = shared(np.random.default_rng(1).random(size).astype(tcore.config.floatX))
    out = shared(np.zeros(size, tcore.config.floatX))
    found = {}
    for name, operation in OPERATIONS:
        f = function([], updates=[(out, operation(x))], mode="FAST_RUN")
        times = []
        for _ in range(repeats + 1):
            start = time.perf_counter()
            f()
            times.append(time.perf_counter() - start)
        found[name] = min(times[1:])
    return found


def _elsewhere(flags: str, size: int, repeats: int) -> dict[str, float]:
    """The same in a process with these flags: threads are made once per process."""
    environment = {**os.environ, "TCORE_FLAGS": ",".join(filter(None, (os.environ.get("TCORE_FLAGS", ""), flags)))}
    program = f"import json; from tcore.misc.elemwise_openmp_speedup import measure; print(json.dumps(measure({size}, {repeats})))"
    run = subprocess.run([sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(run.stdout.splitlines()[-1])
    return measured


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each operation."""
    parser = argparse.ArgumentParser(description="Time elementwise work with one thread and with several.")
    parser.add_argument("-N", "--N", type=int, default=tcore.config.openmp_elemwise_minsize, help="length of the vector")
    parser.add_argument("--iter", type=int, default=100, help="how often each is timed")
    given = parser.parse_args(arguments)
    without = _elsewhere("openmp=False,threads=1", given.N, given.iter)
    parallel = _elsewhere(f"openmp=True,openmp_elemwise_minsize={max(1, given.N // 2)}", given.N, given.iter)
    for name, _ in OPERATIONS:
        one, many = without[name], parallel[name]
        print(f"{name} op time without openmp {one:.6f}s with openmp {many:.6f}s speedup {one / many:.2f}")


if __name__ == "__main__":
    main()
