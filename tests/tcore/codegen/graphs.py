"""Run a grouped graph with the interpreter, and the same graph op by op with ``perform``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tcore.codegen.grouping import Group, Grouping, group
from tcore.codegen.interpret import run_kernel
from tcore.codegen.lowering import LoweringTable
from tcore.graph.fgraph import FunctionGraph
from tcore.graph.variable import Constant
from tcore.tensor.lowering import LOWERINGS

TABLE = LoweringTable.of(LOWERINGS)


def _perform(node: Any, values: dict[Any, Any]) -> None:
    cells: list[list[Any]] = [[None] for _ in node.outputs]
    arguments = [values[v] if v in values else v.data for v in node.inputs]
    params = node.run_params()
    if type(params).__name__ == "_NoParams":
        node.op.perform(node, arguments, cells)
    else:
        node.op.perform(node, arguments, cells, params)
    for variable, cell in zip(node.outputs, cells, strict=True):
        values[variable] = cell[0]


def reference(fgraph: FunctionGraph, inputs: list[Any]) -> dict[Any, Any]:
    """The value of every variable, by ``perform``."""
    values = dict(zip(fgraph.inputs, (np.copy(x) if isinstance(x, np.ndarray) else x for x in inputs), strict=True))
    with np.errstate(all="ignore"):
        for node in fgraph.toposort():
            _perform(node, values)
    return values


def grouped(inputs: list[Any], outputs: list[Any], **options: Any) -> tuple[FunctionGraph, Grouping]:
    """The graph from inputs to outputs, and its kernels."""
    fgraph = FunctionGraph(list(inputs), list(outputs), clone=True)
    return fgraph, group(fgraph.toposort(), fgraph.outputs, TABLE, orderings=fgraph.orderings(), **options)


def run_grouped(fgraph: FunctionGraph, grouping: Grouping, inputs: list[Any], shapes: dict[Any, Any]) -> list[Any]:
    """The outputs, with kernels interpreted; ``shapes`` gives a value of the right shape for each variable."""
    values = dict(zip(fgraph.inputs, (np.copy(x) if isinstance(x, np.ndarray) else x for x in inputs), strict=True))
    with np.errstate(all="ignore"):
        for step in grouping.steps:
            if not isinstance(step, Group):
                _perform(step, values)
                continue
            operands = [np.asarray(values[v] if v in values else v.data) for v in step.inputs]
            blank = [np.zeros(np.shape(shapes[v]), v.type.dtype) for v in step.outputs]
            for variable, result in zip(step.outputs, run_kernel(step.kernel, operands, blank), strict=True):
                assert result.dtype == variable.type.dtype
                assert result.shape == np.shape(shapes[variable]), (step, result.shape)
                values[variable] = result
    return [values[v] if v in values else v.data for v in fgraph.outputs]


def check(inputs: list[Any], outputs: list[Any], arguments: list[Any], *, rtol: float = 1e-12, **options: Any) -> Grouping:
    """Assert that the kernels of a graph give what ``perform`` gives, at both granularities; return the kernels."""
    fgraph, grouping = grouped(inputs, outputs, **options)
    expected = reference(fgraph, arguments)
    single = group(fgraph.toposort(), fgraph.outputs, TABLE, granularity="node")
    for kernels in (grouping, single):
        found = run_grouped(fgraph, kernels, arguments, expected)
        for variable, value in zip(fgraph.outputs, found, strict=True):
            right = expected[variable] if not isinstance(variable, Constant) else variable.data
            np.testing.assert_allclose(value, right, rtol=rtol, atol=rtol, err_msg=str(kernels.steps))
    return grouping


def kernels(grouping: Grouping) -> list[Group]:
    """The groups alone."""
    return [step for step in grouping.steps if isinstance(step, Group)]
