"""Every function of the loop IR has the meaning that its table states."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_arrays import draws, make, shapes
from conformance_functions import functions, take_part
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module", autouse=True)
def lowering():
    """The op that is a function by name takes part."""
    with pytest.MonkeyPatch.context() as patch:
        take_part(patch)
        yield


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8", "int64", "uint16", "uint32", "uint64", "bool"])
@draws(5)
@given(data=st.data(), rng=st.integers(0, 2**32 - 1).map(np.random.default_rng), ndim=st.integers(0, 3))
def test_functions(dtype, data, rng, ndim):
    """Shifts by the width and beyond, divisions by zero, roots of negative numbers among them."""
    shape = data.draw(shapes(ndim))
    functions(dtype, ndim).agree(*(make(data, rng, dtype, shape) for _ in range(3)))
