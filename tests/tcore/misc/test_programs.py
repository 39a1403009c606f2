"""The documented programs of tcore.misc."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tcore
from tcore.misc import check_blas, elemwise_openmp_speedup

pytestmark = [pytest.mark.usefixtures("backend"), pytest.mark.backends("cpu")]


def test_check_blas_L6315(capsys):
    """The quiet form prints the seconds, the other what was measured, too."""
    small = ["-M", "8", "-N", "6", "-K", "4", "--iter", "2"]
    taken = check_blas.main(["-q", *small])
    assert float(capsys.readouterr().out) == pytest.approx(taken, abs=1e-4)
    check_blas.main([*small, "--order", "F"])
    text = capsys.readouterr().out
    assert "OMP_NUM_THREADS = " in text
    assert f"floatX = {tcore.config.floatX}" in text
    assert "2 products of 8x4 and 4x6: " in text


def test_cores_of_blas_L6317():
    """By its path, with one thread and with two, as the documentation does: the seconds and nothing else; the loud form tells how many threads there were."""
    for threads, quiet, form in (("1", ["-q"], r"\d+\.\d+\n"), ("2", [], r"(?s).*OMP_NUM_THREADS = 2\n.*")):
        command = [sys.executable, check_blas.__file__, *quiet, "-M", "40", "-N", "30", "-K", "20", "--iter", "2"]
        run = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": threads}, capture_output=True, text=True, check=True)
        assert re.fullmatch(form, run.stdout)


def test_openmp_speedup_takes_the_flag_L6332(monkeypatch, capsys):
    """Its vector has ``openmp_elemwise_minsize`` numbers; a fast operation and a slow one run without and with OpenMP."""
    asked = []

    def measured(flags, size, repeats):
        asked.append((flags, size))
        return {"Fast": 2.0 if "openmp=True" in flags else 3.0, "Slow": 1.0 if "openmp=True" in flags else 4.0}

    monkeypatch.setattr(elemwise_openmp_speedup, "_elsewhere", measured)
    with tcore.config.change_flags(openmp_elemwise_minsize=1234):
        elemwise_openmp_speedup.main([])
    assert {size for _, size in asked} == {1234}
    assert ["openmp=True" in flags for flags, _ in asked] == [False, True]
    assert [line.split()[-1] for line in capsys.readouterr().out.splitlines()] == ["1.50", "4.00"]


def test_openmp_speedup_L6336():
    """Run by its path, as the documentation does: two lines in the documentation's form."""
    path = Path(elemwise_openmp_speedup.__file__)
    run = subprocess.run([sys.executable, str(path), "-N", "1000", "--iter", "2"], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    form = r" op time without openmp \d+\.\d{6}s with openmp \d+\.\d{6}s speedup \d+\.\d\d"
    assert re.fullmatch("Fast" + form, lines[0])
    assert re.fullmatch("Slow" + form, lines[1])
    assert len(lines) == 2
