"""Products and diagonals by their names in linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.graph import Variable
from tcore.tensor import diagonals
from tcore.tensor.alloc import alloc, eye, identity_like
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.dot import outer
from tcore.tensor.linalg.inverse import matrix_inverse
from tcore.tensor.linalg.matrices import as_matrices, product

__all__ = ["alloc_diag", "diag", "extract_diag", "kron", "matrix_power"]

alloc_diag = diagonals.AllocDiag()
extract_diag = diagonals.ExtractDiag()


def diag(x: Any) -> Variable:
    """The main diagonal of a matrix; for a vector the matrix that has it there. :func:`tcore.tensor.diag` takes other diagonals."""
    return diagonals.diag(x)


def matrix_power(M: Any, n: int) -> Variable:
    """A square matrix, or each of a stack, to an integer power, by repeated squaring; a negative power is one of the inverse.

    Raises
    ------
    TypeError
        If ``n`` is no Python integer.
    """
    if not isinstance(n, (int, np.integer)) or isinstance(n, (bool, np.bool_)):
        raise TypeError(f"matrix_power: the power is an int, got {n!r}")
    M = as_matrices("matrix_power", M) if n < 0 else as_tensor_variable(M)
    if M.type.ndim < 2:
        raise TypeError(f"matrix_power takes a matrix or a stack of matrices, got {M} with {M.type.ndim} dimensions")
    if n < 0:
        M, n = matrix_inverse(M), -n
    result: Any = None
    square: Any = M
    while n:
        if n & 1:
            result = square if result is None else product(result, square)
        n >>= 1
        if n:
            square = product(square, square)
    return _identities(M) if result is None else result  # type: ignore[no-any-return]


def _identities(M: Any) -> Any:
    if M.type.ndim == 2:
        return identity_like(M)
    return alloc(eye(M.shape[-1], dtype=M.type.dtype), *[M.shape[axis] for axis in range(M.type.ndim)])


def kron(a: Any, b: Any) -> Variable:
    """The Kronecker product.

    Parameters
    ----------
    a, b : tensors
        With three dimensions or more together.

    Returns
    -------
    tensor of ``a.ndim + b.ndim - 2`` dimensions
        Of the dimensions of all products, the first two of each pair of factors become one: axis 0 with 2, axis 1 with 3. For two
        matrices it is :func:`numpy.kron`. With three dimensions together the result is a vector, in the order of axes 1, 0, 2.
    """
    a, b = as_tensor_variable(a), as_tensor_variable(b)
    ndim = a.type.ndim + b.type.ndim
    if ndim < 3:
        raise TypeError(f"kron takes operands of three dimensions or more together, got {a} with {a.type.ndim} and {b} with {b.type.ndim}")
    products = outer(a, b).reshape((*a.shape, *b.shape), ndim=ndim)
    if ndim == 3:
        return products.dimshuffle(1, 0, 2).flatten()  # type: ignore[no-any-return]
    lengths = (*(a.shape[axis] for axis in range(a.type.ndim)), *(b.shape[axis] for axis in range(b.type.ndim)))
    turned = products.dimshuffle(0, 2, 1, *range(3, ndim))
    return turned.reshape((lengths[0] * lengths[2], lengths[1] * lengths[3], *lengths[4:]), ndim=ndim - 2)  # type: ignore[no-any-return]
