"""Matrices and the arrays that they are stored in: ``CSM``, ``CSMProperties``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import scipy.sparse
from attrs import field

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import DisconnectedType, disconnected_type
from tcore.records import frozen
from tcore.tensor import TensorType, as_tensor_variable
from tcore_sparse.conversion import as_sparse_variable, is_sparse_variable
from tcore_sparse.types import SparseType, is_sparse_value

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CSC",
    "CSM",
    "CSR",
    "CSMProperties",
    "EntriesOf",
    "compressed",
    "compressed_format",
    "coordinates",
    "csm_data",
    "csm_indices",
    "csm_indptr",
    "csm_properties",
    "csm_shape",
    "with_pattern_of",
]

_COMPRESSED = {"csc": scipy.sparse.csc_matrix, "csr": scipy.sparse.csr_matrix}


def compressed(x: Any) -> Any:
    """``x`` as a sparse variable in csc or csr format: the ops know these two.

    Raises
    ------
    NotImplementedError
        For bsr.
    """
    variable = as_sparse_variable(x)
    if variable.type.format not in _COMPRESSED:
        raise NotImplementedError(f"ops take csc and csr matrices, got {variable} in {variable.type.format} format: convert the value with tocsr()")
    return variable


def compressed_format(value: str) -> str:
    """``csc`` or ``csr``, and an error for what is neither."""
    if value not in _COMPRESSED:
        raise NotImplementedError(f"CSM makes csc and csr matrices, not {value!r}")
    return value


def _kmap(value: Any) -> tuple[int, ...] | None:
    return None if value is None else tuple(int(place) for place in np.asarray(value).reshape(-1))


@frozen
class CSM(Op):
    """A sparse matrix of its parts: ``CSM(format)(data, indices, indptr, shape)``.

    ``kmap``, an index array, says which entries of ``data`` are used and in which order; all of them without it.
    """

    format: str = field(converter=compressed_format)
    kmap: tuple[int, ...] | None = field(default=None, converter=_kmap)

    def make_node(self, data: Any, indices: Any, indptr: Any, shape: Any) -> Apply:
        data = as_tensor_variable(data)
        if data.type.ndim != 1:
            raise TypeError(f"the data of a sparse matrix is a vector, got {data} with {data.type.ndim} dimensions")
        parts = []
        for name, value in (("indices", indices), ("indptr", indptr), ("shape", shape)):
            part = as_tensor_variable(value)
            if part.type.ndim != 1 or not part.type.dtype.startswith(("int", "uint")):
                raise TypeError(f"the {name} of a sparse matrix is an integer vector, got {part} of type {part.type}")
            parts.append(part)
        return Apply(self, [data, *parts], [SparseType(self.format, data.type.dtype)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        data, indices, indptr, shape = inputs
        if len(shape) != 2:
            raise ValueError(f"the shape of a sparse matrix has two entries, got {shape}")
        if self.kmap is not None:
            data = data[list(self.kmap)]
        if len(data) != len(indices):
            raise ValueError(f"a sparse matrix needs one index per stored entry, got {len(data)} entries, {len(indices)} indices")
        _check_places(self.format, indices, indptr, shape)
        output_storage[0][0] = _COMPRESSED[self.format]((data.copy(), indices.copy(), indptr.copy()), shape=tuple(int(n) for n in shape))

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        shape = node.inputs[3]
        return [(shape[0], shape[1])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False], [False], [False]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The entries of the gradient at the places of the matrix."""
        (g,) = output_grads
        entries = EntriesOf()(g, *csm_properties(outputs[0])[1:], self.format == "csr")
        if self.kmap is not None:
            entries = _scattered(inputs[0], entries, self.kmap)
        return [entries, *[disconnected_type() for _ in range(3)]]

    def __str__(self) -> str:
        return f"CSM{{{self.format}}}" if self.kmap is None else f"CSM{{{self.format}, kmap}}"


def _check_places(format: str, indices: np.ndarray, indptr: np.ndarray, shape: np.ndarray) -> None:
    """Refuse what loops over a sparse matrix would follow out of it; SciPy looks at lengths and ends only."""
    outer, inner = ("row", "column") if format == "csr" else ("column", "row")
    across, along = (int(n) for n in (shape if format == "csr" else shape[::-1]))
    if indices.size and (indices.min() < 0 or indices.max() >= along):
        wrong = int(indices[(indices < 0) | (indices >= along)][0])
        raise ValueError(f"a sparse matrix of shape {tuple(map(int, shape))} has no {inner} {wrong}: {inner} indices go from 0 to {along - 1}")
    if len(indptr) != across + 1 or indptr[0] != 0 or indptr[-1] != len(indices):
        raise ValueError(
            f"the indptr of a {format} matrix with {across} {outer}s and {len(indices)} entries has {across + 1} numbers from 0 to {len(indices)}, got {indptr}"
        )
    if (indptr[1:] < indptr[:-1]).any():
        place = int(np.argmax(indptr[1:] < indptr[:-1]))
        raise ValueError(f"the indptr of a {format} matrix does not fall: {outer} {place} would go from entry {int(indptr[place])} to {int(indptr[place + 1])}")


