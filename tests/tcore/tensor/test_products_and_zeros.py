"""Products of the elements that are not zero, and gradients of products that are."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor.products import ProdWithoutZeros

VALUES = np.array([[0.0, -2.0, 3.0], [0.0, 0.0, 5.0], [2.0, 3.0, 4.0]])


@pytest.mark.parametrize("axis", [0, 1, (0, 1)])
def test_zeros_do_not_take_part(axis, backend):
    x = T.dmatrix("x")
    f = tcore.function([x], ProdWithoutZeros(axis=axis)(x))
    np.testing.assert_array_equal(f(VALUES), np.where(VALUES == 0, 1, VALUES).prod(axis=axis))


def test_axes_of_length_one():
    """A zero alone is no factor: the product of nothing is 1."""
    column = T.TensorType("float64", (False, True))("column")
    f = tcore.function([column], [ProdWithoutZeros(axis=1)(column), ProdWithoutZeros(axis=())(column)])
    values = np.array([[0.0], [3.0]])
    first, second = f(values)
    np.testing.assert_array_equal(first, [1, 3])
    np.testing.assert_array_equal(second, [[1], [3]])


def test_gradient_where_one_factor_is_zero(backend):
    """By the definition: the product of the other factors."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.grad(x.prod(axis=1).sum(), x))
    others = [[np.delete(row, k).prod() for k in range(3)] for row in VALUES]
    np.testing.assert_array_equal(f(VALUES), others)


def second_derivatives(x):
    """Entry i, j: the product of all elements but i and j, from the definition."""
    size = len(x)
    found = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            if i != j:
                found[i, j] = np.prod([x[k] for k in range(size) if k not in (i, j)])
    return found


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0, -4.0], [0.0, 2.0, 3.0, 5.0], [0.0, 0.0, 4.0, 5.0], [0.0, 0.0, 0.0, 5.0], [0.0]])
@pytest.mark.parametrize("mode", [None, tcore.Mode("py", None)], ids=["optimized", "as it stands"])
def test_second_derivatives_at_zeros(values, mode):
    x = T.dvector("x")
    f = tcore.function([x], tcore.gradient.hessian(x.prod(), x), mode=mode)
    np.testing.assert_allclose(f(values), second_derivatives(values))


def test_third_derivative_at_zeros():
    """Of x y z by all three: 1, wherever."""
    x = T.dvector("x")
    first = T.grad(x.prod(), x)[0]
    third = T.grad(T.grad(first, x)[1], x)[2]
    assert tcore.function([x], third)(np.zeros(3)) == 1


def test_second_derivatives_over_some_axes():
    x = T.dmatrix("x")
    by_rows = tcore.function([x], T.grad(T.grad(x.prod(axis=1).sum(), x).sum(), x))
    np.testing.assert_allclose(by_rows(VALUES), [second_derivatives(row).sum(axis=0) for row in VALUES])
    by_columns = tcore.function([x], T.grad(T.grad(x.prod(axis=0).sum(), x).sum(), x))
    np.testing.assert_allclose(by_columns(VALUES), np.transpose([second_derivatives(row).sum(axis=0) for row in VALUES.T]))


def test_first_derivative_pays_nothing_for_the_second():
    """The form for further derivatives is gone from a finished graph."""
    x = T.dmatrix("x")
    f = tcore.function([x], T.grad(x.prod(), x))
    assert not {"CumOp", "Differentiated"} & {type(node.op).__name__ for node in f.maker.fgraph.apply_nodes}
