"""The demonstration: real data, two models, the same numbers on every backend."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("matplotlib", reason="matplotlib is not installed")

DEMO = Path(__file__).parents[2] / "examples" / "digits"
if not DEMO.exists():
    pytest.skip("no checkout here", allow_module_level=True)


@pytest.mark.backends("numpy", "cpu", "opencl")
def test_digits(backend, tmp_path):
    """Test accuracies of at least 0.90 and 0.95 (the program fails below), times beside NumPy's, and the pictures."""
    command = [sys.executable, "-P", str(DEMO), "--backend", backend, "--epochs", "5", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"backend {backend}: " in done.stdout
    accuracies = [float(text) for text in re.findall(r"test accuracy ([\d.]+)", done.stdout)]
    assert len(accuracies) == 2
    assert accuracies[0] >= 0.90
    assert accuracies[1] >= 0.95
    assert len(re.findall(r"one step of \d+ images: \d+ µs", done.stdout)) == 2
    assert "test error" in done.stdout
    assert (tmp_path / "learning-curve.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.glob("graph-*.svg")} == {"graph-logistic-regression.svg", "graph-multilayer-perceptron.svg"}
