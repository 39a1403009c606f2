"""The compiled core of the runtime that comes with the package, and what is done without it."""

from __future__ import annotations

import subprocess

import pytest

from tcore.configuration import config
from tcore_cpu.compiling.compiler import Compiler, find_compiler
from tcore_cpu.compiling.core_object import core_object
from tcore_cpu.compiling.store import open_store
from tcore_cpu.native import build

pytestmark = pytest.mark.skipif(build.shipped_object() is None, reason="the package was installed without a compiler")


def test_core_comes_compiled(tmp_path) -> None:
    """Nothing is compiled for the plain compiler; the object is of these sources."""
    compiler = Compiler(("gcc",), "/usr/bin/gcc")
    with config.change_flags(cpu__store=str(tmp_path)):
        found = core_object(compiler, open_store(config.cpu.store))
    assert found == build.shipped_object()
    assert build.source_hash() in found.name
    assert not list(tmp_path.glob("**/*.o"))


def test_compiler_with_options_makes_its_own(tmp_path, monkeypatch) -> None:
    """Options such as -fsanitize decide what objects can be linked with; the second time it is in the store."""
    source = tmp_path / "core.c"
    source.write_text("#ifdef OPTION\nint option;\n#endif\n", encoding="utf-8")
    monkeypatch.setattr(build, "object_command", lambda command, target: [*command, "-c", str(source), "-o", str(target)])
    real = find_compiler()
    compiler = Compiler((*real.command, "-DOPTION"), real.path)
    with config.change_flags(cpu__store=str(tmp_path / "store")):
        store = open_store(config.cpu.store)
        made = core_object(compiler, store)
        assert b"option" in made.read_bytes()
        monkeypatch.setattr(build, "object_command", None)
        assert core_object(compiler, store) == made


def test_build_replaces_the_objects_of_other_sources(tmp_path, monkeypatch) -> None:
    """As an editable installation does after each change."""
    monkeypatch.setattr(build, "object_command", lambda command, target: [*command, "-xc", "-c", "/dev/null", "-o", str(target)])
    (tmp_path / "_core-0123.o").write_bytes(b"old")
    made = build.build_object(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [made.name]
    assert subprocess.run(["nm", str(made)], capture_output=True, check=False).returncode == 0
