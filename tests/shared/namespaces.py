"""The array API namespace beside NumPy, which implements the same standard: what both give for the same call."""

from __future__ import annotations

import numpy as np

import tcore
import tcore.tensor as T
from tcore.graph import Variable
from tcore.tensor import xp

rng = np.random.default_rng(8)
A = rng.uniform(0.1, 0.9, size=(3, 4))
B = rng.uniform(1.1, 1.9, size=(3, 4))
S = A[:, :3] + np.eye(3)
P = S @ S.T
N = rng.integers(0, 7, size=(3, 4))
C = A + 1j * B
SIGNED = np.array([[-1.5, 0.0, -0.0, 2.5], [0.5, -0.5, np.inf, -np.inf]])


def computed(result, *pairs):
    """The values of what a function gave: a variable, or several."""
    xs, values = [x for x, _ in pairs], [v for _, v in pairs]
    several = isinstance(result, (list, tuple))
    outputs = list(result) if several else [result]
    assert all(isinstance(each, Variable) for each in outputs)
    found = tcore.function(xs, outputs, mode="FAST_COMPILE", on_unused_input="ignore")(*values)
    return found if several else found[0]


def check(call, *arrays, dtype=True, rtol=1e-10):
    """``call(namespace, *arrays)`` gives the same with ours and with NumPy's."""
    variables = [T.constant(array).type(f"x{i}") for i, array in enumerate(arrays)]
    with np.errstate(all="ignore"):
        wanted = call(np, *arrays)
        found = computed(call(xp, *variables), *zip(variables, arrays, strict=True))
    pairs = zip(found, wanted, strict=True) if isinstance(wanted, (tuple, list)) else [(found, wanted)]
    for got, want in pairs:
        assert np.shape(got) == np.shape(want)
        assert not dtype or got.dtype == np.asarray(want).dtype
        np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-13)
