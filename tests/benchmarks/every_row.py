"""A program of its own: tcore's function of every row on tiny sizes, called many times; one line of JSON for each.

``python every_row.py BENCHMARKS CALLS``. The lines say which processes were started until the first result, and by how much the calls
after the first ones grew the resident memory (bytes), the blocks that Python has allocated, and the references to the row's arrays; of
a row without a function of tcore, why there is none.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

STARTED: list[str] = []
WARM = 200
#: rows that are called less often, by this factor: a call of the first is a hundred calls on as many threads, one of the second takes long
SLOW = {"threads-32": 100, "cholesky-gradient": 20}


def watch(event: str, args: tuple) -> None:
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"):
        STARTED.append(str(args[0]))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def state(held: list) -> tuple[int, int, int]:
    gc.collect()
    return resident(), sys.getallocatedblocks(), sum(sys.getrefcount(array) for array in held)


def grown(call: Callable[[], object], held: list, calls: int) -> dict[str, int]:
    """What so many calls leave behind, after some that may."""
    for _ in range(min(calls, WARM)):
        call()
    old = state(held)
    for _ in range(calls):
        call()
    return dict(zip(("resident", "blocks", "references"), (b - a for a, b in zip(old, state(held), strict=True)), strict=True))


def observed(row, calls: int) -> dict:
    """The answer of a row. One of kind `own` compiles with each call, so that it is only called once."""
    tiny, before = row.made_tiny(), len(STARTED)
    data = tiny.data()
    call = tiny.program("tcore")(data)
    call()
    answer = {"started": STARTED[before:]}
    if row.kind != "own":
        held = [each for value in vars(data).values() for each in (value if isinstance(value, list) else [value]) if isinstance(each, np.ndarray)]
        answer["grown"] = grown(call, held, calls // SLOW.get(row.name, 1))
    return answer


def main(folder: str, calls: int) -> None:
    """Rows one after the other, in one process."""
    sys.path.insert(0, folder)
    from groups import ROWS
    from row import NotBuilt

    sys.addaudithook(watch)
    for row in ROWS:
        if row.program("tcore") is None or row.kind == "import":
            continue  # nothing is compiled
        try:
            answer = observed(row, calls)
        except NotBuilt as reason:
            answer = {"not_built": str(reason)}
        print(json.dumps({"row": row.name, **answer}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
