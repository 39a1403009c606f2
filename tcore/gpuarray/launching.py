"""From a kernel of the loop IR to launches on a device: checks, outputs, launches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tcore.codegen.expr import Buffer, Expr, Extent
from tcore.codegen.gpu_program import host_integer, length_function
from tcore.codegen.group import Group
from tcore.codegen.grouping import group
from tcore.codegen.schedule_gpu import schedule
from tcore.codegen.tables import lowering_table
from tcore.codegen.walks import flatten
from tcore.gpuarray import array
from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.failures import ask_nodes, raise_for
from tcore.gpuarray.programs import LoadedProgram
from tcore.gpuarray.runtime import GpuContext
from tcore.gpuarray.shapes import ShapeRule
from tcore.graph import Constant
from tcore.graph.thunks import value_thunk

__all__ = ["GroupLauncher", "ShapeMismatchError", "group_thunk", "node_thunk"]

Lengths = dict[Buffer, tuple[int, ...]]


class ShapeMismatchError(ValueError):
    """Operands whose lengths must agree do not; ``node`` is the Apply that minds."""

    def __init__(self, node: Any, text: str) -> None:
        super().__init__(text)
        self.node = node


class GroupLauncher:
    """One kernel on one device: checks lengths, allocates outputs, launches, reports errors.

    Parameters
    ----------
    group : Group
        From :func:`tcore.codegen.grouping.group`.
    context : GpuContext
    """

    def __init__(self, group: Group, context: GpuContext) -> None:
        self.group = group
        self.context = context
        kernel = group.kernel
        self.program = LoadedProgram(schedule(kernel, context.dialect), context)
        self.dtypes = [np.dtype(buffer.dtype) for buffer in kernel.outputs]
        known = set(kernel.inputs)
        self.shapes = [
            self._shape_of(variable, shape, known) for variable, shape in zip(group.outputs, group.shapes, strict=True)
        ]
        self.checks = [(check, length_function(check.actual), length_function(check.expected)) for check in group.checks]
        #: constants are moved to the device once
        self.constants = {
            k: array.asarray(variable.data, context=context)
            for k, variable in enumerate(group.inputs)
            if isinstance(variable, Constant)
        }

    def _shape_of(
        self, variable: Any, shape: Sequence[Expr], known: set[Buffer]
    ) -> Callable[[Lengths, Callable[[Any], Any]], tuple[int, ...]]:
        """How the shape of an output is found: from lengths of operands, or from what the ops infer of numbers, too.

        The latter where an op that decides on the lengths, such as ``alloc``, is in this kernel, whether its result is kept or not.
        """
        if any(isinstance(item, Extent) and item.buffer not in known for item in flatten(shape)):
            rule = ShapeRule(self.group.nodes, variable)
            return lambda lengths, lookup: rule.shape(lookup)
        functions = [length_function(item) for item in shape]
        return lambda lengths, lookup: tuple([max(0, function(lengths)) for function in functions])

    def __call__(self, inputs: Sequence[Any], lookup: Callable[[Any], Any]) -> list[GpuArray]:
        """Start the kernel; the outputs, whose content is there once the work is done.

        Parameters
        ----------
        inputs : list of GpuArray or host arrays
            Values of ``group.inputs``.
        lookup : callable
            From a Variable of the graph to its value, for shapes that depend on numbers.
        """
        try:
            return self._run(inputs, lookup)
        except (ValueError, IndexError) as error:
            raise_for(self.group, inputs, lookup, getattr(error, "node", None), error)

    def _run(self, inputs: Sequence[Any], lookup: Callable[[Any], Any]) -> list[GpuArray]:
        # numbers that stayed on the host (indices, lengths) travel with the launch
        arrays = [self.constants[k] if k in self.constants else self._placed(value) for k, value in enumerate(inputs)]
        lengths = {buffer: value.shape for buffer, value in zip(self.group.kernel.inputs, arrays, strict=True)}
        values = dict(zip(self.group.kernel.inputs, inputs, strict=True))

        def element(buffer: Buffer, index: tuple[int, ...]) -> int:
            return int(np.asarray(values[buffer])[index])

        self._require(lengths, element, lambda: ask_nodes(self.group, inputs, lookup))
        outputs: list[GpuArray] = []
        for k, buffer in enumerate(self.group.kernel.outputs):
            if k in self.group.inplace:
                value = arrays[self.group.inplace[k]]
            else:
                value = array.empty(self.shapes[k](lengths, lookup), self.dtypes[k], context=self.context)
            lengths[buffer] = value.shape
            outputs.append(value)
        self._check(arrays, lengths)  # some lengths are those of outputs
        self.program.launch(outputs, arrays, lengths, element)
        return outputs

    def _placed(self, value: Any) -> GpuArray:
        return value if isinstance(value, GpuArray) else array.asarray(value, context=self.context)

    def _require(self, lengths: Lengths, element: Callable[[Buffer, tuple[int, ...]], int], ask: Callable[[], Any]) -> None:
        """What nodes demand of lengths and integers; the latter may have to come from the device. ``ask`` settles doubts."""
        for requirement in self.group.requirements:
            if host_integer(requirement.condition, lambda b, axis: lengths[b][axis], element):
                continue
            if requirement.doubtful:
                ask()
            else:
                raise ShapeMismatchError(requirement.node, f"{requirement.node} cannot work with lengths such as these")

    def _check(self, arrays: Sequence[GpuArray], lengths: Lengths) -> None:
        for check, actual, expected in self.checks:
            if (have := actual(lengths)) != (wanted := expected(lengths)):
                shapes = ", ".join(str(value.shape) for value in arrays)
                raise ShapeMismatchError(
                    check.node,
                    f"input {check.operand} of {check.node} has length {have} on axis {check.axis}, where {wanted} is needed "
                    f"(a length of 1 is stretched only where its type says that it always is 1); shapes in this kernel: {shapes}",
                )


def node_thunk(node: Any, storage_map: Any, compute_map: Any, no_recycling: Any) -> Any:
    """A thunk that runs one device node as a kernel of its own."""
    context = node.outputs[0].type.context
    (step,) = group([node], node.outputs, lowering_table([node]), granularity="node").steps
    if not isinstance(step, Group):
        raise NotImplementedError(f"{node.op} has no lowering, so it cannot run on {context.device_name}")
    return group_thunk(GroupLauncher(step, context), storage_map, compute_map)


def group_thunk(launcher: GroupLauncher, storage_map: Any, compute_map: Any) -> Any:
    """A thunk that launches a group from and into the cells of ``storage_map``."""
    inputs = [storage_map[variable] for variable in launcher.group.inputs]
    outputs = [storage_map[variable] for variable in launcher.group.outputs]
    flags = [] if compute_map is None else [compute_map[variable] for variable in launcher.group.outputs]

    def lookup(variable: Any) -> Any:
        return storage_map[variable][0]

    return value_thunk(partial(launcher, lookup=lookup), inputs, outputs, flags)
