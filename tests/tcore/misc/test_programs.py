"""The documented programs of tcore.misc."""

from __future__ import annotations

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


def test_openmp_speedup_L6336():
    """Run by its path, as the book does: two lines in the book's form."""
    path = Path(elemwise_openmp_speedup.__file__)
    run = subprocess.run([sys.executable, str(path), "-N", "1000", "--iter", "2"], capture_output=True, text=True, check=True)
    lines = run.stdout.splitlines()
    form = r" op time without openmp \d+\.\d{6}s with openmp \d+\.\d{6}s speedup \d+\.\d\d"
    assert re.fullmatch("Fast" + form, lines[0])
    assert re.fullmatch("Slow" + form, lines[1])
    assert len(lines) == 2
