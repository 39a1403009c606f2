"""Tensors put together, taken apart, and in other shapes."""

from __future__ import annotations

import pytest
from namespaces import A, check

MANIPULATION = [
    lambda np, x: np.broadcast_arrays(x[0, :][None, :], x, x[0, 0]),
    lambda np, x: np.broadcast_to(x[0, :], (3, 4)),
    lambda np, x: np.concat([x, x[:1, :]]),
    lambda np, x: np.concat([x, x[:, :2]], axis=-1),
    lambda np, x: np.concat([x, x[0, :]], axis=None),
    lambda np, x: np.expand_dims(x, axis=1),
    lambda np, x: np.expand_dims(x, axis=-1),
    lambda np, x: np.flip(x),
    lambda np, x: np.flip(x, axis=1),
    lambda np, x: np.moveaxis(x, 0, -1),
    lambda np, x: np.permute_dims(x, (1, 0)),
    lambda np, x: np.matrix_transpose(np.stack([x, x])),
    lambda np, x: np.repeat(x, 2),
    lambda np, x: np.repeat(x, 3, axis=1),
    lambda np, x: np.reshape(x, (2, 6)),
    lambda np, x: np.reshape(x, (-1,)),
    lambda np, x: np.roll(x, 2),
    lambda np, x: np.roll(x, 1, axis=0),
    lambda np, x: np.roll(x, (1, -2), axis=(0, 1)),
    lambda np, x: np.squeeze(x[:1, :], axis=0),
    lambda np, x: np.stack([x, x * 2], axis=-1),
    lambda np, x: np.tile(x, (2, 1)),
    lambda np, x: np.unstack(np.stack([x[0, 0], x[1, 1]])),
]


@pytest.mark.parametrize("number", range(len(MANIPULATION)))
def test_manipulation(number):
    """Parts at the right places."""
    check(MANIPULATION[number], A)
