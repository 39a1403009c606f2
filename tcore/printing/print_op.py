"""Print: an identity that shows its value when a function runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from tcore.graph import Apply, Op, Variable
from tcore.tensor.conversion import as_tensor_variable

__all__ = ["Print"]


def _print_values(op: Print, value: Any) -> None:
    for name in op.attrs:
        shown = getattr(value, name)
        print(op.message, name, "=", shown() if callable(shown) else shown, file=sys.stdout)


class Print(Op):
    """Hands its input on and prints something about it, each time the function runs.

    Parameters
    ----------
    message : str
        Printed first.
    attrs : sequence of str
        Names of attributes and methods of the value; methods are called.
    global_fn : callable, optional
        Called as ``global_fn(op, value)`` in place of printing.

    Notes
    -----
    Several of them print in the order of the optimized graph (``f.maker.fgraph.toposort()``), whatever runs together around them (what
    ``ifelse`` leaves for later prints when it is needed); which of two comes first there is certain only if one depends on the other. Rewrites do not look through a Print, stability ones included.
    """

    view_map = {0: [0]}
    in_sequence = True

    def __init__(
        self, message: str = "", attrs: Sequence[str] = ("__str__",), global_fn: Callable[[Print, Any], Any] = _print_values
    ) -> None:
        self.message = message
        self.attrs = tuple(attrs)
        self.global_fn = global_fn

    __props__ = ("message", "attrs", "global_fn")

    def make_node(self, *inputs: Any) -> Apply:
        """One variable in, one of the same type out."""
        (x,) = inputs
        x = x if isinstance(x, Variable) else as_tensor_variable(x)
        return Apply(self, [x], [x.type()])

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        (value,) = inputs
        output_storage[0][0] = value
        self.global_fn(self, value)

    def do_constant_folding(self, node: Apply) -> bool:
        """No: it is to print each time."""
        return False

    def grad(self, inputs: Sequence[Variable], output_grads: Sequence[Variable]) -> Sequence[Variable]:
        return list(output_grads)

    def R_op(self, inputs: Sequence[Any], eval_points: Sequence[Any]) -> list[Any]:
        return list(eval_points)

    def infer_shape(self, node: Apply, shapes: list[Any]) -> list[Any]:
        """The shape of the input."""
        return [shapes[0]]

    def __str__(self) -> str:
        return f"Print{{message={self.message!r}, attrs={self.attrs!r}, global_fn={self.global_fn!r}}}" if (
            self.global_fn is not _print_values
        ) else f"Print{{message={self.message!r}, attrs={self.attrs!r}}}"
