"""Lengths that are computed from values."""

import numpy as np
import pytest

import tcore
import tcore.tensor as tt


@pytest.mark.parametrize("linker", ["cvm", "vm"])
@pytest.mark.parametrize("values", [[2, 3], [64, 100]])
def test_arithmetic_on_a_reduction(linker, values):
    """The whole product counts, not the first factor, though arithmetic overwrites its memory; the array is made natively."""
    m = tt.lvector("m")
    product = m.prod()
    part = tt.minimum(tt.maximum(product // 32, 1), 100)
    length = (product // part) * part + product % part
    f = tcore.function([m], [tt.zeros((length,)), tt.zeros((product // 3,))], mode=tcore.compile.Mode(linker, "fast_run"))
    whole, third = f(values)
    assert whole.shape == (np.prod(values),)
    assert third.shape == (np.prod(values) // 3,)
    g = tcore.function([m], tt.zeros((length,)), mode=tcore.compile.Mode(linker, "fast_run"))
    assert g(values).shape == (np.prod(values),)
    if linker == "cvm":
        assert "runs in Python" not in str(g.explain())
