"""PdbBreakpoint: an identity that stops in a debugger, when a condition holds, while a function runs."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.tensor.conversion import as_tensor_variable

__all__ = ["DEBUGGERS", "PdbBreakpoint"]

#: debuggers by preference: the first that is installed is used
DEBUGGERS = ("pudb", "ipdb", "pdb")


@frozen
class PdbBreakpoint(Op):
    """Hands variables on; where a condition holds at run time, prints its name and stops in a debugger.

    ::

        stop = PdbBreakpoint("error too large")
        mse, input_, target_ = stop(gt(mse.sum(), 100), mse, input_, target)

    The debugger starts inside :meth:`perform`, where ``monitored`` holds the values. It is pudb, ipdb or pdb, the first that
    is installed.

    Parameters
    ----------
    name : str
        Printed when it stops.

    Notes
    -----
    At least one of the returned variables must be used, or the op is left out with everything else that no output needs.
    No rewrite looks through it.
    """

    name: str
    #: how many variables it hands on; set by :meth:`make_node`
    monitored: int = 0

    @property
    def view_map(self) -> dict[int, list[int]]:
        """Each output is the monitored input itself."""
        return {position: [position + 1] for position in range(self.monitored)}

    def make_node(self, condition: Any, *monitored: Any) -> Apply:
        """A scalar condition, and the variables to hand on.

        Raises
        ------
        TypeError
            If the condition is not a scalar, or there is nothing to hand on.
        """
        condition = as_tensor_variable(condition)
        if condition.type.ndim != 0:
            raise TypeError(f"the condition of {self} is a scalar, got {condition.type}")
        if not monitored:
            raise TypeError(f"{self} hands on at least one variable: use what it returns, or it never runs")
        variables = [value if isinstance(value, Variable) else as_tensor_variable(value) for value in monitored]
        return Apply(evolve(self, monitored=len(variables)), [condition, *variables], [each.type() for each in variables])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        condition, *monitored = inputs
        for cell, value in zip(output_storage, monitored, strict=True):
            cell[0] = value
        if condition:
            print(f"\nConditional breakpoint '{self.name}' activated", file=sys.stdout)
            print(f"The monitored variables are: {', '.join(map(str, node.inputs[1:]))}; their values are in `monitored`", file=sys.stdout)
            debugger = next(name for name in DEBUGGERS if importlib.util.find_spec(name) is not None)
            importlib.import_module(debugger).set_trace()

    def do_constant_folding(self, node: Apply) -> bool:
        """No: it is to stop each time the function runs."""
        return False

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """Each output is connected with the input that it hands on; the condition with none."""
        outputs = range(len(node.outputs))
        return [[False for _ in outputs], *([at == position for at in outputs] for position in outputs)]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return [disconnected_type(), *output_grads]

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return list(eval_points[1:])

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        """The shapes of the monitored inputs."""
        return list(shapes[1:])

    def __str__(self) -> str:
        return f"PdbBreakpoint{{{self.name}}}"
