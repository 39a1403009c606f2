"""Tensors made from shapes, ranges, values and arrays."""

from __future__ import annotations

import numpy as np
import pytest
from namespaces import A, check, computed

import tcore.tensor as T
from tcore.tensor import xp

CREATION = [
    lambda np, x: np.arange(5),
    lambda np, x: np.arange(1, 9, 3, dtype=np.float32),
    lambda np, x: np.arange(0.0, 1.0, 0.25),
    lambda np, x: np.linspace(0.0, 1.0, 7),
    lambda np, x: np.linspace(2, -1.5, 6, endpoint=False),
    lambda np, x: np.linspace(0.25, 3.0, 1),
    lambda np, x: np.linspace(0.25, 3.0, 0),
    lambda np, x: np.linspace(0, 10, 4, dtype=np.int64),
    lambda np, x: np.linspace(0j, 1 + 2j, 4),
    lambda np, x: np.meshgrid(x[0, :], x[:, 0]),
    lambda np, x: np.meshgrid(x[0, :], x[:, 0], x[1, :2], indexing="ij"),
    lambda np, x: np.eye(3),
    lambda np, x: np.eye(3, 4, k=1, dtype=np.int32),
    lambda np, x: np.zeros(3),
    lambda np, x: np.zeros((2, 3), dtype=np.bool),
    lambda np, x: np.ones((2, 3), dtype=np.complex64),
    lambda np, x: np.full((2, 2), 7),
    lambda np, x: np.full(3, 0.1),
    lambda np, x: np.full((2,), True),
    lambda np, x: np.full((2,), 1, dtype=np.float32),
    lambda np, x: np.full_like(x, 3),
    lambda np, x: np.zeros_like(x),
    lambda np, x: np.ones_like(x, dtype=np.int8),
    lambda np, x: np.tril(x, k=-1),
    lambda np, x: np.triu(x, k=1),
    lambda np, x: np.astype(x, np.float32),
    lambda np, x: np.asarray([[1, 2], [3, 4]]),
    lambda np, x: np.asarray(0.1),
    lambda np, x: np.asarray(True),
    lambda np, x: np.asarray([1.5, 2], dtype=np.float32),
    lambda np, x: np.asarray([1j, 2]),
    lambda np, x: np.asarray(x),
]


@pytest.mark.parametrize("number", range(len(CREATION)))
def test_creation(number):
    """Shapes, values and dtypes."""
    check(CREATION[number], A)


def test_arrays_of_other_libraries():
    """Any with ``__dlpack__`` becomes a constant, which does not change with it."""
    given = A.copy()
    x = xp.from_dlpack(given)
    given[0] = 7
    np.testing.assert_array_equal(x.data, A)
    v = T.dvector()
    assert xp.from_dlpack(v) is v
    given.flags.writeable = False
    np.testing.assert_array_equal(xp.from_dlpack(given).data, given)
    with pytest.raises(ValueError, match="copy=False cannot be had"):
        xp.from_dlpack(given, copy=False)
    with pytest.raises(TypeError, match=r"takes an array with __dlpack__, got \[1\] of type list"):
        xp.from_dlpack([1])


def test_symbolic_shapes():
    """Lengths may be variables; unstack needs a known one."""
    x, n = T.dmatrix(), T.lscalar()
    made = [xp.zeros((n, 2)), xp.full(n, 0.5), xp.ones(x.shape), xp.empty_like(x), xp.linspace(0.0, 1.0, n), xp.full(x.shape, 2), xp.empty(x.shape)]
    shapes = [value.shape for value in computed(made, (x, A), (n, 3))]
    assert shapes == [(3, 2), (3,), (3, 4), (3, 4), (3,), (3, 4), (3, 4)]
    np.testing.assert_array_equal(computed(xp.linspace(0.0, 1.0, n), (n, 3)), [0, 0.5, 1])
    parts = xp.unstack(T.specify_shape(x, (3, 4)), axis=1)
    np.testing.assert_array_equal(computed(list(parts), (x, A)), A.T)
