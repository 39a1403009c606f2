"""Matrix products with sparse operands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore import tensor
from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar import upcast
from tcore.tensor import TensorType
from tcore.tensor.gradients import as_gradient_of
from tcore_sparse.conversion import as_sparse_or_tensor_variable, is_sparse_variable
from tcore_sparse.native import NativeProduct
from tcore_sparse.ops.parts import CSM, compressed, coordinates, csm_properties, with_pattern_of
from tcore_sparse.types import SparseType, is_sparse_value

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Dot", "StructuredDot", "StructuredDotEntries", "TrueDot", "dot", "structured_dot", "true_dot"]

#: rows of two dense matrices that are multiplied at once, as a number of elements: bounds the memory of the gradient
_CHUNK = 1 << 20


def _checked(name: str, x: Any, y: Any) -> None:
    if x.shape[1] != y.shape[0]:
        raise ValueError(f"{name}: shapes {x.shape} and {y.shape} do not fit: {x.shape[1]} columns against {y.shape[0]} rows")


@frozen
class Dot(Op):
    """The product of two matrices of which at least one is sparse, as a dense matrix. Its gradients are regular: dense."""

    def make_node(self, x: Any, y: Any) -> Apply:
        x, y = (compressed(v) if is_sparse_variable(v) else v for v in map(as_sparse_or_tensor_variable, (x, y)))
        if not (is_sparse_variable(x) or is_sparse_variable(y)):
            raise TypeError(f"a sparse dot needs a sparse operand, got {x} and {y}")
        for operand in (x, y):
            if operand.type.ndim != 2:
                raise TypeError(f"a sparse dot takes matrices, got {operand} with {operand.type.ndim} dimensions")
        marks = (x.type.broadcastable[0], y.type.broadcastable[1])
        return Apply(self, [x, y], [TensorType(upcast(x.type.dtype, y.type.dtype), marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y = inputs
        _checked("dot", x, y)
        product = x @ y if is_sparse_value(x) else (y.T @ x.T).T
        product = product.toarray() if is_sparse_value(product) else product
        output_storage[0][0] = np.asarray(product, node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(shapes[0][0], shapes[1][1])]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``g · yᵀ`` and ``xᵀ · g``, dense."""
        (x, y), (g,) = inputs, output_grads
        gradients = [_product(g, y.T), _product(x.T, g)]
        return [as_gradient_of(v, gradient) for v, gradient in zip(inputs, gradients, strict=True)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        (x, y), (dx, dy) = inputs, eval_points
        terms = ([] if dx is None else [_product(dx, y)]) + ([] if dy is None else [_product(x, dy)])
        return [None if not terms else terms[0] if len(terms) == 1 else terms[0] + terms[1]]

    def __str__(self) -> str:
        return "SparseDot"


_dot = Dot()


def _product(x: Any, y: Any) -> Any:
    return _dot(x, y) if is_sparse_variable(x) or is_sparse_variable(y) else tensor.dot(x, y)


def dot(x: Any, y: Any) -> Any:
    """The product of matrices of which at least one is sparse (csc or csr), as a dense matrix with regular gradients.

    A dense vector counts as a column on the right and as a row on the left; the result is then a vector.

    Raises
    ------
    TypeError
        If no operand is sparse.
    """
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    if not (is_sparse_variable(x) or is_sparse_variable(y)):
        raise TypeError(f"a sparse dot needs a sparse operand, got {x} and {y}")
    if y.type.ndim == 1:
        return _dot(x, y.dimshuffle(0, "x")).dimshuffle(0)
    if x.type.ndim == 1:
        return _dot(x.dimshuffle("x", 0), y).dimshuffle(1)
    return _dot(x, y)


@frozen
class StructuredDot(Op):
    """The product of a sparse and a dense matrix, as a dense one; the gradient of the sparse one has its pattern."""

    def make_node(self, a: Any, b: Any) -> Apply:
        a, b = compressed(a), tensor.as_tensor_variable(b)
        if b.type.ndim != 2:
            raise TypeError(f"structured_dot takes matrices, got {b} with {b.type.ndim} dimensions")
        return Apply(self, [a, b], [TensorType(upcast(a.type.dtype, b.type.dtype), (False, b.type.broadcastable[1]))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        a, b = inputs
        _checked("structured_dot", a, b)
        output_storage[0][0] = np.asarray(a @ b, node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(shapes[0][0], shapes[1][1])]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``g · bᵀ`` at the entries of ``a`` only, without computing the others; ``aᵀ · g``."""
        (a, b), (g,) = inputs, output_grads
        _, indices, indptr, shape = csm_properties(a)
        entries = StructuredDotEntries(a.type.format == "csr")(g, b, indices, indptr)
        return [CSM(a.type.format)(entries, indices, indptr, shape), as_gradient_of(b, structured_dot(a.T, g))]

    def __str__(self) -> str:
        return "StructuredDot"


@frozen
class StructuredDotEntries(NativeProduct):
    """The entries of ``g · bᵀ`` at given places: for the gradient of :class:`StructuredDot`."""

    by_rows: bool

    def make_node(self, g: Any, b: Any, indices: Any, indptr: Any) -> Apply:
        g, b, indices, indptr = map(tensor.as_tensor_variable, (g, b, indices, indptr))
        return Apply(self, [g, b, indices, indptr], [TensorType(upcast(g.type.dtype, b.type.dtype), (False,))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        g, b, indices, indptr = inputs
        rows, columns = coordinates(indices, indptr, self.by_rows)
        out = np.empty(len(rows), node.outputs[0].type.dtype)
        step = max(1, _CHUNK // max(1, g.shape[1]))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            out[part] = np.einsum("ij,ij->i", g[rows[part]], b[columns[part]])
        output_storage[0][0] = out

    def call(self, node: Apply, inputs: Sequence[str], out: str, number: int) -> str:
        """One sum for each entry."""
        types = ", ".join(f"npy_{variable.type.dtype}" for variable in (*node.inputs, *node.outputs))
        by_rows = "true" if self.by_rows else "false"
        return f"tc_sparse::entries<{by_rows}, {types}>({', '.join(inputs)}, &{out}, {number})"

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(shapes[2][0],)]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [True], [False], [False]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Products of the matrix that has the gradient as its entries."""
        (g, b, indices, indptr), (weights,) = inputs, output_grads
        shape = tensor.stack([g.shape[0], b.shape[0]])
        matrix = CSM("csr" if self.by_rows else "csc")(weights, indices, indptr, shape)
        gradients = [structured_dot(matrix, b), structured_dot(matrix.T, g)]
        marked = [as_gradient_of(v, gradient) for v, gradient in zip((g, b), gradients, strict=True)]
        return [*marked, disconnected_type(), disconnected_type()]

    def __str__(self) -> str:
        return f"StructuredDotEntries{{{'csr' if self.by_rows else 'csc'}}}"


@frozen
class TrueDot(Op):
    """The product of two sparse matrices, as a sparse one in the format of the first.

    With ``structured`` the gradients have the patterns of the operands.
    """

    structured: bool = False

    def make_node(self, x: Any, y: Any) -> Apply:
        x, y = compressed(x), compressed(y)
        return Apply(self, [x, y], [SparseType(x.type.format, upcast(x.type.dtype, y.type.dtype))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        x, y = inputs
        _checked("true_dot", x, y)
        kind = node.outputs[0].type
        output_storage[0][0] = (x @ y).asformat(kind.format).astype(kind.dtype, copy=False)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(shapes[0][0], shapes[1][1])]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``g · yᵀ`` and ``xᵀ · g``."""
        (x, y), (g,) = inputs, output_grads
        multiply = TrueDot() if is_sparse_variable(g) else _product
        gradients = [multiply(g, y.T), multiply(x.T, g)]
        if not self.structured:
            return gradients
        return [with_pattern_of(gradient, v) for gradient, v in zip(gradients, inputs, strict=True)]

    def __str__(self) -> str:
        return f"TrueDot{{structured={self.structured}}}"


def structured_dot(x: Any, y: Any) -> Any:
    """The product of a sparse matrix with a sparse one (sparse result) or a dense one (dense result), either first.

    The gradient of a sparse operand is computed at its stored entries only.

    Raises
    ------
    TypeError
        If no operand is sparse.
    """
    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    if is_sparse_variable(x) and is_sparse_variable(y):
        return TrueDot(structured=True)(x, y)
    if is_sparse_variable(x):
        if y.type.ndim == 1:
            return StructuredDot()(x, y.dimshuffle(0, "x")).dimshuffle(0)
        return StructuredDot()(x, y)
    if is_sparse_variable(y):
        return structured_dot(y.T, x.T).T
    raise TypeError(f"structured_dot needs a sparse operand, got {x} and {y}")


def true_dot(x: Any, y: Any, grad_preserves_dense: bool = True) -> Any:
    """The product of a sparse matrix with a sparse or dense one, as a sparse matrix with regular gradients.

    ``grad_preserves_dense`` gives dense operands dense gradients; else every gradient is sparse.
    """
    from tcore_sparse.ops.dense import csc_from_dense

    x, y = as_sparse_or_tensor_variable(x), as_sparse_or_tensor_variable(y)
    if not (is_sparse_variable(x) or is_sparse_variable(y)):
        raise TypeError(f"true_dot needs a sparse operand, got {x} and {y}")
    if not grad_preserves_dense and not (is_sparse_variable(x) and is_sparse_variable(y)):
        raise NotImplementedError("true_dot(grad_preserves_dense=False) of a dense operand: convert it with csc_from_dense, whose result has a sparse gradient")
    x, y = (v if is_sparse_variable(v) else csc_from_dense(v) for v in (x, y))
    return TrueDot()(x, y)
