"""Diagonals that are filled."""

import numpy as np
import pytest

import tcore.tensor as T

rng = np.random.default_rng(24)


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5), (3, 3, 3), (0, 2)])
def test_filled_diagonals_L24767(shape, evaluate, check_grad):
    """Of rectangular matrices and of cubes; the rest stays, gradients too."""
    a = rng.normal(size=shape)
    x, v = T.TensorType("float64", (False,) * len(shape))(), T.dscalar()
    wanted = a.copy()
    steps = np.arange(min(shape))
    wanted[(steps,) * len(shape)] = 7
    np.testing.assert_array_equal(evaluate(T.fill_diagonal(x, v), {x: a, v: 7}), wanted)
    check_grad(T.fill_diagonal, a, np.array(2.0))


@pytest.mark.parametrize("shape", [(3, 3), (5, 2), (2, 5)])
@pytest.mark.parametrize("offset", [-7, -2, -1, 0, 1, 3, 9])
def test_filled_diagonals_beside_the_main_one_L24786(shape, offset, evaluate):
    """Positive above, negative below, none outside, never again in a tall matrix; the offset may be a variable."""
    a = rng.normal(size=shape)
    x, k = T.dmatrix(), T.lscalar()
    wanted = np.where(np.eye(*shape, k=offset, dtype=bool), 7, a)
    np.testing.assert_array_equal(evaluate(T.fill_diagonal_offset(x, 7, offset), {x: a}), wanted)
    np.testing.assert_array_equal(evaluate(T.fill_diagonal_offset(x, 7, k), {x: a, k: offset}), wanted)


def test_what_filling_refuses(evaluate):
    """Values of a wider dtype, values that are no scalar, cubes that are none."""
    with pytest.raises(TypeError, match="a value of dtype float64 does not fit"):
        T.fill_diagonal(T.lmatrix(), T.dscalar())
    with pytest.raises(TypeError, match="fills with a scalar"):
        T.fill_diagonal(T.dmatrix(), T.dvector())
    with pytest.raises(TypeError, match="two dimensions or more"):
        T.fill_diagonal(T.dvector(), 1.0)
    with pytest.raises(TypeError, match="takes a matrix"):
        T.fill_diagonal_offset(T.dtensor3(), 1.0, 0)
    x = T.dtensor3()
    with pytest.raises(ValueError, match="equally long"):
        evaluate(T.fill_diagonal(x, 1.0), {x: np.zeros((2, 2, 3))})
