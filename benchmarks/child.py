"""The program of a child process: ``child.py ROW LIBRARY MODULES CORES full|tiny`` imports the modules of a library, then serves.

Nothing is imported before them that Python has not loaded itself: the rows of kind ``import`` time this.
"""

import os
import sys
import time


def main() -> None:
    """Keep the answers apart from what libraries print, stay on the given cores, import, serve."""
    row, library, modules, cores, size = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if cores:
        os.sched_setaffinity(0, map(int, cores.split(",")))
    start = time.process_time()
    for module in modules.split(","):
        __import__(module)
    imported = time.process_time() - start
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120  pathlib is not loaded before its time
    from serving import serve

    serve(row, library, size == "tiny", imported, answers)


if __name__ == "__main__":
    main()
