"""Products of the elements that are not zero, and gradients of products that are."""

from __future__ import annotations

import numpy as np
import pytest

import tcore
import tcore.tensor as T
from tcore.tensor.careduce import ProdWithoutZeros

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
