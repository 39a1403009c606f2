"""How a row is measured: all its libraries in turn, round after round, each in its own process."""

from __future__ import annotations

import shutil
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from operator import methodcaller
from pathlib import Path
from typing import Any

from attrs import Factory, define
from children import Child, ChildError, Settings
from groups.roofline import BOUNDS
from libraries import LIBRARIES, Library
from row import Row

__all__ = ["Column", "Result", "Runner"]


@define
class Column:
    """What one library did on one row.

    Attributes
    ----------
    status : str
        ``ok``, ``wrong``, ``failed``, ``not built``, ``left out`` (by the row), or ``missing`` (not installed).
    message : str
        One line that says why, where it is not ``ok``.
    first : float or None
        Seconds from the first variable to the first result, in a process that may find a warm store.
    rounds : list of float
        Seconds of each round.
    """

    library: Library
    status: str = "ok"
    message: str = ""
    first: float | None = None
    rounds: list[float] = Factory(list)

    @property
    def seconds(self) -> float | None:
        """The median of the rounds."""
        return statistics.median(self.rounds) if self.rounds else None

    def stop(self, status: str, message: str) -> None:
        """From here on it is not measured."""
        self.status, self.message, self.rounds = status, message, []


@define
class Result:
    """All columns of a row.

    Attributes
    ----------
    limits : list of float
        For each round the seconds that the machine needs at least; empty where the row has no such limit.
    bounds : list of str
        For each round which bound that is: ``copy``, ``read``, ``gemm`` or ``exp``.
    judged : bool
        Whether the goal counts: not on tiny sizes.
    """

    row: Row
    columns: dict[str, Column]
    judged: bool = True
    limits: list[float] = Factory(list)
    bounds: list[str] = Factory(list)

    def time(self, name: str) -> float | None:
        """The median time of a column that is right."""
        column = self.columns.get(name)
        return column.seconds if column and column.status == "ok" else None

    @property
    def best_peer(self) -> str | None:
        """The name of the fastest peer that is right."""
        times = {name: column.seconds for name, column in self.columns.items() if column.library.peer and column.status == "ok" and column.rounds}
        return min(times, key=times.__getitem__) if times else None

    def ratio(self, name: str | None) -> float | None:
        """The time of tcore to that of a column, or to the ``limit``: the median over the rounds.

        NumPy compiles nothing, so that its first results are no measure.
        """
        if name is None or self.time("tcore") is None or (name == "numpy" and self.row.kind == "first"):
            return None
        others = self.limits if name == "limit" else self.columns[name].rounds if self.time(name) is not None else []
        if not others:
            return None
        return statistics.median(ours / other for ours, other in zip(self.columns["tcore"].rounds, others, strict=True))

    def against(self, what: str) -> float | None:
        """What a field of the row's goal speaks of: ``peer``, ``numpy``, ``baseline``, ``limit``, or ``seconds``."""
        if what == "seconds":
            return self.time("tcore")
        name = self.best_peer if what == "peer" else what
        return self.ratio(name) if name in (None, "limit") or name in self.columns else None

    @property
    def missed(self) -> list[str]:
        """The fields of the goal that are not reached; those that could not be measured do not count."""
        missed: list[str] = []
        if not self.judged:
            return missed
        for what in ("peer", "numpy", "baseline", "limit", "seconds"):
            goal, found = getattr(self.row.goal, what), self.against(what)
            if goal is not None and found is not None and found > goal:
                missed.append(what)
        return missed


