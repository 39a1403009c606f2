"""Types of gradients that have no value: undefined ones and disconnected ones.

They stand on this floor because every op's ``L_op`` may return them; :mod:`tcore.gradient` gives them to users.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tcore.graph.errors import NullTypeError
from tcore.graph.type import SingletonType, Type
from tcore.records import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tcore.graph.apply import Apply
    from tcore.graph.op import Op
    from tcore.graph.variable import Variable

__all__ = [
    "DisconnectedType",
    "NullType",
    "Unconnected",
    "disconnected_type",
    "grad_not_implemented",
    "grad_undefined",
    "null_type",
]


@frozen(str=False)
class NullType(Type):
    """The type of an undefined value, such as a gradient that nobody knows or that does not exist.

    Attributes
    ----------
    why_null : str
        Shown when something asks for a value.
    """

    why_null: str = "(no explanation given)"

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """Refuse every value."""
        raise NullTypeError(f"this value is undefined: {self.why_null}")

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Variable:
        """Refuse every value."""
        raise NullTypeError(f"this value is undefined: {self.why_null}")

    def values_eq(self, a: Any, b: Any, force_same_dtype: bool = True) -> bool:
        """Refuse every value."""
        raise NullTypeError("undefined values cannot be compared")

    def __str__(self) -> str:
        return "NullType"


null_type = NullType()


class DisconnectedType(SingletonType):
    """The type of a gradient with respect to something that the cost does not depend on through this path.

    It differs from a gradient of zeros: asking for it is most often a mistake in the program.
    """

    def filter(self, value: Any, strict: bool = False, allow_downcast: bool | None = None) -> Any:
        """Refuse every value."""
        raise NullTypeError(_NO_VALUE)

    def filter_variable(self, other: Any, allow_convert: bool = True) -> Variable:
        """Refuse every value."""
        raise NullTypeError(_NO_VALUE)

    def values_eq(self, a: Any, b: Any, force_same_dtype: bool = True) -> bool:
        """Refuse every value."""
        raise NullTypeError(_NO_VALUE)


_NO_VALUE = (
    "a disconnected gradient has no value: pass disconnected_inputs='ignore' to grad to get zeros in its place, "
    "or leave out the input that the cost does not depend on"
)

disconnected_type = DisconnectedType()


def grad_undefined(op: Op, x_pos: int, x: Variable, comment: str = "") -> Variable:
    """A gradient that does not exist mathematically: whoever needs it gets an error that gives ``comment``."""
    return NullType(f"the gradient of {op} with respect to input {x_pos} ({x}) is mathematically undefined" + (f": {comment}" if comment else ""))()


def grad_not_implemented(op: Op, x_pos: int, x: Variable, comment: str = "") -> Variable:
    """A gradient that nobody wrote yet: whoever needs it gets an error that gives ``comment``."""
    return NullType(f"the gradient of {op} with respect to input {x_pos} ({x}) is not implemented" + (f": {comment}" if comment else ""))()


class Unconnected:
    """Base of ops whose outputs have no derivative with respect to any input: places, lengths, seeds, whatever numbers are drawn.

    It stands before ``Op`` among the bases.
    """

    __slots__ = ()

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """No output is connected to an input."""
        return [[False] * len(node.outputs) for _ in node.inputs]

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> list[Variable]:
        """Disconnected."""
        return [disconnected_type() for _ in inputs]

    def R_op(self, inputs: Sequence[Variable], eval_points: Sequence[Variable | None]) -> Any:
        """None in any direction."""
        return None
