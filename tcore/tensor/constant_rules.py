"""Rules for constant values behind elementwise operations and changes of form; those of other ops stand beside the ops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tcore.graph import Apply, Variable
from tcore.scalar import ScalarOp, Second
from tcore.tensor.constants import NotScalarConstantError, scalar_value_of, value_behind
from tcore.tensor.dimshuffle import DimShuffle
from tcore.tensor.elemwise import Elemwise
from tcore.tensor.scalars import ScalarFromTensor, TensorFromScalar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__: list[str] = []


for _view in (DimShuffle, ScalarFromTensor, TensorFromScalar):
    scalar_value_of.register(_view, value_behind)


@scalar_value_of.register(Elemwise)
def _elementwise(op: Elemwise, node: Apply, index: int | None, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    """The filling of a fill; what a scalar op makes of constants."""
    return _computed(op.scalar_op, node, value_of)


@scalar_value_of.register(ScalarOp)
def _scalar(op: ScalarOp, node: Apply, index: int | None, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    return _computed(op, node, value_of)


def _computed(op: ScalarOp, node: Apply, value_of: Callable[[Variable], np.ndarray]) -> np.ndarray:
    if isinstance(op, Second):
        return value_of(node.inputs[1])
    if len(node.outputs) != 1 or len(node.inputs) > _FEW:
        raise NotScalarConstantError(f"{node} is not computed ahead")
    values = [value_of(variable)[()] for variable in node.inputs]
    scalar_node = op.make_node(*values)
    storage = [[None]]
    op.perform(scalar_node, values, storage)
    return np.array(storage[0][0], dtype=node.outputs[0].type.dtype)


#: fused operations with more inputs are not worth the walk
_FEW = 8
