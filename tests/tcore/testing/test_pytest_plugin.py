"""The pytest plugin: choice of backends, reasons of skips, a kernel store of the run's own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

import tcore
from tcore.testing import plugin


@pytest.fixture
def run(tmp_path):
    """Runs pytest on a test module in a folder of its own."""

    def run_pytest(source: str, *arguments: str) -> str:
        (tmp_path / "conftest.py").write_text('pytest_plugins = ["tcore.testing.plugin"]\n')
        (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n")
        (tmp_path / "test_it.py").write_text(textwrap.dedent(source))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("TCORE", "PYTEST"))}
        command = [sys.executable, "-P", "-m", "pytest", "-v", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False).stdout

    return run_pytest


def test_chosen_backends(run):
    """Repeated and comma-separated, each once; the option is set while a test runs and unset after it."""
    source = """
        from tcore.configuration import config
        def test_it(backend): assert config.backend == backend == "numpy"
        def test_after(): assert config.backend == "auto"
    """
    out = run(source, "--backend", "numpy", "--backend=numpy,numpy")
    assert "test_it[numpy] PASSED" in out
    assert "2 passed" in out


def test_unknown_backend_is_skipped_with_its_reason(run):
    """The reason stands in the header and, counted, at the end."""
    source = """
        import pytest
        @pytest.mark.parametrize("n", [1, 2, 3])
        def test_it(backend, n): pass
    """
    out = run(source, "--backend=numpy,nonesuch")
    assert "backend numpy: ready" in out
    assert "backend nonesuch: skipped, " in out
    assert "3 passed, 3 skipped" in out
    assert "    3  backend nonesuch: " in out


def test_marker_limits_backends(run):
    out = run("import pytest\n@pytest.mark.backends('numpy')\ndef test_it(backend): pass\n", "--backend=nonesuch,numpy")
    assert "1 passed" in out
    assert "nonesuch]" not in out


def test_store_belongs_to_the_run(run):
    """In this process and in those that it starts; removed at the end."""
    source = """
        import os, subprocess, sys
        from pathlib import Path
        from tcore.configuration import config
        def test_it():
            here = Path(config.cpu.store)
            assert here.parent.is_dir() and "tcore-tests-" in str(here)
            program = "from tcore.configuration import config; print(config.cpu.store)"
            there = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True).stdout.strip()
            assert there == str(here)
            Path("where").write_text(str(here.parent))
    """
    out = run(source, "--backend=numpy")
    assert "1 passed" in out


def test_isolated_manager(run):
    """It sees what the test installs, and nothing that is installed for everybody."""
    source = """
        def test_it(plugin_manager, tmp_path):
            info = tmp_path / "site" / "demo-1.0.dist-info"
            info.mkdir(parents=True)
            (info / "METADATA").write_text("Metadata-Version: 2.1\\nName: demo\\nVersion: 1.0\\n")
            (info / "entry_points.txt").write_text("[tcore.plugins]\\ndemo = demo_plugin\\n[tcore.api]\\ndemo = v1:v1\\n")
            (tmp_path / "site" / "demo_plugin.py").write_text("")
            assert [each.name for each in plugin_manager.installed.candidates] == ["demo"]
            plugin_manager.load("demo")
    """
    assert "1 passed" in run(source, "--backend=numpy")


def test_workers_share_the_store_of_who_started_them(monkeypatch):
    """A worker of xdist neither makes a folder nor removes one, and leaves the environment as it found it."""
    flags = os.environ["TCORE_FLAGS"]
    folder = Path(flags.partition("base_compiledir=")[2].partition(",")[0])
    monkeypatch.setattr(tempfile, "mkdtemp", None)
    worker = SimpleNamespace(workerinput={}, stash=pytest.Stash(), addinivalue_line=lambda *line: None)
    with tcore.config.change_flags({"cpu.store": tcore.config.cpu.store}):
        plugin.pytest_configure(worker)
        assert Path(tcore.config.cpu.store) == folder / "kernels"
    plugin.pytest_unconfigure(worker)
    assert os.environ["TCORE_FLAGS"] == flags
    assert folder.exists()
