"""Stabilisations leave the arithmetic of truth values alone."""

import numpy as np

import tcore
import tcore.tensor as T


def test_one_minus_a_comparison():
    """1 - (x == y) has no negation to fold: no rule fails on it, and the numbers are NumPy's."""
    x, y = T.dvectors("xy")
    with tcore.config.change_flags(on_opt_error="raise"):
        f = tcore.function([x, y], (1 - T.eq(x, y)) * T.log(1 - x))
    a, b = np.array([0.1, 0.2, 0.3]), np.array([0.1, 0.0, 0.3])
    np.testing.assert_allclose(f(a, b), (1 - (a == b)) * np.log(1 - a))
