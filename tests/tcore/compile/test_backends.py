"""Linkers by name, and backends that cannot run."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.compile import Mode, backends, predefined_linkers, register_linker
from tcore.link import PerformLinker


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
