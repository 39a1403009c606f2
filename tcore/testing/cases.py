"""What is tried out: an expression with values for its inputs, and its nodes one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from attrs import field

from tcore.graph import Apply, Constant, Variable
from tcore.records import frozen

__all__ = ["OpCase", "copies", "perform"]


@frozen(eq=False)
class OpCase:
    """An expression and values to try it on.

    Parameters
    ----------
    build : callable
        Makes the output, or a sequence of outputs, from one variable per value.
    values : sequence
        Arrays, or whatever ``tcore.tensor.as_tensor_variable`` takes; their types are those of the inputs.
    gradient : bool
        Whether floating outputs are differentiable at these values.
    expected : callable, optional
        The same with NumPy, for :func:`check_backend` to compare with; else only the backends are compared.
    rtol, atol : float, optional
        Tolerances; by dtype when omitted.
    equal : bool
        Whether ops built twice are equal. False for ops that act, each of which is one of its own: what sends, or holds a graph.
    name : str, optional
        For test listings.
    """

    build: Callable[..., Any]
    values: Sequence[Any] = field(converter=tuple)
    gradient: bool = True
    expected: Callable[..., Any] | None = None
    rtol: float | None = None
    atol: float | None = None
    name: str = ""
    equal: bool = True

    def __str__(self) -> str:
        return self.name or getattr(self.build, "__name__", str(self.build))

    def graph(self) -> tuple[list[Variable], list[Variable]]:
        """New inputs, and the outputs that ``build`` makes of them."""
        from tcore.tensor import as_tensor_variable

        inputs = [as_tensor_variable(value).type(f"x{position}") for position, value in enumerate(self.values)]
        outputs = self.build(*inputs)
        return inputs, [outputs] if isinstance(outputs, Variable) else list(outputs)

    def nodes(self) -> Iterator[tuple[Apply, list[Any]]]:
        """The nodes of the graph in order, each with the values of its inputs, computed with ``perform``."""
        from tcore.graph import io_toposort

        inputs, outputs = self.graph()
        known: dict[Variable, Any] = {
            variable: variable.type.filter(value, allow_downcast=True)
            for variable, value in zip(inputs, self.values, strict=True)
        }
        for node in io_toposort(inputs, outputs):
            known.update((each, each.data) for each in node.inputs if isinstance(each, Constant))
            given = [known[each] for each in node.inputs]
            yield node, given
            known.update(zip(node.outputs, perform(node, copies(given)), strict=True))


def copies(values: Sequence[Any]) -> list[Any]:
    """The values, arrays among them copied."""
    return [np.copy(value) if isinstance(value, np.ndarray) else value for value in values]


def perform(node: Apply, inputs: list[Any]) -> list[Any]:
    """The outputs of one node by its ``perform``; Python runs it, whatever the backend."""
    storage: list[list[Any]] = [[None] for _ in node.outputs]
    thunk = node.op.make_thunk(node, _map(node, inputs, storage), {v: [True] for v in (*node.inputs, *node.outputs)}, [], impl="py")
    thunk()
    return [cell[0] for cell in storage]


def _map(node: Apply, inputs: list[Any], storage: list[list[Any]]) -> dict[Variable, list[Any]]:
    cells = {variable: [value] for variable, value in zip(node.inputs, inputs, strict=True)}
    cells.update(zip(node.outputs, storage, strict=True))
    return cells
