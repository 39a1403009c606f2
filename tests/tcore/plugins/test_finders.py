"""Mounted modules and documented paths: one module object under two names."""

from __future__ import annotations

import importlib
import sys
import types

import pytest
from first_imports import failures_of_first_imports

from tcore import finders
from tcore.compat.paths import PATHS
from tcore.compile import native_linkers
from tcore.compile.backends import host_backend
from tcore.finders import Facade
from tcore.tensor.values import refuse_masked

USE_M = "import tcore.plugins.process as process\nprocess._manager = m\nimport tcore\n"


@pytest.fixture
def mount(site):
    """A plugin whose package is mounted as ``tcore.extra``."""
    site.plugin(
        "extra",
        "",
        more="[tcore.modules]\nextra = pk_extra\n",
        pk_extra__deep__ops="class Median: pass\n",
        pk_extra__broken="import nothing_like_this\n",
    )
    return site


def test_one_module_under_two_names(mount) -> None:
    """The mount, its submodules and what is imported from them are the real ones; specs and pickles stay real."""
    assert mount.output(
        USE_M
        + """
import pickle
import tcore.extra.deep.ops
import pk_extra.deep.ops
real = pk_extra.deep.ops
from tcore.extra.deep.ops import Median
print(tcore.extra is sys.modules["pk_extra"], tcore.extra.deep.ops is real, sys.modules["tcore.extra.deep.ops"] is real)
print(real.__spec__.name, real.__name__, Median.__module__, pk_extra.__spec__.name)
print(pickle.loads(pickle.dumps(Median)) is Median, b"tcore" in pickle.dumps(Median))
print(m.state("extra").status)
"""
    ) == ["True True True", "pk_extra.deep.ops pk_extra.deep.ops pk_extra.deep.ops pk_extra", "True False", "loaded"]


def test_real_package_first(mount) -> None:
    """The order in which the two names are imported does not matter."""
    assert mount.output(
        USE_M
        + """
import pk_extra.deep.ops as real
import tcore.extra.deep.ops as mounted
print(mounted is real)
from tcore import extra
print(extra is pk_extra if "pk_extra" in globals() else extra.__name__)
"""
    ) == ["True", "pk_extra"]


def test_attribute_without_import(mount) -> None:
    """``tcore.extra`` works as an attribute, and reload leaves the identity alone."""
    assert mount.output(
        USE_M
        + """
import importlib
print(tcore.extra.__name__)
print(importlib.reload(tcore.extra) is sys.modules["pk_extra"])
"""
    ) == ["pk_extra", "True"]


def test_missing_and_broken_submodules(mount) -> None:
    """A submodule that is not there is a ModuleNotFoundError; one that is broken tells why."""
    lines = mount.output(
        USE_M
        + """
for name in ("tcore.extra.absent", "tcore.extra.broken", "tcore.absent"):
    try:
        __import__(name)
    except ModuleNotFoundError as error:
        print(error)
print(hasattr(tcore, "absent"), hasattr(tcore, "_absent"))
"""
    )
    assert lines[0] == "No module named 'tcore.extra.absent'"
    assert lines[1] == "No module named 'nothing_like_this'"
    assert lines[2] == "No module named 'tcore.absent'"
    assert lines[3] == "False False"


def test_mount_of_a_package_that_is_not_installed(site) -> None:
    """The error names the real package and what to type, for ``import``, ``from`` and attributes."""
    lines = site.output(
        USE_M
        + """
for line in ("import tcore.sparse", "from tcore import sparse", "import tcore.sparse.basic"):
    try:
        exec(line)
    except ModuleNotFoundError as error:
        print(error.name, "|", error)
try:
    tcore.sparse
except AttributeError as error:
    print(error)
"""
    )
    for line in lines[:3]:
        assert line.startswith("tcore_sparse | No module named 'tcore_sparse': tcore.sparse is part of the package tcore-sparse")
        assert "pip install ./tcore ./tcore_sparse" in line
    assert "tcore.sparse is part of the package tcore-sparse, which is not installed" in lines[3]


def test_mount_of_a_plugin_that_is_off(mount) -> None:
    """A disabled plugin's mount names the switch."""
    (line,) = mount.output(USE_M + "try:\n    import tcore.extra\nexcept ImportError as error:\n    print(error)\n", tcore_flags="plugins.disabled=extra")
    assert "the option plugins.disabled leaves it out" in line


