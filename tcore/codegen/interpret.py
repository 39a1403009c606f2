"""The meaning of the loop IR, executed slowly in NumPy: what every printer must agree with.

Expressions are evaluated for all indices of a stage at once, on arrays with one dimension per axis.
Not for running programs; tests use it to check lowerings and kernels without any backend.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tcore.codegen.expr import Axis, Buffer, Cast, Const, Expr, Extent, Fn, Load, Param, Select
from tcore.codegen.functions import FUNCTIONS
from tcore.codegen.kernel import Kernel
from tcore.codegen.opaque import Opaque
from tcore.codegen.reductions import linear_index
from tcore.codegen.stages import Demand, Map, Prefix, Reduce, Regions, Scatter, Stage
from tcore.codegen.walks import flatten
from tcore.scalar.casting import converted

__all__ = ["Interpreter", "run_kernel", "run_stages"]


class Interpreter:
    """Values of expressions, given arrays for buffers.

    Parameters
    ----------
    arrays : mapping from Buffer to array
        Operands; results are added.
    opaque : callable, optional
        ``opaque(code, args)`` computes a user's C text.
    """

    def __init__(
        self, arrays: Mapping[Buffer, np.ndarray[Any, Any]], opaque: Callable[..., Any] | None = None
    ) -> None:
        self.arrays: dict[Buffer, Any] = dict(arrays)
        self.opaque = opaque

    def evaluate(
        self,
        roots: Sequence[Expr],
        axes: Sequence[Axis],
        fixed: Mapping[Expr, Any] | None = None,
    ) -> list[Any]:
        """Each root as an array over ``axes`` (broadcast where it does not depend on one)."""
        values: dict[Expr, Any] = dict(fixed or {})
        lengths = [self.length(axis.extent) for axis in axes]
        for k, axis in enumerate(axes):
            shape = [1] * len(axes)
            shape[k] = lengths[k]
            values[axis] = np.arange(lengths[k]).reshape(shape)
        for expr in flatten(roots):
            if expr not in values:
                with np.errstate(all="ignore"):
                    values[expr] = self._value(expr, values)
        return [np.broadcast_to(values[root], lengths) for root in roots]

    def length(self, extent: Expr) -> int:
        """A length, as a number."""
        values: dict[Expr, Any] = {}
        for expr in flatten([extent]):
            values[expr] = self._value(expr, values)
        return int(values[extent])

    def _value(self, expr: Expr, values: Mapping[Expr, Any]) -> Any:
        args = [values[arg] for arg in expr.args]
        if isinstance(expr, Const):
            return np.array(expr.value, expr.dtype)
        if isinstance(expr, Extent):
            return np.int64(self.arrays[expr.buffer].shape[expr.axis])
        if isinstance(expr, Load):
            return self._load(expr, args)
        if isinstance(expr, Fn):
            result = np.asarray(FUNCTIONS[expr.name].numpy(*args))
            return result.astype(expr.dtype)
        if isinstance(expr, Cast):
            return converted(args[0], expr.dtype)
        if isinstance(expr, Select):
            return np.where(args[0], args[1], args[2])
        if isinstance(expr, Opaque) and self.opaque is not None:
            return np.asarray(self.opaque(expr.code, args)[expr.output]).astype(expr.dtype)
        if isinstance(expr, Param):
            raise KeyError(f"no value for parameter {expr.name}")
        raise TypeError(f"cannot evaluate {expr!r}")

    def _load(self, expr: Load, index: list[Any]) -> Any:
        array = self.arrays[expr.buffer]
        if not index:
            return array[()]
        parts = []
        for item, length in zip(np.broadcast_arrays(*index), array.shape, strict=True):
            if item.size and (item.min() < 0 or item.max() >= length):
                raise IndexError(f"index of {expr!r} is outside of its {length} elements")
            parts.append(item)
        return array[tuple(parts)]

    # -- stages

    def run(self, stage: Stage) -> None:
        """Execute one stage."""
        if isinstance(stage, Map):
            for buffer, value in zip(stage.outputs, self.evaluate(stage.values, stage.axes), strict=True):
                self._assign(buffer, stage.axes, value)
        elif isinstance(stage, Reduce):
            self._reduce(stage)
        elif isinstance(stage, Regions):
            self._regions(stage)
        elif isinstance(stage, Scatter):
            self._scatter(stage)
        elif isinstance(stage, Prefix):
            self._prefix(stage)
        else:
            assert isinstance(stage, Demand)
            for condition in () if stage.doubtful else stage.conditions:
                if not self.evaluate([condition], ())[0]:
                    raise ValueError(f"a node demands that {condition!r}")

    def _assign(self, buffer: Buffer, axes: Sequence[Axis], value: Any) -> None:
        """Store a value over the axes; axes of length 1 that the kernel dropped come back."""
        value = np.array(value, dtype=buffer.dtype)
        if len(axes) != buffer.ndim:
            value = value.reshape(_full_shape(buffer, value.shape))
        self.arrays[buffer] = value

    def _reduce(self, stage: Reduce) -> None:
        axes = (*stage.axes, *stage.reduced)
        position, element = self.evaluate([linear_index(stage.reduced), stage.elements[0]], axes)
        kept = [self.length(axis.extent) for axis in stage.axes]
        count = int(np.prod([self.length(axis.extent) for axis in stage.reduced], dtype=np.int64))
        position, element = (np.reshape(part, [*kept, count]) for part in (position, element))
        reduction = stage.reduction
        left, right = reduction.symbols("a"), reduction.symbols("b")
        # A balanced tree, as every backend's order is some tree.
        parts = [self._lift(reduction, element[..., k], position[..., k]) for k in range(count)]
        if not parts:
            parts = [[np.broadcast_to(v, kept) for v in self.evaluate(reduction.identity(), ())]]
        combined = reduction.combine(left, right)
        while len(parts) > 1:
            parts = [
                self._symbolic(combined, (*left, *right), [*pair[0], *pair[1]]) if len(pair) == 2 else pair[0]
                for pair in (parts[k : k + 2] for k in range(0, len(parts), 2))
            ]
        results = self._symbolic(reduction.finish(left), left, parts[0])
        for buffer, value in zip(stage.outputs, results, strict=True):
            self._assign(buffer, stage.axes, value)

    def _lift(self, reduction: Any, element: Any, position: Any) -> list[Any]:
        x, i = Param("element", str(element.dtype)), Param("position", "int64")
        lifted = reduction.lift(x, i)
        found = self._symbolic(lifted, (x, i), [element, position])
        return [np.broadcast_to(v, np.shape(element)) for v in found]

    def _symbolic(self, roots: Sequence[Expr], symbols: Sequence[Expr], numbers: Sequence[Any]) -> list[Any]:
        values: dict[Expr, Any] = dict(zip(symbols, numbers, strict=True))
        for expr in flatten(roots):
            if expr not in values:
                with np.errstate(all="ignore"):
                    values[expr] = self._value(expr, values)
        return [values[root] for root in roots]

    def _start(self, stage: Regions | Scatter) -> Any:
        if stage.base is not None:
            return np.array(self.arrays[stage.base], dtype=stage.output.dtype)
        return self.arrays[stage.output]

    def _regions(self, stage: Regions) -> None:
        target = self._start(stage)
        for region in stage.regions:
            *index, value = self.evaluate((*region.index, region.value), region.axes)
            place = tuple(np.asarray(i) for i in index)
            if region.accumulate:
                value = target[place] + value
            target[place] = value
        self.arrays[stage.output] = target

    def _scatter(self, stage: Scatter) -> None:
        target = self._start(stage)
        *index, value = self.evaluate((*stage.index, stage.value), stage.axes)
        for position, extent in stage.checked:
            length = self.length(extent)
            bad = (index[position] < -length) | (index[position] >= length)
            if bad.any():
                raise IndexError(f"index {index[position][bad].flat[0]} is out of bounds for length {length}")
            index[position] = np.where(index[position] < 0, index[position] + length, index[position])
        for place in itertools.product(*(range(n) for n in np.shape(value))):
            target_index = tuple(int(i[place]) for i in index)
            if stage.combine == "inc":
                target[target_index] += value[place]
            else:
                target[target_index] = value[place]
        self.arrays[stage.output] = target

    def _prefix(self, stage: Prefix) -> None:
        axes = stage.loops
        rest = axes[:-1]
        lengths = [self.length(axis.extent) for axis in axes]
        state = [np.array(v) for v in self.evaluate(stage.initial, rest)]
        results = [np.zeros(lengths, buffer.dtype) for buffer in stage.outputs]
        for k in range(lengths[-1]):
            fixed: dict[Expr, Any] = {stage.ordered: np.int64(k)}
            fixed |= dict(zip(stage.carried, state, strict=True))
            state = [np.array(v) for v in self.evaluate(stage.step, rest, fixed)]
            for result, value in zip(results, state, strict=False):
                result[..., k] = value
        if stage.ordered not in stage.axes:
            for buffer, value in zip(stage.outputs, state, strict=False):
                self._assign(buffer, stage.axes, np.broadcast_to(value, lengths[:-1]).transpose([rest.index(axis) for axis in stage.axes]))
            return
        for buffer, result in zip(stage.outputs, results, strict=True):
            order = [axes.index(axis) for axis in stage.axes]
            self._assign(buffer, stage.axes, result.transpose(order))


def _full_shape(buffer: Buffer, lengths: Sequence[int]) -> list[int]:
    left = iter(lengths)
    return [1 if flag else next(left) for flag in buffer.broadcastable]


def run_stages(
    stages: Sequence[Stage],
    arrays: Mapping[Buffer, np.ndarray[Any, Any]],
    opaque: Callable[..., Any] | None = None,
) -> dict[Buffer, Any]:
    """All arrays after the stages have run."""
    interpreter = Interpreter(arrays, opaque)
    for stage in stages:
        interpreter.run(stage)
    return interpreter.arrays


def run_kernel(
    kernel: Kernel,
    inputs: Sequence[np.ndarray[Any, Any]],
    outputs: Sequence[np.ndarray[Any, Any] | None] = (),
    opaque: Callable[..., Any] | None = None,
) -> list[Any]:
    """The outputs of a kernel; ``outputs`` gives arrays of the right shape where the lengths need them."""
    arrays = dict(zip(kernel.inputs, inputs, strict=True))
    arrays |= {b: a for b, a in zip(kernel.outputs, outputs, strict=False) if a is not None}
    after = run_stages(kernel.stages, arrays, opaque)
    return [after[buffer] for buffer in kernel.outputs]


