"""Copies in row-major order."""

import numpy as np

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
