"""Lengths of arrays as index expressions: what ``infer_shape`` says, for outputs whose lowering does not say it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tcore.codegen.building import cast
from tcore.codegen.expr import Buffer, Const, Expr, Extent, Fn, Load, index_const
from tcore.codegen.lowering import NotLowered
from tcore.codegen.scalar_ops import scalar_values
from tcore.graph import Constant
from tcore_cpu.kernels.plans import NotScheduled

__all__ = ["Lengths"]

_DEPTH = 40


class Lengths:
    """Index expressions for lengths and for integer values of a graph.

    Parameters
    ----------
    buffer_of : callable
        The buffer of a variable whose lengths are there when the expression is evaluated; None for others.
    readable : callable
        Whether the elements of such a variable are still there as well: its memory may have gone to another.
    """

    def __init__(self, buffer_of: Callable[[Any], Buffer | None], readable: Callable[[Any], bool]) -> None:
        self._buffer_of, self._readable = buffer_of, readable
        self._shapes: dict[Any, tuple[Expr, ...]] = {}

    def of(self, variable: Any) -> tuple[Expr, ...]:
        """The lengths of all axes of ``variable``.

        Raises
        ------
        NotScheduled
            If they are not known before it is computed.
        """
        return self._of(variable, _DEPTH)

    def _of(self, variable: Any, depth: int) -> tuple[Expr, ...]:
        found = self._shapes.get(variable)
        if found is None:
            found = self._shapes[variable] = self._find(variable, depth)
        return found

    def _find(self, variable: Any, depth: int) -> tuple[Expr, ...]:
        flags = variable.type.broadcastable
        buffer = self._buffer_of(variable)
        if buffer is not None:
            return tuple(index_const(1) if flag else Extent(buffer, k) for k, flag in enumerate(flags))
        if variable.owner is None or depth == 0:
            raise NotScheduled(f"the shape of {variable} is not known before it is computed")
        node = variable.owner
        infer_shape = getattr(node.op, "infer_shape", None)
        if infer_shape is None:
            raise NotScheduled(f"{node.op} does not say its shape")
        try:
            shapes = infer_shape(node, [_symbolic_shape(v) for v in node.inputs])
        except NotImplementedError as error:
            raise NotScheduled(f"{node.op} does not say its shape") from error
        lengths = shapes[variable.index or 0]
        if lengths is None or len(lengths) != len(flags):
            raise NotScheduled(f"{node.op} does not say its shape")
        return tuple(
            index_const(1) if flag else self._value(length, depth - 1) for flag, length in zip(flags, lengths, strict=True)
        )

    def _value(self, value: Any, depth: int) -> Expr:
        """An integer, or the value of a 0-d integer variable."""
        if isinstance(value, int) or not hasattr(value, "type"):
            return index_const(int(value))
        return cast(self._scalar(value, depth), "int64")

    def _scalar(self, variable: Any, depth: int) -> Expr:
        if not all(getattr(variable.type, "broadcastable", ())):
            raise NotScheduled(f"{variable} has more than one value")
        if isinstance(variable, Constant):
            return index_const(int(variable.data))
        buffer = self._buffer_of(variable)
        if buffer is not None and self._readable(variable):
            return Load(buffer, (index_const(0),) * buffer.ndim)
        if variable.owner is None or depth == 0:
            raise NotScheduled(f"the value of {variable} is not known before the launch")
        op, inputs = variable.owner.op, variable.owner.inputs
        name = type(op).__name__
        if name == "Shape_i":
            return self._of(inputs[0], depth - 1)[op.i]
        if name in ("ScalarFromTensor", "TensorFromScalar", "DimShuffle", "Rebroadcast"):
            return self._scalar(inputs[0], depth - 1)
        if name == "Subtensor":
            return self._entry(variable, depth)
        return self._applied(variable, [self._scalar(v, depth - 1) for v in inputs])

    def _applied(self, variable: Any, args: list[Expr]) -> Expr:
        """An output of a scalar or elementwise op for values of its inputs."""
        op, inputs = variable.owner.op, variable.owner.inputs
        # reductions have a scalar op, too
        scalar_op = op.scalar_op if type(op).__name__ == "Elemwise" else op
        if not hasattr(scalar_op, "loop_name"):
            raise NotScheduled(f"{op} is no arithmetic of lengths")
        args = [cast(a, v.type.dtype) if not isinstance(a, Const) else a for a, v in zip(args, inputs, strict=True)]
        try:
            return scalar_values(scalar_op, args, [v.type.dtype for v in variable.owner.outputs])[variable.index or 0]
        except NotLowered as error:
            raise NotScheduled(str(error)) from error

    def _entry(self, variable: Any, depth: int) -> Expr:
        """What an op takes out of a vector."""
        source, *index = variable.owner.inputs
        position = self._scalar(index[0], depth - 1) if len(index) == 1 else None
        if not isinstance(position, Const) or source.type.ndim != 1:
            raise NotScheduled(f"the value of {variable} is not known before the launch")
        return self._element(source, position.value, depth - 1)

    def _element(self, vector: Any, position: int, depth: int) -> Expr:
        """One entry of a vector that is there, of a shape, of a vector of scalars, or of arithmetic on such vectors."""
        buffer = self._buffer_of(vector)
        if buffer is not None and self._readable(vector):
            return Load(buffer, (Fn("bounded", (index_const(position), Extent(buffer, 0)), "int64"),))
        if vector.owner is not None and depth > 0:
            op, inputs = vector.owner.op, vector.owner.inputs
            name = type(op).__name__
            if name == "Shape":
                return self._of(inputs[0], depth - 1)[position]
            if name == "MakeVector":
                return self._scalar(inputs[position], depth - 1)
            if name == "Elemwise" and position >= 0:
                return self._applied(vector, [self._element(v, 0 if v.type.broadcastable[0] else position, depth - 1) for v in inputs])
        raise NotScheduled(f"the value of {vector} is not known before the launch")


def _symbolic_shape(variable: Any) -> tuple[Any, ...] | None:
    from tcore.tensor.shape import Shape_i

    if not hasattr(variable.type, "broadcastable"):
        return None if not hasattr(variable.type, "dtype") else ()
    return tuple(1 if flag else Shape_i(k)(variable) for k, flag in enumerate(variable.type.broadcastable))
