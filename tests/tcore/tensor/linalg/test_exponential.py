"""The matrix exponential: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
import scipy.linalg
from matrices import SQUARE, TALL, complex_matrix

import tcore.tensor as T
from tcore.tensor import linalg

rng = np.random.default_rng(1191)


def test_exponential_L25483(evaluate, check_grad, check_complex_grad, check_direction):
    """As SciPy's, with gradients of gradients."""
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.expm(x), {x: SQUARE}), scipy.linalg.expm(SQUARE))
    check_grad(linalg.expm, SQUARE / 2)
    check_complex_grad(linalg.expm, complex_matrix(3, 3) / 2)
    check_direction(linalg.expm, SQUARE / 2)
    check_grad(linalg.ExpmGrad(), SQUARE[:3, :3] / 2, rng.normal(size=(3, 3)))
    check_direction(linalg.ExpmGrad(), SQUARE[:3, :3] / 2, rng.normal(size=(3, 3)))
    assert evaluate(linalg.expm(x), {x: np.zeros((0, 0))}).shape == (0, 0)
    with pytest.raises(np.linalg.LinAlgError, match="expm takes a square matrix"):
        evaluate(linalg.expm(x), {x: TALL})
