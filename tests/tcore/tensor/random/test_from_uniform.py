"""Outcomes and choices from uniform numbers."""

import numpy as np
import pytest

import tcore
import tcore.tensor as tt
from tcore.compile import Mode
from tcore.tensor.random.from_uniform import choice_from_uniform, outcomes_from_uniform
from tcore.testing import OpCase, check_op

PVALS = np.array([[0.25, 0.5, 0.25], [0.0, 1.0, 0.0], [0.1, 0.2, 0.3]])
U = np.array([[0.25, 0.5, 0.05], [0.250001, 0.999, 0.7], [0.9999, 0.001, 0.29]])
OUTCOMES = [[0, 1, 0], [1, 1, None], [2, 1, 1]]


def one_hot(outcomes):
    table = np.zeros((3, 3, 3), "int8")
    for place in np.ndindex(3, 3):
        if outcomes[place[0]][place[1]] is not None:
            table[(*place, outcomes[place[0]][place[1]])] = 1
    return table


def test_outcomes(backend):
    """Each outcome has its interval, closed above; what no interval holds has none."""
    check_op(OpCase(outcomes_from_uniform, [PVALS, U], expected=lambda *_: one_hot(OUTCOMES), gradient=False))
    check_op(OpCase(outcomes_from_uniform, [PVALS[:, :1], U[:0]], expected=lambda *_: np.zeros((0, 3, 1), "int8"), gradient=False))


def test_rounded_probabilities(backend):
    """Where a sum of float32 comes to just below 1, the rest is that outcome's."""
    pvals = np.full((1, 10), 0.1, "float32")
    pvals[0, -1] = 0.0999995
    got = tcore.function([], outcomes_from_uniform(tt.as_tensor_variable(pvals), tt.as_tensor_variable(np.array([[1 - 2.0**-30]]))))()
    assert got[0, 0].tolist() == [0] * 9 + [1]


def test_choice(backend):
    """Without what was taken before; exact intervals of what is left."""
    pvals = np.array([[0.25, 0.25, 0.5], [0.0, 0.5, 0.5], [0.0, 0.0, 0.0]])
    u = np.array([[0.3, 0.2, 0.5], [0.4, 0.9, 0.5], [0.5, 0.5, 0.5]])
    # row 0: 1 of (0, 1, 2), then of 0 and 2 with 1/3 and 2/3: 2; row 1: 1, 2, then the one left; row 2: in order
    expected = np.array([[1, 2, 0], [1, 2, 0], [0, 1, 2]])
    check_op(OpCase(choice_from_uniform, [pvals, u], expected=lambda *_: expected, gradient=False))


def test_refusals():
    """Too many draws, other numbers of rows, integers."""
    p, u = tt.dmatrix("p"), tt.dmatrix("u")
    for mode in (Mode("py", None), Mode("cvm", "fast_run")):
        with pytest.raises(ValueError, match="3 rows, there are uniform numbers for 2"):
            tcore.function([p, u], outcomes_from_uniform(p, u), mode=mode)(PVALS, U[:, :2])
    with pytest.raises(ValueError, match="cannot choose 4 of 3"):
        tcore.function([p, u], choice_from_uniform(p, u), mode=Mode("py", None))(PVALS, np.ones((4, 3)))
    with pytest.raises(TypeError, match="pvals are a matrix of floats"):
        outcomes_from_uniform(tt.lmatrix(), u)
