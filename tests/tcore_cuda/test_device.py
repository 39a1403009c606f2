"""A first look at a real GPU; skipped, with what is missing, where there is none. ``--backend cuda`` runs everything else on it, too."""

from __future__ import annotations

import numpy as np
import pytest
from in_threads import together

pytest.importorskip("tcore_cuda", reason="tcore-cuda is not installed")

import tcore
import tcore.tensor as T
from tcore_cuda import compiler, runtime


@pytest.fixture(autouse=True)
def _gpu():
    reason = runtime.missing() or compiler.unavailable()
    if reason is not None:
        pytest.skip(f"no GPU: {reason}")
    with tcore.config.change_flags(backend="cuda"):
        yield


def test_fused_kernel():
    """``2*a+3*b-sqrt(c)*exp(-d)`` is one kernel and gives NumPy's numbers."""
    a, b, c, d = T.dvectors("abcd")
    f = tcore.function([a, b, c, d], 2 * a + 3 * b - T.sqrt(c) * T.exp(-d))
    values = np.random.default_rng(5).uniform(size=(4, 100_000))
    expected = 2 * values[0] + 3 * values[1] - np.sqrt(values[2]) * np.exp(-values[3])
    np.testing.assert_allclose(f(*values), expected, rtol=1e-14, atol=1e-15)
    assert len(f.maker.linker.kernels()) == 1


def test_reductions_and_products():
    """Both kinds of reduction, a matrix product, and a scatter with repeated indices."""
    rng = np.random.default_rng(5)
    x, i = T.dmatrix("x"), T.lvector("i")
    f = tcore.function([x, i], [x.sum(axis=0), x.max(axis=1), T.dot(x, x.T), T.inc_subtensor(x[i], 1.0)])
    value, index = rng.normal(size=(300, 70)), np.array([0, 299, 0, -1])
    expected = value.copy()
    np.add.at(expected, index, 1.0)
    for got, wanted in zip(f(value, index), [value.sum(axis=0), value.max(axis=1), value @ value.T, expected], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)


def test_from_several_threads():
    """One function, called from four threads at once."""
    x = T.dvector("x")
    f = tcore.function([x], T.tanh(x).sum())
    together(lambda k: np.testing.assert_allclose(f(np.full(1000, float(k))), 1000 * np.tanh(k), rtol=1e-12), 4)
