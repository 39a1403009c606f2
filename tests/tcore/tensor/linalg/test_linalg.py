"""The package as a whole: documented paths, and the dtypes that it computes in."""

import numpy as np

import tcore.tensor as T
from tcore.tensor import linalg


def test_documented_paths():
    """The two documented modules are there, without anybody importing them before."""
    from tcore.tensor import nlinalg, slinalg

    assert T.nlinalg is nlinalg
    assert nlinalg.MatrixInverse is linalg.MatrixInverse
    assert nlinalg.trace is T.trace
    assert nlinalg.matrix_dot is T.matrix_dot
    assert slinalg.Cholesky is linalg.Cholesky
    assert slinalg.kron is linalg.kron


def test_dtypes(evaluate):
    """Half precision is computed in single, integers in floatX, single stays single."""
    for given, result in (("float16", "float32"), ("float32", "float32"), ("int8", "float64"), ("complex64", "complex64")):
        x = T.TensorType(given, (False, False))()
        a = np.eye(2).astype(given)
        values = evaluate(
            [
                linalg.matrix_inverse(x),
                linalg.cholesky(x),
                linalg.solve(x, x),
                linalg.det(x),
                linalg.expm(x),
                linalg.eigh(x)[1],
                linalg.qr(x)[0],
                linalg.svd(x)[0],
            ],
            {x: a},
        )
        assert {value.dtype.name for value in values} == {result}