def test_two_threads_import_a_mount(mount) -> None:
    """A mount that two threads import at once is one module."""
    assert mount.output(
        USE_M
        + """
import threading
got = []
def ask():
    import tcore.extra.deep.ops as module
    got.append(module)
threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join(20)
print(len(got), len(set(map(id, got))))
"""
    ) == ["8 1"]


@pytest.mark.parametrize("path", sorted(PATHS))
def test_documented_path(path: str) -> None:
    """Every documented path imports, its targets exist, and it is no second copy of anything."""
    module = importlib.import_module(path)
    target = PATHS[path]
    if isinstance(target, str):
        assert module is importlib.import_module(target)
        assert module.__spec__.name == target
    else:
        assert isinstance(module, Facade)
        for source in target:
            importlib.import_module(source)
        for name in dir(module):
            if name in native_linkers.__all__ and host_backend() is None:
                with pytest.raises(AttributeError, match=name):
                    getattr(module, name)
            else:
                getattr(module, name)


def test_a_facade_is_what_it_is_made_of() -> None:
    """Names of a documented module are the objects of the real ones."""
    import tcore.gof.graph

    assert tcore.gof.graph.Apply is tcore.graph.Apply
    assert tcore.gof.Variable is tcore.Variable
    with pytest.raises(AttributeError, match=r"'tcore\.gof\.graph' has no attribute 'nothing'"):
        _ = tcore.gof.graph.nothing


def test_import_theano(site) -> None:
    """After install(), programs import the documented package and get tcore, the same modules."""
    assert site.output("""
from tcore.compat import theano
theano.install()
theano.install()
import theano as T, tcore
import theano.gof.graph
from theano.configparser import config as c
print(T is tcore, theano.gof.graph is sys.modules["tcore.gof.graph"], tcore.__name__, tcore.__spec__.name)
import theano.graph.op
print(theano.graph.op is sys.modules["tcore.graph.op"], c is tcore.config)
try:
    import theano.nothing
except ModuleNotFoundError as error:
    print(error)
""") == ["True True tcore tcore", "True True", "No module named 'theano.nothing'"]


def test_import_theano_after_another(site) -> None:
    """A package of that name that is imported already is not replaced."""
    (site.folder / "theano.py").write_text("")
    assert site.output("""
import theano
from tcore.compat.theano import install
try:
    install()
except RuntimeError as error:
    print(str(error).partition(",")[0])
""") == ["theano is imported already"]


def test_finders_stand_where_they_should() -> None:
    """One finder of ours is last in line."""
    names = [type(finder).__name__ for finder in sys.meta_path]
    assert names.count("MissingFinder") == 1


def test_a_submodule_that_needs_what_is_not_there() -> None:
    """Is no missing attribute: the error names the module that is missing."""
    assert finders.lazy_submodules("tcore.graph")("apply") is importlib.import_module("tcore.graph.apply")
    with pytest.raises(AttributeError, match="module 'tcore.graph' has no attribute 'nothing'"):
        finders.lazy_submodules("tcore.graph")("nothing")
    module = types.ModuleType("pk_lazy")
    module.__path__ = []

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name == "pk_lazy.needs":
                raise ModuleNotFoundError("No module named 'not_there'", name="not_there")

    sys.modules["pk_lazy"] = module
    sys.meta_path.insert(0, Finder)
    try:
        with pytest.raises(ModuleNotFoundError, match="not_there"):
            finders.lazy_submodules("pk_lazy")("needs")
    finally:
        sys.meta_path.remove(Finder)
        del sys.modules["pk_lazy"]


def test_the_last_finder_stands_in_line_once() -> None:
    """However often it is installed."""
    finders.install(dict, {}.get)
    assert sum(isinstance(finder, finders.MissingFinder) for finder in sys.meta_path) == 1


def test_masked_arrays_while_another_thread_loads_their_module(monkeypatch) -> None:
    """Half a module has no masked arrays."""
    monkeypatch.setitem(sys.modules, "numpy.ma", types.ModuleType("numpy.ma"))
    refuse_masked([1.0])


def test_first_imports_from_several_threads() -> None:
    """None waits for another that waits for it: finders import nothing while Python holds the lock of all imports."""
    assert failures_of_first_imports(
        "from tcore.sandbox.rng_mrg import MRG_RandomStreams", "import tcore.printing", "import tcore.compile", "import tcore.gof", "import tcore.ifelse"
    ) == "0"
