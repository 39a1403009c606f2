"""Processes that fill one kernel store at once, and one of them killed: nothing wrong is loaded, nothing hangs or piles up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tcore.configuration import config
from tcore_cpu.compiling.compiler import Unit, find_compiler, load_units
from tcore_cpu.compiling.store import Store, open_store

pytestmark = pytest.mark.skipif(find_compiler() is None, reason="no C compiler")

CHILD = """
import sys
import numpy as np
import tcore
import tcore.tensor as T
x = T.dvector("x")
value = np.linspace(0, 1, 7)
print("begin", flush=True)
for k in range(int(sys.argv[1])):
    f = tcore.function([x], T.exp(x * (k + 1)).sum() + T.sqrt(x + k), mode=tcore.Mode("cvm", None))
    print(repr(f(value).tolist()), flush=True)
print("end", flush=True)
"""


def start(folder: Path, functions: int) -> subprocess.Popen[str]:
    flags = f"cpu.store={folder},backend=cpu"
    command = [sys.executable, "-P", "-c", CHILD, str(functions)]
    return subprocess.Popen(
        command, env={**os.environ, "TCORE_FLAGS": flags}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def check(process: subprocess.Popen[str], functions: int) -> None:
    """The process ended well and all of its results are right."""
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    begin, *results, end = output.splitlines()
    assert (begin, end, len(results)) == ("begin", "end", functions)
    value = np.linspace(0, 1, 7)
    for k, line in enumerate(results):
        expected = np.exp(value * (k + 1)).sum() + np.sqrt(value + k)
        np.testing.assert_allclose([float(part) for part in line.strip("[]").split(",")], expected, rtol=1e-13)


def leftovers(folder: Path) -> list[str]:
    """Private files and folders, and libraries without a record."""
    names = sorted(path.name for path in folder.iterdir())
    return [n for n in names if n.startswith(".") or (n.endswith(".so") and n[:-3] + ".record" not in names)]


def run(folder: Path, functions: int, kill_after: float) -> None:
    """Two processes with the same work; one is killed after the given share of the other's time for one function."""
    first, second = start(folder, functions), start(folder, functions)
    assert second.stdout is not None
    assert second.stdout.readline() == "begin\n"
    time.sleep(kill_after)
    second.send_signal(signal.SIGKILL)
    second.communicate(timeout=60)
    check(first, functions)
    check(start(folder, functions), functions)  # on what is there now


@pytest.mark.parametrize(
    ("rounds", "functions"), [(1, 4), pytest.param(5, 8, marks=pytest.mark.slow)], ids=["short", "full"]
)
def test_two_processes_and_a_kill(tmp_path, rounds, functions) -> None:
    """Each round in an empty store."""
    chance = random.Random(rounds)
    for number in range(rounds):
        folder = tmp_path / str(number)
        folder.mkdir(mode=0o700)
        run(folder, functions, chance.uniform(0, 0.1 * functions))
        left = leftovers(folder)
        assert len(left) <= 2  # of the one that was killed
        store = open_store(folder)
        store.sweep()
        assert leftovers(folder) == left  # too young: somebody may be at work
        store.sweep(older_than=-60)
        assert not leftovers(folder)
        check(start(folder, functions), functions)


def test_leftovers_go_with_the_next_compilation(tmp_path) -> None:
    """What is older than an hour is removed when something is compiled; entries, and what is young, stay."""
    old = time.time() - 4000
    for name in (".work-old", ".work-young"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.c").write_text("int x;", encoding="utf-8")
    for name in (".tmp-old", ".tmp-young", "orphan.so", "kept-1.so", "kept-1.record", "kept.cpp", "gone.cpp"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    for name in (".work-old", ".tmp-old", "orphan.so", "kept-1.so", "kept-1.record", "kept.cpp", "gone.cpp"):
        os.utime(tmp_path / name, (old, old))
    store = Store(tmp_path)
    with store.workplace():
        names = {path.name for path in tmp_path.iterdir()}
    assert names >= {".work-young", ".tmp-young", "kept-1.so", "kept-1.record", "kept.cpp"}
    assert not names & {".work-old", ".tmp-old", "orphan.so", "gone.cpp"}


def test_record_of_another_library(tmp_path) -> None:
    """Two writers may interleave so that the record of one lies beside the library of the other: that is made again."""
    source = 'static void body(long n) {{ (void)n; }}\n__attribute__((visibility("default"))) void *tc_table[] = {{(void *)body}}; int v{0};'
    with config.change_flags(cpu__store=str(tmp_path / "kernels")):
        (one,) = load_units([Unit(source.format(1), 1)])
        (two,) = load_units([Unit(source.format(2), 1)])
        record = two.path.with_suffix(".record").read_bytes()
        one.path.with_suffix(".record").write_bytes(record)
        assert open_store(tmp_path / "kernels").find(Unit(source.format(1), 1).key) is None
        (again,) = load_units([Unit(source.format(1), 1)])
        assert again.compiled
