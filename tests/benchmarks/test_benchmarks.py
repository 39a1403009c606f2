"""The benchmark: its rows compute what NumPy computes, and a run on tiny sizes writes its reports. No time is looked at."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
if not FOLDER.exists():
    pytest.skip("no checkout here", allow_module_level=True)

sys.path.insert(0, str(FOLDER))
try:
    groups, libraries, row_module, runner, serving, report, roofline_chart, profiling, _ = map(
        importlib.import_module, ("groups", "libraries", "row", "runner", "serving", "report", "roofline_chart", "profiling", "graphs")
    )
finally:
    sys.path.remove(str(FOLDER))

TCORE = next(library for library in libraries.LIBRARIES if library.name == "tcore")
NUMPY = next(library for library in libraries.LIBRARIES if library.name == "numpy")


@pytest.mark.backends("numpy")
@pytest.mark.parametrize("row", [row for row in groups.ROWS if row.program("tcore")], ids=lambda row: row.name)
def test_program(row, backend, tmp_path):
    """tcore's program of each row gives NumPy's results; rows that measure tcore alone give seconds."""
    row = row.made_tiny()
    ours, reference = (serving.Server(row, library, imported=0.5) for library in (TCORE, NUMPY))
    path = str(tmp_path / "reference.npz")
    if row.kind == "import":
        assert ours.answer({"do": "first", "reference": path}) == {"seconds": 0.5}
    elif row.kind == "own":
        assert ours.first(path) == {"seconds": 0.0}
        assert ours.sample(0) > 0
        assert row.baseline(None)() > 0
    else:
        assert reference.first(path)["seconds"] > 0
        try:
            answer = ours.first(path)
        except row_module.NotBuilt as reason:
            assert str(reason) == "tcore has no scan"  # noqa: PT017  the only reason
        else:
            assert answer["wrong"] is None
            assert ours.sample(0.001) > 0


def test_every_peer_has_every_row():
    """A row that compares has a program for each peer."""
    compared = [row for row in groups.ROWS if row.kind in {"call", "first"} and row.program("tcore")]
    assert len(compared) > 15
    for row in compared:
        for library in libraries.LIBRARIES:
            assert library.name == "baseline" or row.program(library.method), f"{row.name} has no {library.method}"


def test_library_that_is_not_installed(tmp_path):
    """It is left out, and named."""
    settings = importlib.import_module("children").Settings(None, tiny=True, timeout=1, scratch=tmp_path)
    column = runner.Runner(settings, [], 1, print)._column(groups.ROWS[0], libraries.Library("other", "numpy", "no-such-distribution", ()))
    assert (column.status, column.message) == ("missing", "no-such-distribution is not installed")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ([np.arange(3.0), np.ones(2)], None),
        ([np.arange(3.0)], "1 results, NumPy has 2"),
        ([np.arange(4.0), np.ones(2)], "result 0 has shape (4,), NumPy's (3,)"),
        ([np.arange(3.0), np.ones(2, "float32")], "result 1 is float32, NumPy's float64"),
        ([np.array([0, 1, 2.5]), np.ones(2)], "result 0 is up to 0.5 away from NumPy's (values up to 2)"),
        ([np.array([0, 1, np.nan]), np.ones(2)], "result 0 has other NaN than NumPy's"),
    ],
)
def test_difference(found, message):
    """Wrong results are told from right ones, and the message says how."""
    assert serving.difference(found, [np.arange(3.0), np.ones(2)], rtol=1e-9, atol=1e-11) == message


def test_ratios_are_of_rounds():
    """The ratio is the median over rounds, not that of medians; a wrong column is no peer, whatever its time."""
    row = groups.ROWS[0]
    columns = {
        name: runner.Column(next(each for each in libraries.LIBRARIES if each.name == name), rounds=rounds)
        for name, rounds in {"numpy": [4.0, 2.0, 2.0], "tcore": [1.0, 1.0, 4.0], "jax": [2.0, 4.0, 8.0], "torch": [0.1, 0.1, 0.1]}.items()
    }
    columns["torch"].stop("wrong", "result 0 has shape (4,)")
    result = runner.Result(row, columns, limits=[1.0, 0.5, 4.0], bounds=["copy", "exp", "copy"])
    assert result.best_peer == "jax"
    assert result.against("peer") == 0.5
    assert result.against("numpy") == 0.5
    assert result.against("limit") == 1.0
    assert result.against("seconds") == 1.0
    assert result.missed == ["numpy"]  # the goal is 0.25
    assert report.ratio_cell(result, "limit") == "1.00 (copy)"


def test_run(tmp_path):
    """Children of each kind start and answer, and what they say is written."""
    rows = ["fused-elementwise", "import", "first-scalar-empty", "double-sum"]
    command = [sys.executable, "-P", str(FOLDER), "--tiny", "--libraries", "tcore", "baseline", "--output", str(tmp_path), "--only", *rows]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert [row["name"] for row in results["rows"]] == rows
    by_name = {row["name"]: row["columns"] for row in results["rows"]}
    for name in rows:
        for library, column in by_name[name].items():
            assert column["status"] == "ok", (name, library, column)
    assert set(by_name["double-sum"]) == {"tcore", "baseline"}
    assert len(results["rows"][0]["limit_rounds"]) == 1
    table = (tmp_path / "results.md").read_text()
    assert "**Elementwise**" in table
    assert "this run shows that the rows work" in table


def test_limits_of_rows():
    """Each row that compares compute or memory has a bound, and its roofline figures fit together."""
    bounded = {row.name: [name for name, work in runner.LIMITS.items() if work(row)] for row in groups.ROWS if row.kind == "call"}
    assert bounded["fused-elementwise"] == bounded["softmax"] == ["copy", "exp"]
    assert bounded["sum-axis-0"] == ["read"]
    assert bounded["logsumexp"] == ["read", "exp"]
    assert bounded["mlp-step"] == ["gemm", "exp"]
    assert bounded["scalar-call"] == bounded["60-small-ops"] == []
    for row in groups.ROWS:
        if row.operations() and row.program("tcore"):
            assert row.traffic() > 0
            assert row.operations() >= max(row.flops(), row.exponentials())


@pytest.mark.parametrize("name", ["copy", "read", "gemm", "exp"])
def test_bounds_compute_something(name, tmp_path):
    """What the limits are made of runs, on all cores."""
    bound = importlib.import_module("groups.roofline").BOUNDS[name].made_tiny()
    assert runner.LIMITS[name](bound) > 0
    assert serving.Server(bound, NUMPY, 0).first(str(tmp_path / "reference.npz"))["seconds"] > 0


def test_roofline_chart(tmp_path):
    """Drawn where the limits were measured, from rows that say how much work they are."""
    pytest.importorskip("matplotlib", reason="without it no chart is drawn")
    by_name = {row.name: row for row in groups.ROWS}
    columns = {"tcore": runner.Column(TCORE, rounds=[0.02]), "numpy": runner.Column(NUMPY, rounds=[0.1])}
    results = [runner.Result(by_name[name], columns, limits=[0.01], bounds=["copy"]) for name in ("softmax", "mlp-step", "scalar-call")]
    rates = {"copy": 2e10, "read": 3e10, "gemm": 1e11, "exp": 1e9}
    assert roofline_chart.draw_roofline(results, rates, tmp_path / "roofline.png")
    assert (tmp_path / "roofline.png").read_bytes().startswith(b"\x89PNG")
    assert not roofline_chart.draw_roofline(results, {}, tmp_path / "other.png")
    assert not roofline_chart.draw_roofline(results[2:], rates, tmp_path / "other.png")


@pytest.mark.backends("cpu")
@pytest.mark.needs_compiler
def test_profile_of_a_row(tmp_path, backend):
    """What a missed row's files say: where nodes run, the memory, the compiler's report, the time of each node."""
    settings = importlib.import_module("children").Settings(1, tiny=True, timeout=120, scratch=tmp_path)
    row = next(row for row in groups.ROWS if row.name == "softmax")
    written = {path.name: path.read_text() for path in profiling.profile_row(row, settings, tmp_path / "profiles", seconds=0.05)}
    assert "Softmax" in written["explain.txt"]
    assert "linker CvmLinker" in written["memory.txt"]
    assert "vectorized" in written["vectorization.txt"]
    assert "tc_body0" in written["kernels.c"]
    assert "Softmax(x)" in written["nodes.txt"]
    first = next(row for row in groups.ROWS if row.name == "first-scalar-empty")
    (functions,) = profiling.profile_row(first, settings, tmp_path / "first", seconds=0.05)
    assert "cumulative" in functions.read_text()


@pytest.mark.parametrize(
    ("program", "status", "message"),
    [
        ("raise ValueError('no such thing' + chr(10) + 'more')", "failed", "ValueError: no such thing"),
        ("import os; os.abort()", "failed", "the process was ended by SIGABRT"),
        ("import time; time.sleep(60)", "failed", "no answer within 2 s"),
        ("return lambda: data.x * 1.5", "wrong", "result 0 is up to 0.5 away from NumPy's (values up to 1)"),
        ("print('noise'); return lambda: data.x", "ok", ""),
    ],
)
def test_failing_library(program, status, message, tmp_path, monkeypatch):
    """An exception, a crash, silence and a wrong answer end the column, with one line; what a program prints does no harm."""
    children = importlib.import_module("children")
    source = f"""
import sys
sys.path.insert(0, {str(FOLDER)!r})
import numpy as np, attrs, groups
from types import SimpleNamespace
from row import Row
@attrs.frozen
class Bad(Row):
    name = "bad"
    def data(self):
        return SimpleNamespace(x=np.ones(3))
    def tcore(self, data):
        {program}
groups.ROWS = (Bad(),)
import child
child.main()
"""
    script = tmp_path / "script.py"
    script.write_text(source)
    monkeypatch.setattr(children, "CHILD", script)
    settings = children.Settings(None, tiny=True, timeout=2 if "sleep" in program else 60, scratch=tmp_path)
    row = groups.ROWS[0]
    monkeypatch.setattr(type(row), "name", "bad")
    np.savez(tmp_path / "bad.npz", np.ones(3))
    column = runner.Column(TCORE)
    run = runner.Runner(settings, ["tcore"], 1, lambda what: None)
    run._one(row, column, tmp_path / "bad.npz", "now", settings.warm_store())
    assert (column.status, column.message) == (status, message)
