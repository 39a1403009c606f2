"""What ``tcore doctor`` says about native code."""

from __future__ import annotations

import sys

import pytest

from tcore.configuration import config, defaults
from tcore_cpu.compiling import store as store_module
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.report import lines
from tcore_cpu.runtime import loading as runtime_module


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No program on the PATH, no package ziglang, and an empty kernel store."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setitem(sys.modules, "ziglang", None)
    monkeypatch.setattr(store_module, "_opened", {})
    with config.change_flags(cxx=defaults.cxx(config), cpu__store=str(tmp_path / "kernels")):
        yield tmp_path / "bin"


def test_without_compilers(bare) -> None:
    """What is missing has a remedy that needs no rights beside the one that does; the rest is fine."""
    found = {line.topic: line for line in lines()}
    missing = {topic for topic, line in found.items() if line.status != "ok"}
    assert missing == {"C compiler", "users' C ops"}
    for topic in missing:
        assert found[topic].status == "missing"
        assert "apt install g" in found[topic].remedy
        assert "pip install ziglang" in found[topic].remedy


def test_without_compilers_and_extension_module(bare, monkeypatch) -> None:
    """The cffi form must be compiled: the line says so, and what helps."""
    monkeypatch.setattr(runtime_module, "_loaded", None)
    monkeypatch.setenv("TCORE_CPU_RUNTIME", "cffi")
    (line,) = [line for line in lines() if line.topic == "native runtime"]
    assert line.status == "missing"
    assert "there is no C compiler" in line.text
    assert "apt install gcc, or pip install ziglang" in line.remedy


def test_only_clang(bare) -> None:
    """It serves for both languages."""
    for name in ("clang", "clang++"):
        (bare / name).write_text("#!/bin/sh\necho clang of the test\n", encoding="ascii")
        (bare / name).chmod(0o755)
    with config.change_flags(cxx=defaults.cxx(config)):
        assert find_compiler().path == str(bare / "clang")
        assert config.cxx == str(bare / "clang++")
        (line,) = [line for line in lines() if line.topic == "C compiler"]
    assert (line.status, line.text) == ("ok", f"{bare / 'clang'}: clang of the test")