class Runner:
    """Measures rows with the chosen libraries; ``note`` is told what begins."""

    def __init__(self, settings: Settings, libraries: list[str], rounds: int, note: Callable[[str], None]) -> None:
        self.settings, self.rounds, self.note = settings, rounds, note
        self.libraries = [library for library in LIBRARIES if library.name in libraries]
        self.sample_seconds = 0.001 if settings.tiny else 0.25

    def run(self, row: Row) -> Result:
        """All rounds of a row."""
        sized = row.made_tiny() if self.settings.tiny else row
        columns = {library.name: self._column(row, library) for library in self.libraries if row.program(library.method)}
        result = Result(row, columns, judged=not self.settings.tiny)
        reference = self.settings.scratch / f"{row.name}.npz"
        if row.kind == "call":
            self._calls(sized, result, reference)
        else:
            self._fresh(sized, result, reference)
        reference.unlink(missing_ok=True)
        return result

    def _column(self, row: Row, library: Library) -> Column:
        if library.version is None:
            return Column(library, "missing", f"{library.distribution} is not installed")
        if library.name in row.without:
            return Column(library, "left out", row.without[library.name])
        return Column(library)

    def _ask(self, column: Column, child: Child, **request: Any) -> float | None:
        """The seconds of an answer; a wrong result, or none, ends the column."""
        try:
            answer = child.ask(**request)
        except ChildError as error:
            column.stop(error.kind, str(error))
            child.close()  # it may hang, and would disturb the others
            return None
        if answer.get("wrong"):
            column.stop("wrong", answer["wrong"])
            return None
        return float(answer["seconds"])

    def _turns(self, columns: dict[str, Column]) -> Iterator[Iterator[Column]]:
        """For each round the columns that still run, each round beginning with another."""
        for turn in range(self.rounds):
            running = [column for column in columns.values() if column.status == "ok"]
            first = turn % max(1, len(running))
            yield (column for column in running[first:] + running[:first] if column.status == "ok")

    def _calls(self, row: Row, result: Result, reference: Path) -> None:
        """One process for each library; all live through all rounds, and one works at a time."""
        with ExitStack() as stack:
            children = {}
            for column in result.columns.values():
                if column.status == "ok":
                    self.note(f"{row.name}: {column.library.name} compiles")
                    child = children[column.library.name] = stack.enter_context(Child(row, column.library, self.settings, self.settings.warm_store()))
                    column.first = self._ask(column, child, do="first", reference=str(reference))
            limits = self._limits(stack, row)
            for turn, columns in enumerate(self._turns(result.columns)):
                for column in columns:
                    self.note(f"{row.name}: {column.library.name}, round {turn + 1} of {self.rounds}")
                    seconds = self._ask(column, children[column.library.name], do="sample", seconds=self.sample_seconds)
                    if seconds is not None:
                        column.rounds.append(seconds)
                if limits:
                    least = {name: share * float(child.ask(do="sample", seconds=self.sample_seconds)["seconds"]) for name, (share, child) in limits.items()}
                    result.bounds.append(max(least, key=least.__getitem__))
                    result.limits.append(least[result.bounds[-1]])

    def _limits(self, stack: ExitStack, row: Row) -> dict[str, tuple[float, Child]]:
        """Processes that measure what the machine can do, each with the share of their work that the row needs at least."""
        limits: dict[str, tuple[float, Child]] = {}
        for name, work in LIMITS.items():
            bound = BOUNDS[name]
            if not work(row) or row.name in BOUNDS:
                continue
            child = stack.enter_context(Child(bound, LIBRARIES[0], self.settings, self.settings.warm_store()))
            child.ask(do="first", reference=str(self.settings.scratch / f"limit-{bound.name}.npz"))
            limits[name] = work(row) / work(bound.made_tiny() if self.settings.tiny else bound), child
        return limits

    def _fresh(self, row: Row, result: Result, reference: Path) -> None:
        """A new process for each round; one before them fills the stores and is not counted."""
        for column in result.columns.values():
            if column.status == "ok" and (not self.settings.tiny or (row.kind == "first" and column.library.name == "numpy")):
                self._one(row, column, reference, "before the rounds", self.settings.warm_store())
        for turn, columns in enumerate(self._turns(result.columns)):
            for column in columns:
                empty = self.settings.empty_store() if row.store == "empty" else None
                seconds = self._one(row, column, reference, f"round {turn + 1} of {self.rounds}", empty or self.settings.warm_store())
                if seconds is not None:
                    column.rounds.append(seconds)
                if empty:
                    shutil.rmtree(empty, ignore_errors=True)

    def _one(self, row: Row, column: Column, reference: Path, when: str, store: Path) -> float | None:
        """One fresh process; what it takes is that of its first result, of its import, or what the row itself says."""
        self.note(f"{row.name}: {column.library.name}, {when}")
        with Child(row, column.library, self.settings, store) as child:
            seconds = self._ask(column, child, do="first", reference=str(reference))
            if row.kind == "own" and column.status == "ok":
                seconds = self._ask(column, child, do="sample", seconds=0)
        return seconds


LIMITS = {"copy": methodcaller("bytes_moved"), "read": methodcaller("bytes_read"), "gemm": methodcaller("flops"), "exp": methodcaller("exponentials")}
"""What the machine needs at least: the longest of copying or reading the bytes that a row must move, of its products, and of its exponentials."""
