"""The example op of the documentation, at its documented place."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.misc.doubleop import DoubleOp
from tcore.testing import OpCase, check_op

CASES = {
    "matrix": np.arange(6.0).reshape(2, 3),
    "float32": np.array([0.5, -1.5], "float32"),
    "scalar": np.array(3.0),
    "empty": np.zeros((0, 2)),
    "complex": np.array([1 + 2j]),
}


@pytest.mark.parametrize("name", CASES)
def test_doubleop_L11803(name, backend):
    """Values doubled, shape and dtype kept; gradient, R_op, shape and pickling by the kit."""
    check_op(OpCase(DoubleOp(), [CASES[name]], gradient=name != "complex"))


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int64", "float32", "float64", "complex64"])
def test_same_as_a_product_L11852(dtype):
    value = np.array([[1, 2], [3, 100]], dtype)
    x = T.matrix(dtype=dtype)
    found = tcore.function([x], DoubleOp()(x), mode="FAST_COMPILE")(value)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, (value * 2).astype(dtype))


def test_documentation_has_the_numpy_layout_L11798():
    """The titles of the sections, underlined."""
    text = inspect.cleandoc(DoubleOp.__doc__)
    for title in ("Parameters", "Returns", "Notes", "See Also"):
        assert f"\n{title}\n{'-' * len(title)}\n" in text


def test_truth_values_are_refused():
    with pytest.raises(TypeError, match="doubles numbers"):
        DoubleOp()(T.matrix(dtype="bool"))


def test_equal_ones_merge():
    """It has no state: two are equal, and one node computes both."""
    x = T.dvector()
    f = tcore.function([x], [DoubleOp()(x), DoubleOp()(x) + 1], mode="FAST_COMPILE")
    assert sum(isinstance(node.op, DoubleOp) for node in f.maker.fgraph.toposort()) == 1