def _scattered(data: Variable, entries: Variable, kmap: tuple[int, ...]) -> Variable:
    from tcore.tensor import inc_subtensor, zeros_like

    return inc_subtensor(zeros_like(data)[np.array(kmap, "int64")], entries)


CSC = CSM("csc")
CSR = CSM("csr")


@frozen
class CSMProperties(Op):
    """The parts of a sparse matrix: data, indices, indptr, shape. Indices and indptr are int32, the shape is int64.

    Parts that have these types are the arrays of the matrix itself, not copies.
    """

    view_map: ClassVar[dict[int, list[int]]] = {0: [0], 1: [0], 2: [0]}

    def make_node(self, csm: Any) -> Apply:
        csm = compressed(csm)
        kinds = [TensorType(dtype, (False,)) for dtype in (csm.type.dtype, "int32", "int32", "int64")]
        return Apply(self, [csm], [kind() for kind in kinds])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (csm,) = inputs
        for storage, part, dtype in zip(output_storage, (csm.data, csm.indices, csm.indptr, csm.shape), (csm.dtype, "int32", "int32", "int64"), strict=True):
            if dtype == "int32" and part.dtype != dtype and len(part) and np.max(part) > np.iinfo(dtype).max:
                raise ValueError(f"{self}: places of a sparse matrix are {dtype}, this one has {np.max(part)}")
            storage[0] = np.asarray(part, dtype)

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True, False, False, False]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient of the data in a matrix of the same pattern."""
        (csm,), g = inputs, output_grads[0]
        if isinstance(g.type, DisconnectedType):
            return [disconnected_type()]
        return [CSM(csm.type.format)(g, *outputs[1:])]

    def __str__(self) -> str:
        return "CSMProperties"


def csm_properties(csm: Any) -> list[Any]:
    """The parts of a sparse matrix, as vectors: (data, indices, indptr, shape)."""
    return CSMProperties()(csm, return_list=True)


def csm_data(csm: Any) -> Any:
    """The stored entries."""
    return csm_properties(csm)[0]


def csm_indices(csm: Any) -> Any:
    """Rows (csc) or columns (csr) of the stored entries."""
    return csm_properties(csm)[1]


def csm_indptr(csm: Any) -> Any:
    """Where each column (csc) or row (csr) begins among the stored entries."""
    return csm_properties(csm)[2]


def csm_shape(csm: Any) -> Any:
    """The shape."""
    return csm_properties(csm)[3]


def coordinates(indices: Any, indptr: Any, by_rows: bool) -> tuple[Any, Any]:
    """Rows and columns of the entries of a compressed matrix."""
    major = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return (major, indices) if by_rows else (indices, major)


@frozen
class EntriesOf(Op):
    """The entries of a matrix, sparse or dense, at the places of another one: ``op(x, indices, indptr, shape, by_rows)``."""

    def make_node(self, x: Any, indices: Any, indptr: Any, shape: Any, by_rows: Any) -> Apply:
        x = x if is_sparse_variable(x) else as_tensor_variable(x)
        places = [as_tensor_variable(value) for value in (indices, indptr, shape, np.int8(by_rows) if isinstance(by_rows, bool) else by_rows)]
        return Apply(self, [x, *places], [TensorType(x.type.dtype, (False,))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, indices, indptr, _, by_rows = inputs
        rows, columns = coordinates(indices, indptr, bool(by_rows))
        if not len(rows):
            output_storage[0][0] = np.zeros(0, x.dtype)
            return
        source = x.tocsr() if is_sparse_value(x) else x
        output_storage[0][0] = np.asarray(source[rows, columns], x.dtype).reshape(-1)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(shapes[1][0],)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], *[[False]] * 4]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient as a matrix with entries at these places only."""
        from tcore.tensor import get_scalar_constant_value
        from tcore_sparse.ops.dense import dense_from_sparse

        x, indices, indptr, shape, by_rows = inputs
        made = CSM("csr" if get_scalar_constant_value(by_rows) else "csc")(output_grads[0], indices, indptr, shape)
        return [made if is_sparse_variable(x) else dense_from_sparse(made), *[disconnected_type() for _ in range(4)]]

    def __str__(self) -> str:
        return "EntriesOf"


def with_pattern_of(g: Any, x: Any) -> Any:
    """The matrix ``g``, sparse or dense, at the places where the sparse ``x`` has entries: a structured gradient."""
    _, indices, indptr, shape = csm_properties(x)
    return CSM(x.type.format)(EntriesOf()(g, indices, indptr, shape, x.type.format == "csr"), indices, indptr, shape)
