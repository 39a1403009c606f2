"""Linkers by name, and backends that cannot run."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile import Mode, backends, predefined_linkers, register_linker
from tcore.compile.backends import BackendError, BackendWarning, current_backend, host_backend, restored_linker
from tcore.link import PerformLinker
from tcore.plugins.errors import PluginError


@pytest.fixture(autouse=True)
def _numpy():
    with tcore.config.change_flags(backend="numpy"):
        yield


def test_linkers_by_name(monkeypatch):
    """A registered linker is known by name, in modes and in ``predefined_linkers``; each use is its own."""

    monkeypatch.setattr(backends, "_registered", {})
    linker = PerformLinker()
    register_linker("of_this_test", linker)
    assert "of_this_test" in predefined_linkers
    assert "nothing" not in predefined_linkers
    assert list(predefined_linkers) == list(predefined_linkers.keys())
    assert len(predefined_linkers) == len(predefined_linkers.keys())
    assert predefined_linkers["of_this_test"] is not linker
    assert type(predefined_linkers["py"]) is PerformLinker
    with pytest.raises(KeyError):
        predefined_linkers["nothing"]
    x = T.dvector("x")
    np.testing.assert_array_equal(tcore.function([x], x + 1, mode=Mode("of_this_test", None))([1.0]), [2.0])


@pytest.mark.parametrize("name", ["cvm", "cvm_nogc", "c|py", "c|py_nogc", "vm", "vm_nogc", "py"])
def test_linkers_without_a_backend(name):
    """All but ``c`` run on NumPy; those with _nogc keep intermediate values."""
    x = T.dvector("x")
    f = tcore.function([x], T.exp(T.log(x)[::-1]), mode=Mode(name, None))
    np.testing.assert_allclose(f([1.0, 4.0]), [4.0, 1.0], rtol=1e-15)
    (between,) = [cell for variable, cell in f.fn.storage_map.items() if variable.owner is not None and variable.owner.op == T.log]
    assert (between[0] is not None) is name.endswith("_nogc")


def test_lost_backend(monkeypatch):
    """A backend that cannot be imported: NumPy after one warning where nobody asked for it, else an error."""

    def refuse(reference):
        raise PluginError("it is broken")

    class Lacking:
        def unavailable(self):
            return "no compiler"

    monkeypatch.setattr(backends, "_backends", {})
    monkeypatch.setattr(backends, "_warned", set())
    monkeypatch.setattr(backends, "resolve", refuse)
    with tcore.config.change_flags(backend="auto"):
        with pytest.warns(BackendWarning, match="the backend 'cpu' cannot run, so functions run on NumPy, slower: it is broken"):
            assert current_backend() is None
        assert current_backend() is None
        assert host_backend() is None
        assert restored_linker(("cpu", {})) is None
        assert restored_linker(("other", {})) is None
        monkeypatch.setattr(backends, "_warned", set())
        monkeypatch.setattr(backends, "resolve", lambda reference: Lacking)
        with pytest.warns(BackendWarning, match="slower: no compiler"):
            assert current_backend() is None
        assert host_backend() is None
    monkeypatch.setattr(backends, "_backends", {})
    monkeypatch.setattr(backends, "resolve", refuse)
    with tcore.config.change_flags(backend="cpu"), pytest.raises(PluginError, match="it is broken"):
        current_backend()
    monkeypatch.setattr(backends, "resolve", lambda reference: Lacking)
    with tcore.config.change_flags(backend="opencl"), pytest.raises(BackendError, match="the backend 'opencl' cannot run: no compiler"):
        current_backend()
