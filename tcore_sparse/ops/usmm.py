"""A scaled sparse product added to a dense matrix: what optimization makes of the three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore import tensor
from tcore.graph import Apply, Op
from tcore.records import frozen
from tcore.scalar import upcast
from tcore.tensor import TensorType
from tcore_sparse.ops.dot import Dot

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Usmm", "usmm"]


@frozen
class Usmm(Op):
    """``alpha * dot(x, y) + z``: ``op(alpha, x, y, z)``. One of ``x`` and ``y`` is sparse, the result is dense.

    Not for use by hand, and without a gradient: optimization puts it in, after derivatives were taken.
    """

    def make_node(self, alpha: Any, x: Any, y: Any, z: Any) -> Apply:
        product = Dot().make_node(x, y)
        (dot,), (x, y) = product.outputs, product.inputs
        alpha, z = tensor.as_tensor_variable(alpha), tensor.as_tensor_variable(z)
        if not all(alpha.type.broadcastable) or z.type.ndim != 2:
            raise TypeError(f"{self} takes one number as alpha and a matrix as z, got {alpha.type} and {z.type}")
        marks = tuple(p and q for p, q in zip(dot.type.broadcastable, z.type.broadcastable, strict=True))
        return Apply(self, [alpha, x, y, z], [TensorType(upcast(alpha.type.dtype, dot.type.dtype, z.type.dtype), marks)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        alpha, x, y, z = inputs
        product: list[Any] = [None]
        Dot().perform(Dot().make_node(*node.inputs[1:3]), (x, y), [product])
        for axis, (own, other) in enumerate(zip(product[0].shape, z.shape, strict=True)):
            marked = node.inputs[3].type.broadcastable[axis] or (axis == 1 and node.inputs[2].type.broadcastable[1])
            if own != other and not marked:
                raise ValueError(f"usmm: a product of shape {product[0].shape} cannot be added to shape {z.shape}")
        output_storage[0][0] = np.asarray(np.asarray(alpha).reshape(()) * product[0] + z, node.outputs[0].type.dtype)

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        _, x, y, z = shapes
        product = (x[0], y[1])
        return [tuple(p if marked else q for p, q, marked in zip(product, z, node.inputs[3].type.broadcastable, strict=True))]

    def __str__(self) -> str:
        return "Usmm{no_inplace}"


usmm = Usmm()
