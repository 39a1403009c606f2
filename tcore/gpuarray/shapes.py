"""Shapes that depend on numbers of the graph (``alloc``, slices with variable ends): the op's ``infer_shape``, run on the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tcore.graph import Constant, Variable
from tcore.link import PerformLinker
from tcore.graph.fgraph import FunctionGraph
from tcore.tensor.constructors import lscalar
from tcore.tensor.conversion import as_tensor_variable

__all__ = ["ShapeRule"]


class ShapeRule:
    """The shape of one output, from the shapes and values of its node's inputs.

    Notes
    -----
    ``infer_shape`` gives a graph over integers; it is run by the core's own linker, node by node, and computes no array.
    """

    def __init__(self, variable: Variable) -> None:
        node = variable.owner
        assert node is not None
        self.variable = variable
        self.lengths: list[tuple[Variable, int, Variable]] = []
        shapes: list[Any] = []
        for given in node.inputs:
            ndim = getattr(given.type, "ndim", None)
            if ndim is None:
                shapes.append(None)
                continue
            row = []
            for axis in range(ndim):
                if given.type.broadcastable[axis]:  # type: ignore[attr-defined]
                    row.append(as_tensor_variable(np.int64(1)))
                else:
                    symbol = lscalar()
                    self.lengths.append((given, axis, symbol))
                    row.append(symbol)
            shapes.append(tuple(row))
        wanted = [as_tensor_variable(item) for item in node.op.infer_shape(node, shapes)[variable.index]]
        symbols = [symbol for _, _, symbol in self.lengths]
        self.values = [v for v in dict.fromkeys(node.inputs) if not isinstance(v, Constant) and v.type.dtype.startswith(("int", "uint"))]  # type: ignore[attr-defined]
        graph = FunctionGraph([*symbols, *self.values], wanted, clone=True)
        self.function = PerformLinker().accept(graph).make_function(unpack_single=False)

    @classmethod
    def of(cls, variable: Variable) -> ShapeRule:
        """The rule for ``variable``."""
        return cls(variable)

    def shape(self, lookup: Callable[[Any], Any]) -> tuple[int, ...]:
        """The shape, where ``lookup`` gives the values of the graph's variables."""
        lengths = [np.asarray(lookup(given).shape[axis]) for given, axis, _ in self.lengths]
        values = [np.asarray(lookup(variable)) for variable in self.values]
        return tuple(int(item) for item in self._run([*lengths, *values]))

    def _run(self, arguments: Sequence[Any]) -> list[Any]:
        return self.function(*arguments)  # type: ignore[no-any-return]
