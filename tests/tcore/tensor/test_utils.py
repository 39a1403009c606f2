"""A hash of arrays, and the shapes of all variables of a graph."""

import subprocess
import sys

import numpy as np
import pytest

import tcore.tensor as T
from tcore import FunctionGraph
from tcore.tensor.utils import hash_from_ndarray, shape_of_variables


def test_hash_L24365():
    """It depends on data, shape, strides and dtype, and on nothing else."""
    a = np.arange(6.0)
    different = [a, a.reshape(2, 3), a.reshape(2, 3, order="F"), a.astype("float32"), a.view("int64"), a + 1, np.repeat(a, 2)[::2], a[:0], a[:0].reshape(0, 3)]
    hashes = [hash_from_ndarray(each) for each in different]
    assert len(set(hashes)) == len(different)
    assert hash_from_ndarray(a.copy()) == hashes[0]
    code = "import numpy; from tcore.tensor.utils import hash_from_ndarray as h; print(h(numpy.arange(6.)))"
    assert subprocess.check_output([sys.executable, "-P", "-c", code], text=True).strip() == hashes[0]
    with pytest.raises(TypeError, match="holds Python objects"):
        hash_from_ndarray(np.array([None]))


def test_shapes_L24371_L24385():
    """The documentation's example."""
    x = T.matrix("x")
    y = x[512:]
    y.name = "y"
    fgraph = FunctionGraph([x], [y], clone=False)
    d = shape_of_variables(fgraph, {x: (1024, 1024)})
    assert d[y] == (np.array(512), np.array(1024))
    assert d[x] == (np.array(1024), np.array(1024))
    assert all(isinstance(n, np.ndarray) for n in d[y])
    assert hasattr(fgraph, "shape_feature")


def test_shapes_of_a_larger_graph():
    """Every intermediate variable, with scalars, rows, products and lengths that come from shapes."""
    x, row, n = T.dmatrix("x"), T.drow("row"), T.dscalar("n")
    joined = T.concatenate([x, x + row * n], axis=1)
    product = T.dot(joined.T, x)
    tall = T.alloc(1.0, x.shape[0] * 2, 4)
    fgraph = FunctionGraph([x, row, n], [product.sum(axis=0), tall], clone=False)
    d = shape_of_variables(fgraph, {x: (5, 3), row: (1, 3), n: ()})
    assert {v: tuple(map(int, d[v])) for v in (x, row, n, joined, product, product.sum(axis=0), tall) if v in d} == {
        x: (5, 3), row: (1, 3), n: (), joined: (5, 6), product: (6, 3), tall: (10, 4)
    }  # fmt: skip
    assert tuple(map(int, d[fgraph.outputs[0]])) == (3,)


def test_refusals():
    """A missing shape, one that its type excludes, and one that depends on values."""
    row, n = T.drow("row"), T.lscalar("n")
    fgraph = FunctionGraph([row, n], [T.alloc(row, n, 3)], clone=False)
    with pytest.raises(ValueError, match="the shape of the input n is missing"):
        shape_of_variables(fgraph, {row: (1, 3)})
    with pytest.raises(ValueError, match=r"row of type .* cannot have the shape \(2, 3\)"):
        shape_of_variables(fgraph, {row: (2, 3), n: ()})
    with pytest.raises(ValueError, match="a shape depends on the values of n"):
        shape_of_variables(fgraph, {row: (1, 3), n: ()})
