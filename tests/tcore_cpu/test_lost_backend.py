"""A backend that is installed and cannot run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import tcore
from tcore.compile import backends
from tcore.compile.backends import BackendError, BackendWarning, current_backend, host_backend, restored_linker
from tcore.plugins import BackendSpec
from tcore.plugins.errors import PluginError


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
        x = tcore.tensor.dvector("x")
        with pytest.warns(BackendWarning, match="slower: no compiler") as caught:
            tcore.function([x], x + 1)
        (warning,) = caught
        assert warning.filename == __file__  # the line of the user, not one of tcore
        assert host_backend() is None
    monkeypatch.setattr(backends, "_backends", {})
    monkeypatch.setattr(backends, "resolve", refuse)
    with tcore.config.change_flags(backend="cpu"), pytest.raises(PluginError, match="it is broken"):
        current_backend()
    monkeypatch.setattr(backends, "resolve", lambda reference: Lacking)
    other = BackendSpec("other", load="somewhere:Other", summary="one that is not the CPU's")
    monkeypatch.setattr(backends, "manager", lambda: SimpleNamespace(backend={"other": other}.get))
    with tcore.config.change_flags(backend="other"), pytest.raises(BackendError, match="the backend 'other' cannot run: no compiler"):
        current_backend()
