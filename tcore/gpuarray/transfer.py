"""Moves between the host and devices, as ops: they are the only ones whose inputs and outputs live in different places."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from tcore.gpuarray.array import GpuArray, asarray
from tcore.gpuarray.contexts import list_contexts
from tcore.gpuarray.type import GpuArrayType
from tcore.graph import Apply, Op, Variable
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

__all__ = [
    "GpuFromHost",
    "GpuToGpu",
    "HostFromGpu",
    "as_gpuarray_variable",
    "host_from_gpu",
    "infer_context_name",
    "transfer",
]


class _Transfer(Op):
    """What every move has: values, and with them shapes and directions, stay the same."""

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Any]:
        """The direction, moved as the input is."""
        return [None if eval_points[0] is None else self(eval_points[0])]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """The input's shape."""
        return list(shapes)

    def do_constant_folding(self, node: Apply) -> bool:
        """No: folding never opens a device, nor waits for one."""
        return False


class GpuFromHost(_Transfer):
    """Host tensor to device array. Input: tensor of any shape; output: same dtype, shape and broadcast pattern."""

    __props__ = ("context_name",)

    def __init__(self, context_name: Hashable) -> None:
        self.context_name = context_name

    def __str__(self) -> str:
        return f"GpuFromHost<{self.context_name}>"

    def make_node(self, x: Variable) -> Apply:
        """Accepts a tensor; other types are a TypeError."""
        if not isinstance(x.type, TensorType):
            raise TypeError(f"{self} moves host tensors, got {x} of type {x.type}")
        return Apply(self, [x], [GpuArrayType(x.type.dtype, x.type.broadcastable, self.context_name)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """Copy to the device."""
        output_storage[0][0] = asarray(np.asarray(inputs[0]), context=node.outputs[0].type.context)

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """The gradient, moved back."""
        return [host_from_gpu(as_gpuarray_variable(output_grads[0], self.context_name))]


class HostFromGpu(_Transfer):
    """Device array to host tensor; waits for the work that computes it."""

    __props__ = ()

    def __str__(self) -> str:
        return "HostFromGpu(gpuarray)"

    def make_node(self, x: Variable) -> Apply:
        """Accepts a device array; other types are a TypeError."""
        if not isinstance(x.type, GpuArrayType):
            raise TypeError(f"{self} moves device arrays, got {x} of type {x.type}")
        return Apply(self, [x], [TensorType(x.type.dtype, x.type.broadcastable)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """Copy to the host."""
        output_storage[0][0] = np.asarray(inputs[0])

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """The gradient, moved to the device."""
        return [GpuFromHost(inputs[0].type.context_name)(as_tensor_variable(output_grads[0]))]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Any]:
        """The direction, moved as the input is."""
        point = eval_points[0]
        if point is None:
            return [None]
        return [self(point) if isinstance(point.type, GpuArrayType) else point]


host_from_gpu = HostFromGpu()


class GpuToGpu(_Transfer):
    """Array on one device to another device, through the host."""

    __props__ = ("context_name",)

    def __init__(self, context_name: Hashable) -> None:
        self.context_name = context_name

    def __str__(self) -> str:
        return f"GpuToGpu<{self.context_name}>"

    def make_node(self, x: Variable) -> Apply:
        """Accepts a device array; other types are a TypeError."""
        if not isinstance(x.type, GpuArrayType):
            raise TypeError(f"{self} moves device arrays, got {x} of type {x.type}")
        return Apply(self, [x], [GpuArrayType(x.type.dtype, x.type.broadcastable, self.context_name)()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        """Copy; also within one device that has two names, so that the output never aliases the input."""
        context = node.outputs[0].type.context
        source: GpuArray = inputs[0]
        output_storage[0][0] = source.copy() if source.context is context else asarray(np.asarray(source), context=context)

    def L_op(self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Any]:
        """The gradient, moved back."""
        return [GpuToGpu(inputs[0].type.context_name)(as_gpuarray_variable(output_grads[0], self.context_name))]


def as_gpuarray_variable(x: Any, context_name: Hashable) -> Variable:
    """``x`` as a variable on the device of ``context_name``: itself if it is there, without a detour through the host if it came from there."""
    if isinstance(x, Variable):
        if isinstance(x.type, GpuArrayType):
            return x if x.type.context_name == context_name else GpuToGpu(context_name)(x)  # type: ignore[no-any-return]
        if x.owner is not None and isinstance(x.owner.op, HostFromGpu):
            return as_gpuarray_variable(x.owner.inputs[0], context_name)
    return GpuFromHost(context_name)(as_tensor_variable(x))  # type: ignore[no-any-return]


def infer_context_name(*variables: Any) -> Hashable:
    """The context on which an op with these inputs should run: theirs, else that of their ``tag.target``, else the default.

    Raises
    ------
    ValueError
        If they live on two different contexts (both are named), or on none and there is no default.
    """
    found: dict[Hashable, Any] = {}
    for variable in variables:
        kind = getattr(variable, "type", None)
        if isinstance(kind, GpuArrayType):
            found.setdefault(kind.context_name, variable)
        elif variable_owner_is_transfer(variable):
            found.setdefault(variable.owner.inputs[0].type.context_name, variable)
    if not found:
        for variable in variables:
            target = getattr(getattr(variable, "tag", None), "target", "cpu")
            if target != "cpu":
                found.setdefault(target, variable)
    if len(found) > 1:
        names = ", ".join(f"{variable} on {name!r}" for name, variable in found.items())
        raise ValueError(f"the inputs live on different contexts ({names}): move them to one with variable.transfer(name)")
    if found:
        return next(iter(found))
    if None in list_contexts():
        return None
    raise ValueError("no context can be worked out: none of the inputs is on a device and no default device is set")


def variable_owner_is_transfer(variable: Any) -> bool:
    """Whether the host tensor ``variable`` is a copy of a device array."""
    owner = getattr(variable, "owner", None)
    return owner is not None and isinstance(owner.op, HostFromGpu)


def transfer(variable: Variable, target: Hashable) -> Variable | None:
    """``variable`` on the device of context ``target``, or None where no context has that name: the hook behind ``variable.transfer``."""
    known = target in list_contexts() or (isinstance(target, str) and target.startswith(("cuda", "opencl")))
    if target == "cpu" or not known:
        return None
    return as_gpuarray_variable(variable, target)
