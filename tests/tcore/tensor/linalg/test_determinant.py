"""Determinants: values as NumPy's and SciPy's, derivatives as central differences."""

import numpy as np
import pytest
from matrices import SQUARE, TALL, complex_matrix

import tcore
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


@pytest.mark.parametrize("backend_mode", ["FAST_COMPILE", "FAST_RUN"])
@pytest.mark.parametrize("matrix", [[[np.nan, 1], [1, 2]], [[0, np.nan], [0, 1]], [[np.inf, 1], [1, 1]], [[-np.inf, 1], [1, 1]], [[np.nan]]])
def test_sign_and_logarithm_of_what_is_not_finite(matrix, backend_mode):
    """As NumPy's: NaN has no sign, infinity has."""
    x, value = T.dmatrix(), np.array(matrix, float)
    with np.errstate(invalid="ignore"):
        wanted = np.linalg.slogdet(value)
    np.testing.assert_array_equal(tcore.function([x], linalg.slogdet(x), mode=backend_mode)(value), wanted)
