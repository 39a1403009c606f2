"""Elementwise functions that overwrite their first argument."""

import numpy as np
import pytest

import tcore.tensor as T
from tcore.tensor import inplace


@pytest.mark.parametrize("name", inplace.__all__)
def test_declares_what_it_overwrites(name):
    """Each says that output 0 takes the memory of input 0, and keeps the input's type."""
    op = getattr(inplace, name)
    assert op.destroy_map == {0: [0]}
    assert op.scalar_op.output_types([T.dscalar.to_scalar_type()] * max(op.scalar_op.nin, 2))[0].dtype == "float64"


def test_values():
    """The result is in the memory of the first argument."""
    x, y = T.dvectors("x", "y")
    node = inplace.add_inplace(x, y).owner
    a, b = np.arange(3.0), np.ones(3)
    cell = [None]
    node.op.perform(node, [a, b], [cell])
    assert cell[0] is a
    np.testing.assert_array_equal(a, [1, 2, 3])
    assert str(node.op) == "Elemwise{add,inplace}"
