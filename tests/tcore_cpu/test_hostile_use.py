"""What a careless user does: the errors name the real cause."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T


def test_error_replay_takes_inputs_in_the_order_of_the_graph() -> None:
    """A single node whose operands stand in another order than the function's inputs."""
    with tcore.config.change_flags(backend="cpu"):
        x, y, index = T.dvector("x"), T.dvector("y"), T.lvector("index")
        f = tcore.function([x, index, y], T.inc_subtensor(x[index], y))
    assert f(np.zeros(3), np.array([1, 1, 1]), np.ones(3)).tolist() == [0.0, 3.0, 0.0]
    with pytest.raises(IndexError, match="index 9 is out of bounds"):
        f(np.zeros(3), np.array([1, 9, 1]), np.ones(3))


def test_lengths_are_not_read_from_recycled_memory() -> None:
    """The length of a split is computed before the join, whose result may take its memory over."""
    with tcore.config.change_flags(backend="cpu"):
        x = T.dmatrix("x")
        a, b = T.split(T.join(0, x, x * x), T.stack([x.shape[0]] * 2), 2, 0)
        f = tcore.function([x], [a, b])
    for rows in (3, 5, 2, 3, 7):
        value = np.random.default_rng(rows).normal(size=(rows, 4))
        first, second = f(value)
        np.testing.assert_array_equal(first, value)
        np.testing.assert_array_equal(second, value * value)


def test_reshape_does_not_read_recycled_lengths() -> None:
    """The entries of a shape vector may be gone when it is used."""
    with tcore.config.change_flags(backend="cpu"):
        x = T.dmatrix("x")
        shape = T.stack([x.shape[1] + 1 - 1, x.shape[0] * 1])
        later = T.dot(T.dot(x, x.T), x)
        f = tcore.function([x], T.dot(later.reshape(shape, ndim=2), later) + shape.sum())
    for rows, columns in ((3, 3), (5, 5), (2, 2), (3, 3)):
        value = np.random.default_rng(rows).normal(size=(rows, columns))
        whole = value @ value.T @ value
        np.testing.assert_allclose(f(value), whole.reshape(columns, rows) @ whole + rows + columns)
