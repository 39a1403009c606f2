"""Triangles of matrices and of stacks, and of ones."""

import numpy as np
import pytest

import tcore
import tcore.tensor as T

rng = np.random.default_rng(24)


@pytest.mark.parametrize("k", [-2, 0, 1])
@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 3, 4), (0, 2)])
def test_triangles(k, shape, evaluate, check_grad):
    """As NumPy's, of matrices and stacks of them; infinities outside do not matter."""
    a = rng.normal(size=shape)
    x = T.TensorType("float64", (False,) * len(shape))()
    np.testing.assert_array_equal(evaluate([T.tril(x, k), T.triu(x, k)], {x: a}), [np.tril(a, k), np.triu(a, k)])
    if len(shape) == 2 and shape[0]:
        check_grad(lambda v: T.tril(v, k) + 2 * T.triu(v, k), a)
        np.testing.assert_array_equal(evaluate(T.tri(*shape, k)), np.tri(*shape, k))
    with_infinity = np.where(np.triu(np.ones((3, 3)), 1), np.inf, 1.0)
    m = T.dmatrix()
    np.testing.assert_array_equal(evaluate(T.tril(m), {m: with_infinity}), np.tri(3))


def test_triangles_of_ones(evaluate):
    """Square without columns given, floatX by default; vectors have none."""
    n = T.lscalar()
    np.testing.assert_array_equal(evaluate(T.tri(n), {n: 3}), np.tri(3))
    assert T.tri(3).dtype == tcore.config.floatX
    assert T.tri(3, dtype="int8").dtype == "int8"
    with pytest.raises(ValueError, match="takes a matrix or a stack"):
        T.tril(T.dvector())
