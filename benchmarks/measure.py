"""How one row is measured: two workloads in turn, the ratio of each round, the median of rounds."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

__all__ = ["Pair", "Result", "Row", "child_seconds", "run_row", "seconds_of"]

Workload = Callable[[], float]
"""Runs once and returns the seconds that count."""


@frozen
class Pair:
    """What ``Row.prepare`` returns: our workload and its reference, ready to run; ``note`` goes into the table."""

    ours: Workload
    reference: Workload
    note: str = ""


@frozen
class Row:
    """One line of the table.

    Attributes
    ----------
    name, summary : str
        For ``--only`` and for readers: what against what.
    prepare : callable
        Builds the pair; its time does not count.
    limit : float or None
        The ratio that must not be exceeded.
    seconds : float or None
        Our time that must not be exceeded.
    """

    name: str
    summary: str
    prepare: Callable[[], Pair]
    limit: float | None = None
    seconds: float | None = None


@frozen
class Result:
    """Medians of one row; ``rounds`` holds (ours, reference) in seconds for each round."""

    row: Row
    rounds: tuple[tuple[float, float], ...]
    note: str

    @property
    def ours(self) -> float:
        return statistics.median(ours for ours, _ in self.rounds)

    @property
    def reference(self) -> float:
        return statistics.median(reference for _, reference in self.rounds)

    @property
    def ratio(self) -> float:
        return statistics.median(ours / reference for ours, reference in self.rounds)

    @property
    def missed(self) -> bool:
        over_limit = self.row.limit is not None and self.ratio > self.row.limit
        return over_limit or (self.row.seconds is not None and self.ours > self.row.seconds)

    def line(self) -> str:
        """For the terminal."""
        goals = [] if self.row.limit is None else [f"ratio <= {self.row.limit:g}"]
        if self.row.seconds is not None:
            goals.append(f"<= {readable(self.row.seconds)}")
        verdict = f"  ({' and '.join(goals)}: {'missed' if self.missed else 'met'})" if goals else ""
        return f"{self.row.name:28s} {readable(self.ours):>10s} : {readable(self.reference):>10s}  ratio {self.ratio:6.3f}{verdict}"


def readable(seconds: float) -> str:
    """Seconds with a unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def seconds_of(function: Callable[[], object], repeats: int = 1) -> Workload:
    """A workload of ``repeats`` calls in this process; its result is the time of one."""

    def workload() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            function()
        return (time.perf_counter() - start) / repeats

    return workload


@functools.cache
def _bytecode() -> str:
    """A folder for the bytecode of this run: without any, most of an import is the compilation of sources."""
    folder = tempfile.mkdtemp(prefix="tcore-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def child_seconds(program: str, **environment: str) -> float:
    """Run a program in a fresh Python, which finds its bytecode as an installed program does; the number that it prints last."""
    flags = {name: value for name, value in os.environ.items() if not name.startswith("TCORE") and name != "PYTHONDONTWRITEBYTECODE"}
    flags.setdefault("PYTHONPYCACHEPREFIX", _bytecode())
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], env={**flags, **environment}, capture_output=True, text=True, check=False, cwd=Path(__file__).parent
    )
    if done.returncode:
        raise RuntimeError(f"the program failed:\n{done.stderr}")
    return float(done.stdout.split()[-1])


def run_row(row: Row, rounds: int) -> Result:
    """Both workloads once to warm up, then in turn, in changing order."""
    pair = row.prepare()
    pair.ours()
    pair.reference()
    times = []
    for turn in range(rounds):
        if turn % 2:
            reference = pair.reference()
            ours = pair.ours()
        else:
            ours = pair.ours()
            reference = pair.reference()
        times.append((ours, reference))
    return Result(row, tuple(times), pair.note)
