"""First imports from several threads at once, in a process of their own."""

from __future__ import annotations

import subprocess
import sys

_THREADS = """
import sys, threading, faulthandler, traceback
faulthandler.dump_traceback_later(60, exit=True)
import numpy, tcore
sys.setswitchinterval(1e-6)
lines = sys.argv[1:]
start = threading.Barrier(len(lines))
failures = []
def work(line):
    start.wait()
    try:
        exec(line, {})
    except BaseException:
        failures.append(line + traceback.format_exc())
threads = [threading.Thread(target=work, args=(line,)) for line in lines]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(failures), *failures)
"""


def failures_of_first_imports(*lines: str) -> str:
    """How many of the statements fail that as many threads run at once, and how; waiting for each other without end is an error after a minute."""
    done = subprocess.run([sys.executable, "-P", "-c", _THREADS, *lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()
