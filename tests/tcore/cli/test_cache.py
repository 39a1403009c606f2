"""The command that shows and clears what was compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

import tcore
from tcore.cli.cache import command, entries


@pytest.fixture
def store(tmp_path):
    """A store with two libraries, one of them old, and what a killed compilation left."""
    root = tmp_path / "kernels"
    root.mkdir()
    for name in ("abc.f1", "node_1_0-2.f1"):
        (root / f"{name}.so").write_bytes(b"x" * 10)
        (root / f"{name}.record").write_text("{}")
    (root / "node_1_0.cpp").write_text("int y;")
    (root / "orphan.f1.so").write_bytes(b"y")
    (root / ".work-1").mkdir()
    (root / ".work-1" / "unit.c").write_text("int x;")
    (root / ".tmp-2").write_text("")
    (root / "notes.txt").write_text("not ours")
    old = time.time() - 10 * 24 * 3600
    for name in ("abc.f1.so", "orphan.f1.so", ".work-1", ".tmp-2"):
        os.utime(root / name, (old, old))
    (root / ".work-now").mkdir()
    with tcore.config.change_flags(**{"cpu.store": str(root)}):
        yield root


def run(*arguments):
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def test_list(store):
    """Oldest first; users' C code is told from kernels."""
    assert ("abc.f1.so", "kernels", 10) in [(e.path.name, e.what, e.size) for e in entries(store)][:2]
    found = json.loads(run("list", "--json"))
    assert [e["what"] for e in found if "orphan" not in e["path"]] == ["kernels", "C ops"]
    assert found[0]["age"] == pytest.approx(10, abs=0.1)
    assert "10.0 days" in run("list")
    assert "3 libraries" in run()


def test_clear_L1340_L7870(store):
    """Everything that was compiled goes, and nothing else: neither what others are at, nor files that are not ours."""
    assert "removed 3 libraries" in run("clear")
    assert {path.name for path in store.iterdir()} == {"notes.txt", ".work-now"}
    assert "removed 0 libraries" in run("clear")


def test_cleanup(store):
    """What is in use stays."""
    assert "removed 3 files and folders" in run("cleanup")
    assert {path.name for path in store.iterdir()} == {"abc.f1.so", "abc.f1.record", "node_1_0-2.f1.so", "node_1_0-2.f1.record", "node_1_0.cpp", "notes.txt", ".work-now"}


def test_purge(store, monkeypatch, tmp_path):
    """The folders themselves go, once that was confirmed."""
    monkeypatch.setattr(tcore.cli.cache, "_folders", lambda: [store])
    assert CliRunner().invoke(command, ["purge"], input="n\n").exit_code == 1
    assert store.is_dir()
    assert f"removed {store}" in run("purge", "--yes")
    assert not store.exists()
    assert "nothing to remove" in run("purge", "--yes")


def test_compiledir_moves_the_store_L7866(tmp_path):
    """Kernels lie in base_compiledir, one folder for all platforms; a compiledir of one's own takes them along."""
    program = "from tcore.configuration import config; print(config.cpu.store)"
    for flags, store in (
        (f"base_compiledir={tmp_path}", tmp_path / "kernels"),
        (f"compiledir={tmp_path / 'here'}", tmp_path / "here" / "kernels"),
    ):
        environment = {**os.environ, "TCORE_FLAGS": flags}
        done = subprocess.run([sys.executable, "-P", "-c", program], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(store)
