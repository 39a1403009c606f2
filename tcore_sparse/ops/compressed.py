"""Products of a compressed sparse matrix, given as its parts, with a dense one: what optimization makes of the others.

As parts the matrix is made of arrays, which C code reads: see ``native/products.h``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from attrs import field

from tcore import tensor
from tcore.graph import Apply, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.scalar import upcast
from tcore.tensor import TensorType
from tcore.tensor.gradients import as_gradient_of
from tcore_sparse.native import NativeProduct
from tcore_sparse.ops.dot import StructuredDotEntries, structured_dot
from tcore_sparse.ops.parts import CSM, compressed_format

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["StructuredDotParts", "UsmmParts"]

_MAKERS = {"csc": scipy.sparse.csc_matrix, "csr": scipy.sparse.csr_matrix}


def _parts(op: Any, *parts: Any) -> list[Any]:
    """Data, indices, indptr and shape as variables."""
    variables = [tensor.as_tensor_variable(part) for part in parts]
    for number, part in enumerate(variables):
        if part.type.ndim != 1 or (number and not part.type.dtype.startswith(("int", "uint"))):
            raise TypeError(f"{op} takes the parts of a sparse matrix, data and three integer vectors, got {part} of type {part.type}")
    return variables


def _dense(op: Any, x: Any) -> Any:
    variable = tensor.as_tensor_variable(x)
    if variable.type.ndim != 2:
        raise TypeError(f"{op} takes matrices, got {variable} with {variable.type.ndim} dimensions")
    return variable


def _matrix(form: str, parts: Sequence[Any], b: Any, name: str) -> Any:
    """The sparse matrix, whose places are all checked: SciPy's product reads and writes wherever they point."""
    data, indices, indptr, shape = parts
    if len(shape) != 2:
        raise ValueError(f"the shape of a sparse matrix has two entries, got {len(shape)}")
    rows, columns = (int(n) for n in shape)
    matrix = _MAKERS[form]((data, indices, indptr), shape=(rows, columns))
    matrix.check_format(full_check=True)
    if columns != b.shape[0]:
        raise ValueError(f"{name}: shapes {(rows, columns)} and {b.shape} do not fit: {columns} columns against {b.shape[0]} rows")
    return matrix


def _types(inputs: Sequence[Variable]) -> str:
    return ", ".join(f"npy_{variable.type.dtype}" for variable in inputs)


@frozen
class StructuredDotParts(NativeProduct):
    """A sparse matrix times a dense one: ``op(data, indices, indptr, shape, b)``.

    :class:`~tcore_sparse.ops.dot.StructuredDot` says the same of a matrix that is not taken apart.
    """

    format: str = field(converter=compressed_format)

    def make_node(self, data: Any, indices: Any, indptr: Any, shape: Any, b: Any) -> Apply:
        parts, b = _parts(self, data, indices, indptr, shape), _dense(self, b)
        return Apply(self, [*parts, b], [TensorType(upcast(parts[0].type.dtype, b.type.dtype), (False, b.type.broadcastable[1]))()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        *parts, b = inputs
        output_storage[0][0] = np.asarray(_matrix(self.format, parts, b, "structured_dot") @ b, node.outputs[0].type.dtype)

    def call(self, node: Apply, inputs: Sequence[str], out: str, number: int) -> str:
        """Added to zeros."""
        z = f"npy_{node.outputs[0].type.dtype}"
        by_rows = "true" if self.format == "csr" else "false"
        return f'tc_sparse::accumulate<{by_rows}, {_types(node.inputs)}, {z}>("structured_dot", {", ".join(inputs)}, ({z}) 1, NULL, &{out}, {number})'

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [(node.inputs[3][0], shapes[4][1])]

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        return [[True], [False], [False], [False], [True]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """``g · bᵀ`` at the entries; the transposed matrix times ``g``."""
        (data, indices, indptr, shape, b), (g,) = inputs, output_grads
        by_rows = self.format == "csr"
        gb = structured_dot(CSM("csc" if by_rows else "csr")(data, indices, indptr, shape[::-1]), g)
        nothing = [disconnected_type() for _ in range(3)]
        return [StructuredDotEntries(by_rows)(g, b, indices, indptr), *nothing, as_gradient_of(b, gb)]

    def __str__(self) -> str:
        return f"StructuredDot{{{self.format}}}"


@frozen
class UsmmParts(NativeProduct):
    """``z + alpha * x · y`` for a sparse ``x``: ``op(alpha, data, indices, indptr, shape, y, z)``, all of one dtype; ``alpha`` has one element.

    Entries that are not stored are left out, so that an ``alpha`` or ``y`` that is infinite makes fewer NaN than the formula.
    """

    format: str = field(converter=compressed_format)
    inplace: bool = False

    @property
    def destroy_map(self) -> dict[int, list[int]]:
        """``z``, where it may be overwritten."""
        return {0: [6]} if self.inplace else {}

    def make_node(self, alpha: Any, data: Any, indices: Any, indptr: Any, shape: Any, y: Any, z: Any) -> Apply:
        parts, y, z = _parts(self, data, indices, indptr, shape), _dense(self, y), _dense(self, z)
        alpha = tensor.as_tensor_variable(alpha)
        if not all(alpha.type.broadcastable):
            raise TypeError(f"{self} takes one number as alpha, got {alpha} of type {alpha.type}")
        if {v.type.dtype for v in (alpha, parts[0], y, z)} != {z.type.dtype} or z.type.broadcastable != (False, y.type.broadcastable[1]):
            raise TypeError(f"{self} takes values of one dtype and a z of the product's type, got {alpha.type}, {parts[0].type}, {y.type}, {z.type}")
        return Apply(self, [alpha.dimshuffle() if alpha.type.ndim else alpha, *parts, y, z], [z.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        alpha, *parts, y, z = inputs
        product = _matrix(self.format, parts, y, "usmm") @ y
        if product.shape != z.shape:
            raise ValueError(f"usmm: a product of shape {product.shape} cannot be added to shape {z.shape}")
        output_storage[0][0] = np.add(z, alpha * product, out=z if self.inplace else None, dtype=z.dtype)

    def call(self, node: Apply, inputs: Sequence[str], out: str, number: int) -> str:
        """Added to ``z`` or a copy of it."""
        alpha, *rest, z = inputs
        kind = f"npy_{node.outputs[0].type.dtype}"
        by_rows = "true" if self.format == "csr" else "false"
        factor = f"*({kind} *) PyArray_DATA({alpha})"
        work = f'tc_sparse::accumulate<{by_rows}, {_types(node.inputs[1:6])}, {kind}>("usmm", {", ".join(rest)}, {factor}, {z}, &{out}, {number})'
        return f"(Py_XDECREF({out}), {out} = {z}, Py_INCREF({out}), {work})" if self.inplace else work

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[6]]

    def __str__(self) -> str:
        return f"Usmm{{{self.format},{'inplace' if self.inplace else 'no_inplace'}}}"
