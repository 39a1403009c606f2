"""Measure pairs of workloads side by side: ``python benchmarks [--list] [--only NAME ...] [--rounds N] [--output FOLDER] [--compile-time]``.

Each row runs our workload and its reference alternately in one process run, so that what else the machine does meets both;
the ratio of a row is the median over rounds. Results go to JSON, Markdown and PNG.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from compiling import COMPILE_ROWS, compile_report
from measure import run_row
from report import write
from rows import ROWS as RUN_ROWS

ROWS = (*RUN_ROWS, *COMPILE_ROWS)


def main() -> int:
    """Run the chosen rows; 1 when one misses its limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--list", action="store_true", help="name the rows and leave")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="rows to run")
    parser.add_argument("--rounds", type=int, default=7, help="times that each pair is run (7)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results", help="folder for the results")
    parser.add_argument("--check", action="store_true", help="fail when a row misses its limit")
    parser.add_argument("--compile-time", action="store_true", help="only the cost of a node by graph size, and the slowest rules")
    arguments = parser.parse_args()
    if arguments.compile_time:
        text = compile_report()
        arguments.output.mkdir(parents=True, exist_ok=True)
        (arguments.output / "compile-time.md").write_text(text)
        print(text)
        return 0
    if arguments.list:
        for row in ROWS:
            print(f"{row.name:28s} {row.summary}")
        return 0
    unknown = set(arguments.only or ()) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}; --list names them")
    results = []
    for row in ROWS:
        if arguments.only and row.name not in arguments.only:
            continue
        result = run_row(row, arguments.rounds)
        results.append(result)
        print(result.line(), flush=True)
    write(results, arguments.output)
    print(f"written to {arguments.output}")
    return int(arguments.check and any(result.missed for result in results))


if __name__ == "__main__":
    sys.exit(main())
