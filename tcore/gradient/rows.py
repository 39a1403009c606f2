"""A loop over the rows of a result, for derivatives that are matrices.

Rows are computed many at a time: the graph of one row is turned into that of a batch of them. How many depends on the sizes of the arrays it reads, so that what
lies between a row and its result never needs much more memory than the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tcore.compile.function import function
from tcore.compile.io import Out
from tcore.configuration import config
from tcore.gradient.connection import is_discrete, is_null
from tcore.gradient.reverse import graph_gradients
from tcore.graph import Apply, Constant, Op, Variable, clone_get_equiv, io_toposort
from tcore.graph.null_type import disconnected_type
from tcore.tensor.conversion import as_tensor_variable
from tcore.tensor.type import TensorType

__all__ = ["Rows", "map_rows"]

_INDEX = TensorType("int64", ())
#: elements that one array of a batch of rows may have, if a row is no larger
_ROOM = 1 << 22


class Rows(Op):
    """Computes the inner outputs for ``i = 0 … n-1`` and stacks or sums them.

    Inputs of a node are ``n`` and the values that the inner graph needs beside ``i``. The function of a batch of rows is
    compiled when the node is first run.

    Parameters
    ----------
    index : Variable
        The inner ``i``.
    inner_inputs, inner_outputs : list of Variable
    summed : list of bool
        For each inner output: whether the results are added up, or stacked as rows.
    like : list of int
        For each inner output: which inner input has its shape.
    """

    def __init__(
        self,
        index: Variable,
        inner_inputs: Sequence[Variable],
        inner_outputs: Sequence[Variable],
        summed: Sequence[bool],
        like: Sequence[int],
    ) -> None:
        self.index = index
        self.inner_inputs = list(inner_inputs)
        self.inner_outputs = list(inner_outputs)
        self.summed = tuple(summed)
        self.like = tuple(like)
        self._compiled: Any = None

    def __str__(self) -> str:
        return "Rows"

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_compiled": None}

    def make_node(self, *inputs: Any) -> Apply:
        """``n`` and the inner inputs."""
        count, *values = (as_tensor_variable(value) for value in inputs)
        outputs = [
            TensorType(v.type.dtype, v.type.broadcastable if total else (False, *v.type.broadcastable))()
            for v, total in zip(self.inner_outputs, self.summed, strict=True)
        ]
        return Apply(self, [count, *values], outputs)

    def _rows_at(self) -> Any:
        """The function of places and the inner inputs, which gives the rows at those places, or their sums."""
        # here, since most programs have no rows: the rules for every family of ops come with it
        from tcore.tensor.vectorizing import vectorize_graph

        places = TensorType("int64", (False,))("places")
        with config.change_flags(compute_test_value="off"):  # as while a function is made: its inputs have no values
            rows = vectorize_graph(self.inner_outputs, {self.index: places})
            results = [row.sum(axis=0) if total else row for row, total in zip(rows, self.summed, strict=True)]
        return function(
            [places, *self.inner_inputs], [Out(result, borrow=True) for result in results], on_unused_input="ignore", name="rows"
        )

    def perform(self, node: Apply, inputs: Sequence[Any], output_storage: Sequence[list[Any]], params: Any = None) -> None:
        count, *values = inputs
        if self._compiled is None:
            self._compiled = self._rows_at()
        results: list[Any] = []
        for variable, total, like in zip(node.outputs, self.summed, self.like, strict=True):
            shape = np.shape(values[like])
            dtype = variable.type.dtype  # type: ignore[attr-defined]
            results.append(np.zeros(shape, dtype) if total else np.empty((int(count), *shape), dtype))
        step = max(1, _ROOM // max(1, *(np.size(value) for value in values)))
        for start in range(0, int(count), step):
            places = np.arange(start, min(start + step, int(count)))
            rows = self._compiled(places, *values)
            for result, value, total in zip(results, rows, self.summed, strict=True):
                if total:
                    result += value
                else:
                    result[start : start + len(places)] = value
        for cell, result in zip(output_storage, results, strict=True):
            cell[0] = result

    def connection_pattern(self, node: Apply) -> list[list[bool]]:
        """The number of rows has no gradient."""
        return [[False] * len(node.outputs)] + [[True] * len(node.outputs) for _ in self.inner_inputs]

    def infer_shape(self, node: Apply, shapes: Sequence[Any]) -> list[Any]:
        """Those of the inner inputs, with the number of rows before them where results are stacked."""
        return [
            tuple(shapes[1 + like]) if total else (node.inputs[0], *shapes[1 + like])
            for total, like in zip(self.summed, self.like, strict=True)
        ]

    def L_op(
        self, inputs: Sequence[Variable], outputs: Sequence[Variable], output_grads: Sequence[Variable]
    ) -> Sequence[Variable]:
        """Again a loop: the gradients of all rows, summed."""
        known: dict[Variable, Variable] = {}
        seeds: list[tuple[Variable, Variable]] = []  # inner variable, what stands for it outside
        for inner, gradient, total in zip(self.inner_outputs, output_grads, self.summed, strict=True):
            if not hasattr(gradient.type, "dtype"):
                continue
            seed = gradient.type()
            seeds.append((seed, gradient))
            term: Any = seed if total else seed[self.index]
            known[inner] = known[inner] + term if inner in known else term  # type: ignore[operator]
        found = graph_gradients(list(known.items()), self.inner_inputs)
        wanted = [
            position
            for position, gradient in enumerate(found)
            if hasattr(gradient.type, "dtype") and not is_discrete(gradient)
        ]
        result: list[Variable] = [disconnected_type() for _ in inputs]
        for position, gradient in enumerate(found):
            if is_null(gradient):
                result[1 + position] = gradient
        if wanted:
            op = Rows(
                self.index,
                [*self.inner_inputs, *(seed for seed, _ in seeds)],
                [found[position] for position in wanted],
                [True] * len(wanted),
                wanted,
            )
            sums = op(*inputs, *(gradient for _, gradient in seeds), return_list=True)
            for position, value in zip(wanted, sums, strict=True):
                result[1 + position] = value
        return result


def map_rows(count: Variable, index: Variable, rows: Sequence[Variable], like: Sequence[Variable]) -> list[Variable]:
    """Stack ``rows``, which depend on ``index``, for ``index = 0 … count-1``.

    Everything that does not depend on ``index`` is computed once, outside.

    Parameters
    ----------
    count : 0-d integer variable
    index : 0-d int64 variable, without owner
    rows : list of Variable
    like : list of Variable
        For each row a variable that has its shape and does not depend on ``index``.
    """
    moving = {index}
    order = io_toposort([], list(rows))
    for node in order:
        if any(variable in moving for variable in node.inputs):
            moving.update(node.outputs)
    border: dict[Variable, None] = dict.fromkeys(like)
    for node in order:
        if node.outputs[0] in moving:
            for variable in node.inputs:
                if variable not in moving and not isinstance(variable, Constant):
                    border[variable] = None
    for row in rows:
        if row not in moving and not isinstance(row, Constant):
            border[row] = None
    outer = list(border)
    # inner inputs are plain variables: a shared variable among them is given by value
    memo: dict[Any, Any] = {variable: variable.type(variable.name) for variable in outer}
    inner_inputs = [memo[variable] for variable in outer]
    memo[index] = inner_index = _INDEX("i")
    memo = clone_get_equiv([], list(rows), copy_inputs=False, copy_orphans=False, memo=memo)
    op = Rows(
        inner_index,
        inner_inputs,
        [memo[row] for row in rows],
        [False] * len(rows),
        [outer.index(variable) for variable in like],
    )
    return op(count, *outer, return_list=True)  # type: ignore[no-any-return]
