"""Measure tcore beside its peers: ``python benchmarks [--list] [--only NAME ...] [--libraries NAME ...] [--rounds N] [--tiny] [--check] [--profile]``.

Each row is one program written for each library; each library runs it in a process of its own, in turn, for several rounds, so that what else the machine
does meets all. Results are compared with NumPy's first. Written to ``--output``: results.json, results.md, results.png, roofline.png.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from children import Settings
from groups import GROUPS, ROWS
from libraries import LIBRARIES
from profiling import profile_row
from report import line, machine, write
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from row import Row
from runner import Runner


def parse() -> argparse.Namespace:
    """The command line; unknown names end it."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__.partition(":")[0])
    parser.add_argument("--list", action="store_true", help="name the rows and leave")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[], help="rows, or groups of rows, to run")
    names = [library.name for library in LIBRARIES]
    parser.add_argument("--libraries", nargs="+", metavar="NAME", choices=names, default=names, help=f"of {', '.join(names)}; numpy always runs")
    parser.add_argument("--rounds", type=int, default=7, help="times that each library has its turn (7)")
    parser.add_argument("--slow-rounds", type=int, default=3, help="the same for rows that start a process for each turn (3)")
    parser.add_argument("--threads", type=int, help="cores and threads of each library (all cores)")
    parser.add_argument("--timeout", type=float, default=180, help="seconds until an answer counts as none (180)")
    parser.add_argument("--tiny", action="store_true", help="tiny sizes, one round: only to see that all works")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results", help="folder for the results")
    parser.add_argument("--check", action="store_true", help="fail when a row misses its goal")
    parser.add_argument("--profile", action="store_true", help="for rows that miss their goal: write profiles and the compiler's reports beside the results")
    parser.add_argument("--compile-time", action="store_true", help="only the cost of a node by graph size, and the slowest rules")
    arguments = parser.parse_args()
    unknown = set(arguments.only) - {row.name for row in ROWS} - set(GROUPS)
    if unknown:
        parser.error(f"no row or group {', '.join(sorted(unknown))}; --list names them")
    if arguments.tiny:
        arguments.rounds = arguments.slow_rounds = 1
    return arguments


def chosen(only: list[str]) -> list[Row]:
    """Rows by their names and those of their groups; all when none is named."""
    return [row for group, rows in GROUPS.items() for row in rows if not only or row.name in only or group in only]


@contextlib.contextmanager
def progress(total: int) -> Iterator[tuple[Callable[[str], None], Callable[[str], None]]]:
    """Two functions, to say what begins and what a row gave: a bar on a terminal, otherwise only the second's lines."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield (lambda what: None), (lambda text: print(text, flush=True))
        return
    with Progress(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("", total=total)

        def finished(text: str) -> None:
            bar.advance(task)
            bar.console.print(text, markup=False, highlight=False, soft_wrap=True)

        yield (lambda what: bar.update(task, description=what)), finished


def compile_time(folder: Path) -> None:
    """Where tcore's own compile time goes."""
    from compile_report import compile_report  # loads tcore into this process, which the rows must not

    text = compile_report()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compile-time.md").write_text(text)
    print(text)


def main() -> int:
    """Run the chosen rows; 1 when tcore fails on one or is wrong, and with ``--check`` when it misses a goal."""
    arguments = parse()
    if arguments.list:
        for group, rows in GROUPS.items():
            print(f"{group}:", *(f"  {row.name:26s} {row.summary}" for row in rows), sep="\n")
        return 0
    if arguments.compile_time:
        compile_time(arguments.output)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the children, too
    rows, results = chosen(arguments.only), []
    with tempfile.TemporaryDirectory(prefix="tcore-bench-", ignore_cleanup_errors=True) as scratch, progress(len(rows)) as (begins, finished):
        settings = Settings(arguments.threads, arguments.tiny, arguments.timeout, Path(scratch))
        facts = machine(len(settings.cores), arguments.rounds, arguments.tiny)
        for row in rows:
            rounds = arguments.rounds if row.kind == "call" else arguments.slow_rounds
            result = Runner(settings, ["numpy", *arguments.libraries], rounds, begins).run(row)
            results.append(result)
            write(results, facts, arguments.output)  # so far: a run that ends early leaves what it has
            finished(line(result))
            if arguments.profile and result.missed and row.kind in {"call", "first"}:
                for path in profile_row(row, settings, arguments.output / "profiles" / row.name):
                    finished(f"    {path}")
    print(f"written to {arguments.output}")
    broken = any(column.status in {"wrong", "failed"} for result in results for name, column in result.columns.items() if name in {"tcore", "baseline"})
    return int(broken or (arguments.check and any(result.missed for result in results)))


if __name__ == "__main__":
    sys.exit(main())
