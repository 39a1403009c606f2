"""Assert: a value that is only handed on while conditions hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from attrs import field
from attrs.validators import instance_of

from tcore.graph import Apply, Op, Variable
from tcore.graph.null_type import disconnected_type
from tcore.records import frozen
from tcore.tensor.conversion import as_tensor_variable

__all__ = ["Assert", "assert_fitting", "assert_op"]


def _exception(op: Assert, attribute: Any, value: Any) -> None:
    if not (isinstance(value, type) and issubclass(value, Exception)):
        raise TypeError(f"the error of an Assert is a class of exceptions, got {value!r}")


@frozen
class Assert(Op):
    """``Assert(msg)(value, *conditions)``: ``value`` itself; an error with ``msg`` when the function runs and a condition is false.

    Parameters
    ----------
    msg : str
    error : class of exceptions
        What is raised: AssertionError, as documented, if nothing else is asked for.
    shown : int
        So many of the last inputs are no conditions but integers, which the message has in the places ``{}``.

    Notes
    -----
    Use what it returns, or it is left out with everything else that no output needs. Rewrites do not look through it; one
    removes it where all conditions are known to be true, and level ``unsafe`` removes all.
    """

    msg: str = field(default="tcore Assert failed!", validator=instance_of(str))
    error: type[Exception] = field(default=AssertionError, validator=_exception)
    shown: int = 0

    view_map: ClassVar[dict[int, list[int]]] = {0: [0]}

    def make_node(self, value: Any, *conditions: Any) -> Apply:
        """A value of any type, and scalar conditions.

        Raises
        ------
        TypeError
            If a condition is not a scalar.
        """
        value = value if isinstance(value, Variable) else as_tensor_variable(value)
        checked = [as_tensor_variable(np.bool_(condition) if isinstance(condition, bool) else condition) for condition in conditions]
        for condition in checked:
            if condition.type.ndim != 0:
                raise TypeError(f"the conditions of Assert are scalars, got {condition} of type {condition.type}: reduce it with all()")
        return Apply(self, [value, *checked], [value.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        value, *conditions = inputs[: len(inputs) - self.shown]
        if not all(conditions):
            raise self.error(self.msg.format(*map(int, inputs[len(inputs) - self.shown :])) if self.shown else self.msg)
        output_storage[0][0] = value

    def conditions(self, node: Apply) -> list[Variable]:
        """The conditions of a node, without what the message shows."""
        return node.inputs[1 : len(node.inputs) - self.shown]

    def refusal(self) -> Exception:
        """What a condition that native code found to be false means, where ``perform`` cannot be asked any more."""
        return self.error(self.msg.replace("{}", "?") if self.shown else self.msg)

    def do_constant_folding(self, node: Apply) -> bool:
        """No: a condition that is false is an error of the call, not of the compilation."""
        return False

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The value is connected, conditions are not."""
        return [[True], *([False] for _ in node.inputs[1:])]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        return [shapes[0]]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        return [output_grads[0], *(disconnected_type() for _ in inputs[1:])]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> list[Variable | None]:
        return [eval_points[0]]

    def __str__(self) -> str:
        return f"Assert{{msg={self.msg!r}}}"


assert_op = Assert()


def assert_fitting(message: str, value: Any, conditions: Sequence[Any], operands: Sequence[Any], error: type[Exception] = ValueError) -> Any:
    """``value`` where the conditions on lengths hold; the message of the error ends with the shapes of the operands."""
    places = [f"({', '.join(['{}'] * x.type.ndim)}{',' * (x.type.ndim == 1)})" for x in operands]
    lengths = [x.shape[axis] for x in operands for axis in range(x.type.ndim)]
    text = message.replace("{", "{{").replace("}", "}}") if lengths else message
    return Assert(f"{text}, got shapes {' and '.join(places)}", error, len(lengths))(value, *conditions, *lengths)
