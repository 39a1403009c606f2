"""Between 0-d tensors and scalars: ``ScalarFromTensor`` and ``TensorFromScalar``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tcore.configuration import config
from tcore.graph import Apply, FieldlessOp, Variable
from tcore.scalar.conversion import as_scalar
from tcore.scalar.dtypes import discrete_dtypes
from tcore.scalar.type import Scalar, get_scalar_type
from tcore.tensor.type import TensorType
from tcore.tensor.views_c import ScalarFromTensorC, TensorFromScalarC

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ScalarFromTensor", "TensorFromScalar", "scalar_from_tensor", "tensor_from_scalar"]


class ScalarFromTensor(ScalarFromTensorC, FieldlessOp):
    """The element of a 0-d tensor, as a scalar."""

    def make_node(self, t: Any) -> Apply:
        if not isinstance(t, Variable) or not isinstance(t.type, TensorType) or t.type.ndim != 0:
            raise TypeError(f"{self} takes a 0-d tensor, got {t} of {getattr(t, 'type', type(t).__name__)}")
        return Apply(self, [t], [get_scalar_type(t.type.dtype).make_variable()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.asarray(inputs[0])[()]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [()]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient as a 0-d tensor."""
        return [tensor_from_scalar(output_grads[0])]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0])]

    def __str__(self) -> str:
        return "ScalarFromTensor"


class TensorFromScalar(TensorFromScalarC, FieldlessOp):
    """A scalar as a 0-d tensor."""

    def make_node(self, s: Any) -> Apply:
        if not isinstance(s, Variable) or not isinstance(s.type, Scalar):
            raise TypeError(f"{self} takes a scalar variable, got {s} of {getattr(s, 'type', type(s).__name__)}")
        return Apply(self, [s], [TensorType(s.type.dtype, ())()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        output_storage[0][0] = np.asarray(inputs[0])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[tuple[Any, ...]]:
        return [()]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """The gradient as a scalar; zero for integers."""
        (s,), (g,) = inputs, output_grads
        if s.type.dtype in discrete_dtypes:
            return [s.zeros_like(dtype=config.floatX)]
        return [scalar_from_tensor(g)]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [None] if eval_points[0] is None else [self(eval_points[0])]

    def __str__(self) -> str:
        return "TensorFromScalar"


_tensor_from_scalar = TensorFromScalar()
_scalar_from_tensor = ScalarFromTensor()


def tensor_from_scalar(s: Any) -> Variable:
    """``s`` as a 0-d tensor; the tensor itself where ``s`` was taken from one."""
    if isinstance(s, Variable) and s.owner is not None and isinstance(s.owner.op, ScalarFromTensor):
        return s.owner.inputs[0]
    return _tensor_from_scalar(as_scalar(s))


def scalar_from_tensor(t: Any) -> Variable:
    """``t`` as a scalar; the scalar itself where ``t`` was made of one."""
    if isinstance(t, Variable) and isinstance(t.type, Scalar):
        return t
    if isinstance(t, Variable) and t.owner is not None and isinstance(t.owner.op, TensorFromScalar):
        return t.owner.inputs[0]
    return _scalar_from_tensor(t)
