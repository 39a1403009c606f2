"""``import tcore``: what it costs, what it loads, what it offers."""

from __future__ import annotations

import importlib
import os
import re
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import tcore

FORBIDDEN = (
    "scipy",
    "pluggy",
    "importlib_metadata",
    "importlib.metadata",
    "attr",
    "attrs",
    "numpy",
    "click",
    "rich",
    "configparser",
    "tcore_cpu",
    "tcore_cuda",
    "tcore_opencl",
    "tcore_sparse",
    "tcore_nnet",
    "tcore.plugins.core",
    "tcore.plugins.discovery",
    "tcore.tensor",
    "tcore.graph",
)


def test_loads_nothing() -> None:
    """``import tcore`` imports no plugin, no SciPy and none of what finds plugins, and prints nothing."""
    program = f"import sys, tcore; print([name for name in {FORBIDDEN!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
    assert done.stderr == ""


def test_tensor_loads_what_graphs_are_built_of() -> None:
    """``import tcore.tensor`` leaves to the first compilation what only that needs, and to those who ask what few need."""
    floors = ("tcore.compile", "tcore.optimizer", "tcore.link", "tcore.codegen", "tcore.gradient", "tcore.plugins.core", "tcore.plugins.declarations")
    seldom = ("scipy", "pluggy", "pdb", "hashlib", "pathlib", "shutil", "shlex", "tcore.tensor.blas", "tcore.graph.cdata_type")
    seldom += ("tcore.scalar.special", "tcore.scalar.composite", "tcore.tensor.cumulative", "tcore.tensor.diagonals", "tcore.graph.destroyhandler")
    seldom += tuple(f"tcore.tensor.{name}" for name in ("assertion", "extremes", "indexing", "manipulation", "products", "ranges", "subtensor", "type_other"))
    program = f"""
import sys, numpy
before = set(sys.modules)
import tcore.tensor
print([name for name in {floors + seldom!r} if name in set(sys.modules) - before])
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TCORE")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_tensor_generates_few_classes() -> None:
    """Each class that attrs writes costs a third of a millisecond: a bound for all that ``import tcore.tensor`` needs."""
    program = """
import attr._make, numpy
classes = []
build = attr._make._ClassBuilder.build_class
attr._make._ClassBuilder.build_class = lambda self: classes.append(self._cls) or build(self)
import tcore.tensor
print(len(classes))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert int(done.stdout) <= 27, done.stdout


def _cpu_seconds(program: str, times: int) -> float:
    """Median CPU time of a Python process."""
    results = []
    for _ in range(times):
        before = os.times()
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
        after = os.times()
        results.append(after.children_user + after.children_system - before.children_user - before.children_system)
    return statistics.median(results)


def test_costs_no_more_than_numpy() -> None:
    """CPU time of ``import tcore`` is at most 1.5 times that of ``import numpy`` (medians of fresh processes)."""
    _cpu_seconds("import tcore, numpy", 1)  # bytecode
    assert _cpu_seconds("import tcore", 5) <= 1.5 * _cpu_seconds("import numpy", 5)


def test_version_is_that_of_the_distribution() -> None:
    """The number in the package is the one in the metadata."""
    text = Path(tcore.__file__).parent / "pyproject.toml"
    if text.exists():
        assert re.search(r'^version = "(.*)"', text.read_text(), re.MULTILINE)[1] == tcore.__version__
    assert version("tcore") == tcore.__version__


@pytest.mark.parametrize("name", sorted(tcore._HOMES))
def test_every_name_resolves(name: str) -> None:
    """The top level holds what it lists, and each is the object of its home."""
    home, _, own_name = tcore._HOMES[name].partition(":")
    assert getattr(tcore, name) is getattr(importlib.import_module(home), own_name or name)
    assert name in dir(tcore)


def test_unknown_name() -> None:
    """An unknown name is an AttributeError that names it."""
    with pytest.raises(AttributeError, match="module 'tcore' has no attribute 'functoin'"):
        _ = tcore.functoin


@pytest.mark.parametrize("package", ["tcore.graph", "tcore.scalar", "tcore.tensor"])
def test_names_that_load_later(package: str) -> None:
    """A star import gives them, ``dir`` lists them, and their modules are attributes, whatever was asked for before."""
    module = importlib.import_module(package)
    names = {"tcore.graph": "DestroyHandler EnumList", "tcore.scalar": "Composite erf float64", "tcore.tensor": "erf tril dmatrix"}[package]
    home = {"tcore.graph": "destroyhandler", "tcore.scalar": "composite", "tcore.tensor": "triangles"}[package]
    program = f"""
import {package}
assert "{package}.{home}" not in __import__("sys").modules
assert {package}.{home}.__name__ == "{package}.{home}"
from {package} import *
print({", ".join(names.split())})
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, stdout=subprocess.DEVNULL)
    assert not [name for name in module.__all__ if not hasattr(module, name)]
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'functoin'"):
        _ = module.functoin


def test_a_first_function_loads_no_tools() -> None:
    """What debugs, measures and reports is loaded when it is asked for."""
    tools = ("pdb", "logging", "tempfile", "tcore.compile.debugmode", "tcore.compile.nanguardmode", "tcore.compile.profiling", "tcore.compile.explanation")
    program = f"""
import sys, tcore, tcore.tensor as T
x = T.dscalar()
assert tcore.function([x], x ** 2 + 1)(3.0) == 10.0
print([name for name in {(*tools, "tcore.optimizer.catalogue")!r} if name in sys.modules])
"""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TCORE")}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**environment, "TCORE_FLAGS": "backend=numpy"}, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
