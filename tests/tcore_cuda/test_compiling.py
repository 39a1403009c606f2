"""The compile-only backend and the report, on machines with and without a GPU."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T

compiler = pytest.importorskip("tcore_cuda.compiler", reason="tcore-cuda is not installed")

from tcore_cuda import report, runtime

needs_nvrtc = pytest.mark.skipif(compiler.unavailable() is not None, reason="NVRTC is not installed")


@needs_nvrtc
def test_compile_only_backend_compiles_for_every_architecture(monkeypatch):
    """Its values come from ``perform``; each kernel is compiled for all architectures on the way."""
    seen = []
    real = compiler.compile_cubin
    monkeypatch.setattr(compiler, "compile_cubin", lambda source, arch, *options: seen.append(arch) or real(source, arch, *options))
    x = T.dvector("x")
    with tcore.config.change_flags(backend="cuda-compile"):
        f = tcore.function([x], T.exp(x) * 2.0 - 0.8251)
    np.testing.assert_allclose(f(np.array([0.0, 1.0])), np.exp([0.0, 1.0]) * 2 - 0.8251)
    assert set(seen) == set(compiler.ARCHITECTURES)


def test_no_driver_is_said_in_these_words(monkeypatch):
    """Without libcuda the report says "no driver"."""

    def refuse(name):
        raise OSError(name)

    monkeypatch.setattr(runtime.ctypes, "CDLL", refuse)
    (line,) = (line for line in report.report() if line.topic == "CUDA device")
    assert line.text.startswith("no driver")
    assert "install the NVIDIA driver" in line.remedy
