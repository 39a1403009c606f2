"""Device ops that mean what a host op means: the host op says what is computed, its lowering how.

A :class:`GpuOp` holds the host op and the context's name. Its kernels come from the host op's lowering through the printer of
the device, so an op that lowers runs on every device without code of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

from tcore.gpuarray.launching import node_thunk
from tcore.gpuarray.transfer import as_gpuarray_variable, infer_context_name
from tcore.gpuarray.type import GpuArrayType
from tcore.gpuarray.views import view_thunk
from tcore.graph import Apply, MethodNotDefined, Op, Variable
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

__all__ = ["GpuOp", "host_positions", "stays_on_host"]

#: op class -> positions of the inputs that stay on the host: shapes, indices and other small integers
_host_inputs: dict[type, Callable[[Op, int], Sequence[int]]] = {}


def stays_on_host(*classes: type) -> Callable[[Callable[[Op, int], Sequence[int]]], Callable[[Op, int], Sequence[int]]]:
    """Mark ``function(op, number of inputs) -> positions`` as the rule for host op classes."""

    def mark(function: Callable[[Op, int], Sequence[int]]) -> Callable[[Op, int], Sequence[int]]:
        _host_inputs.update(dict.fromkeys(classes, function))
        return function

    return mark


def host_positions(op: Op, count: int) -> frozenset[int]:
    """The inputs of ``op`` (of ``count``) that a device op takes from the host: what the op says, or the rule for its class."""
    own: Sequence[int] | None = getattr(op, "host_inputs", None)
    if own is not None:
        return frozenset(own)
    for cls in type(op).__mro__:
        if cls in _host_inputs:
            return frozenset(_host_inputs[cls](op, count))
    return frozenset()


class GpuOp(Op):
    """``host_op`` on the device of a context.

    Parameters
    ----------
    host_op : Op
        What is computed; it must lower to the loop IR or belong to a class with kernels of its own.
    context_name : hashable, optional
        Needed only where no input lives on a device.
    """

    __props__ = ("host_op", "context_name")

    def __init__(self, host_op: Op, context_name: Hashable = None) -> None:
        self.host_op = host_op
        self.context_name = context_name
        if host_op.destroy_map:
            self.destroy_map = host_op.destroy_map
        if host_op.view_map:
            self.view_map = host_op.view_map
        self.default_output = host_op.default_output

    def __str__(self) -> str:
        return f"Gpu{self.host_op}"

    @property
    def inner_ops(self) -> tuple[Op, ...]:
        """The host op: its package takes part in compiling this one."""
        return (self.host_op,)

    def make_node(self, *inputs: Any) -> Apply:
        """As the host op's; arrays are moved to the context that the inputs agree on."""
        on_host = host_positions(self.host_op, len(inputs))
        arrays = [value for position, value in enumerate(inputs) if position not in on_host]
        context = infer_context_name(*arrays) if arrays else self.context_name
        placed = [
            as_host_input(value) if position in on_host else as_gpuarray_variable(value, context)
            for position, value in enumerate(inputs)
        ]
        model = self.host_op.make_node(*[_host_twin(variable) for variable in placed])
        if len(model.inputs) != len(placed) or any(
            m.type.ndim != p.type.ndim for m, p in zip(model.inputs, placed, strict=True) if isinstance(p.type, GpuArrayType)
        ):
            raise TypeError(f"{self} takes inputs of the number of axes that its nodes have; dimshuffle them first")
        outputs = [GpuArrayType(out.type.dtype, out.type.broadcastable, context)() for out in model.outputs]
        return Apply(self, placed, outputs)

    def host_node(self, node: Apply) -> Apply:
        """The node that ``host_op`` makes on host twins of the inputs: same dtypes and broadcast patterns."""
        return self.host_op.make_node(*[_host_twin(variable) for variable in node.inputs])

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """The host op's rule."""
        infer = getattr(self.host_op, "infer_shape", None)
        if infer is None:
            raise MethodNotDefined(f"{self.host_op} infers no shapes", type(self.host_op), "infer_shape")
        return infer(node, shapes)  # type: ignore[no-any-return]

    def do_constant_folding(self, node: Apply) -> bool:
        """No: folding never opens a device."""
        return False

    def make_thunk(self, node: Apply, storage_map: Any, compute_map: Any, no_recycling: Any, impl: str | None = None) -> Any:
        """One node as one launch sequence; a view is a view."""
        if self.view_map:
            return view_thunk(node, storage_map, compute_map)
        return node_thunk(node, storage_map, compute_map, no_recycling)


def as_host_input(value: Any) -> Variable:
    """``value`` as a variable of the host; slices and None become the constants that indexing ops take."""
    return value if isinstance(value, Variable) else as_tensor_variable(value)


def _host_twin(variable: Variable) -> Variable:
    if isinstance(variable.type, GpuArrayType):
        return TensorType(variable.type.dtype, variable.type.broadcastable)()  # type: ignore[return-value]
    return variable
