"""What ``tcore doctor`` says about native code."""

from __future__ import annotations

import sys

import pytest

from tcore.configuration import config, defaults
from tcore_cpu.compiling import store as store_module
from tcore_cpu.compiling.compiler import find_compiler
from tcore_cpu.report import lines
from tcore_cpu.runtime import blas as blas_module
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


#: what a script does that passes for a compiler: it makes the file behind -o
_WRITES = 'while [ $# -gt 1 ]; do if [ "$1" = -o ]; then : > "$2"; fi; shift; done\n'


def program(folder, name: str, body: str) -> None:
    """A script on the PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{body}\n", encoding="ascii")
    (folder / name).chmod(0o755)


def line_about(topic: str):
    (line,) = [line for line in lines() if line.topic == topic]
    return line


@pytest.mark.parametrize(
    ("body", "said"), [("echo 'fatal error: math.h: none' >&2; exit 1", "fails: fatal error: math.h: none"), ("exit 1", "fails: no message"), ("", "writes no library")]
)
def test_broken_compilers(bare, body, said) -> None:
    """One that is there and compiles nothing is a problem, with what it said; both languages have a line, and the others are fine."""
    for name in ("gcc", "g++"):
        program(bare, name, body)
    with config.change_flags(cxx=defaults.cxx(config)):
        found = {line.topic: line for line in lines()}
    assert {topic for topic, line in found.items() if line.status == "problem"} == {"C compiler", "users' C ops"}
    assert found["C compiler"].text.startswith(str(bare / "gcc"))
    assert found["C compiler"].text.endswith(said)
    assert "pip install ziglang" in found["C compiler"].remedy
    assert found["users' C ops"].text.endswith(said)


def test_compiler_of_ziglang(bare, monkeypatch, tmp_path) -> None:
    """The package is found where the PATH has nothing, and the line names it."""
    (tmp_path / "packages" / "ziglang").mkdir(parents=True)
    (tmp_path / "packages" / "ziglang" / "__init__.py").touch()
    program(tmp_path / "packages" / "ziglang", "zig", _WRITES + "echo zig of the test")
    monkeypatch.delitem(sys.modules, "ziglang")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    with config.change_flags(cxx=defaults.cxx(config)):
        line = line_about("C compiler")
    assert (line.status, line.text) == ("ok", f"{tmp_path / 'packages' / 'ziglang' / 'zig'}: zig of the test")


def test_without_blas(monkeypatch) -> None:
    """Neither SciPy's nor another: what is missing, and what to install; switched off on purpose is no fault."""
    monkeypatch.setattr(blas_module, "find_blas", nothing_found)
    line = line_about("BLAS")
    assert (line.status, line.text, line.remedy) == ("missing", "SciPy is not there", "pip install scipy")
    monkeypatch.undo()
    with config.change_flags(blas__ldflags=""):
        line = line_about("BLAS")
    assert (line.status, line.text) == ("info", "switched off by an empty blas.ldflags; products run on NumPy")


def nothing_found():
    raise blas_module.BlasError("SciPy is not there")


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


def test_layers_of_the_store(bare, tmp_path) -> None:
    """The line names the folders that are used beside the store's own."""
    with config.change_flags(cpu__store_layers=(str(tmp_path / "image"),)):
        line = line_about("kernel store")
    assert (line.status, line.text) == ("ok", f"{tmp_path / 'kernels'}, 0 libraries, above {tmp_path / 'image'}")


def test_only_clang(bare) -> None:
    """It serves for both languages."""
    for name in ("clang", "clang++"):
        program(bare, name, _WRITES + "echo clang of the test")
    with config.change_flags(cxx=defaults.cxx(config)):
        assert find_compiler().path == str(bare / "clang")
        assert config.cxx == str(bare / "clang++")
        (line,) = [line for line in lines() if line.topic == "C compiler"]
    assert (line.status, line.text) == ("ok", f"{bare / 'clang'}: clang of the test")
