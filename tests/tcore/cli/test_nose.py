"""The command ``tcore-nose``."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tcore
from tcore.cli.nose import main, node_id

TESTS = """
import unittest

class test_Sums(unittest.TestCase):
    def test_right(self):
        print("right ran")
        self.assertEqual(1 + 1, 2)

    def test_wrong(self):
        self.assertEqual(1 + 1, 3)

if __name__ == "__main__":
    unittest.main()
"""


def run(*arguments, folder):
    code = "import sys; from tcore.cli.nose import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-P", "-c", code, "-p", "no:cacheprovider", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("target", "outcome", "status"),
    [
        ("test_sums.py", "1 failed, 1 passed", 1),
        ("test_sums.py:test_Sums.test_right", "1 passed", 0),
        ("test_sums.py:test_Sums", "1 failed, 1 passed", 1),
        (".", "1 failed, 1 passed", 1),
    ],
)
def test_targets_L6858_L6863(tmp_path, target, outcome, status):
    """A folder, a file, a class, a method."""
    (tmp_path / "test_sums.py").write_text(TESTS)
    done = run(target, folder=tmp_path)
    assert outcome in done.stdout
    assert done.returncode == status
    assert "right ran\n" in run("-s", "test_sums.py:test_Sums.test_right", folder=tmp_path).stdout


def test_node_ids():
    """Options, paths and pytest's own form stay as they are."""
    assert node_id("a/test_b.py:C.d") == "a/test_b.py::C::d"
    for same in ("a/test_b.py::C::d", "folder", "-s", "test_b.py"):
        assert node_id(same) == same


def test_help_L6866(capsys):
    """Says how targets are written."""
    assert main(["--help"]) == 0
    assert "file.py:Class.method" in capsys.readouterr().out


def test_without_pytest(capsys, monkeypatch):
    """Says what to install."""
    monkeypatch.setitem(sys.modules, "pytest", None)
    assert main(["."]) == 4
    assert 'pip install "pytest>=8.3"' in capsys.readouterr().err


def test_own_tests(capsys, monkeypatch, tmp_path):
    """``--tcore`` adds them, where there is a checkout."""
    targets = []
    monkeypatch.setattr(pytest, "main", lambda arguments: targets.append(arguments) or 0)
    (tmp_path / "tcore").mkdir()
    monkeypatch.setattr(tcore, "__file__", str(tmp_path / "tcore" / "__init__.py"))
    assert main(["--tcore", "-x"]) == 4
    assert "needs a checkout of tcore's sources" in capsys.readouterr().err
    (tmp_path / "tests").mkdir()
    assert main(["--tcore", "-x"]) == 0
    assert targets == [["-x", str(tmp_path / "tests")]]
