"""Evaluation points and known gradients with other broadcast marks than their variables."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.gradient import Lop, Rop

GRAPHS = {
    "a row, as a matrix again": lambda x: T.exp(x[0].dimshuffle("x", 0)),
    "transposed": lambda x: T.sqr(x.T),
    "a loop": lambda x: tcore.scan(lambda row: T.sqr(row), sequences=x)[0],
    "joined": lambda x: T.concatenate([x, T.sqr(x)]),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_constants_of_one_element(name):
    """A constant of length 1 has marks of its own: the matrix that it stands for has none."""
    x = T.dmatrix("x")
    y = GRAPHS[name](x)
    value = np.array([[1.5]])
    forward = tcore.function([x], Rop(y, x, np.array([[3.0]])))(value)
    slopes = {"a row, as a matrix again": np.exp(1.5), "transposed": 3.0, "a loop": 3.0}.get(name)
    expected = [[3.0], [9.0]] if name == "joined" else [[3 * slopes]]
    np.testing.assert_allclose(forward, expected)
    backward = tcore.function([x], Lop(y, x, np.full_like(forward, 2.0)), on_unused_input="ignore")(value)
    np.testing.assert_allclose(backward, [[2 + 6.0]] if name == "joined" else [[2 * slopes]])


def test_fewer_marks_than_the_variable():
    """A matrix stands for a row where it is one, and is refused elsewhere."""
    row, along = T.drow("row"), T.dmatrix("along")
    f = tcore.function([row, along], Rop(T.exp(row).dimshuffle(1), row, along))
    np.testing.assert_allclose(f(np.zeros((1, 3)), [[1.0, 2.0, 3.0]]), [1, 2, 3])
    with pytest.raises(ValueError, match="was marked broadcastable, but has length 2"):
        f(np.zeros((1, 3)), np.ones((2, 3)))
