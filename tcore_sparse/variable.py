"""Sparse variables, constants and shared variables, and what Python writes on them."""

from __future__ import annotations

import sys
from typing import Any

from tcore.compile.sharedvalue import SharedVariable
from tcore.graph import Constant, Variable
from tcore.tensor.shape import shape
from tcore_sparse.types import SparseType, is_sparse_value

__all__ = [
    "SparseConstant",
    "SparseTensorSharedVariable",
    "SparseVariable",
    "bsr_matrix",
    "csc_matrix",
    "csr_matrix",
    "matrix",
    "sparse_constructor",
]


def _ops() -> Any:
    # the ops make variables and constants of these classes; the package is complete when an operator runs
    return sys.modules["tcore_sparse"]


class _sparse_py_operators:
    """Operators, attributes and methods of sparse variables. ``*`` is elementwise; the matrix product is ``dot`` or ``@``."""

    __slots__ = ()
    __array_priority__ = 2000
    __array_ufunc__ = None
    type: SparseType

    @property
    def dtype(self) -> str:
        """Name of the element type."""
        return self.type.dtype

    @property
    def format(self) -> str:
        """Storage format."""
        return self.type.format

    @property
    def ndim(self) -> int:
        """2."""
        return 2

    @property
    def shape(self) -> Any:
        """The shape, as an int64 vector."""
        return shape(self)

    @property
    def T(self) -> Any:
        """The transpose, in the other format."""
        return _ops().transpose(self)

    def transpose(self) -> Any:
        """The transpose, in the other format."""
        return _ops().transpose(self)

    def toarray(self) -> Any:
        """As a dense matrix."""
        return _ops().dense_from_sparse(self)

    def astype(self, dtype: str) -> Any:
        """Converted to ``dtype``."""
        return _ops().cast(self, dtype)

    def zeros_like(self, dtype: str | None = None) -> Any:
        """A matrix of this shape and format without entries."""
        zeros = _ops().sp_zeros_like(self)
        return zeros if dtype is None else _ops().cast(zeros, dtype)

    def ones_like(self) -> Any:
        """Ones where this matrix has entries."""
        return _ops().sp_ones_like(self)

    def dot(self, other: Any) -> Any:
        """The matrix product, structured: see :func:`tcore_sparse.structured_dot`."""
        return _ops().structured_dot(self, other)

    def __tcore_dot__(self, other: Any, is_left: bool) -> Any:
        return _ops().dot(self, other) if is_left else _ops().dot(other, self)

    def __neg__(self) -> Any:
        return _ops().neg(self)

    def __add__(self, other: Any) -> Any:
        return _ops().add(self, other)

    def __radd__(self, other: Any) -> Any:
        return _ops().add(other, self)

    def __sub__(self, other: Any) -> Any:
        return _ops().sub(self, other)

    def __rsub__(self, other: Any) -> Any:
        return _ops().sub(other, self)

    def __mul__(self, other: Any) -> Any:
        return _ops().mul(self, other)

    def __rmul__(self, other: Any) -> Any:
        return _ops().mul(other, self)

    def __matmul__(self, other: Any) -> Any:
        return _ops().structured_dot(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _ops().dot(other, self)


class SparseVariable(_sparse_py_operators, Variable):
    """A sparse matrix in a graph."""

    def __str__(self) -> str:
        if self.name is None and self.owner is None:
            return f"SparseVariable{{{self.format},{self.dtype}}}"
        return super().__str__()

    __repr__ = __str__


class SparseConstant(_sparse_py_operators, Constant):
    """A fixed sparse matrix."""

    def __str__(self) -> str:
        rows, columns = self.data.shape
        return f"SparseConstant{{{self.format},{self.dtype},shape=({rows}, {columns}),nnz={self.data.nnz}}}"

    __repr__ = __str__


class SparseTensorSharedVariable(_sparse_py_operators, SharedVariable):
    """A shared variable whose value is a sparse matrix."""


SparseType.Variable = SparseVariable
SparseType.Constant = SparseConstant


def sparse_constructor(
    value: Any,
    name: str | None = None,
    strict: bool = False,
    allow_downcast: bool | None = None,
    borrow: bool = False,
    format: str | None = None,
) -> SparseTensorSharedVariable:
    """A shared variable for a SciPy sparse matrix, which is copied unless ``borrow``.

    Raises
    ------
    TypeError
        If ``value`` is no sparse matrix.
    """
    if not is_sparse_value(value):
        raise TypeError(f"a sparse shared variable holds a SciPy sparse matrix, got {type(value).__name__}")
    kind = SparseType(value.format if format is None else format, value.dtype)
    return SparseTensorSharedVariable(type=kind, value=value if borrow else value.copy(), name=name, strict=strict, allow_downcast=allow_downcast)


def matrix(format: str, name: str | None = None, dtype: str | None = None) -> Any:
    """A sparse variable of a format; ``dtype`` defaults to floatX."""
    return SparseType(format, "floatX" if dtype is None else dtype)(name)


def csc_matrix(name: str | None = None, dtype: str | None = None) -> Any:
    """A sparse variable stored by columns."""
    return matrix("csc", name, dtype)


def csr_matrix(name: str | None = None, dtype: str | None = None) -> Any:
    """A sparse variable stored by rows."""
    return matrix("csr", name, dtype)


def bsr_matrix(name: str | None = None, dtype: str | None = None) -> Any:
    """A sparse variable stored by rows of blocks; ops convert it to csr first."""
    return matrix("bsr", name, dtype)
