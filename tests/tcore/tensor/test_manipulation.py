"""Copies in row-major order."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T


def test_row_major_copies_L24640(evaluate):
    """The input itself where it is in order, else a copy that is."""
    from tcore.tensor.extra_ops import CpuContiguous

    x = T.dmatrix()
    node = CpuContiguous()(x).owner
    for a in (np.ones((2, 3)), np.asfortranarray(np.ones((2, 3))), np.ones((4, 6))[::2, ::2]):
        cell = [None]
        node.op.perform(node, [a], [cell])
        assert cell[0].flags.c_contiguous
        assert (cell[0] is a) == a.flags.c_contiguous
        np.testing.assert_array_equal(cell[0], a)


@pytest.mark.parametrize("optimizer", ["fast_run", None])
@pytest.mark.parametrize("counts", [-2, [1, -2, 1]], ids=["one", "several"])
@pytest.mark.parametrize("shape", [(3, 2), (3, 0)])
def test_negative_repeats(optimizer, counts, shape):
    """They are refused where there is nothing to repeat, too."""
    x = T.dmatrix("x")
    n = T.TensorType("int64", (False,) * np.ndim(counts))("n")
    f = tcore.function([x, n], T.repeat(x, n, axis=0), mode=tcore.Mode(optimizer=optimizer))
    with pytest.raises(ValueError, match="repeat: counts are not negative, got -2"):
        f(np.ones(shape), counts)
    with pytest.raises(ValueError, match="repeat: counts are not negative, got -2"):
        tcore.function([x, n], T.repeat(x.T, n, axis=1), mode=tcore.Mode("py", optimizer))(np.ones(shape), counts)
