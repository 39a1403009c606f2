"""From a kernel of the loop IR to launches on a device."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tcore.codegen.assemble import Group
from tcore.codegen.expr import Buffer, Expr, Extent, flatten
from tcore.codegen.grouping import group
from tcore.codegen.schedule_gpu import GpuProgram, evaluate_length, schedule
from tcore.codegen.stages import Reduce
from tcore.codegen.tables import lowering_table
from tcore.gpuarray import array
from tcore.gpuarray.array import GpuArray
from tcore.gpuarray.runtime import GpuContext, LaunchShape
from tcore.gpuarray.shapes import ShapeRule

__all__ = ["GroupLauncher", "ShapeMismatchError", "group_thunk", "node_thunk"]

_EXTREMES = {"max": "maximum", "min": "minimum", "argmax": "argmax", "argmin": "argmin", "maxandargmax": "maximum"}
_BLOCK = 256
_MAX_BLOCKS = 4096  # more work than that is done by the grid-stride loop


class ShapeMismatchError(ValueError):
    """Operands whose lengths must agree do not."""


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
        self.program: GpuProgram = schedule(group.kernel, context.dialect)
        # the schedule is right for blocks of any size; a strict context may try another one
        source = f"/* TC_ANY_BLOCK */\n{self.program.source}"
        self.kernels = [context.compile(source, launch.name) for launch in self.program.launches]
        self.dtypes = [np.dtype(buffer.dtype) for buffer in group.kernel.outputs]
        self.input_number = {buffer: k for k, buffer in enumerate(group.kernel.inputs)}
        own = set(group.kernel.outputs)
        self.rules = [
            ShapeRule(group.nodes, variable) if _mentions(shape, own) else None
            for variable, shape in zip(group.outputs, group.shapes, strict=True)
        ]
        #: reductions that have no value over an empty axis, with the lengths that must not be 0
        self.extremes = [
            (_EXTREMES[stage.reduction.name], [axis.extent for axis in stage.reduced])
            for stage in group.kernel.stages
            if isinstance(stage, Reduce) and stage.reduction.name in _EXTREMES
        ]
        self.errors = array.zeros((3,), "int64", context=context) if self.program.checks else None
        self.lock = threading.Lock()

    def __call__(self, inputs: Sequence[Any], lookup: Callable[[Any], Any]) -> list[GpuArray]:
        """Start the kernel; the outputs, whose content is there once the work is done.

        Parameters
        ----------
        inputs : list of GpuArray or host arrays
            Values of ``group.inputs``.
        lookup : callable
            From a Variable of the graph to its value, for shapes that depend on numbers.
        """
        # numbers that stayed on the host (indices, lengths) travel with the launch
        inputs = [v if isinstance(v, GpuArray) else array.asarray(v, context=self.context) for v in inputs]
        lengths = {buffer: value.shape for buffer, value in zip(self.group.kernel.inputs, inputs, strict=True)}
        outputs = []
        for k, (buffer, shape, rule) in enumerate(
            zip(self.group.kernel.outputs, self.group.shapes, self.rules, strict=True)
        ):
            if k in self.group.inplace:
                value = inputs[self.group.inplace[k]]
            else:
                lengths_of = lambda b, axis: lengths[b][axis]  # noqa: E731 - a name for one expression
                wanted = (
                    rule.shape(lookup)
                    if rule is not None
                    else tuple(max(0, evaluate_length(item, lengths_of)) for item in shape)
                )
                value = array.empty(wanted, self.dtypes[k], context=self.context)
            lengths[buffer] = value.shape
            outputs.append(value)
        self._check(inputs, lengths)  # some lengths are those of outputs
        self._check_extremes(lengths)
        self._launch(outputs, list(inputs), lengths)
        return outputs

    def _check(self, inputs: Sequence[GpuArray], lengths: dict[Buffer, tuple[int, ...]]) -> None:
        for check in self.group.checks:
            actual = evaluate_length(check.actual, lambda b, axis: lengths[b][axis])
            expected = evaluate_length(check.expected, lambda b, axis: lengths[b][axis])
            if actual != expected:
                shapes = ", ".join(str(value.shape) for value in inputs)
                raise ShapeMismatchError(
                    f"input {check.operand} of {check.node} has length {actual} on axis {check.axis}, where {expected} is needed "
                    f"(a length of 1 is stretched only where its type says that it always is 1); shapes in this kernel: {shapes}"
                )

    def _check_extremes(self, lengths: dict[Buffer, tuple[int, ...]]) -> None:
        for name, reduced in self.extremes:
            if any(evaluate_length(length, lambda b, axis: lengths[b][axis]) == 0 for length in reduced):
                raise ValueError(f"zero-size array to reduction operation {name} which has no identity")

    def _launch(self, outputs: list[GpuArray], inputs: list[GpuArray], lengths: dict[Buffer, tuple[int, ...]]) -> None:
        arrays = outputs + inputs
        block = self.program.block.pack(
            [value.shape for value in arrays],
            [[stride // value.dtype.itemsize for stride in value.strides] for value in arrays],
            [value.offset // value.dtype.itemsize for value in arrays],
        )
        writes = list({id(value.data): value.data for value in outputs}.values())
        written = {id(data) for data in writes}
        reads = list({id(value.data): value.data for value in inputs if id(value.data) not in written}.values())
        with self.lock:
            errors = self.errors
            error_data = errors.data if errors is not None else outputs[0].data
            extra = [errors.data] if errors is not None else []
            arguments = [*(value.data for value in arrays), error_data, block]
            for launch, kernel in zip(self.program.launches, self.kernels, strict=True):
                items = launch.items(lambda b, axis: lengths[b][axis])
                if items <= 0:
                    continue
                shape = _shape(items, launch.mode, kernel.max_block)
                self.context.launch(kernel, shape, arguments, reads=reads, writes=[*writes, *extra])
                if errors is not None:
                    self._report(errors)

    def _report(self, errors: GpuArray) -> None:
        """Raise what a kernel recorded: (code, index, length)."""
        code, index, length = np.asarray(errors).tolist()
        if code:
            self.context.fill(errors.data, 0, errors.nbytes, 0)
            raise IndexError(f"index {index} is out of bounds for an axis with size {length}")


def _shape(items: int, mode: str, limit: int) -> LaunchShape:
    size = min(_BLOCK, limit)
    groups = items if mode == "block" else -(-items // size)
    return LaunchShape(grid=(min(groups, _MAX_BLOCKS), 1, 1), block=(size, 1, 1))


def _mentions(shape: Sequence[Expr], buffers: set[Buffer]) -> bool:
    return any(isinstance(item, Extent) and item.buffer in buffers for item in flatten(shape))


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

    def thunk() -> None:
        values = launcher([cell[0] for cell in inputs], lookup)
        for cell, value in zip(outputs, values, strict=True):
            cell[0] = value
        for flag in flags:
            flag[0] = True

    thunk.inputs = inputs  # type: ignore[attr-defined]
    thunk.outputs = outputs  # type: ignore[attr-defined]
    thunk.lazy = False  # type: ignore[attr-defined]
    return thunk
