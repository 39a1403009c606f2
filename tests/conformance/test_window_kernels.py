"""Windows of every size over arrays of every layout: kernels against ``perform``."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_arrays import draws, make, ordinary
from conformance_windows import GEOMETRIES, pools
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1).map(np.random.default_rng)
LENGTHS = st.sampled_from([0, 1, 2, 3, 5, 8, 17])


CASES = [("float64", (False,) * 3, geometry) for geometry in GEOMETRIES]
CASES += [("float32", (True, False, False, False), GEOMETRIES[1]), ("int16", (False,) * 2, GEOMETRIES[3]), ("bool", (False,) * 2, GEOMETRIES[2])]


@pytest.mark.parametrize(("dtype", "flags", "geometry"), CASES, ids=str)
@draws(6)
@given(data=st.data(), rng=SEEDS, ignore_border=st.booleans())
def test_pools(dtype, flags, geometry, data, rng, ignore_border):
    """Every mode; NaN and infinities; arrays without elements, and smaller than a window."""
    shape = tuple(data.draw(LENGTHS) for _ in flags)
    pools(dtype, flags, geometry, ignore_border).agree(make(data, rng, dtype, shape, flags, fill=ordinary))
