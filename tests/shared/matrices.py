"""Matrices for tests of linear algebra, far from singular."""

import numpy as np

_rng = np.random.default_rng(17)
SQUARE = _rng.normal(size=(4, 4)) + 2 * np.eye(4)
TALL = _rng.normal(size=(5, 3))
POSITIVE = SQUARE @ SQUARE.T + np.eye(4)


def complex_matrix(*shape):
    """Random, with independent parts."""
    return _rng.normal(size=shape) + 1j * _rng.normal(size=shape)
