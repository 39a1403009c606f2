"""Differences of neighbours, windows, one-hot rows."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T

rng = np.random.default_rng(24)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_diff_L24751(axis, n, evaluate, check_grad):
    """As NumPy's, for n that leave nothing too."""
    a = rng.normal(size=(4, 3))
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(T.diff(x, n, axis), {x: a}), np.diff(a, n, axis))
    if n in (1, 2):
        check_grad(lambda v: T.diff(v, n, axis), a)


def test_diff_of_bools_and_refusals(evaluate):
    """Whether neighbours differ."""
    x = T.TensorType("bool", (False,))()
    np.testing.assert_array_equal(evaluate(T.diff(x), {x: [True, True, False]}), [False, True])
    with pytest.raises(ValueError, match="n is an int that is not negative, got -1"):
        T.diff(x, -1)
    with pytest.raises(ValueError, match="diff: axis 1 does not exist"):
        T.diff(x, axis=1)


def test_bartlett_L24679(evaluate):
    """As NumPy's; empty without points."""
    m = T.iscalar()
    window = T.bartlett(m)
    for count in (-1, 0, 1, 2, 3, 5, 10):
        found = evaluate(window, {m: count})
        assert found.dtype == "float64"
        np.testing.assert_allclose(found, np.bartlett(count), atol=1e-15)
    with pytest.raises(TypeError, match="M of bartlett must be an integer"):
        T.bartlett(2.5)


def test_one_hot_L24895(evaluate):
    """Rows of the identity; floatX by default; numbers outside raise."""
    y, n = T.lvector(), T.lscalar()
    found = evaluate(T.to_one_hot(y, n), {y: [2, 0, 3], n: 4})
    assert found.dtype == tcore.config.floatX
    np.testing.assert_array_equal(found, np.eye(4)[[2, 0, 3]])
    assert T.to_one_hot(y, 4, dtype="int8").dtype == "int8"
    with pytest.raises(IndexError):
        evaluate(T.to_one_hot(y, 3), {y: [3]})
    with pytest.raises(TypeError, match="a vector of integers"):
        T.to_one_hot(T.dvector(), 3)


def test_one_hot_rows_of_numbers_that_are_none(evaluate):
    """Neither too large nor negative ones, which would count from the end."""
    y = T.lvector()
    rows = T.extra_ops.to_one_hot(y, 3)
    np.testing.assert_array_equal(evaluate(rows, {y: [2, 0]}), np.eye(3)[[2, 0]])
    for number in (3, -1):
        with pytest.raises(IndexError):
            evaluate(rows, {y: [0, number]})
