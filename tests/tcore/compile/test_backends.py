"""Linkers by name, and backends that cannot run."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile import Mode, backends, predefined_linkers, register_linker
from tcore.link import PerformLinker

pytestmark = pytest.mark.usefixtures("numpy_backend")


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


class Installed:
    """A manager that has nothing installed."""

    @staticmethod
    def find_backend(name):
        return None


def test_nothing_installed(monkeypatch):
    """``auto`` is NumPy then, and device backends have no compiler on the host."""
    monkeypatch.setattr(backends, "manager", Installed)
    with tcore.config.change_flags(backend="auto"):
        assert backends.current_backend() is None
    assert backends.host_backend() is None


def test_linker_of_no_name():
    """The message lists those that there are."""
    with pytest.raises(ValueError, match=r"there is no linker 'fast'; there are py, c, c\|py"):
        backends.linker_named("fast")
    x = T.dvector("x")
    with pytest.raises(ValueError, match="fast"):
        tcore.function([x], x, mode=Mode("fast", None))


@pytest.mark.parametrize("named", [None, "numpy"])
def test_a_device_decides_on_its_backend(named, monkeypatch):
    """``device=…`` alone asks for the backend that the device names, or the one with the name of its family."""

    class Manager:
        @staticmethod
        def device(name):
            return SimpleNamespace(backend=named, family="family")

        @staticmethod
        def backend(name):
            raise LookupError(name)

    monkeypatch.setattr(backends, "manager", Manager)
    monkeypatch.setattr(backends, "config", SimpleNamespace(backend="auto", device="family0", force_device=True))
    if named == "numpy":
        assert backends.current_backend() is None
    else:
        with pytest.raises(LookupError, match="family"):
            backends.current_backend()


def test_a_linker_without_memory_of_its_own():
    """What a linker makes need not have a method ``free``; functions with it can be freed all the same."""

    class Bare(PerformLinker):
        def make_thunk(self, *args, **kwargs):
            fn, inputs, outputs = super().make_thunk(*args, **kwargs)

            def bare(output_subset=None):
                fn(output_subset)

            return bare, inputs, outputs

    x = T.dvector("x")
    f = tcore.function([x], T.exp(x) - 1, mode=Mode(Bare(), None))
    f([0.0])
    f.free()
    np.testing.assert_array_equal(f([0.0]), [0.0])
