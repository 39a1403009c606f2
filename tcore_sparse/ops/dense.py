"""Between sparse and dense matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from attrs import field

from tcore.graph import Apply, Op, Variable
from tcore.records import frozen
from tcore.tensor import TensorType, as_tensor_variable
from tcore.tensor.gradients import as_gradient_of
from tcore_sparse.conversion import as_sparse_variable, is_sparse_variable
from tcore_sparse.ops.parts import compressed, compressed_format, with_pattern_of
from tcore_sparse.types import SparseType

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DenseFromSparse", "SparseFromDense", "csc_from_dense", "csr_from_dense", "dense_from_sparse"]


@frozen
class DenseFromSparse(Op):
    """A sparse matrix as a dense one.

    With ``structured`` the gradient has entries only where the matrix has; else it is dense.
    """

    structured: bool = field(default=True, converter=bool)

    def make_node(self, x: Any) -> Apply:
        x = as_sparse_variable(x) if not self.structured else compressed(x)
        return Apply(self, [x], [TensorType(x.type.dtype, (False, False))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.asarray(inputs[0].toarray())

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """At the stored entries, or everywhere."""
        (x,), (g,) = inputs, output_grads
        return [with_pattern_of(g, x) if self.structured else SparseFromDense(x.type.format)(g)]

    def __str__(self) -> str:
        return f"DenseFromSparse{{structured={self.structured}}}"


dense_from_sparse = DenseFromSparse()


@frozen
class SparseFromDense(Op):
    """A dense matrix as a sparse one: its entries that are not zero."""

    format: str = field(converter=compressed_format)

    def make_node(self, x: Any) -> Apply:
        x = as_tensor_variable(x)
        if x.type.ndim > 2:
            raise TypeError(f"a sparse matrix has 2 dimensions, {x} has {x.type.ndim}")
        if x.type.ndim < 2:
            x = x.dimshuffle(*["x"] * (2 - x.type.ndim), *range(x.type.ndim))
        return Apply(self, [x], [SparseType(self.format, x.type.dtype)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        make = scipy.sparse.csc_matrix if self.format == "csc" else scipy.sparse.csr_matrix
        output_storage[0][0] = make(inputs[0])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0]]

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Dense, at the entries that are stored."""
        (x,), (g,) = inputs, output_grads
        return [as_gradient_of(x, dense_from_sparse(g if is_sparse_variable(g) else with_pattern_of(g, outputs[0])))]

    def __str__(self) -> str:
        return f"SparseFromDense{{{self.format}}}"


csr_from_dense = SparseFromDense("csr")
csc_from_dense = SparseFromDense("csc")
