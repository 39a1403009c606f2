"""Windows of every size over arrays of every layout: kernels and C code against ``perform``."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_arrays import draws, make, ordinary
from conformance_windows import GEOMETRIES, correlations, pools
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
LENGTHS = st.sampled_from([0, 1, 2, 3, 5, 8, 17])


CASES = [("float64", (False,) * 3, geometry) for geometry in GEOMETRIES]
CASES += [("float32", (True, False, False, False), GEOMETRIES[1]), ("float16", (False,) * 2, GEOMETRIES[0]), ("float16", (False,) * 2, GEOMETRIES[3]), ("int16", (False,) * 2, GEOMETRIES[3]), ("bool", (False,) * 2, GEOMETRIES[2])]


@pytest.mark.parametrize(("dtype", "flags", "geometry"), CASES, ids=str)
@draws(6)
@given(data=st.data(), rng=SEEDS, ignore_border=st.booleans())
def test_pools(dtype, flags, geometry, data, rng, ignore_border):
    """Every mode; NaN and infinities; arrays without elements, and smaller than a window."""
    shape = tuple(data.draw(LENGTHS) for _ in flags)
    pools(dtype, flags, geometry, ignore_border).agree(make(data, rng, dtype, shape, flags, fill=ordinary))


@pytest.mark.parametrize(("dtype", "stride", "dilation"), [("float64", (1, 2), (2, 1)), ("float32", (1, 1), (1, 1)), ("float16", (1, 2), (2, 1)), ("int16", (3, 1), (1, 1))])
@draws(12)
@given(data=st.data(), rng=SEEDS)
def test_correlations(dtype, stride, dilation, data, rng):
    """Filters that fit and filters that do not, also without images, channels or elements."""
    few, many = st.sampled_from([1, 2, 0, 3, 6]), st.sampled_from([5, 9, 17, 1, 0])
    batch, filters, channels = data.draw(few), data.draw(few), data.draw(few)
    others = channels + (data.draw(st.integers(0, 5)) == 5)
    shapes = (batch, channels, data.draw(many), data.draw(many)), (filters, others, data.draw(few), data.draw(few))
    correlations(dtype, stride=stride, dilation=dilation).agree(*(make(data, rng, dtype, shape, fill=finite) for shape in shapes))


def finite(rng, dtype, shape):
    """Numbers of moderate size: infinity times zero would depend on nothing but be everywhere."""
    made = ordinary(rng, dtype, shape)
    return np.where(np.isfinite(made), made, made.dtype.type(2))
