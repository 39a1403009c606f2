"""Sparse matrices with given rows: the gradient of taking a few rows of a large table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse

from tcore import tensor
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore_sparse.conversion import is_sparse_variable
from tcore_sparse.ops.dense import dense_from_sparse
from tcore_sparse.types import SparseType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ConstructSparseFromList", "construct_sparse_from_list"]


@frozen
class ConstructSparseFromList(Op):
    """A csc matrix of the shape of ``x`` with ``values[k]`` added to row ``ilist[k]``: ``op(x, values, ilist)``."""

    def make_node(self, x: Any, values: Any, ilist: Any) -> Apply:
        x, values, ilist = map(tensor.as_tensor_variable, (x, values, ilist))
        if (x.type.ndim, values.type.ndim, ilist.type.ndim) != (2, 2, 1) or not ilist.type.dtype.startswith(("int", "uint")):
            raise TypeError(f"{self} takes two matrices and an integer vector, got {x.type}, {values.type}, {ilist.type}")
        return Apply(self, [x, values, ilist], [SparseType("csc", values.type.dtype)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, values, ilist = inputs
        rows, columns = x.shape
        if values.shape != (len(ilist), columns):
            raise ValueError(f"{len(ilist)} rows of length {columns} are needed, got shape {values.shape}")
        wrong = ilist[(ilist < -rows) | (ilist >= rows)]
        if len(wrong):
            raise IndexError(f"index {int(wrong[0])} is out of bounds for axis 0 with size {rows}")
        places = np.where(ilist < 0, ilist + rows, ilist)
        coordinates = (np.repeat(places, columns), np.tile(np.arange(columns), len(places)))
        output_storage[0][0] = scipy.sparse.csc_matrix((values.reshape(-1), coordinates), shape=x.shape)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0]]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[False], [True], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The rows of the gradient."""
        (g,) = output_grads
        dense = dense_from_sparse(g) if is_sparse_variable(g) else g
        return [disconnected_type(), dense[inputs[2]], disconnected_type()]

    def __str__(self) -> str:
        return "ConstructSparseFromList"


construct_sparse_from_list = ConstructSparseFromList()
