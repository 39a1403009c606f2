"""The rows of the benchmark, one process for all of them: what is kept in the store is found again, and calls leave nothing behind."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
PROGRAM = Path(__file__).parent / "every_row.py"
pytestmark = pytest.mark.needs_compiler
if not FOLDER.exists():
    pytest.skip("no checkout here", allow_module_level=True)
sys.path.insert(0, str(FOLDER))
try:
    groups = importlib.import_module("groups")
finally:
    sys.path.remove(str(FOLDER))


def rows(store, calls):
    """What the program says of each row, by name."""
    environment = {**os.environ, "TCORE_FLAGS": f"base_compiledir={store}", "TCORERC": os.devnull}
    command = [sys.executable, "-P", str(PROGRAM), str(FOLDER), str(calls)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return {line["row"]: line for line in map(json.loads, done.stdout.splitlines())}


@pytest.mark.backends("cpu")
def test_second_process_starts_no_compiler(tmp_path, backend):
    """Every row in the same process, twice; and in the second, 10,000 calls leave no memory, no objects and no references."""
    first, second = rows(tmp_path, 0), rows(tmp_path, 10_000)
    assert set(second) == set(first) == {row.name for row in groups.ROWS if row.program("tcore") and row.kind != "import"}
    assert {line["not_built"] for line in second.values() if "not_built" in line} <= {"tcore has no scan"}
    assert sum(bool(line.get("started")) for line in first.values()) > 5, "the first process has to compile"
    assert {name: line["started"] for name, line in second.items() if line.get("started")} == {}
    growth = {name: line["grown"] for name, line in second.items() if "grown" in line}
    # the allocator may take a page more; what one call in ten leaves would be more than this
    assert {name: grown for name, grown in growth.items() if grown["resident"] > 256 * 1024} == {}
    assert {name: grown for name, grown in growth.items() if grown["blocks"] > 50 or grown["references"]} == {}
