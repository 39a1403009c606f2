"""A program of its own: tcore's function of every row on tiny sizes, called many times; one line of JSON for each.

``python every_row.py BENCHMARKS CALLS``. The lines say how many processes were started until the first result, and by how much the calls
after the first ones grew the resident memory (bytes), the blocks that Python has allocated, and the references to the row's arrays.
"""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path

STARTED: list[str] = []
WARM = 200


def watch(event: str, args: tuple) -> None:
    if event in ("subprocess.Popen", "os.posix_spawn", "os.exec", "os.system"):
        STARTED.append(str(args[0]))


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def state(held: list) -> tuple[int, int, int]:
    gc.collect()
    return resident(), sys.getallocatedblocks(), sum(sys.getrefcount(array) for array in held)


def main(folder: str, calls: int) -> None:
    """Rows one after the other, in one process."""
    sys.path.insert(0, folder)
    import numpy as np
    from groups import ROWS
    from row import NotBuilt

    sys.addaudithook(watch)
    for row in ROWS:
        if row.kind not in ("call", "first") or row.program("tcore") is None:
            continue
        tiny = row.made_tiny()
        before, data = len(STARTED), tiny.data()
        try:
            call = tiny.program("tcore")(data)
        except NotBuilt:
            continue
        call()
        answer = {"row": row.name, "started": STARTED[before:]}
        held = [each for value in vars(data).values() for each in (value if isinstance(value, list) else [value]) if isinstance(each, np.ndarray)]
        # a call of this row is a hundred calls on as many threads
        many = calls if row.name != "threads-32" else calls // 100
        for _ in range(min(many, WARM)):
            call()
        old = state(held)
        for _ in range(many):
            call()
        answer["grown"] = dict(zip(("resident", "blocks", "references"), (b - a for a, b in zip(old, state(held), strict=True)), strict=True))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
