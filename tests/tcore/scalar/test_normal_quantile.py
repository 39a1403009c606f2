"""The normal quantile: accuracy, ends, derivative, the same bits on every backend."""

import numpy as np
import pytest
from scipy.special import ndtri

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.scalar.normal_quantile import normal_quantile as scalar_quantile
from tcore.tensor.random.uniform_streams import normal_quantile

P = np.concatenate([
    np.linspace(0.001, 0.999, 999), 2.0 ** -np.arange(1.0, 64), 1 - 2.0 ** -np.arange(1.0, 54), [0.075, 0.925, np.nextafter(0.075, 0)],
])  # fmt: skip


def test_accuracy():
    """As SciPy's, to about ten units of the last place."""
    np.testing.assert_allclose(scalar_quantile.impl(P), ndtri(P), rtol=2e-15, atol=1e-16)
    assert scalar_quantile.impl(0.5) == 0


def test_ends():
    """0, 1 and what is near count as 2**-63 and 1 - 2**-63; NaN stays."""
    low = scalar_quantile.impl(2.0**-63)
    np.testing.assert_array_equal(scalar_quantile.impl([0.0, 2.0**-70, 1.0, np.nan]), [low, low, -low, np.nan])


def test_same_bits(backend):
    """Every backend has NumPy's bits."""
    x, h = tt.dvector("x"), tt.fvector("h")
    np.testing.assert_array_equal(tcore.function([x], normal_quantile(x))(P), scalar_quantile.impl(P))
    narrow = P.astype("float32")
    got = tcore.function([h], normal_quantile(h))(narrow)
    assert got.dtype == "float32"
    np.testing.assert_array_equal(got, scalar_quantile.impl(narrow).astype("float32"))


@pytest.mark.parametrize("dtype", ["float16", "int8"])
def test_other_dtypes(dtype):
    """Half precision stays, integers become floats."""
    x = tt.TensorType(dtype, (False,))()
    y = normal_quantile(x)
    assert y.dtype.startswith("float")
    assert tcore.function([x], y, mode=Mode("py", None))(np.zeros(2, dtype)).dtype == y.dtype


def test_gradient():
    """1 / density."""
    x = tt.dscalar("x")
    slope = tcore.function([x], tcore.grad(normal_quantile(x), x), mode=Mode("py", None))
    for p in (0.01, 0.3, 0.9):
        np.testing.assert_allclose(slope(p), np.sqrt(2 * np.pi) * np.exp(ndtri(p) ** 2 / 2))
