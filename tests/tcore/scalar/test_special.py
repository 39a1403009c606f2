"""Special functions in kernels: our own formulas agree with SciPy's within stated bounds, at the ends and where series meet."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import tcore
import tcore.tensor as T

rng = np.random.default_rng(8)
BY_PERFORM = ("numpy", "cuda-compile")
"""Where SciPy gives the values: nothing runs what is compiled for CUDA."""


def powers(low, high, count=400):
    """Numbers of all magnitudes between powers of ten."""
    return 10 ** rng.uniform(low, high, count)


ENDS = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-310, -1e-310])
ANY = np.concatenate([ENDS, rng.uniform(-50, 50, 2000), powers(-10, 3), [8.0, -8.0, np.nextafter(8, 9)]])
# function: the points, and how far it may be from SciPy's: a part of the value, and absolutely (near zeros)
ONE = {
    "erfcx": (np.concatenate([ENDS, rng.uniform(-26, 10, 2000), powers(-10, 100), [-30.0]]), 2e-13, 0),
    "erfinv": (np.concatenate([ENDS, [2.0, 0.85, np.nextafter(0.85, 1)], rng.uniform(-1, 1, 2000), 1 - powers(-15.9, 0), powers(-300, 0)]), 2e-15, 0),
    "erfcinv": (np.concatenate([ENDS, [2.0, 2.5, 1e-323], rng.uniform(0, 2, 2000), powers(-307, 0)]), 2e-15, 0),
    "psi": (np.concatenate([ENDS, [-2.0, 1.4616321449683622, 2.0, 10.0], rng.uniform(-20, 20, 2000), powers(-300, 300)]), 2e-13, 1e-13),  # SciPy rounds the distance from a pole
    "j0": (np.concatenate([ANY, [2.404825557695773, 5.520078110286311]]), 2e-14, 2e-15),
    "j1": (np.concatenate([ANY, [3.8317059702075125, 7.0155866698156188]]), 2e-14, 2e-15),
    "i0": (ANY[np.isfinite(ANY) & (abs(ANY) < 700)], 3e-15, 0),
    "i1": (ANY[np.isfinite(ANY) & (abs(ANY) < 700)], 3e-15, 0),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_as_scipy(dtype, backend):
    """All magnitudes, both sides of each border between two formulas, what is not finite, and what is outside of the domain."""
    xs = {name: T.vector(name, dtype=dtype) for name in ONE}
    f = tcore.function(list(xs.values()), [getattr(T, name)(x) for name, x in xs.items()])
    with np.errstate(over="ignore"):
        points = {name: values.astype(dtype) for name, (values, *_) in ONE.items()}
    if backend not in BY_PERFORM:
        assert "Python" not in str(f.explain())
    for (name, x), found in zip(points.items(), f(*points.values()), strict=True):
        relative, absolute = ONE[name][1:] if dtype == "float64" else (2e-7, 1e-7)
        wanted = getattr(special, name)(x.astype("float64"))
        kept = (abs(wanted) < np.finfo(dtype).max) | ~np.isfinite(wanted)
        np.testing.assert_allclose(found[kept], wanted[kept], relative, max(absolute, float(np.finfo(dtype).tiny)), err_msg=name)


def test_where_scipy_ends(backend):
    """I0 and I1 are finite as long as their values are, J0 is right beside its zeros: its value there is that of the slope times the rounding of the zero."""
    x = T.dvector()
    i0, i1, j0 = tcore.function([x], [T.i0(x), T.i1(x), T.j0(x)])(np.array([712.0, 1e4, np.inf, -np.inf, 2.404825557695773]))
    if backend in BY_PERFORM:
        return
    # exp(x) / sqrt(2 pi x) (1 + 1 / (8 x) + 9 / (128 x^2)), the beginning of Hankel's expansion
    np.testing.assert_allclose(np.log(i0[0]), 712 - np.log(2 * np.pi * 712) / 2 + np.log1p(1 / (8 * 712) + 9 / (128 * 712**2)), rtol=1e-12)
    assert i1[0] < i0[0] < np.inf
    np.testing.assert_array_equal([i0[1:4], i1[1:4]], [[np.inf] * 3, [np.inf, np.inf, -np.inf]])
    np.testing.assert_allclose(j0[4], -0.5191474972894669 * 1.176691651530894e-16, rtol=1e-6)


DEGREES = powers(-2, 5, 1500)
AROUND = [DEGREES * powers(-1, 1, 1500), abs(DEGREES + rng.normal(size=1500) * np.sqrt(2 * DEGREES) * 2)]
#: of 40 digits, by Legendre's continued fraction: (degrees, value, chance of more)
KNOWN = [
    (8295.197553110407, 12455.128599188376, 8.2008054490899387e-174),
    (4529.349402660722, 8562.136389756144, 3.5665342769569705e-252),
    (1e9, 1e9 + 6 * 44721.0, 9.9005619056315158e-10),
    (1e9, 1e9 - 6 * 44721.0, 0.99999999901628572),
    (1e9, 1e9 + 100.0, 0.49910199164967255),
]


@pytest.mark.usefixtures("backend")
def test_chi_square():
    """Degrees from 0.01 to 1e5 as SciPy's; where that is less exact, far in the tail and for 1e9 degrees, as the value in 40 digits."""
    x, k = T.dvector(), T.dvector()
    f = tcore.function([x, k], T.chi2sf(x, k))
    for values in AROUND:
        np.testing.assert_allclose(f(values, DEGREES), special.chdtrc(DEGREES, values), rtol=2e-11, atol=1e-300)
    ends = [np.array(column) for column in zip((0.0, 2), (0, 2), (np.inf, 2), (np.nan, 2), (3, np.nan), (3, 0), (3, np.inf), (3, -1), strict=True)]
    np.testing.assert_array_equal(f(*ends), special.chdtrc(*ends[::-1]))


def test_chi_square_of_many_degrees(backend):
    """Against 40 digits; ``perform`` is SciPy, which has fewer there."""
    x, k = T.dvector(), T.dvector()
    degrees, values, wanted = map(np.array, zip(*KNOWN, strict=True))
    np.testing.assert_allclose(tcore.function([x, k], T.chi2sf(x, k))(values, degrees), wanted, rtol=1e-9 if backend in BY_PERFORM else 2e-13)


@pytest.mark.usefixtures("backend")
def test_chi_square_of_negative_values():
    """No number, whatever version of SciPy is there."""
    x, k = T.dvectors("x", "k")
    np.testing.assert_array_equal(tcore.function([x, k], T.chi2sf(x, k))([-1.0, -1e-3, 0.0], [3.0, 1.0, 2.0]), [np.nan, np.nan, 1.0])
