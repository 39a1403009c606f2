"""Shapes that depend on numbers of the graph (``alloc``, slices with variable ends): the op's ``infer_shape``, run on the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tcore.graph import Apply, Constant, Variable
from tcore.graph.fgraph import FunctionGraph
from tcore.link import PerformLinker
from tcore.scalar.type import Scalar
from tcore.tensor.constructors import lscalar  # type: ignore[attr-defined]
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

__all__ = ["ShapeRule"]


class ShapeRule:
    """The shape of one output of a kernel, from the shapes and values of what the kernel's nodes read.

    Notes
    -----
    ``infer_shape`` gives a graph over integers, node by node from the kernel's inputs; it is run by the core's own linker and
    computes no array.
    """

    def __init__(self, nodes: Sequence[Apply], variable: Variable) -> None:
        self.lengths: list[tuple[Variable, int]] = []
        self.values: list[Variable] = []
        self._symbols: list[Variable] = []
        self._numbers: list[Variable] = []
        shapes: dict[Variable, Any] = {}
        twins: dict[Variable, Variable] = {}  # of the graph's variables in the rule's own graph
        for node in nodes:
            for given in node.inputs:
                if given not in twins:
                    shapes[given] = self._lengths_of(given)
                    twins[given] = self._twin(given)
            twin = node.clone_with_new_inputs([twins[given] for given in node.inputs])
            twins.update(zip(node.outputs, twin.outputs, strict=True))
            found = twin.op.infer_shape(twin, [shapes[given] for given in node.inputs])  # type: ignore[attr-defined]
            shapes.update(zip(node.outputs, found, strict=True))
        wanted = [as_tensor_variable(item) for item in shapes[variable]]
        graph = FunctionGraph([*self._symbols, *self._numbers], wanted, clone=True)
        self.function = PerformLinker().accept(graph).make_function(unpack_single=False)

    def _lengths_of(self, given: Variable) -> tuple[Any, ...] | None:
        """A symbol for each length of a variable from outside; 1 where its type says so."""
        pattern = getattr(given.type, "broadcastable", None)
        if pattern is None:
            return None
        row: list[Any] = []
        for axis, one in enumerate(pattern):
            if one:
                row.append(as_tensor_variable(np.int64(1)))
            else:
                self.lengths.append((given, axis))
                self._symbols.append(lscalar())
                row.append(self._symbols[-1])
        return tuple(row)

    def _twin(self, given: Variable) -> Variable:
        if isinstance(given, Constant):
            return given
        twin = given.type()
        if _is_number(given.type):
            self.values.append(given)
            self._numbers.append(twin)
        return twin

    def shape(self, lookup: Callable[[Any], Any]) -> tuple[int, ...]:
        """The shape, where ``lookup`` gives the values of the graph's variables."""
        lengths = [np.asarray(lookup(given).shape[axis]) for given, axis in self.lengths]
        values = [lookup(variable) for variable in self.values]
        return tuple(int(item) for item in self.function(*lengths, *values))


def _is_number(kind: Any) -> bool:
    """Whether values of this type may say how long an axis is: integers on the host."""
    return isinstance(kind, (Scalar, TensorType)) and kind.dtype.startswith(("int", "uint"))
