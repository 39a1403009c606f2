"""Values and variables as sparse variables."""

from __future__ import annotations

from typing import Any

from tcore.graph import Apply, Variable
from tcore.tensor.conversion import as_tensor_variable
from tcore_sparse.types import SparseType, is_sparse_value
from tcore_sparse.variable import SparseConstant

__all__ = [
    "as_sparse",
    "as_sparse_or_tensor_variable",
    "as_sparse_variable",
    "constant",
    "convert",
    "is_sparse_variable",
]


def is_sparse_variable(x: object) -> bool:
    """Whether ``x`` is a variable of a sparse type."""
    return isinstance(x, Variable) and isinstance(x.type, SparseType)


def constant(x: Any, name: str | None = None) -> SparseConstant:
    """A SciPy sparse matrix as a constant, which holds a copy of it."""
    if not is_sparse_value(x):
        raise TypeError(f"a sparse constant is made of a SciPy sparse matrix, got {type(x).__name__}")
    return SparseConstant(SparseType(x.format, x.dtype), x.copy(), name=name)


def as_sparse_variable(x: Any, name: str | None = None) -> Any:
    """``x`` as a sparse variable: itself, or a constant made of a SciPy sparse matrix, of the same dtype and format.

    Raises
    ------
    TypeError
        If ``x`` is neither.
    """
    if isinstance(x, Apply):
        x = x.default_output()
    if isinstance(x, Variable):
        if not isinstance(x.type, SparseType):
            raise TypeError(f"{x} of type {x.type} is not sparse: use csc_from_dense or csr_from_dense")
        return x
    return constant(x, name)


as_sparse = as_sparse_variable


def as_sparse_or_tensor_variable(x: Any, name: str | None = None) -> Any:
    """``x`` as a sparse variable where it is one, else as a tensor variable."""
    try:
        return as_sparse_variable(x, name)
    except TypeError:
        return as_tensor_variable(x, name)


def convert(value: Any, name: str | None = None) -> SparseConstant | None:
    """``value`` as a constant, for :func:`tcore.as_variable`; None where it is no sparse matrix."""
    return constant(value, name) if is_sparse_value(value) else None
