"""The Type of sparse matrices: a storage format and an element type."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scipy.sparse
from attrs import field

from tcore.configuration import config
from tcore.graph import Type, Variable
from tcore.records import frozen

__all__ = ["SparseType", "all_dtypes", "is_sparse_value", "sparse_formats"]

#: formats that a SparseType can have; ops take csc and csr
sparse_formats = ("csc", "csr", "bsr")
#: element types of sparse matrices
all_dtypes = frozenset({
    "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64", "complex64", "complex128",
})  # fmt: skip

_MAKERS = {"csc": scipy.sparse.csc_matrix, "csr": scipy.sparse.csr_matrix, "bsr": scipy.sparse.bsr_matrix}


def is_sparse_value(value: Any) -> bool:
    """Whether ``value`` is a SciPy sparse matrix or array."""
    return bool(scipy.sparse.issparse(value))


def _known_format(value: str) -> str:
    if value not in sparse_formats:
        raise NotImplementedError(f"sparse format {value!r}: there are {', '.join(sparse_formats)}")
    return value


def _known_dtype(value: Any) -> str:
    name = config.floatX if value == "floatX" else np.dtype(value).name
    if name not in all_dtypes:
        raise NotImplementedError(f"sparse matrices of {value!r}: there are {', '.join(sorted(all_dtypes))}")
    return name


@frozen(repr=False, slots=False)
class SparseType(Type):
    """SciPy sparse matrices of one format and dtype.

    Attributes
    ----------
    format : {"csc", "csr", "bsr"}
        How entries are stored: by columns, by rows, by rows of blocks.
    dtype : str
    """

    format: str = field(converter=_known_format)
    dtype: str = field(default="floatX", converter=_known_dtype)
    ndim: ClassVar[int] = 2
    #: sparse matrices do not broadcast
    broadcastable: ClassVar[tuple[bool, bool]] = (False, False)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The NumPy dtype object."""
        return np.dtype(self.dtype)

    def clone(self, dtype: str | None = None, format: str | None = None) -> SparseType:
        """The same type with the given fields changed."""
        return SparseType(self.format if format is None else format, self.dtype if dtype is None else dtype)

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """``value`` as a matrix of this type: itself where it is one, else a converted copy.

        Raises
        ------
        TypeError
            If ``value`` is symbolic or no matrix, or a conversion would lose something.
        """
        if isinstance(value, Variable):
            raise TypeError(f"expected a sparse matrix for {self}, got the symbolic variable {value}")
        is_sparse = is_sparse_value(value)
        if is_sparse and value.format == self.format and value.dtype == self.numpy_dtype:
            return value
        if strict:
            found = f"{value.format} of {value.dtype}" if is_sparse else type(value).__name__
            raise TypeError(f"{self} strictly takes {self.format} matrices of {self.dtype}, got {found}")
        if not is_sparse:
            value = np.asarray(value)
            if value.ndim != 2 or value.dtype.kind not in "biufc":
                raise TypeError(f"{self} takes matrices of numbers, got {value.ndim} dimensions of {value.dtype}")
        if not allow_downcast and not np.can_cast(value.dtype, self.numpy_dtype, "safe"):
            raise TypeError(f"{self} cannot store {value.dtype} without a loss: convert it with astype({self.dtype!r})")
        return _MAKERS[self.format](value, dtype=self.dtype)

    def is_valid_value(self, value: Any) -> bool:
        """Whether ``value`` is a matrix of this format and dtype."""
        return is_sparse_value(value) and value.format == self.format and value.dtype == self.numpy_dtype

    @staticmethod
    def may_share_memory(a: Any, b: Any) -> bool:
        """Whether the parts of two values may overlap."""
        parts = [_parts(x) for x in (a, b)]
        return any(np.may_share_memory(p, q) for p in parts[0] for q in parts[1])

    def values_eq(self, a: Any, b: Any) -> bool:
        """Whether two matrices have equal entries, stored or not."""
        return a.shape == b.shape and a.dtype == b.dtype and (a != b).nnz == 0

    def values_eq_approx(self, a: Any, b: Any, eps: float = 1e-6) -> bool:
        """Whether two matrices have equal entries up to rounding."""
        if a.shape != b.shape or a.dtype != b.dtype:
            return False
        difference = abs(a - b)
        return difference.nnz == 0 or bool(difference.max() < eps * max(1.0, abs(a).max()))

    def constant_signature(self, data: Any) -> Any:
        """Type, shape and stored bytes."""
        return (self, data.shape, *[part.tobytes() for part in _parts(data)])

    def get_shape_info(self, obj: Any) -> Any:
        """Bytes of the parts."""
        return [part.nbytes for part in _parts(obj)]

    def get_size(self, shape_info: Any) -> int:
        """Their sum."""
        return int(sum(shape_info))

    def __str__(self) -> str:
        return f"Sparse[{self.dtype}, {self.format}]"

    __repr__ = __str__


def _parts(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return [value]
    return [getattr(value, name) for name in ("data", "indices", "indptr") if hasattr(value, name)]
