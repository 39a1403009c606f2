"""The runtime's extension module: made in phases, without Python objects in static memory."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import tcore_cpu

NATIVE = Path(tcore_cpu.__file__).parent / "native"


def test_a_second_module_has_types_of_its_own() -> None:
    """Initialization in phases: each module has its own state."""
    first = pytest.importorskip("tcore_cpu._runtime", reason="this installation has the cffi form of the runtime")
    spec = importlib.util.spec_from_file_location("tcore_cpu._runtime", first.__file__)
    second = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(second)
    assert second is not first
    assert second.ABI == first.ABI
    for name in ("Program", "Entry", "CStep", "Machine", "CellsEntry"):
        assert getattr(second, name) is not getattr(first, name)


def test_no_static_python_objects() -> None:
    """No variable of the file holds one: what Python owns lives in the module and in its instances."""
    static = re.compile(r"^(?:static\s+)?(?:PyObject|PyTypeObject)\s*\*?\s*\w+\s*(?:=[^;]*)?;", re.MULTILINE)
    found = [f"{path.name}: {match}" for path in sorted(NATIVE.glob("*.[ch]")) for match in static.findall(path.read_text())]
    assert not found
