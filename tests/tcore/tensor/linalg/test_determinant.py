"""Determinants: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
from matrices import SQUARE, TALL, complex_matrix

import tcore.tensor as T
from tcore.tensor import linalg


def test_determinant_L25566(evaluate, check_grad, check_complex_grad, check_direction):
    """Of real and complex matrices."""
    x = T.dmatrix()
    np.testing.assert_allclose(evaluate(linalg.det(x), {x: SQUARE}), np.linalg.det(SQUARE))
    check_grad(linalg.det, SQUARE)
    check_complex_grad(linalg.det, complex_matrix(3, 3))
    check_direction(linalg.det, SQUARE)
    with pytest.raises(np.linalg.LinAlgError, match="det takes a square matrix"):
        evaluate(linalg.det(x), {x: TALL})
