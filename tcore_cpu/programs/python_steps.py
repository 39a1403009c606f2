"""Nodes that run ``perform``, or a thunk of their own, inside native programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from tcore.graph import Constant, NoParams, Op
from tcore.link import ValueLock
from tcore.link.errors import ThunkView, raise_with_op
from tcore_cpu.user_code.steps import ScalarInputs, c_step_of

__all__ = ["step_of"]


def step_of(node: Any, fgraph: Any, key: str = "") -> Any:
    """A callable from the values of a node's inputs to the tuple of its outputs; ``key`` as for :func:`c_step_of`."""
    if type(node.op).make_thunk is not Op.make_thunk:
        return _ThunkStep(node, fgraph)
    step = c_step_of(node, key)
    if step is None:
        return _PerformStep(node, fgraph)
    step.fgraph = fgraph
    return step


class _Step:
    """What a node runs in Python."""

    runs_on: ClassVar[str] = "Python"

    def __init__(self, node: Any, fgraph: Any) -> None:
        self.node, self.fgraph = node, fgraph
        self._unwrap = ScalarInputs(node)
        self._lock = None if getattr(node.op, "thread_safe", True) else ValueLock()
        flags = enumerate(getattr(v.type, "broadcastable", ()) for v in node.outputs)
        #: axes of outputs that have one element: kernels read no further, and would give wrong results where there are more
        self._ones = [(k, axis) for k, marks in flags for axis, marked in enumerate(marks) if marked]

    def native(self) -> Any:
        """What the runtime calls."""
        return self

    def _made(self, cells: Sequence[list[Any]]) -> tuple[Any, ...]:
        """The results, of the lengths that their types promise."""
        for k, axis in self._ones:
            shape = getattr(cells[k][0], "shape", None)
            if shape is not None and axis < len(shape) and shape[axis] != 1:
                raise TypeError(f"the op made an array of shape {shape}, but axis {axis} of {self.node.outputs[k].type} is broadcastable, so its length is 1")
        return tuple(cell[0] for cell in cells)

    def blame(self, error: Exception, values: tuple[Any, ...]) -> None:
        """Raise ``error`` with the node: the runtime cannot take what it returned for ``values``."""
        raise_with_op(self.fgraph, self.node, ThunkView(values, len(self.node.outputs)), (type(error), error, error.__traceback__))


class _PerformStep(_Step):
    """Runs ``Op.perform`` on fresh cells."""

    def __init__(self, node: Any, fgraph: Any) -> None:
        super().__init__(node, fgraph)
        self._perform = node.op.perform
        self._outputs = range(len(node.outputs))
        params = node.run_params()
        self._params = () if params is NoParams else (params,)

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        storage: list[list[Any]] = [[None] for _ in self._outputs]
        values = self._unwrap(values)
        try:
            if self._lock is None:
                self._perform(self.node, list(values), storage, *self._params)
            else:
                with self._lock:
                    self._perform(self.node, list(values), storage, *self._params)
            return self._made(storage)
        except Exception:
            raise_with_op(self.fgraph, self.node, ThunkView(values, len(storage)), sys.exc_info())


class _ThunkStep(_Step):
    """Runs the thunk of an op that makes its own: each call in progress has one, with cells of its own."""

    def __init__(self, node: Any, fgraph: Any) -> None:
        super().__init__(node, fgraph)
        self._spare = [self._instance()]
        self._making = ValueLock()

    def _instance(self) -> tuple[Any, list[list[Any]], list[list[Any]]]:
        node = self.node
        cells: dict[Any, list[Any]] = {
            v: [v.data if isinstance(v, Constant) else None] for v in (*node.inputs, *node.outputs)
        }
        computed = {v: [v.owner is not node] for v in cells}
        thunk = node.op.make_thunk(node, cells, computed, list(node.outputs))
        return thunk, [cells[v] for v in node.inputs], [cells[v] for v in node.outputs]

    def __call__(self, *values: Any) -> tuple[Any, ...]:
        if self._lock is None:
            return self._run(values)
        with self._lock:
            return self._run(values)

    def _run(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        try:
            instance = self._spare.pop()
        except IndexError:
            with self._making:
                instance = self._instance()
        thunk, inputs, outputs = instance
        try:
            for cell, value in zip(inputs, self._unwrap(values), strict=True):
                cell[0] = value
            for cell in outputs:
                cell[0] = None
            thunk()
            return self._made(outputs)
        except Exception:
            raise_with_op(self.fgraph, self.node, ThunkView(values, len(outputs)), sys.exc_info())
        finally:
            for cell in (*inputs, *outputs):
                cell[0] = None
            self._spare.append(instance)
